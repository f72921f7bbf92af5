"""Plugins whose steps are drafts: what `stina db make` wrote, run without a module each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stina_core import Migrations, Model, Operations, Plugins, Store, StoreConfig, load_plugins, open_store
from stina_core.authoring.draft import draft
from stina_core.authoring.questions import Answers
from stina_core.authoring.step_code import Draft
from stina_core.plugins import Candidate, local_plugin

from ..declarations import Run, plugin

STRICT = StoreConfig(strict=True)


def nothing(op: Operations) -> None:
    """A step that makes no table, for a plugin all of whose tables are to be drafted."""


def step_of(made: Draft) -> Run:
    """Return the step that the code of *made* declares."""
    namespace: dict[str, Any] = {}

    def run(op: Operations) -> None:
        exec(made.code(), {"Operations": Operations, "migrations": Migrations("notes")}, namespace)
        namespace[made.function](op)

    return run


def candidate(*models: type[Model], made: Sequence[Draft] = (), first: Run = nothing) -> Candidate:
    """Return the plugin `notes` with *models*, whose steps are *first* and those *made*."""

    def migrate(migrations: Migrations) -> None:
        migrations.step("0001_first")(first)
        for one in made:
            migrations.step(one.step)(step_of(one))

    return local_plugin("notes", plugin(*models, migrate=migrate))


def loaded(*models: type[Model], made: Sequence[Draft] = (), first: Run = nothing) -> Plugins:
    """Return that plugin, loaded on its own."""
    return load_plugins([candidate(*models, made=made, first=first)], STRICT)


def drafted(
    *models: type[Model],
    made: Sequence[Draft] = (),
    first: Run = nothing,
    title: str | None = None,
    **answers: Any,
) -> Draft:
    """Draft what is between the steps and *models*."""
    return draft(loaded(*models, made=made, first=first), "notes", Answers(**answers), title)


def opened(
    path: Path, *models: type[Model], made: Sequence[Draft] = (), first: Run = nothing, strict: bool = False
) -> Store:
    """Open the file *path* with that plugin."""
    return open_store(path, StoreConfig(strict=strict), plugins=loaded(*models, made=made, first=first))
