"""Reading a store's file without leaving a trace: for reports, and for files that are only a source.

A plain read-only open is not that: on a file in WAL mode it leaves a -wal and a
-shm behind, because only a connection that may write removes them. So the file
is opened for writing where that is possible, with every write refused.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import apsw

from ...catalog import Table
from ...errors import ConfigError, ReadOnlyError, StoreCorruptError, StoreIOError
from ...ids import from_ms, iso
from ...migrations.plan import Entry
from . import forking
from .connection import STATEMENTS, check_owner, configure
from .errors import of_system, translated
from .feed_inspection import Feed, feed, uncaptured
from .statements import TABLES

_BUSY = 5.0  # seconds
_OF_FEED = {"stina_feed", "stina_change", "stina_cursor"}


@dataclass(frozen=True, slots=True)
class Repairs:
    """How often one reason led to a repair in one column. Never what was there."""

    plugin: str
    table: str
    column: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in one file, as of one moment.

    Attributes:
        foreign: Why it is refused as another program's, or an empty string.
        ledger: The applied steps; None for a file without a ledger.
        failures: By plugin, why its steps were undone when they were last tried.
    """

    application_id: int
    foreign: str
    journal_mode: str
    tables: tuple[str, ...]
    ledger: tuple[Entry, ...] | None
    repairs: tuple[Repairs, ...]
    failures: dict[str, str]
    feed: Feed | None


def sqlite_version() -> str:
    """Return the version of the library that reads and writes files here."""
    return apsw.sqlite_lib_version()


@contextmanager
def opened(path: str) -> Iterator[apsw.Connection]:
    """Open the existing file *path* to read from it; nothing beside it appears or goes.

    A transaction that a crashed program left half-done is undone by SQLite, as at any open.

    Raises:
        StoreIOError: it is not there, or is no ordinary file.
        ReadOnlyError: it may not be read.
        StoreClosedError: this is a child that may not open it, see `forking`.
        StoreCorruptError: it is no database.
    """
    while forking.count & 1 and forking.pause():
        pass
    forking.refuse(path)
    try:
        connection = _open(_existing(path))
    except StoreCorruptError as error:
        raise StoreCorruptError(f"{path}: {error}") from error
    forking.note(connection, path)
    try:
        yield connection
    finally:
        connection.close()


@dataclass(frozen=True, slots=True)
class Repair:
    """One value that had to be changed, with what it was.

    Bytes, and a text that was not UTF-8, are `{"$hex": ...}`.

    Attributes:
        key: Of the row it was in.
        column: `*` for a row that was left out; `before` is then all of it, as JSON.
        at: UTC, ISO 8601 with milliseconds.
    """

    plugin: str
    table: str
    key: object
    column: str
    before: object
    reason: str
    at: str


def repairs(path: str) -> list[Repair]:
    """Return every repair that is noted in the file, oldest first."""
    with opened(path) as connection, translated():
        if ("stina_repair",) not in _rows(connection, TABLES):
            return []
        rows = _rows(
            connection,
            'SELECT "plugin", "table", "key", "column", "before", "reason", "at" FROM stina_repair ORDER BY id',
        )
    return [
        Repair(plugin, table, _plain(key), column, _plain(before), reason, iso(from_ms(at)))
        for plugin, table, key, column, before, reason, at in rows
    ]


def contents(path: str) -> Contents:
    """Read what the file *path* says of itself."""
    with opened(path) as connection, translated():
        connection.execute("BEGIN")  # one moment for all of it; closing ends it
        tables = tuple(row[0] for row in _rows(connection, TABLES))
        return Contents(
            application_id=int(connection.pragma("application_id")),
            foreign=_foreign(connection, path),
            journal_mode=str(connection.pragma("journal_mode")),
            tables=tables,
            ledger=_ledger(connection) if "stina_ledger" in tables else None,
            repairs=_repairs(connection) if "stina_repair" in tables else (),
            failures=_failures(connection) if "stina_failure" in tables else {},
            feed=feed(connection) if set(tables) >= _OF_FEED else None,
        )


def counts(path: str, tables: Iterable[str]) -> dict[str, int]:
    """Return the number of rows of each of *tables*, which the file has. Costs a walk over each."""
    with opened(path) as connection, translated():
        connection.execute("BEGIN")
        return {table: _rows(connection, f'SELECT count(*) FROM "{table}"')[0][0] for table in tables}


def columns(path: str, tables: Iterable[str]) -> dict[str, list[str]]:
    """Return the names of the columns of each of *tables*, which the file has."""
    with opened(path) as connection, translated():
        return {
            table: [
                str(row[0]) for row in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))
            ]
            for table in tables
        }


def integrity_check(path: str) -> str:
    """Return SQLite's verdict on everything, indexes against their tables included: `ok`, or the first fault."""
    with opened(path) as connection, translated():
        return str(connection.pragma("integrity_check", 1))


def quick_check(path: str) -> str:
    """Return SQLite's verdict on the file's structure: `ok`, or the first fault."""
    with opened(path) as connection, translated():
        return str(connection.pragma("quick_check", 1))


def broken_references(path: str) -> dict[str, int]:
    """Return how many rows of which tables point to nothing."""
    found: dict[str, int] = {}
    with opened(path) as connection, translated():
        for table, *_ in connection.execute("PRAGMA foreign_key_check"):
            found[str(table)] = found.get(str(table), 0) + 1
    return found


def not_captured(path: str, tables: Iterable[Table]) -> list[str]:
    """Return those of *tables*, as plugins declare them, whose changes are not all written down in the feed."""
    with opened(path) as connection, translated():
        return uncaptured(connection, tables)


def _plain(value: object) -> object:
    return {"$hex": value.hex()} if isinstance(value, bytes) else value


def _existing(path: str) -> str:
    file = Path(path)
    try:
        path.encode()
        if file.is_dir():
            raise StoreIOError(f"{path} is a directory; name a file")
        if not file.exists():
            raise StoreIOError(f"{path} does not exist")
        if not file.is_file():
            raise StoreIOError(f"{path} is no ordinary file; a store needs one")
        if not os.access(path, os.R_OK):
            raise ReadOnlyError(f"{path} may not be read by this program")
    except ValueError as error:
        raise StoreIOError(f"{path!r} cannot be the path of a database; name another") from error
    except OSError as error:
        raise of_system(error, f"{path} cannot be read") from error
    return path


def _open(path: str) -> apsw.Connection:
    has_log = Path(f"{path}-wal").exists()
    if os.access(path, os.W_OK) and os.access(Path(path).parent, os.W_OK):
        # A log that is there is another program's, or a crashed one's; where there is none, ours goes at close.
        return _connect(path, apsw.SQLITE_OPEN_READWRITE, keep_log=has_log)
    try:
        return _connect(path, apsw.SQLITE_OPEN_READONLY)
    except (StoreIOError, ReadOnlyError):
        if has_log:
            raise
        # A file in WAL mode in a directory where no -wal can be made: nobody can be writing it.
        uri = f"file:{quote(path)}?immutable=1"
        return _connect(uri, apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)


def _connect(name: str, flags: int, *, keep_log: bool = False) -> apsw.Connection:
    with translated():
        connection = apsw.Connection(name, flags=flags, statementcachesize=STATEMENTS)
        try:
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, int(keep_log))
            configure(connection, _BUSY, "FULL")
            connection.execute("PRAGMA query_only = 1").fetchall()
        except BaseException:
            connection.close()
            raise
    return connection


def _rows(connection: apsw.Connection, sql: str) -> list[Any]:
    return connection.execute(sql).fetchall()


def _foreign(connection: apsw.Connection, path: str) -> str:
    try:
        check_owner(connection, path)
    except ConfigError as error:
        return str(error)
    return ""


def _ledger(connection: apsw.Connection) -> tuple[Entry, ...]:
    return tuple(Entry(*row) for row in _rows(connection, "SELECT plugin, id, checksum FROM stina_ledger"))


def _failures(connection: apsw.Connection) -> dict[str, str]:
    return dict(_rows(connection, "SELECT plugin, reason FROM stina_failure"))


def _repairs(connection: apsw.Connection) -> tuple[Repairs, ...]:
    rows = _rows(
        connection,
        'SELECT "plugin", "table", "column", "reason", count(*) FROM stina_repair '
        'GROUP BY "plugin", "table", "column", "reason" ORDER BY min("id")',
    )
    return tuple(Repairs(*row) for row in rows)
