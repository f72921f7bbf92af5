"""Transaction verbs on the calling thread's connection."""

from __future__ import annotations

import time
from collections.abc import Callable

import apsw

from ...errors import TransactionError
from .database import StoreDatabase

_STEPS = 1000  # virtual machine instructions between two looks at the clock, some tens of microseconds


class _OnlyReads:
    """Lets no statement begin that writes.

    PRAGMA query_only does the same, and has every prepared statement of the connection
    prepared again, twice for each snapshot (30 to 50 us for a page or a search).

    Args:
        before: Whoever was asked before each statement until now.
    """

    __slots__ = ("before",)

    def __init__(self, before: apsw.ExecTracer | None) -> None:
        self.before = before

    def __call__(self, cursor: apsw.Cursor, sql: str, values: apsw.Bindings | None) -> bool:
        if not cursor.is_readonly and not cursor.is_explain:
            raise TransactionError("a snapshot only reads; leave it before you write")
        return self.before is None or self.before(cursor, sql, values)


class SqliteSession:
    """BEGIN IMMEDIATE and its relatives.

    IMMEDIATE, because a transaction that first reads and then writes fails at
    once when somebody else wrote in between, whatever the timeout (31.8 % of
    transactions with eight writers, measured; none with IMMEDIATE).
    """

    def __init__(self, database: StoreDatabase) -> None:
        self._database = database
        self.gate = database.gate
        self.on_begin: Callable[[], object] = lambda: None

    def begin(self) -> object:
        """Start a transaction that holds the write lock; what `on_begin` answers is returned."""
        if self._database.connection().in_transaction:
            self._clear()
        self._database.query("BEGIN IMMEDIATE")
        return self.on_begin()

    def begin_snapshot(self, deadline: float) -> None:
        """Start a read transaction; statements fail after *deadline* seconds, writes at once."""
        self._clear()
        end = time.monotonic() + deadline
        self._run("BEGIN")
        connection = self._connection
        connection.exec_trace = _OnlyReads(connection.exec_trace)
        self._run("SELECT 1 FROM sqlite_schema")  # the read that takes the snapshot
        connection.set_progress_handler(lambda: time.monotonic() > end, _STEPS)

    def end_snapshot(self) -> None:
        """Leave a read transaction and allow writes again; nothing to do once the store is closed."""
        if not self._database.ended:
            connection = self._connection
            connection.set_progress_handler(None)
            if isinstance(connection.exec_trace, _OnlyReads):
                connection.exec_trace = connection.exec_trace.before
            self.rollback()

    def commit(self) -> None:
        """Make everything since `begin()` durable and visible."""
        self._database.query("COMMIT")

    def rollback(self) -> None:
        """Undo everything since `begin()`, unless SQLite or the end of the store did it already."""
        database = self._database
        if not database.ended and database.connection().in_transaction:
            database.query("ROLLBACK")

    def savepoint(self, name: str) -> None:
        """Mark a point to come back to."""
        self._run(f"SAVEPOINT {name}")

    def release_savepoint(self, name: str) -> None:
        """Keep what was written since the mark, as part of what is around it."""
        self._run(f"RELEASE {name}")

    def rollback_savepoint(self, name: str) -> None:
        """Undo what was written since the mark, unless everything was undone already."""
        if not self._database.ended and self._connection.in_transaction:
            self._run(f"ROLLBACK TO {name}")
            self._run(f"RELEASE {name}")

    def in_transaction(self) -> bool:
        """Whether SQLite still has a transaction open on this connection."""
        return self._database.connection().in_transaction

    @property
    def _connection(self) -> apsw.Connection:
        return self._database.connection()

    def _clear(self) -> None:
        """Undo what an interrupt (Ctrl-C between two lines) left open; whose block it was is gone.

        Every verb is ordered so that the connection is clean whenever no transaction is open.
        """
        if self._connection.in_transaction:
            self.end_snapshot()

    def _run(self, sql: str) -> None:
        self._database.query(sql)
