"""Peewee's APSW database, with Stina's connections, errors and transactions.

Statements always return all their rows at once: an open cursor would keep the
write-ahead log from being reset (20 MB in 5,000 commits, measured), its errors
would surface far from the query, and on a shared connection another thread's
write could change what it returns.
"""

from __future__ import annotations

import ctypes
import os
import re
import threading
import weakref
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import Any

import apsw
from playhouse.apsw_ext import APSWDatabase

from ...errors import StoreClosedError, TransactionError
from ..base import Row, UnitOfWork
from .errors import translate

_READS = re.compile(r"\s*\(?\s*(SELECT|VALUES|PRAGMA|EXPLAIN)\b", re.IGNORECASE)
_WITH = re.compile(r"\s*WITH\b", re.IGNORECASE)
_WRITES = re.compile(r"\b(INSERT|UPDATE|DELETE|REPLACE)\b", re.IGNORECASE)


@lru_cache(maxsize=1024)
def writes(sql: str) -> bool:
    """Whether *sql* may change the database. Wrong only on the safe side."""
    if _READS.match(sql):
        return False
    return not _WITH.match(sql) or _WRITES.search(sql) is not None


class Result:
    """The finished result of a statement, in the shape Peewee reads from a cursor."""

    __slots__ = ("_next", "_rows", "description", "lastrowid", "rowcount")

    def __init__(self, description: Sequence[Any], rows: list[Row], lastrowid: int, rowcount: int) -> None:
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


class StoreDatabase(APSWDatabase):  # type: ignore[misc]
    """One store's database: a connection per thread, or one shared by all for `:memory:`.

    Args:
        path: Where the file is, for messages.
        opener: Opens a connection with the whole recipe.
        shared: Use one connection for all threads, each statement and each
            transaction behind one lock.
    """

    unit: UnitOfWork
    """Opens a transaction; set by the store that owns this database."""

    in_unit: Callable[[], bool]
    """Whether this thread has a transaction open; set by the store that owns this database."""

    def __init__(self, path: str, opener: Callable[[], apsw.Connection], *, shared: bool) -> None:
        self._opener = opener
        self._shared = shared
        self._gate: AbstractContextManager[object] = threading.RLock() if shared else nullcontext()
        self._open: weakref.WeakSet[apsw.Connection] = weakref.WeakSet()
        self._open_lock = threading.Lock()
        self._ended: str | None = None
        self.unit = nullcontext
        self.in_unit = lambda: False
        self._state: Any = None  # Peewee's, made by its constructor
        super().__init__(path, thread_safe=not shared)
        _databases.add(self)

    @property
    def gate(self) -> AbstractContextManager[object]:
        """Keeps other threads off the shared connection; does nothing where each has its own."""
        return self._gate

    def execute_sql(self, sql: str, params: Sequence[object] | None = None) -> Result:
        """Run *sql*; a write outside any transaction gets one of its own."""
        if self.in_unit():
            if self.connection().getautocommit():
                raise TransactionError(
                    "SQLite ended the transaction after an earlier error; everything in it was undone"
                )
            return self.run(sql, params)
        if writes(sql):
            with self.unit():
                return self.run(sql, params)
        with self._gate:
            return self.run(sql, params)

    def run(self, sql: str, params: Sequence[object] | None = None) -> Result:
        """Run *sql* as it is, on this thread's connection."""
        connection = self.connection()
        try:
            cursor = connection.execute(sql, tuple(params or ()))
            try:
                description = cursor.description
            except apsw.ExecutionCompleteError:
                return Result((), [], connection.last_insert_rowid(), connection.changes())
            return Result(
                description, cursor.fetchall(), connection.last_insert_rowid(), connection.changes()
            )
        except Exception as error:
            raise translate(error) from error

    def atomic(self, *args: Any, **kwargs: Any) -> Any:
        """Peewee's word for a transaction of the store."""
        return self.unit()

    def transaction(self, *args: Any, **kwargs: Any) -> Any:
        """Peewee's other word for it."""
        return self.unit()

    def savepoint(self) -> Any:
        """A transaction inside a transaction."""
        return self.unit()

    def manual_commit(self) -> Any:
        """Refused: BEGIN and COMMIT by hand would leave out what a commit must do."""
        raise TransactionError("transactions are the store's: use 'with store.transaction():'")

    def end(self) -> None:
        """Close every connection, of all threads; later use raises StoreClosedError."""
        self._ended = "the store is closed; open it again with open_store()"
        with self._open_lock:
            connections = list(self._open)
            self._open.clear()
        for connection in connections:
            connection.close()
        self._state.reset()

    def _connect(self) -> apsw.Connection:
        if self._ended:
            raise StoreClosedError(self._ended)
        connection = self._opener()
        with self._open_lock:
            self._open.add(connection)
        return connection

    def connection(self) -> apsw.Connection:
        """Return this thread's connection, opened if need be; StoreClosedError after `end()`."""
        if self._ended:
            raise StoreClosedError(self._ended)
        connection: apsw.Connection = super().connection()
        return connection

    def _last_insert_rowid(self, cursor: Any) -> int:
        return int(cursor.lastrowid)

    def rows_affected(self, cursor: Any) -> int:
        result = cursor if isinstance(cursor, Result) else cursor.cursor
        return int(result.rowcount)

    def forget_parent(self) -> None:
        """In a child after fork(): leave the parent's connections alone and open new ones.

        Closing an inherited connection would make SQLite checkpoint or unlock
        under the parent's feet, so each is kept from ever being collected.
        """
        for connection in list(self._open):
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))
        self._open = weakref.WeakSet()
        self._open_lock = threading.Lock()
        self._lock = threading.Lock()
        if self._shared:
            self._gate = threading.RLock()
            self._ended = "a store in memory belongs to the process that opened it, not to its children"
        self._state = type(self._state)()


_databases: weakref.WeakSet[StoreDatabase] = weakref.WeakSet()


def _forget_parents() -> None:
    for database in list(_databases):
        database.forget_parent()


os.register_at_fork(after_in_child=_forget_parents)
