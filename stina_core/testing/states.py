"""What is in a store's file, as values that are equal for two files with the same contents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import apsw

from ..backends.sqlite.definition import quoted
from ..backends.sqlite.snapshot import SCHEMA, Object, shapes
from ..migrations.plan import CORE

Cell = tuple[str, str, object]
"""A column, the type its value has in the file, and the value; a text as its bytes, whatever is in it."""

Row = tuple[Cell, ...]

NOBODY = ""
"""The owner of tables without a prefix, as the original app left them."""

_VARYING = frozenset(
    {
        "stina_catalog.schema_version",
        "stina_ledger.applied_at",
        "stina_ledger.ms",
        "stina_ledger.breaking",
        "stina_feed.epoch",
        "stina_feed.schema_epoch",
        "stina_feed.created_at",
        "stina_feed.oldest",
        "stina_repair.id",
        "stina_repair.at",
    }
)
"""Times, ids and epochs of the core, never the same in two runs, and what its first version did not note."""

_FAILURES = "stina_failure"

_NOT_COMPARED = frozenset({_FAILURES, "stina_change"})
"""What happened on the way: two files may hold the same and have come to it in different ways."""

_SEQUENCES = "sqlite_sequence"

_TABLES = (
    "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name <> 'sqlite_schema'"
)


@dataclass(frozen=True)
class State:
    """The contents of one file.

    Attributes:
        objects: By owner and "table notes_note": what the schema says of it, not its text.
        rows: By table: each row and how often it is there.
        failed: Plugins with a note that their steps failed.
    """

    objects: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    rows: Mapping[str, Counter[Row]] = field(default_factory=dict)
    failed: frozenset[str] = frozenset()

    @property
    def owners(self) -> set[str]:
        """Everybody who has something in the file."""
        return {*self.objects, *(owner_of(table, row) for table, rows in self.rows.items() for row in rows)}


def owner(name: str) -> str:
    """The plugin that the object *name* belongs to by its prefix; NOBODY if it has none."""
    prefix, separator, _ = name.partition("_")
    return prefix if separator else NOBODY


def owner_of(table: str, row: Row) -> str:
    """The plugin that *row* belongs to: what the core keeps about a plugin, such as its ledger, is the plugin's."""
    if table != _SEQUENCES and owner(table) != CORE:
        return owner(table)
    cells = {name: value for name, _, value in row}
    if isinstance(plugin := cells.get("plugin"), bytes):
        return plugin.decode()
    other = cells.get("name" if table == _SEQUENCES else "table")
    return owner(other.decode()) if isinstance(other, bytes) else CORE


def read(path: Path, varying: Collection[str] = ()) -> State:
    """Return what is in the file at *path*; an empty state if there is no file.

    Args:
        varying: Full names of columns (`notes_note.made_at`) to leave out.

    Raises:
        AssertionError: the file is damaged, or a row in it points to nothing.
    """
    if not path.exists():
        return State()
    left_out = _VARYING.union(varying)
    with opened(path) as connection:
        _check_sound(connection, path)
        tables = [name for (name,) in connection.execute(_TABLES) if name not in _NOT_COMPARED]
        rows = {table: Counter(_rows(connection, table, left_out)) for table in tables}
        schema: Iterable[tuple[Any, ...]] = connection.execute(SCHEMA)
        return State(_meaning(tuple(schema)), rows, _failed(connection))


@contextmanager
def opened(path: Path) -> Iterator[apsw.Connection]:
    """Open the file at *path* past the store, with references and triggers on."""
    connection = apsw.Connection(str(path))
    try:
        connection.set_busy_timeout(5000)
        for setting in ("foreign_keys = 1", "recursive_triggers = 1", "synchronous = OFF"):
            connection.execute(f"PRAGMA {setting}").fetchall()
        yield connection
    finally:
        connection.close()


def difference(wanted: State, found: State, owners: Collection[str] | None = None) -> str:
    """What is different in *found*, in words; only among the things of *owners*, if they are given."""
    parts: list[str] = []
    for whose in sorted({*wanted.objects, *found.objects}):
        if owners is None or whose in owners:
            parts += _different_objects(wanted.objects.get(whose, {}), found.objects.get(whose, {}))
    for table in sorted({*wanted.rows, *found.rows}):
        rows = (_owned(table, state.rows.get(table, Counter()), owners) for state in (wanted, found))
        parts += _different_rows(table, *rows)
    return "; ".join(parts)


def shown(row: Row) -> str:
    """Return *row* for a message."""
    return ", ".join(f"{name} = {_shown(kind, value)}" for name, kind, value in row)


def _shown(kind: str, value: object) -> str:
    if kind == "text" and isinstance(value, bytes):
        try:
            return repr(value.decode())
        except UnicodeDecodeError:
            return repr(value)
    return repr(value)


def _check_sound(connection: apsw.Connection, path: Path) -> None:
    for check, wanted in (("integrity_check", [("ok",)]), ("foreign_key_check", [])):
        found = connection.execute(f"PRAGMA {check}").fetchall()
        assert found == wanted, f"{check} of {path.name} found {found[:5]}"


@lru_cache(maxsize=256)
def _meaning(schema: tuple[Object, ...]) -> dict[str, dict[str, object]]:
    """What *schema* says, by owner; the one place that knows how schemas are compared. Never to be changed."""
    meant = shapes(schema)
    found: dict[str, dict[str, object]] = {}
    for name, table in meant.tables.items():
        found.setdefault(owner(name), {})[f"table {name}"] = table
    for kind, parts in (
        ("index", meant.indexes),
        ("virtual table", meant.searches),
        ("trigger", meant.triggers),
        ("view", meant.views),
    ):
        for name, part in parts.items():
            found.setdefault(owner(part.table), {})[f"{kind} {name}"] = part
    return found


def _rows(connection: apsw.Connection, table: str, left_out: Collection[str]) -> Iterator[Row]:
    columns: Iterable[tuple[Any, ...]] = connection.execute(
        "SELECT name FROM pragma_table_xinfo(?) ORDER BY name", (table,)
    )
    names: list[str] = [name for (name,) in columns if f"{table}.{name}" not in left_out]
    cells = ", ".join(
        f"typeof({name}), CASE typeof({name}) WHEN 'text' THEN CAST({name} AS BLOB) ELSE {name} END"
        for name in map(quoted, names)
    )
    for values in connection.execute(f"SELECT {cells or 'NULL'} FROM {quoted(table)}"):
        kinds: tuple[Any, ...] = values[::2]
        yield tuple(zip(names, kinds, values[1::2], strict=False))  # no names: an empty row


def _failed(connection: apsw.Connection) -> frozenset[str]:
    there = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (_FAILURES,)).fetchall()
    rows = connection.execute(f"SELECT plugin FROM {_FAILURES}").fetchall() if there else []
    return frozenset(str(plugin) for (plugin,) in rows)


def _different_objects(wanted: Mapping[str, object], found: Mapping[str, object]) -> Iterator[str]:
    for name in sorted({*wanted, *found}):
        if name not in found:
            yield f"{name} is missing"
        elif name not in wanted:
            yield f"{name} should not be there"
        elif wanted[name] != found[name]:
            yield f"{name} should be {wanted[name]} and is {found[name]}"


def _owned(table: str, rows: Counter[Row], owners: Collection[str] | None) -> Counter[Row]:
    if owners is None:
        return rows
    return Counter({row: times for row, times in rows.items() if owner_of(table, row) in owners})


def _different_rows(table: str, wanted: Counter[Row], found: Counter[Row]) -> Iterator[str]:
    for rows, what in ((wanted - found, "lacks"), (found - wanted, "should not have")):
        if rows:
            yield f"{table} {what} {rows.total()} rows such as ({shown(next(iter(rows)))})"
