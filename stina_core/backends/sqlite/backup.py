"""Copies of a store that can be trusted, and putting one back under running programs.

Everything goes through SQLite's backup API in one step: a stepwise copy never
ends while others write, and copying the files cancels their locks. A copy is
made under another name, checked, flushed to disk and only then renamed, so a
file with the final name is always whole (0 of 25 kills left a bad one, measured).

The backups of `stina.db` are `backups/stina.db-<UTC>-<reason>.db` beside it.
"""

from __future__ import annotations

import filecmp
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import apsw

from ...errors import StoreCorruptError
from ...ids import iso, new_id, now
from ...log import get_logger
from ..base import Backup
from . import inspection
from .connection import connect, make_file
from .errors import of_system, translated

log = get_logger(__name__)

MANUAL = "manual"
"""The reason of backups a person made; these are never deleted automatically."""

CORRUPT = "corrupt"
"""The reason of what is kept of a damaged store: the only copies that were not checked."""

_FORM = "%Y%m%dT%H%M%S%f"
_NAME = re.compile(r"(?P<name>.+)-(?P<at>\d{8}T\d{9})Z-(?P<reason>[a-z]+)\.db", re.DOTALL)
_LEFT_BEHIND = 86_400.0  # seconds after which an unfinished copy belongs to nobody any more


def directory(path: str) -> Path:
    """Where the backups of the store at *path* are."""
    return Path(path).parent / "backups"


def listed(path: str) -> list[Backup]:
    """The backups of the store at *path*, oldest first; none if their directory cannot be read."""
    found = []
    with suppress(OSError):
        for file in directory(path).iterdir():
            match = _NAME.fullmatch(file.name)
            if match and match["name"] == Path(path).name:
                with suppress(ValueError, FileNotFoundError):  # no date after all, or just deleted
                    moment = datetime.strptime(match["at"], _FORM).replace(tzinfo=UTC)
                    found.append(Backup(file, file.stat().st_size, match["reason"], iso(moment)))
    return sorted(found, key=lambda backup: (backup.at, backup.path))


def make(source: apsw.Connection, path: str, reason: str, *, check: bool = True) -> Backup:
    """Copy what is committed in *source*, the store at *path*, into its backups.

    Args:
        check: Refuse to keep a copy that is damaged.

    Raises:
        StoreCorruptError: the store itself is damaged; no copy is kept.
        DiskFullError, StoreIOError: the copy could not be written.
    """
    folder = _folder(path)
    _remove_left_behind(Path(path).parent)  # where restores and plans work
    with temporary(folder) as copy:
        copy_to(copy, source)
        if check:
            _check(copy, path)
        same = _same(copy, path, reason)
        if same is not None:
            return same
        with _refused(f"no backup can be made in {folder}"):
            _flush(copy)
            made = _vacant(path, reason)
            copy.rename(made.path)
            _flush(folder)
    return Backup(made.path, made.path.stat().st_size, reason, made.at)


def _same(copy: Path, path: str, reason: str) -> Backup | None:
    """The newest automatic backup of this reason, if it is what *copy* is.

    A program that is killed in a step makes the same copy again at every start;
    such copies must not push out the older ones.
    """
    if reason == MANUAL:
        return None
    older = [backup for backup in listed(path) if backup.reason == reason]
    if older and filecmp.cmp(copy, older[-1].path, shallow=False):
        return older[-1]
    return None


def rotate(path: str, reason: str, keep: int, *, spare: Path | None = None) -> None:
    """Keep the newest *keep* backups of one reason. Called once the operation they were made for is done.

    Those made by hand all stay, and so does *spare*.
    """
    if reason != MANUAL:
        for old in [backup for backup in listed(path) if backup.reason == reason][:-keep]:
            if spare is None or not old.path.samefile(spare):
                _remove(old.path)


def restore(
    source: Path, live: apsw.Connection, path: str, save: Callable[[], Backup | None]
) -> Backup | None:
    """Replace everything in *live*, a connection to the store at *path*, by the database *source*.

    Other processes that have the store open see the new contents from their next
    statement on. The feed's epoch is changed before the contents go live, so
    no cursor from before can be resumed by mistake.

    Args:
        save: Copies the present contents, through a connection of its own. It is
            called while nobody else can write, so that no acknowledged write
            falls between the copy and the new contents. (Without write-ahead
            logging nobody could read then either, and it is called before.)

    Returns:
        What *save* returned.

    Raises:
        StoreCorruptError: *source* is damaged; the store is as it was.
        StoreBusyError: another program kept the store locked; it is as it was.
    """
    with translated():
        page_size = int(live.pragma("page_size"))
        readable = live.pragma("journal_mode") == "wal"
    with _prepared(source, path, page_size) as copy, _writing(copy) as contents, translated():
        saved = None if readable else save()
        with live.backup("main", contents, "main") as backup:
            try:
                backup.step(0)  # copies nothing, and takes the write lock until the end
                saved = save() if readable else saved
                while not backup.done:
                    backup.step(-1)
            except BaseException:
                # An interrupt may come when the new contents are in: then this is all that is left of the old.
                if saved is not None and not backup.done:
                    _remove(saved.path)
                raise
    return saved


def replace(source: Path, path: str) -> Backup:
    """Put the database *source* in the place of the store at *path*, which is too damaged to be opened.

    The damaged file is kept among the backups with its log. A program that has
    it open goes on with the old file and has to be started again.

    Returns:
        What is left of the damaged store.

    Raises:
        StoreCorruptError: *source* is damaged as well; everything is as it was.
        StoreIOError: a file could not be moved.
    """
    folder = _folder(path)
    with _prepared(source, path, None) as copy:
        with _refused(f"{path} cannot be replaced"):
            kept = _vacant(path, CORRUPT)
            _flush(copy)
            # The log goes first: beside a new file it would be played into it, without an error.
            for suffix in ("-wal", "-shm", "-journal"):
                with suppress(FileNotFoundError):
                    Path(f"{path}{suffix}").rename(f"{kept.path}{suffix}")
            _also_at(Path(path), kept.path)
            copy.replace(path)
            _flush(folder)
            _flush(Path(path).parent)
    return Backup(kept.path, kept.path.stat().st_size, CORRUPT, kept.at)


def verify(path: str) -> None:
    """Check that *path* is a whole database; StoreCorruptError if it is not. It is only read."""
    if inspection.quick_check(path) != "ok":
        raise StoreCorruptError(f"{path} is damaged: SQLite's check does not pass")


@contextmanager
def temporary(folder: Path) -> Iterator[Path]:
    """Yield a new, empty file in *folder*, and remove what is left of it at the end.

    What killed programs left of theirs a day ago is removed as well.
    """
    _remove_left_behind(folder)
    path = folder / f".stina-{new_id()}.tmp"
    make_file(str(path))
    try:
        yield path
    finally:
        for suffix in ("", "-journal", "-wal", "-shm", ".lock"):
            _remove(Path(f"{path}{suffix}"))


def copy_to(file: Path, source: apsw.Connection) -> None:
    """Copy what is committed in *source* into the empty *file*; nothing is beside that afterwards."""
    with _writing(file) as connection, translated():
        _overwrite(source, connection)
        connection.pragma("journal_mode", "delete")  # one file, with nothing beside it


@contextmanager
def _prepared(source: Path, path: str, page_size: int | None) -> Iterator[Path]:
    """Yield a checked copy of *source* beside *path*, made ready to become the store there."""
    with temporary(Path(path).parent) as copy:
        with inspection.opened(str(source)) as original:
            copy_to(copy, original)
        _check(copy, str(source))
        with _writing(copy) as connection, translated():
            tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema")}
            if "stina_feed" in tables:
                _begin_epoch(connection)
            if page_size is not None and int(connection.pragma("page_size")) != page_size:
                connection.pragma("page_size", page_size)  # a store in WAL mode cannot change its own
                connection.limit(apsw.SQLITE_LIMIT_ATTACHED, 1)  # VACUUM attaches its temporary file
                connection.execute("VACUUM")
        yield copy


def _begin_epoch(connection: apsw.Connection) -> None:
    """Give the feed a new epoch. Full-text indexes are in the same file and stay as far as they are."""
    old, new = connection.execute("SELECT epoch FROM stina_feed").get, new_id()[-12:]
    connection.execute("UPDATE stina_feed SET epoch = ?", (new,))
    connection.execute(
        "UPDATE stina_cursor SET epoch = ? WHERE epoch = ? AND name GLOB 'search:*'", (new, old)
    )


@contextmanager
def _writing(path: Path) -> Iterator[apsw.Connection]:
    connection = connect(str(path), busy_timeout=5, synchronous="FULL", create=False)
    try:
        yield connection
    finally:
        connection.close()


def _overwrite(source: apsw.Connection, target: apsw.Connection) -> None:
    with target.backup("main", source, "main") as backup:
        while not backup.done:
            backup.step(-1)


def _check(copy: Path, original: str) -> None:
    try:
        verify(str(copy))
    except StoreCorruptError as error:
        raise StoreCorruptError(f"{original} is damaged: SQLite's check does not pass") from error


def _folder(path: str) -> Path:
    folder = directory(path)
    with _refused(f"{folder} cannot be made"):
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder


@contextmanager
def _refused(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise of_system(error, what) from error


def _vacant(path: str, reason: str) -> Backup:
    """Return a backup to be made, under a name that is not taken."""
    moment = now()
    while True:
        file = directory(path) / f"{Path(path).name}-{moment.strftime(_FORM)[:-3]}Z-{reason}.db"
        if not file.exists():
            return Backup(file, 0, reason, iso(moment))
        moment += timedelta(milliseconds=1)


def _also_at(file: Path, name: Path) -> None:
    """Give *file* the second name *name*; only that one, where a file cannot have two."""
    try:
        name.hardlink_to(file)
    except OSError:
        file.rename(name)


def _remove_left_behind(folder: Path) -> None:
    for file in folder.glob(".stina-*.tmp*"):
        with suppress(FileNotFoundError):
            if time.time() - file.lstat().st_mtime > _LEFT_BEHIND:
                _remove(file)


def _remove(file: Path) -> None:
    """Remove *file*. One that stays does no harm to the work at hand, but may hold all of a store's data."""
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        log.warning("copy.kept", path=str(file), error=type(error).__name__)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
