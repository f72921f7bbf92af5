"""Rows as they are stored, also where another program wrote a text that is not UTF-8."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import apsw

from ..backends.base import BrokenText
from ..backends.sqlite.errors import translated
from ..catalog import Table, Value

Stored: TypeAlias = tuple[Value, ...]
"""The values of a row, in the order of the table's columns. A text that is not UTF-8 is a BrokenText."""


class RowSql:
    """How whole rows of one table are selected, and made of what SQLite then gives.

    Args:
        connection: To the file that has the table.

    Attributes:
        columns: What to select.
    """

    def __init__(self, connection: apsw.Connection, table: Table) -> None:
        # In another encoding there is nothing that could not be read, and the bytes would be others.
        by_bytes = connection.pragma("encoding") == "UTF-8"
        self._texts = [
            place for place, column in enumerate(table.columns) if by_bytes and column.type == "text"
        ]
        names = [f'"{column.name}"' for column in table.columns]
        for place in self._texts:
            names[place] = f"CAST({names[place]} AS BLOB)"
        self.columns = ", ".join(names)

    def row(self, values: Sequence[Value]) -> Stored:
        """Return the row for which SQLite gave *values*."""
        found = list(values)
        for place in self._texts:
            value = found[place]
            if isinstance(value, bytes):
                found[place] = _text(value)
        return tuple(found)


def stored(connection: apsw.Connection, table: Table, order: Sequence[str] = ()) -> Iterator[Stored]:
    """Yield the rows of *table*, one at a time, sorted by the columns *order*."""
    sql = RowSql(connection, table)
    by = f" ORDER BY {', '.join(quoted_names(order))}" if order else ""
    with translated():
        for values in connection.execute(f'SELECT {sql.columns} FROM "{table.name}"{by}'):
            yield sql.row(values)


def quoted_names(names: Sequence[str]) -> list[str]:
    """Return the names of columns as they are written in SQL."""
    return [f'"{name}"' for name in names]


def _text(value: bytes) -> str | BrokenText:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return BrokenText(value)
