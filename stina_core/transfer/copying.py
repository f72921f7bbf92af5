"""Copies of files that belong to others: nothing of them is changed, also not what SQLite keeps beside them."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import apsw

from ..backends.sqlite import backup as copies
from ..backends.sqlite import forking, inspection
from ..backends.sqlite.connection import check_owner, configure, make_file
from ..backends.sqlite.errors import of_system, translated
from ..errors import StoreBusyError, StoreCorruptError, StoreIOError

_OF_A_ROW = re.compile("CHECK constraint failed in |NULL value in ")
"""Faults that are no damage: a program switched the rules off. Such rows are left out, and said."""


def copy_database(source: apsw.Connection, copy: str) -> None:
    """Copy what is committed in *source* to the new file *copy*."""
    make_file(copy)
    copies.copy_to(Path(copy), source)


def copy_file(path: Path, copy: str) -> None:
    """Copy what is committed in the database *path* to the new file *copy*.

    Raises:
        ConfigError: it is marked as another program's.
        StoreCorruptError: it is damaged, or no database.
        StoreBusyError: another program is writing to it just now, or keeps it locked.
        StoreIOError, ReadOnlyError: it cannot be read.
    """
    try:
        raw = _raw_suffixes(path)
        if raw:
            _copy_raw(path, copy, raw)
        else:
            with _opened(path) as source:
                check_owner(source, str(path))
                copy_database(source, copy)
        _check(copy)
    except StoreCorruptError as error:
        text = str(error)
        raise StoreCorruptError(text if str(path) in text else f"{path}: {text}") from error


def _check(copy: str) -> None:
    with inspection.opened(copy) as connection, translated():
        faults = [str(fault) for (fault,) in connection.execute("PRAGMA quick_check(1000000)")]
    if any(fault != "ok" and not _OF_A_ROW.match(fault) for fault in faults):
        raise StoreCorruptError("it is damaged: SQLite's check does not pass")


def _raw_suffixes(path: Path) -> tuple[str, ...]:
    """Return which files are copied as they are, because SQLite could not open them without changing something.

    The journal of an unfinished transaction is undone by any open, in the file itself.
    Beside a log it needs a place for an index, where nobody can be writing if it has none.
    """
    if not _size(path):
        return ("",)
    if _size(path, "-journal"):
        return ("", "-journal")
    writable = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    return () if writable or not _size(path, "-wal") else ("", "-wal")


@contextmanager
def _opened(path: Path) -> Iterator[apsw.Connection]:
    if not Path(f"{path}-wal").exists():
        with inspection.opened(str(path)) as connection:
            yield connection
        return
    alone = _alone(str(path))
    if alone is None:  # whoever has it open has made the index of the log, too
        with inspection.opened(str(path)) as connection:
            yield connection
        return
    try:
        yield alone
    finally:
        alone.close()


def _alone(path: str) -> apsw.Connection | None:
    """Open a file with a log that nobody else has open; None if somebody has.

    In this mode SQLite keeps the index of the log in memory. In any other it writes
    one beside the file, where there was none or an old one.
    """
    while forking.count & 1 and forking.pause():
        pass
    forking.refuse(path)
    try:
        connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE)
    except apsw.Error:
        return None
    forking.note(connection, path)
    try:
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)  # the log stays as it is
        connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
        configure(connection, 0, "FULL")
        connection.execute("PRAGMA query_only = 1").fetchall()
    except apsw.Error:
        connection.close()
        return None
    return connection


def _copy_raw(path: Path, copy: str, suffixes: Sequence[str]) -> None:
    make_file(copy)
    try:
        before = _stamps(path, suffixes)
        for suffix in suffixes:
            shutil.copyfile(f"{path}{suffix}", f"{copy}{suffix}")
        after = _stamps(path, suffixes)
    except OSError as error:
        raise of_system(error, f"{path} cannot be read") from error
    if before != after:
        raise StoreBusyError(f"another program is writing to {path}; try again")
    with inspection.opened(copy) as connection, translated():
        check_owner(connection, str(path))


def _stamps(path: Path, suffixes: Sequence[str]) -> list[tuple[int, int]]:
    found = [Path(f"{path}{suffix}").stat() for suffix in suffixes]
    return [(one.st_size, one.st_mtime_ns) for one in found]


def _size(path: Path, suffix: str = "") -> int:
    try:
        return Path(f"{path}{suffix}").stat().st_size
    except FileNotFoundError:
        return 0
    except (OSError, ValueError) as error:
        raise StoreIOError(f"{path} cannot be read: {error}") from error
