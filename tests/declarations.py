"""Plugins at hand for the tests of declarations, made from models and hooks without a module each."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from stina_core import Migrations, Model, Repository, Schema, hookimpl


def plugin(
    *models: type[Model],
    repository: type[Repository] | None = None,
    migrate: Callable[[Migrations], None] | None = None,
    **hooks: Callable[..., Any],
) -> SimpleNamespace:
    """Return an object with the hooks of a plugin that declares *models* and *repository*."""

    def register_schema(schema: Schema) -> None:
        schema.add(*models, repository=repository)

    found: dict[str, Callable[..., Any]] = {"register_schema": register_schema, **hooks}
    if migrate is not None:
        found["migrate"] = migrate
    return SimpleNamespace(**{name: hookimpl(hook) for name, hook in found.items()})
