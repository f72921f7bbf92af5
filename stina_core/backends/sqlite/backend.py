"""The SQLite backend: everything the core asks of a database, for one file or for memory."""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import apsw

from ...config import StoreConfig
from ...errors import StoreClosedError, StoreIOError
from ..base import Backup, BrokenText, Row
from . import guard
from .change_log import ChangeLog
from .confinement import confined
from .connection import (
    check_owner,
    claim,
    connect,
    connect_memory,
    make_file,
    set_journal,
    tighten,
    waiting,
)
from .database import StoreDatabase
from .ddl import SqliteDdl
from .errors import translated
from .gate import Gate
from .lock import LOCK_TIMEOUT, file_lock
from .session import SqliteSession
from .statements import is_one
from .table_reads import TableReads, recorded

if TYPE_CHECKING:
    from ...catalog import Table
    from ..wake import Bell, MemoryWake, Waiter, Way
    from .capture import Capture
    from .full_text import FullText

_NOTED = frozenset({"stina_repair", "stina_search", "stina_cursor"})
"""Tables of the core that the operations of a step write to."""

_TICK = 0.2  # seconds
_STEPS = 50_000  # virtual machine instructions between two looks at the clock, about a millisecond

_LEFT = "another file was put in the place of this store, or it was deleted; close it and open it again"


class SqliteBackend:
    """One open store.

    Args:
        config: With its path decided.
    """

    def __init__(self, config: StoreConfig) -> None:
        self._config = config
        self._path = config.location
        self._memory = connect_memory(config.synchronous) if config.in_memory else None
        self.database = StoreDatabase(
            self._path, self._connect, Gate(config.busy_timeout) if config.in_memory else None
        )
        self.session = SqliteSession(self.database)
        self.ddl = SqliteDdl(self.database)
        self.log = ChangeLog(self.database)
        self._reads = TableReads()
        self.ways: frozenset[Way] | None = None  # what a listener is woken by; None: what the system has
        self._memory_wake = _memory_wake() if config.in_memory else None
        self._bell: Bell | None = self._memory_wake
        self._file: tuple[int, int] | None = None
        self._older: set[Path] = set()  # backups that were there when the last one was asked for
        self._unguard: weakref.finalize[[guard.Token], SqliteBackend] | None = None

    @property
    def capture(self) -> Capture:
        """What sees to the capture of changes."""
        from .capture import Capture  # most starts only look at a note

        return Capture(self.database)

    @property
    def version(self) -> str:
        """SQLite's version."""
        return apsw.sqlite_lib_version()

    def open(self) -> None:
        """Open this thread's connection, inside `lock()`."""
        if self._config.in_memory:
            self.database.connection()
            return
        token = guard.protect(self._path)
        self._unguard = weakref.finalize(self, guard.release, token)
        self._file = (token.device, token.inode)
        check_owner(self.database.connection(), self._path)
        tighten(self._path)

    def execute(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        """Run one statement of the core itself and return all its rows."""
        return self.database.execute_sql(sql, values).fetchall()

    def read(self, sql: str) -> list[Row]:
        """Run one SELECT of the core itself as it is."""
        return self.database.query(sql)

    def is_one_statement(self, sql: str) -> bool:
        """Whether *sql* is a single statement."""
        return is_one(sql)

    def execute_many(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Run one statement of the core itself once per row of values."""
        self.database.execute_many(sql, rows)

    def old_rows(self, table: str, columns: Sequence[str]) -> Iterator[Row]:
        """Yield the rows of *table*, one at a time, whatever is in its texts."""
        if self.database.connection().pragma("encoding") != "UTF-8":
            yield from self._rows_of(table, ", ".join(f'"{column}"' for column in columns))
            return
        parts = ", ".join(
            f'typeof("{column}") = \'text\', CASE typeof("{column}") WHEN \'text\' THEN CAST("{column}" AS BLOB) '
            f'ELSE "{column}" END'
            for column in columns
        )
        for row in self._rows_of(table, parts):
            pairs = zip(row[::2], row[1::2], strict=True)
            yield tuple(_text(value) if is_text else value for is_text, value in pairs)

    def _rows_of(self, table: str, columns: str) -> Iterator[Row]:
        with translated():
            yield from self.database.connection().execute(f'SELECT {columns} FROM "{table}"')

    def lock(self, waiting: Callable[[], object] = lambda: None) -> AbstractContextManager[object]:
        """Among all processes, be the only one that opens, migrates or restores this store.

        The file and its directory are made before, so that there is a place for the lock.
        """
        if self._config.in_memory:
            return nullcontext()
        make_file(self._path)
        return file_lock(self._path, LOCK_TIMEOUT, waiting)

    def confined(self, plugin: str, others: Collection[str]) -> AbstractContextManager[None]:
        """Keep this thread's statements off the tables of *others*, but for what the operations note there."""
        return confined(self.database.connection(), plugin, others, _NOTED)

    @contextmanager
    def ticking(self, tick: Callable[[], object]) -> Iterator[None]:
        """Call *tick* about five times a second while a statement runs; what it raises stops the statement."""
        connection = self.database.connection()
        last = time.monotonic()

        def look() -> bool:
            nonlocal last
            now = time.monotonic()
            if now - last >= _TICK:
                last = now
                tick()
            return False

        connection.set_progress_handler(look, _STEPS)
        try:
            yield
        finally:
            connection.set_progress_handler(None)

    @contextmanager
    def traced(self, seen: Callable[[str, bool], object]) -> Iterator[None]:
        """Tell *seen* every statement this thread runs inside the block, and whether it has values; not which."""
        connection = self.database.connection()

        def trace(cursor: apsw.Cursor, sql: str, values: apsw.Bindings | None) -> bool:
            seen(sql, bool(values))
            return True

        connection.exec_trace = trace
        try:
            yield
        finally:
            connection.exec_trace = None

    def foreign_keys(self, on: bool) -> None:
        """Switch enforcement on this thread's connection; outside a transaction only."""
        self.database.run(f"PRAGMA foreign_keys = {int(on)}")

    def dangling(self, tables: Collection[str], *, committed: bool = False) -> dict[tuple[str, str], int]:
        """How many rows of which table point to nothing in which other."""
        from .references import dangling  # only a migration asks

        if not committed:
            return dangling(self.database.connection(), tables)
        if self._config.in_memory:
            return {}  # it was empty before
        reader = self._connect()
        try:
            return dangling(reader, tables)
        finally:
            reader.close()

    def full_text(self, table: Table) -> FullText:
        """Return the full-text index of *table*."""
        from .full_text import FullText  # few programs search

        return FullText(table, self.execute)

    def claim(self) -> None:
        """Mark the file as Stina's in its header; rolled back with the transaction around it."""
        if not self._config.in_memory:
            claim(self.database.connection())

    def settle(self) -> None:
        """Switch the file to write-ahead logging."""
        if not self._config.in_memory:
            set_journal(self.database.connection(), self._path)

    def is_empty(self) -> bool:
        """Whether the file holds no table at all."""
        return not self.ddl.tables()

    def backup(self, reason: str) -> Backup | None:
        """Copy what is committed through a second connection; None for a store in memory."""
        if self._config.in_memory:
            return None
        from . import backup  # a tenth of what the core itself costs at start; few starts make a backup

        self._older = {one.path for one in backup.listed(self._path)}
        reader = self._connect()
        try:
            return backup.make(reader, self._path, reason)
        finally:
            reader.close()

    def rotate(self, backup: Backup) -> None:
        """Delete the oldest backups of the reason of *backup*, beyond `config.backups_kept`."""
        from .backup import rotate

        rotate(self._path, backup.reason, self._config.backups_kept)

    def discard(self, backup: Backup) -> None:
        """Delete a backup that turned out not to be needed, unless it was there before."""
        if backup.path not in self._older:
            backup.path.unlink(missing_ok=True)

    def waiting(self, seconds: float) -> AbstractContextManager[None]:
        """Inside the block wait at most *seconds* for another writer."""
        return waiting(seconds)

    def schema_version(self) -> int:
        """SQLite's count of schema changes of the file."""
        return int(self.read("SELECT schema_version FROM pragma_schema_version")[0][0])

    def ring(self) -> None:
        """Wake every listener of this store. Costs one look for a directory where nobody listens."""
        if self._bell is None:
            from ..wake import bell_of  # most programs only read

            self._bell = bell_of(self._path)
        self._bell.ring()

    def waiter(self) -> Waiter:
        """Return what a listener of this process waits with. Whatever that needs is imported here, by the caller."""
        from . import capture  # noqa: F401

        if self._memory_wake is not None:
            return self._memory_wake.waiter()
        from ..wake import bell_of, waiter_of

        self._bell = self._bell or bell_of(self._path)
        return waiter_of(self._path, self.ways)

    def is_replaced(self) -> bool:
        """Whether another file now stands where this process has opened one, or none."""
        if self._file is None:
            return False
        try:
            now = os.stat(self._path)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return (now.st_dev, now.st_ino) != self._file

    def leave(self) -> None:
        """Run no statement any more: what is written to a file that is not in its place is lost."""
        self.database.leave(_LEFT)

    @contextmanager
    def reading(self) -> Iterator[set[str]]:
        """Put the names of all tables this thread's statements read inside the block into the set it gives."""
        tables: set[str] = set()
        with recorded() as statements:
            yield tables
        tables |= self._reads.of(self.database.connection(), statements)

    def close(self) -> None:
        """Close every connection of this process, and only then let others at the file."""
        self.database.end()
        if self._bell is not None:
            self._bell.close()
        if self._unguard is not None:
            self._unguard()

    def _connect(self) -> apsw.Connection:
        if self._memory is not None:
            return self._memory
        try:
            connection = connect(
                self._path,
                busy_timeout=self._config.busy_timeout,
                synchronous=self._config.synchronous,
                create=False,
            )
        except StoreIOError:
            if self.is_replaced():
                raise StoreClosedError(_LEFT) from None
            raise
        if self.is_replaced():
            connection.close()
            raise StoreClosedError(_LEFT)
        return connection


def _memory_wake() -> MemoryWake:
    from ..wake import MemoryWake

    return MemoryWake()


def _text(value: bytes) -> str | BrokenText:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return BrokenText(value)
