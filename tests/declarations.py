"""Plugins at hand for the tests of the core: made from models, steps and hooks, without a module each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import apsw
import pytest

from stina_core import (
    IdField,
    Migrations,
    Model,
    Operations,
    PluginState,
    Repository,
    Schema,
    SchemaError,
    Store,
    StoreConfig,
    TextField,
    hookimpl,
    load_plugins,
    local_plugin,
    open_store,
)
from stina_core.plugins import Candidate
from stina_core.testing import file_rows

Run = Callable[[Operations], None]


def plugin(
    *models: type[Model],
    repository: type[Repository] | str | None = None,
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


def declaring(*runs: Run, after: Sequence[str] = ()) -> Callable[[Migrations], None]:
    """Return a `migrate` hook that declares *runs* as `0001_step`, `0002_step` and so on."""

    def migrate(migrations: Migrations) -> None:
        for number, run in enumerate(runs, 1):
            migrations.step(f"{number:04}_step", after=after)(run)

    return migrate


def stepping(
    name: str,
    *runs: Run,
    requires: Sequence[str] = (),
    after: Sequence[str] = (),
    models: Sequence[type[Model]] = (),
) -> Candidate:
    """Return a plugin called *name* whose steps are *runs*."""
    found = plugin(*models, migrate=declaring(*runs, after=after))
    return local_plugin(name, found, requires=requires, version="1.2.3")


def making(table: str) -> Run:
    """Return a step that makes *table* with an id and a title."""

    def make(op: Operations) -> None:
        op.create_table(table, id=IdField(), title=TextField(default=""))

    return make


def opened(path: Path, *candidates: Candidate, strict: bool = False) -> Store:
    """Open the store at *path* with exactly *candidates*."""
    config = StoreConfig(strict=strict)
    return open_store(path, config, plugins=load_plugins(candidates, config))


def states(store: Store) -> dict[str, PluginState]:
    """Return how each plugin is in *store*."""
    return {status.name: status.state for status in store.plugins}


def tables(path: Path) -> set[str]:
    """Return the names of all tables in the file."""
    rows = file_rows(path, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
    return {name for (name,) in rows}


def old_file(path: Path, journal: str = "delete") -> None:
    """Make a file as the original app left it."""
    connection = apsw.Connection(str(path))
    connection.execute(f"PRAGMA journal_mode = {journal}").fetchall()
    connection.execute("CREATE TABLE kv (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
    connection.execute("INSERT INTO kv VALUES ('counter', '7')")
    connection.close()


def backups(path: Path) -> list[str]:
    """Return the names of everything among the backups of the store at *path*."""
    return sorted(file.name for file in (path.parent / "backups").glob("*"))


def declared(*models: type[Model], name: str = "notes", requires: tuple[str, ...] = ()) -> Schema:
    """Return the schema of the plugin *name* with *models* declared."""
    schema = Schema(name, requires)
    schema.add(*models)
    return schema


def refused(*models: type[Model], name: str = "notes", requires: tuple[str, ...] = ()) -> str:
    """Return why the plugin *name* may not declare *models*."""
    schema = Schema(name, requires)
    with pytest.raises(SchemaError) as caught:
        schema.add(*models)
    schema.withdraw()
    assert caught.value.plugin == name
    return str(caught.value)
