"""Backing up, restoring and resetting a store, also while other programs have it open.

None of these needs an open store, and none migrates the one it works on. What
replaces its contents holds the store's lock, so that nobody opens or migrates it
in the meantime. A backup needs no lock: it copies one committed state.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import apsw

from .backends.base import Backup
from .backends.sqlite import backup as copies
from .backends.sqlite import inspection
from .backends.sqlite.connection import check_owner, connect, make_file, set_journal
from .backends.sqlite.errors import translated
from .backends.sqlite.lock import LOCK_TIMEOUT, file_lock
from .config import StoreConfig
from .errors import ConfigError, StoreCorruptError, StoreIOError
from .log import get_logger
from .migrations.core_steps import core_steps
from .migrations.plan import CORE, plan
from .opening import open_database
from .plugins import Plugins
from .version import __version__

log = get_logger(__name__)

_MAGIC = b"SQLite format 3\0"


@dataclass(frozen=True, slots=True)
class Replaced:
    """The contents of a store were replaced.

    Attributes:
        before: What was there before; None if there was nothing. Its reason is
            `corrupt` if that was damaged, and then nobody checked it.
    """

    path: str
    before: Backup | None


def back_up(config: StoreConfig) -> Backup:
    """Make a verified copy of what is committed, which is never deleted automatically.

    Raises:
        StoreIOError: there is no store, or the copy could not be written.
        StoreCorruptError: the store is damaged; no copy was kept.
    """
    path = _file_of(config)
    with _opened(path) as source:
        made = copies.make(source, path, copies.MANUAL)
    log.info("backup.made", path=str(made.path))
    return made


def restore(config: StoreConfig, source: Path) -> Replaced:
    """Replace the contents of the store by those of the database *source*, after a backup.

    Programs that have the store open go on with the new contents; cursors of the
    change feed from before are refused. The new contents are not migrated: the
    next program that opens the store does that, and until then a running one may
    meet QueryError where an old backup lacks a table.

    A store too damaged to be opened is moved among the backups and a new file
    takes its place; only then must programs that have it open be started again.

    Raises:
        SchemaTooNewError, LedgerConflictError: *source* is from another Stina. Nothing was changed.
        ConfigError: *source* or the store belongs to another program. Nothing was changed.
        StoreCorruptError: *source* is damaged. Nothing was changed.
        StoreIOError: *source* is not there, is empty, or is the store itself. Nothing was changed.
        StoreBusyError: another program kept the store locked. Nothing was changed.
    """
    path = _file_of(config)
    _check_source(source, path)
    return _replace(config, path, source, "restore")


def reset(config: StoreConfig, plugins: Plugins) -> Replaced:
    """Empty the store, after a backup: it is then as a new one with the tables of *plugins*.

    Raises:
        MigrationError: a plugin's steps fail on an empty file. Nothing was changed.
        ConfigError: the store belongs to another program. Nothing was changed.
        StoreBusyError: another program kept the store locked. Nothing was changed.
    """
    path = _file_of(config)
    make_file(path)
    with copies.temporary(Path(path).parent) as fresh:
        built = open_database(replace(config, path=str(fresh)), plugins)
        built.backend.close()
        for failure in built.outcome.failed.values():
            raise failure
        return _replace(config, path, fresh, "reset")


def _replace(config: StoreConfig, path: str, source: Path, reason: str) -> Replaced:
    was_store = _looks_like_a_store(path)
    make_file(path)
    with file_lock(path, LOCK_TIMEOUT):
        try:
            before = _overwrite(config, path, source, reason)
        except StoreCorruptError:
            if not was_store:
                raise ConfigError(
                    f"{path} is no database, and nothing says that it ever was a store; choose another path, "
                    "or move it away first if it is a damaged store"
                ) from None
            before = copies.replace(source, path)  # raises it again if the damaged one is the source
    log.info("store.replaced", path=path, reason=reason, backup=str(before.path) if before else None)
    return Replaced(path, before)


def _looks_like_a_store(path: str) -> bool:
    """Whether a file that cannot be read as a database is a damaged store, and not somebody's diary.

    A lock file says nothing: a refused attempt leaves one.
    """
    if copies.listed(path) or Path(f"{path}-wal").exists():
        return True
    try:
        with Path(path).open("rb") as file:
            return file.read(len(_MAGIC)) in (_MAGIC, b"")
    except OSError:
        return True  # it cannot be read at all; opening it says why


def _overwrite(config: StoreConfig, path: str, source: Path, reason: str) -> Backup | None:
    live = connect(path, busy_timeout=config.busy_timeout, synchronous="FULL", create=False)
    try:
        check_owner(live, path)
        set_journal(live, path)
        before = copies.restore(source, live, path, lambda: _copy_of(path, reason))
    finally:
        live.close()
    if before is not None:
        copies.rotate(path, before.reason, config.backups_kept, spare=source)
    return before


def _copy_of(path: str, reason: str) -> Backup | None:
    with inspection.opened(path) as present, translated():
        if not present.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall():
            return None
        try:
            return copies.make(present, path, reason)
        except StoreCorruptError:
            return copies.make(present, path, copies.CORRUPT, check=False)


def _check_source(source: Path, path: str) -> None:
    with inspection.opened(str(source)) as connection:
        check_owner(connection, str(source))
    with suppress(OSError):
        if source.samefile(path):
            raise StoreIOError(f"{source} is the store itself; name a backup, `stina db status` lists them")
    found = inspection.contents(str(source))
    if not found.tables:
        raise StoreIOError(f"{source} holds no table; to empty the store use `stina db reset`")
    refusal = plan([core_steps(__version__)], found.ledger or ()).refused.get(CORE)
    if refusal is not None:
        raise refusal
    copies.verify(str(source))


@contextmanager
def _opened(path: str) -> Iterator[apsw.Connection]:
    with inspection.opened(path) as connection:
        check_owner(connection, path)
        yield connection


def _file_of(config: StoreConfig) -> str:
    if config.in_memory:
        raise ConfigError("a store in memory has no file to copy or replace; name one with --db or STINA_DB")
    return config.located(config.location).location  # for one built directly, with a link as its path
