"""A replica that knows the log only, held against the tables after every statement."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import apsw

from stina_core.backends.sqlite.capture_sql import GUARD, triggers_of
from stina_core.backends.sqlite.change_key import SAFE_KEY, key_of, safe_key
from stina_core.backends.sqlite.ddl_text import schema_sql
from stina_core.catalog import Table

from .captured_tables import Case

_CHANGE = (
    'CREATE TABLE "stina_change" ("seq" INTEGER NOT NULL, "table" TEXT NOT NULL, "op" TEXT NOT NULL, "key" ANY, '
    '"data" TEXT, PRIMARY KEY ("seq")) STRICT'
)
_CONFLICT = (
    'CREATE TABLE "stina_conflict" ("id" INTEGER NOT NULL, "table" TEXT NOT NULL, "key" ANY, '
    'PRIMARY KEY ("id")) STRICT'
)
LOG = (_CHANGE, _CONFLICT)
"""The core's own tables, as its steps make them."""

Keys = set[object]
Contents = dict[object, tuple[object, ...]]


def schema(tables: Iterable[Table], without: Collection[str] = ()) -> Iterator[str]:
    """Yield the statements that make the log and *tables* with their triggers, but for those named in *without*.

    Args:
        without: What the triggers that are left out do, the last word of their names.
    """
    yield from (*LOG, GUARD)
    for table in tables:
        yield from (sql for _, _, _, sql in schema_sql(table))
        yield from (sql for name, sql in triggers_of(table).items() if name.rpartition("_")[2] not in without)


def check(case: Case, without: Collection[str] = ()) -> None:
    """Run *case* and raise AssertionError as soon as the log does not tell all that happened."""
    with database() as connection:
        connection.execute(f"PRAGMA recursive_triggers = {case.recursive}")
        for sql in schema(case.tables, without):
            connection.execute(sql)
        connection.execute(f"PRAGMA foreign_keys = {case.foreign_keys}")
        for sql in case.statements:
            _check_statement(connection, case, sql)


@contextmanager
def database() -> Iterator[apsw.Connection]:
    """A database in memory."""
    connection = apsw.Connection(":memory:")
    try:
        yield connection
    finally:
        connection.close()


def _check_statement(connection: apsw.Connection, case: Case, sql: str) -> None:
    before = {table.name: contents(connection, table) for table in case.tables}
    last = len(log(connection))
    try:
        connection.execute(sql).fetchall()
    except apsw.Error:
        undone = "OR ROLLBACK" in sql
    else:
        undone = sql.startswith("ROLLBACK")
    rows = log(connection)
    for table in case.tables:
        now = contents(connection, table)
        assert present(rows, table.name, once=case.recursive) == now.keys(), f"{table.name} after {sql}"
        if not undone:
            told = {key for name, _, key in rows[last:] if name == table.name}
            changed = {
                key for key in now.keys() | before[table.name] if now.get(key) != before[table.name].get(key)
            }
            assert changed <= told, f"{table.name} after {sql}"


def log(connection: apsw.Connection) -> list[tuple[str, str, object]]:
    """Return table, op (in upper case) and key of every change; their numbers must be 1, 2, 3 and so on."""
    rows: list[tuple[Any, ...]] = connection.execute(
        f'SELECT seq, "table", op, {SAFE_KEY} FROM stina_change ORDER BY seq'
    ).fetchall()
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    return [(table, op.upper(), key_of(op, safe_key(*stored))) for _, table, op, *stored in rows]


def present(rows: Iterable[tuple[str, str, object]], table: str, *, once: bool = False) -> Keys:
    """Return the keys that are there after *rows*, and see to it that with *once* none goes twice."""
    keys: Keys = set()
    for name, op, key in rows:
        if name != table:
            continue
        if op == "D":
            assert key in keys or not once, f"{key!r} went twice"
            keys.discard(key)
        else:
            keys.add(key)
    return keys


def contents(connection: apsw.Connection, table: Table) -> Contents:
    """Return what is in *table*, by key."""
    keys = ", ".join(SAFE_KEY.replace('"key"', f'"{name}"') for name in table.primary_key)
    values = ", ".join(f'typeof("{column.name}"), hex("{column.name}")' for column in table.columns)
    size = len(table.primary_key)
    found: Contents = {}
    for row in connection.execute(f'SELECT {keys}, {values} FROM "{table.name}"'):
        parts = tuple(safe_key(row[place], row[place + 1]) for place in range(0, 2 * size, 2))
        found[parts if size > 1 else parts[0]] = row[2 * size :]
    return found
