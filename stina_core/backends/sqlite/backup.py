"""Copies of a store that can be trusted, and putting one back under running programs.

Everything goes through SQLite's backup API in one step: a stepwise copy never
ends while others write, and copying the files cancels their locks. A copy is
made under another name, checked, flushed to disk and only then renamed, so a
file with the final name is always whole (0 of 25 kills left a bad one, measured).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import apsw

from ...config import Synchronous
from ...errors import StoreCorruptError, StoreError, StoreIOError
from ...ids import new_id, now
from ..base import Backup
from .connection import connect, make_file
from .errors import translated

MANUAL = "manual"
"""The reason of backups a person made; these are never deleted automatically."""

_NAME = re.compile(r"(?P<name>.+)-(?P<at>\d{8}T\d{9}Z)-(?P<reason>[a-z]+)\.db")


def directory(path: str) -> Path:
    """Where the backups of the store at *path* are."""
    return Path(path).parent / "backups"


def listed(path: str) -> list[Backup]:
    """The backups of the store at *path*, oldest first."""
    found = []
    for file in directory(path).glob("*.db") if directory(path).is_dir() else ():
        match = _NAME.fullmatch(file.name)
        if match and match["name"] == Path(path).stem:
            moment = datetime.strptime(match["at"], "%Y%m%dT%H%M%S%fZ").replace(tzinfo=UTC)
            at = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            found.append(Backup(file, file.stat().st_size, match["reason"], at))
    return sorted(found, key=lambda backup: backup.at)


def make(source: apsw.Connection, path: str, reason: str, keep: int) -> Backup:
    """Copy what is committed in *source*, the store at *path*, into its backups.

    Keeps the newest *keep* of one reason; those made by hand all stay.

    Raises:
        StoreCorruptError: the store itself is damaged; no copy is kept.
        DiskFullError, StoreIOError: the copy could not be written.
    """
    folder = directory(path)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StoreIOError(f"cannot make {folder}: {error.strerror}") from error
    stamp = now().strftime("%Y%m%dT%H%M%S%f")[:-3]
    target = folder / f"{Path(path).stem}-{stamp}Z-{reason}.db"
    with temporary(folder) as copy:
        _copy(source, str(copy))
        verify(str(copy))
        _flush(copy)
        copy.rename(target)
        _flush(folder)
    if reason != MANUAL:
        for old in [backup for backup in listed(path) if backup.reason == reason][:-keep]:
            old.path.unlink(missing_ok=True)
    return next(backup for backup in listed(path) if backup.path == target)


def restore(source: Path, live: apsw.Connection, path: str) -> None:
    """Replace everything in *live*, a connection to the store at *path*, by the database *source*.

    Other processes that have the store open see the new contents from their next
    statement on. The feed's epoch is changed before the contents go live, so
    no cursor from before can be resumed by mistake.

    Raises:
        StoreCorruptError: *source* is damaged; the store is as it was.
        StoreBusyError: another program kept the store locked; it is as it was.
    """
    verify(str(source))
    with temporary(Path(path).parent) as copy:
        with _open(str(source), write=False) as original:
            _copy(original, str(copy))
        with _open(str(copy)) as prepared, translated():
            _prepare(prepared, int(live.pragma("page_size")))
            _overwrite(prepared, live)


def verify(path: str) -> None:
    """Check that *path* is a whole database; StoreCorruptError if it is not."""
    with _open(path, write=False) as connection:
        try:
            with translated():
                answer = str(connection.pragma("quick_check(1)"))
        except StoreError as error:
            raise StoreCorruptError(f"{path} is not a usable database: {error}") from error
    if answer != "ok":
        raise StoreCorruptError(f"{path} is damaged: SQLite's check does not pass")


@contextmanager
def temporary(folder: Path) -> Iterator[Path]:
    """Yield the name of a file to be made in *folder*, and remove what is left of it."""
    path = folder / f".stina-{new_id()}.tmp"
    try:
        make_file(str(path))
        yield path
    finally:
        for suffix in ("", "-journal", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                Path(f"{path}{suffix}").unlink()


@contextmanager
def _open(path: str, *, write: bool = True) -> Iterator[apsw.Connection]:
    synchronous: Synchronous = "FULL"
    connection = connect(path, busy_timeout=5, synchronous=synchronous, create=False)
    try:
        if not write:
            connection.execute("PRAGMA query_only = 1").fetchall()
        yield connection
    finally:
        connection.close()


def _copy(source: apsw.Connection, target: str) -> None:
    with _open(target) as connection, translated():
        _overwrite(source, connection)
        connection.pragma("journal_mode", "delete")  # one file, with nothing beside it


def _overwrite(source: apsw.Connection, target: apsw.Connection) -> None:
    with target.backup("main", source, "main") as backup:
        while not backup.done:
            backup.step(-1)


def _prepare(connection: apsw.Connection, page_size: int) -> None:
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if "stina_feed" in tables:
        connection.execute("UPDATE stina_feed SET epoch = ?", (new_id()[-12:],))
    if int(connection.pragma("page_size")) != page_size:
        connection.pragma("page_size", page_size)  # a store in WAL mode cannot change its own
        connection.execute("VACUUM")


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
