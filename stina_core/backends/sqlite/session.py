"""Transaction verbs on the calling thread's connection."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager

from .database import StoreDatabase
from .errors import translated

_STEPS = 1000  # virtual machine instructions between two looks at the clock, some tens of microseconds


class SqliteSession:
    """BEGIN IMMEDIATE and its relatives.

    IMMEDIATE, because a transaction that first reads and then writes fails at
    once when somebody else wrote in between, whatever the timeout (31.8 % of
    transactions with eight writers, measured; none with IMMEDIATE).
    """

    def __init__(self, database: StoreDatabase) -> None:
        self._database = database

    def begin(self) -> None:
        """Start a transaction that holds the write lock."""
        self._run("BEGIN IMMEDIATE")

    def begin_snapshot(self, deadline: float) -> None:
        """Start a read transaction; statements fail after *deadline* seconds, writes at once."""
        connection = self._database.connection()
        with translated():
            connection.execute("PRAGMA query_only = 1").fetchall()
            connection.execute("BEGIN")
            connection.execute("SELECT 1 FROM sqlite_schema").fetchall()  # the read that takes the snapshot
        end = time.monotonic() + deadline
        connection.set_progress_handler(lambda: time.monotonic() > end, _STEPS)

    def end_snapshot(self) -> None:
        """Leave a read transaction and allow writes again."""
        connection = self._database.connection()
        connection.set_progress_handler(None)
        with translated():
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            connection.execute("PRAGMA query_only = 0").fetchall()

    def commit(self) -> None:
        """Make everything since `begin()` durable and visible."""
        self._run("COMMIT")

    def rollback(self) -> None:
        """Undo everything since `begin()`."""
        self._run("ROLLBACK")

    def savepoint(self, name: str) -> None:
        """Mark a point to come back to."""
        self._run(f"SAVEPOINT {name}")

    def release_savepoint(self, name: str) -> None:
        """Keep what was written since the mark, as part of what is around it."""
        self._run(f"RELEASE {name}")

    def rollback_savepoint(self, name: str) -> None:
        """Undo what was written since the mark."""
        self._run(f"ROLLBACK TO {name}")
        self._run(f"RELEASE {name}")

    def in_transaction(self) -> bool:
        """Whether SQLite still has a transaction open on this connection."""
        return self._database.connection().in_transaction

    def turn(self) -> AbstractContextManager[object]:
        """Keep other threads off a shared connection."""
        return self._database.gate

    def _run(self, sql: str) -> None:
        with translated():
            self._database.connection().execute(sql)
