"""What Peewee hands to a database and takes back: one statement, and its finished result."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import apsw

from ..base import Row

TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
"""Reads the names of all ordinary tables, sorted."""

_READS = re.compile(r"\s*\(?\s*(SELECT|VALUES|PRAGMA|EXPLAIN)\b", re.IGNORECASE)
_WITH = re.compile(r"\s*WITH\b", re.IGNORECASE)
_NOTHING = re.compile(r"(\s|;|--[^\n]*(\n|$)|/\*.*?\*/)*", re.DOTALL)
_WRITES = re.compile(r"\b(INSERT|UPDATE|DELETE|REPLACE)\b", re.IGNORECASE)


@lru_cache(maxsize=1024)
def writes(sql: str) -> bool:
    """Whether *sql* may change rows or tables. Wrong only on the safe side.

    A PRAGMA counts as a read: many do nothing inside a transaction, or fail there.
    """
    if ";" in sql.rstrip().removesuffix(";"):
        return True  # perhaps a second statement
    if _READS.match(sql):
        return False
    return not _WITH.match(sql) or _WRITES.search(sql) is not None


def is_one(sql: str) -> bool:
    """Whether *sql* is a single statement, as SQLite itself reads texts, comments and triggers."""
    for place, character in enumerate(sql):
        if character == ";" and apsw.complete(sql[: place + 1]):
            return _NOTHING.fullmatch(sql, place + 1) is not None
    return True


class Result:
    """The finished result of a statement, in the shape Peewee reads from a cursor.

    Attributes:
        description: Name and type of each column; empty where the statement gave no row.
        lastrowid: The row id an INSERT made; None if it made no row.
        rowcount: How many rows an INSERT, UPDATE or DELETE wrote.
    """

    __slots__ = ("_next", "_rows", "description", "lastrowid", "rowcount")

    def __init__(
        self, description: Sequence[Any], rows: list[Row], lastrowid: int | None, rowcount: int
    ) -> None:
        self.description = description
        self.lastrowid = lastrowid
        self.rowcount = rowcount
        self._rows = rows
        self._next = 0

    def fetchone(self) -> Row | None:
        """Return the next row, or None."""
        if self._next >= len(self._rows):
            return None
        self._next += 1
        return self._rows[self._next - 1]

    def fetchall(self) -> list[Row]:
        """Return the rows not fetched yet."""
        rows, self._next = self._rows[self._next :], len(self._rows)
        return rows

    def close(self) -> None:
        """Nothing is open any more."""
