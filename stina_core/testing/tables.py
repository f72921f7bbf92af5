"""What a file says of its tables, as far as it helps to make rows for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import apsw

from ..backends.sqlite import definition as ddl
from ..backends.sqlite.tokens import Token
from .states import owner


@dataclass(frozen=True, slots=True)
class Column:
    """A column that takes values; `key` says whether it is in the primary key."""

    name: str
    type: str
    null: bool
    key: bool


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key: *columns* hold what a row of *table* has in *to*."""

    table: str
    columns: tuple[str, ...]
    to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """What a CHECK demands: its SQL, and the same as tokens."""

    sql: str
    tokens: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """An ordinary table, by its full name."""

    name: str
    columns: tuple[Column, ...]
    references: tuple[Reference, ...]
    conditions: tuple[Condition, ...]


def tables_of(connection: apsw.Connection, plugin: str) -> list[Table]:
    """Return the ordinary tables of *plugin* and those their foreign keys lead to, parents first."""
    every = {table.name: table for table in _all(connection)}
    left: dict[str, Table] = {}
    reached = [name for name in sorted(every) if owner(name) == plugin]
    while reached:
        name = reached.pop(0)
        if name in every and name not in left:
            left[name] = every[name]
            reached += [reference.table for reference in every[name].references]
    return list(_parents_first(left))


def _parents_first(left: dict[str, Table]) -> Iterator[Table]:
    """Yield the tables of *left* in an order in which rows can be put in; in a circle the one that may wait."""
    while left:
        ready = [table for table in left.values() if not _waits(table, left, table.references)]
        ready += [
            table
            for table in left.values()
            if not _waits(table, left, [one for one in table.references if not may_be_empty(table, one)])
        ]
        yield left.pop((ready or list(left.values()))[0].name)


def _waits(table: Table, left: Mapping[str, Table], references: Iterable[Reference]) -> bool:
    return any(one.table in left and one.table != table.name for one in references)


def may_be_empty(table: Table, reference: Reference) -> bool:
    """Whether a row may be put in that points to nothing."""
    return all(column.null for column in table.columns if column.name in reference.columns)


def _all(connection: apsw.Connection) -> Iterator[Table]:
    rows: list[tuple[Any, ...]] = connection.execute(
        "SELECT s.name, s.sql FROM pragma_table_list AS t JOIN sqlite_schema AS s ON s.name = t.name "
        "WHERE t.schema = 'main' AND t.type = 'table' AND s.type = 'table' "
        "AND s.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    ).fetchall()
    for name, sql in rows:
        columns = tuple(_columns(connection, name))
        yield Table(name, columns, tuple(_references(connection, name)), tuple(_conditions(sql)))


def _columns(connection: apsw.Connection, table: str) -> Iterator[Column]:
    for name, kind, required, place, hidden in connection.execute(
        'SELECT name, type, "notnull", pk, hidden FROM pragma_table_xinfo(?)', (table,)
    ):
        if not hidden:  # the others SQLite computes
            yield Column(name, kind.upper(), not required and not place, bool(place))


def _references(connection: apsw.Connection, table: str) -> Iterator[Reference]:
    pairs: dict[int, list[tuple[str, str, str | None]]] = {}
    for number, parent, column, to in connection.execute(
        'SELECT id, "table", "from", "to" FROM pragma_foreign_key_list(?) ORDER BY id, seq', (table,)
    ):
        pairs.setdefault(number, []).append((parent, column, to))
    keys: Mapping[str, list[str]] = {
        parent: [
            name
            for (name,) in connection.execute(
                "SELECT name FROM pragma_table_info(?) WHERE pk ORDER BY pk", (parent,)
            )
        ]
        for parent in {rows[0][0] for rows in pairs.values()}
    }
    for rows in pairs.values():
        parent = rows[0][0]
        to_columns = [to for _, _, to in rows if to is not None] or keys[parent]  # not named: the key
        yield Reference(parent, tuple(column for _, column, _ in rows), tuple(to_columns))


def _conditions(sql: str) -> Iterator[Condition]:
    table = ddl.parse(sql)
    parts = [part for column in table.columns for part in column.parts] + table.constraints
    for part in parts:
        if part.kind == "CHECK":
            tokens = tuple(ddl.condition(part))
            yield Condition(sql[tokens[0].start : tokens[-1].end], tokens)
