"""Rows for all tables of a plugin: telling ones, drawn by Hypothesis, or given by hand; and how they get in.

What is drawn depends on the schema alone, never on what is in the file, so that
Hypothesis can repeat and shrink it. SQLite has the last word on every row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import apsw

from ..backends.sqlite.definition import quoted
from .tables import Reference, Table, may_be_empty
from .values import Value, edges_for, values_for

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

_MOST = 3  # rows of one table in one example


@dataclass(frozen=True, slots=True)
class Pick:
    """Stands for what a foreign key holds: the key of the row at *number* in the other table, counted around."""

    number: int


Row: TypeAlias = Mapping[str, Value | Pick]
"""A row to be put in, by column."""

Drawn: TypeAlias = Mapping[str, Sequence[Row]]
"""Rows by the full name of their table."""


@dataclass
class Taken:
    """How many rows each table took, in all examples, and why it refused the last one that it did not take."""

    rows: Counter[str] = field(default_factory=Counter)
    refusals: dict[str, str] = field(default_factory=dict)


def rows_for(tables: Sequence[Table]) -> SearchStrategy[Drawn]:
    """Return a strategy of one to three rows for each of *tables*."""
    from hypothesis import strategies as st

    return st.fixed_dictionaries(
        {table.name: st.lists(_row(table), min_size=1, max_size=_MOST) for table in tables}
    )


def edge_rows(tables: Sequence[Table]) -> Drawn:
    """Return rows in which every column of *tables* has each of its telling values; always the same ones."""
    return {table.name: list(_edge_rows(table)) for table in tables}


def put_in(connection: apsw.Connection, tables: Sequence[Table], drawn: Drawn, taken: Taken) -> None:
    """Insert the rows of *drawn* that the file takes, in the order of *tables*, each on its own."""
    for table in tables:
        for row in drawn[table.name]:
            try:
                _insert(connection, table.name, _resolved(connection, table, row))
            except (apsw.ConstraintError, apsw.MismatchError, apsw.SQLError) as error:
                taken.refusals[table.name] = str(error)
            else:
                taken.rows[table.name] += 1


def put_in_by_hand(connection: apsw.Connection, table: Table, rows: Sequence[Mapping[str, Value]]) -> None:
    """Insert rows that an author made.

    Raises:
        AssertionError: the file does not take one.
    """
    for number, row in enumerate(rows, 1):
        try:
            _insert(connection, table.name, row)
        except apsw.Error as error:
            raise AssertionError(f"row {number} given for {table.name} was refused: {error}") from error


def _edge_rows(table: Table) -> Iterator[Row]:
    edges: dict[str, Sequence[Value | Pick]] = {
        column.name: edges_for(table, column) or [None] for column in table.columns
    }
    for reference in table.references:
        first = [None] if may_be_empty(table, reference) else []
        edges.update({name: [*first, *map(Pick, range(4))] for name in reference.columns})
    keys = {column.name for column in table.columns if column.key}
    most = max(len(values) for name, values in edges.items() if name not in keys or keys == edges.keys())
    for number in range(most):
        yield {name: values[number % len(values)] for name, values in edges.items()}


def _row(table: Table) -> SearchStrategy[Row]:
    from hypothesis import strategies as st

    somewhere = st.builds(Pick, st.integers(0, 7))
    picks: dict[Reference, SearchStrategy[Pick | None]] = {
        reference: st.none() | somewhere if may_be_empty(table, reference) else somewhere
        for reference in table.references
    }
    picked = {name for reference in picks for name in reference.columns}
    values = {column.name: values_for(table, column) for column in table.columns if column.name not in picked}

    def joined(parts: tuple[Row, Mapping[Reference, Pick | None]]) -> Row:
        own, others = parts
        return {**own, **{name: pick for reference, pick in others.items() for name in reference.columns}}

    return st.tuples(st.fixed_dictionaries(values), st.fixed_dictionaries(picks)).map(joined)


def _resolved(connection: apsw.Connection, table: Table, row: Row) -> dict[str, Value]:
    """Return *row* with the keys of rows that are there in the place of its picks."""
    found = {name: value for name, value in row.items() if not isinstance(value, Pick)}
    for reference in table.references:
        pick = row.get(reference.columns[0])
        if isinstance(pick, Pick):
            keys = _keys(connection, reference)
            if keys:
                key = keys[pick.number % len(keys)]
            elif reference.table == table.name:
                key = tuple(map(found.get, reference.to))  # the first row can only point to itself
            else:
                key = (None,) * len(reference.to)
            found.update(zip(reference.columns, key, strict=True))
    return found


def _keys(connection: apsw.Connection, reference: Reference) -> list[tuple[Value, ...]]:
    columns = ", ".join(map(quoted, reference.to))
    return connection.execute(
        f"SELECT DISTINCT {columns} FROM {quoted(reference.table)} ORDER BY {columns}"
    ).fetchall()


def _insert(connection: apsw.Connection, table: str, row: Mapping[str, Value]) -> None:
    columns, places = ", ".join(map(quoted, row)), ", ".join("?" * len(row))
    connection.execute(f"INSERT INTO {quoted(table)} ({columns}) VALUES ({places})", tuple(row.values()))
