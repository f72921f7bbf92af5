"""Which tables a statement reads, as SQLite itself says when it prepares it.

SQLite's authorizer is asked at preparation only, and a statement that is served
from the cache of prepared ones is not prepared again. So what it says is kept by
the text of the statement, and the text is what is recorded when one runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import apsw

from .statements import TABLES

_KEPT = 2000
"""Statements whose tables are remembered; a program has some hundreds."""

recording: ContextVar[set[tuple[str, int]] | None] = ContextVar("stina_recorded_statements", default=None)
"""Where the statements that run in this context are noted, each with its number of values; None: nowhere."""


@contextmanager
def recorded() -> Iterator[set[tuple[str, int]]]:
    """Note every statement that runs inside the block, in this thread or task."""
    seen: set[tuple[str, int]] = set()
    token = recording.set(seen)
    try:
        yield seen
    finally:
        recording.reset(token)


class TableReads:
    """What the statements of one store read."""

    def __init__(self) -> None:
        self._known: dict[str, frozenset[str]] = {}

    def of(self, connection: apsw.Connection, statements: set[tuple[str, int]]) -> set[str]:
        """Return the names of all tables that *statements* read, those that a full-text index consists of too."""
        found: set[str] = set()
        for sql, values in statements:
            tables = self._known.get(sql)
            if tables is None:
                if len(self._known) >= _KEPT:
                    self._known.clear()
                tables = self._known[sql] = _tables_of(connection, sql, (None,) * values)
            found |= tables
        return found


def _tables_of(connection: apsw.Connection, sql: str, values: Sequence[None]) -> frozenset[str]:
    tables: set[str] = set()

    def note(
        action: int, first: str | None, second: str | None, database: str | None, cause: str | None
    ) -> int:
        if action == apsw.SQLITE_READ and first:
            tables.add(first)
        return apsw.SQLITE_OK

    before = connection.authorizer
    connection.authorizer = note
    try:
        connection.execute(f"EXPLAIN {sql}", values).close(True)  # prepared, and not run
    finally:
        connection.authorizer = before
    there = {name.lower(): name for (name,) in connection.execute(TABLES)}
    # A table of which no column is read is named as the statement has it; a named subquery is asked about as well.
    return frozenset(there[name.lower()] for name in tables if name.lower() in there)
