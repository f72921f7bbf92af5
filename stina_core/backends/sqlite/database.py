"""Peewee's APSW database, with Stina's connections, errors and transactions.

Statements always return all their rows at once: an open cursor would keep the
write-ahead log from being reset (20 MB in 5,000 commits, measured), its errors
would surface far from the query, and on a shared connection another thread's
write could change what it returns.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NoReturn, TypeVar

import apsw
from playhouse.apsw_ext import APSWDatabase

from ...errors import StinaError, StoreClosedError, StoreError, TransactionError
from ..base import Row, UnitOfWork
from . import forking
from .errors import FAILURES, translate
from .gate import Gate
from .open_connections import Lease, OpenConnections
from .statements import Result, writes
from .table_reads import recording

_CLOSED = "the store is closed; open it again with open_store()"
_FORKED = "a store in memory belongs to the process that opened it, not to its children"
_NOTHING = nullcontext()
_T = TypeVar("_T")


class _Own:
    """The connection a thread uses.

    Attributes:
        cursor: Kept for the next statement; None while one runs.
        forks: `forking.count` when the connection was last seen to be open.
        lease: Closes the connection once it is gone.
    """

    __slots__ = ("connection", "cursor", "forks", "lease")

    def __init__(self, connection: Any, lease: Lease | None) -> None:
        self.connection = connection
        self.cursor: Any = None
        self.forks = _NEVER
        self.lease = lease


_NEVER = -1
_NONE = _Own(None, None)


class _Threads(threading.local):
    own = _NONE


class _Shared:
    own = _NONE


class StoreDatabase(APSWDatabase):  # type: ignore[misc]
    """One store's database: a connection per thread, or one shared by all for `:memory:`.

    Args:
        path: Where the file is, for messages.
        opener: Opens a connection with the whole recipe.
        gate: Given for a connection that all threads share: each statement and
            each transaction takes its turn there.
    """

    unit: UnitOfWork
    """Opens a transaction; set by the store that owns this database."""

    in_unit: Callable[[bool], bool]
    """Whether this thread has a transaction open, asked by a statement that writes (True) or reads;
    raises TransactionError if it may not do that there. Set by the store that owns this database."""

    def __init__(self, path: str, opener: Callable[[], apsw.Connection], gate: Gate | None = None) -> None:
        self._opener = opener
        self.gate = gate
        self._connections = OpenConnections()
        self._ended: str | None = None
        self.unit = nullcontext
        self.in_unit = lambda writing: False
        self._state: Any = None  # Peewee's, made by its constructor
        self._threads: _Shared | _Threads = _Threads() if gate is None else _Shared()
        super().__init__(path, thread_safe=gate is None)
        _databases.add(self)

    @property
    def ended(self) -> bool:
        """Whether no statement can run any more."""
        return self._ended is not None

    @property
    def open_connections(self) -> int:
        """How many connections are open now, of all threads."""
        return len(self._connections)

    # Statements

    def execute_sql(self, sql: str, params: Sequence[object] | None = None) -> Result:
        """Run *sql*; a write outside any transaction gets one of its own."""
        with self._place(writes(sql)):
            return self.run(sql, params)

    def execute_many(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Run the write *sql* once per row of values, all in one transaction."""
        with self._place(True):
            connection = self.connection()
            try:
                connection.executemany(sql, map(_after_forks, rows)).fetchall()
            except StinaError:  # of whoever makes the rows
                raise
            except FAILURES as error:
                raise self._translated(error, sql) from error

    def run(self, sql: str, params: Sequence[object] | None = None) -> Result:
        """Run *sql* as it is, on this thread's connection."""
        return self._noted(self._run, sql, tuple(params or ()))

    def _run(self, sql: str, values: Row) -> Result:
        while True:
            connection = self.connection()
            cursor = None
            try:
                try:
                    cursor = connection.execute(sql, values)
                    description = cursor.description
                    rows = cursor.fetchall()
                except apsw.ExecutionCompleteError:
                    description, rows = (), []
                except BaseException:
                    # Or whoever keeps the error keeps the statement, and its old snapshot, open.
                    if cursor is not None:
                        cursor.close(True)
                    raise
                changed = connection.changes()
                return Result(description, rows, connection.last_insert_rowid() if changed else None, changed)
            except FAILURES as error:
                if not forking.was_in_the_way(error):
                    raise self._translated(error, sql) from error

    def read(self, sql: str, values: Row) -> list[Row]:
        """Run the SELECT of a compiled query and return its rows."""
        if self.in_unit(False):
            self._check_transaction()
        elif self.gate is not None:
            with self.gate:
                return self._noted(self.query, sql, values)
        if self.query_hooks or recording.get() is not None:
            return self._noted(self.query, sql, values)
        return self.query(sql, values)

    def write(self, sql: str, values: Row) -> tuple[list[Row], int]:
        """Run the write of a compiled query; return the rows it gives and how many it wrote."""
        if not self.in_unit(True):
            with self.unit():
                return self._noted(self.query, sql, values), self.connection().changes()
        self._check_transaction()
        if self.query_hooks or recording.get() is not None:
            return self._noted(self.query, sql, values), self.connection().changes()
        return self.query(sql, values), self.connection().changes()

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        """Run a SELECT of the core itself and return its rows."""
        if self.in_unit(False):
            self._check_transaction()
        elif self.gate is not None:
            with self.gate:
                return self.query(sql, values)
        return self.query(sql, values)

    def query(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        """Run *sql* of the core itself as it is and return its rows; the quick way, for every transaction needs it."""
        while True:
            own = self._threads.own
            if own.forks != forking.count or self._ended:
                own = self._attach()
            cursor, own.cursor = own.cursor, None  # not while it runs: a signal's handler may ask, too
            try:
                try:
                    if cursor is None:
                        cursor = own.connection.cursor()
                    rows: list[Row] = cursor.execute(sql, values).fetchall()
                except BaseException:
                    del own  # or whoever keeps the error keeps the lease, and so the connection
                    if cursor is not None:
                        cursor.close(True)
                    raise
                own.cursor = cursor
                return rows
            except FAILURES as error:
                if not forking.was_in_the_way(error):
                    raise self._translated(error, sql) from error

    def _noted(self, run: Callable[[str, Row], _T], sql: str, values: Row) -> _T:
        """Run a statement of a plugin: what it reads is recorded, and Peewee's `query_hooks` are told of it."""
        seen = recording.get()
        if seen is not None:
            seen.add((sql, len(values)))
        if not self.query_hooks:
            return run(sql, values)
        start = time.perf_counter()
        try:
            result = run(sql, values)
        except Exception as error:
            self._notify_hooks(sql, values, start, error)
            raise
        self._notify_hooks(sql, values, start, None)
        return result

    def _place(self, writing: bool) -> AbstractContextManager[object]:
        if self.in_unit(writing):
            self._check_transaction()
            return _NOTHING
        return self.unit() if writing else self.gate or _NOTHING

    def _check_transaction(self) -> None:
        if not self.connection().in_transaction:
            raise TransactionError(
                "SQLite ended the transaction after an earlier error; everything in it was undone"
            )

    def _translated(self, error: Exception, sql: str) -> StoreError:
        return StoreClosedError(self._ended) if self._ended else translate(error, sql)

    # Transactions: Peewee's words for them all mean the store's own

    def atomic(self, *args: Any, **kwargs: Any) -> Any:
        """Peewee's word for a transaction of the store."""
        return self.unit()

    def transaction(self, *args: Any, **kwargs: Any) -> Any:
        """Peewee's other word for it."""
        return self.unit()

    def savepoint(self) -> Any:
        """A transaction inside a transaction."""
        return self.unit()

    def in_transaction(self) -> bool:
        """Whether this thread has a transaction or snapshot open."""
        return self.in_unit(False)

    def manual_commit(self, *args: Any) -> NoReturn:
        """Refused, as are all its relatives: by hand, what a commit must do would be left out."""
        raise TransactionError(
            "transactions are the store's: use 'with store.transaction() as transaction:', "
            "and transaction.after_commit() in it"
        )

    begin = commit = rollback = manual_commit
    session_start = session_commit = session_rollback = manual_commit
    after_commit = manual_commit
    __enter__ = manual_commit

    # Connections

    def connection(self) -> apsw.Connection:
        """Return this thread's connection, opened if need be; StoreClosedError after `end()`."""
        own = self._threads.own
        if own.forks != forking.count or self._ended:
            own = self._attach()
        connection: apsw.Connection = own.connection
        return connection

    def _attach(self) -> _Own:
        if self._ended:
            raise StoreClosedError(self._ended)
        own = self._threads.own
        # Here and not in `forking`: whoever is in this module is waited for.
        if own is not _NONE and forking.draining and _is_in_transaction(own.connection):
            return own
        while forking.count & 1 and forking.pause():
            pass
        forks = forking.count & ~1  # the next one may have begun
        if own is _NONE or forking.was_closed(own.connection):
            own = self._connect()
            self._state.set_connection(own.connection)
            self._threads.own = own
        own.forks = forks
        return own

    def connect(self, reuse_if_open: bool = False) -> bool:
        """Open this thread's connection; False if it was open. Statements do it by themselves.

        Peewee's own would rename our errors that are called like the driver's.
        """
        was_closed = self._threads.own is _NONE
        self.connection()
        return was_closed

    def close(self) -> bool:
        """Close this thread's own connection, until its next statement; False if there is none."""
        if self.in_unit(False):
            raise TransactionError("leave the transaction before you close its connection")
        if self.gate is not None or self._threads.own is _NONE:
            return False
        while forking.count & 1 and forking.pause():
            pass
        self._state.reset()
        self._threads.own = _NONE  # its lease closes it
        return True

    def leave(self, why: str) -> None:
        """Refuse every further statement with StoreClosedError, which says *why*; `end()` still closes."""
        self._ended = self._ended or why

    def end(self) -> None:
        """Close every connection, of all threads; later use raises StoreClosedError.

        What another thread is running is stopped and its transaction undone.
        """
        self._ended = self._ended or _CLOSED
        self._state.reset()
        self._connections.close()

    def _connect(self) -> _Own:
        connection = self._opener()
        lease = self._connections.add(connection)
        if lease is None:
            raise StoreClosedError(_CLOSED)
        return _Own(connection, lease)

    def _last_insert_rowid(self, cursor: Any) -> int | None:
        rowid: int | None = cursor.lastrowid
        return rowid

    def rows_affected(self, cursor: Any) -> int:
        result = cursor if isinstance(cursor, Result) else cursor.cursor
        return int(result.rowcount)

    def forget_parent(self) -> None:
        """In a child after fork(): leave the parent's connections alone and open new ones."""
        self._state = type(self._state)()
        self._threads = type(self._threads)()
        if self.gate is not None:
            self.gate.forget_parent()
            self._ended = self._ended or _FORKED


def _is_in_transaction(connection: apsw.Connection) -> bool:
    return not forking.was_closed(connection) and connection.in_transaction


def _after_forks(row: Sequence[object]) -> Sequence[object]:
    while forking.count & 1 and forking.pause():
        pass
    return tuple(row)


_databases: weakref.WeakSet[StoreDatabase] = weakref.WeakSet()


def _forget_parents() -> None:
    for database in list(_databases):
        database.forget_parent()


os.register_at_fork(after_in_child=_forget_parents)
