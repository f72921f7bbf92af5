"""How the triggers write the key of a row, and compare two. Only texts: no database.

A key of one column is stored as it is. One of several is a JSON array, and its
op a lower case letter. JSON has no bytes, and SQLite 3.40 rounds the numbers
that it writes there: such a part is an object of one entry, `b` with the bytes
in hexadecimal or `r` with the number. `change_key` reads them back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import takewhile

from ...catalog import Column

_EXACT = "%!.20g"
"""17 digits say which number it is, but SQLite 3.40 gets the last one wrong (523 of 250,000 random numbers)."""


def letter(op: str, key: Sequence[Column]) -> str:
    """Return *op* as it is written for rows with this *key*."""
    return op if len(key) == 1 else op.lower()


def key_sql(key: Sequence[Column], row: str) -> str:
    """Return SQL for the key of *row*: `NEW`, `OLD`, or the name a table has in a query."""
    if len(key) == 1:
        return f'{row}."{key[0].name}"'
    return f"json_array({', '.join(_part(column, row) for column in key)})"


def same(columns: Iterable[Column], row: str = "NEW") -> str:
    """Return SQL for whether *row* has in *columns* what the row had before an UPDATE, to the last byte."""
    return " AND ".join(f"{_exact(column, 'OLD')} IS {_exact(column, row)}" for column in columns)


def changed(columns: Iterable[Column]) -> str:
    """Return SQL for whether an UPDATE changes any of *columns*, be it by a byte."""
    return " OR ".join(f"{_exact(column, 'OLD')} IS NOT {_exact(column, 'NEW')}" for column in columns)


def missing(table: str, key: Sequence[Column], stored: str) -> str:
    """Return SQL for whether *table* has no row with the key *stored*, to the last byte.

    An index finds it, but for a key of several columns that starts with bytes or a fraction.
    """
    if len(key) == 1:
        equal = f'o."{key[0].name}" = {stored}'
        return _none(table, f"{equal} AND {equal} COLLATE BINARY" if key[0].collation else equal)
    whole = f"{key_sql(key, 'o')} = {stored}"
    parts = [
        f"o.\"{column.name}\" = json_extract({stored}, '$[{place}]')"
        for place, column in enumerate(takewhile(lambda one: one.type in ("text", "integer"), key))
    ]
    none = _none(table, " AND ".join([*parts, whole]))
    # SQLite 3.40 extracts a text only up to its first NUL
    return f"{none} AND (NOT instr({stored}, '\\u0000') OR {_none(table, whole)})"


def _none(table: str, condition: str) -> str:
    return f'NOT EXISTS (SELECT 1 FROM "{table}" AS o WHERE {condition})'


def _part(column: Column, row: str) -> str:
    value = f'{row}."{column.name}"'
    if column.type == "blob":
        return f"json_object('b', hex({value}))"
    if column.type == "real":
        return f"json_object('r', printf('{_EXACT}', {value}))"
    if column.type == "text":
        return f"{value} || ''"  # or a text made by a JSON function would go in as JSON
    return value


def _exact(column: Column, row: str) -> str:
    collate = " COLLATE BINARY" if column.collation else ""
    return f'{row}."{column.name}"{collate}'
