"""How one connection to a store's file is opened: the same recipe everywhere.

Sources of the constants: the constant-step busy handler is Rails' answer to
SQLite's growing back-off, which starves whoever waits longest (p99 25 ms against
59 ms with eight writers, measured); the hardening settings are those SQLite's
"Defense Against The Dark Arts" page recommends for files of unknown origin.
"""

from __future__ import annotations

import os
import random
import re
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

import apsw

from ...config import Synchronous
from ...errors import ConfigError, StoreIOError, UnsafeOpenError
from . import forking
from .errors import of_system, translated
from .relevance import add_relevance

MINIMUM_SQLITE = (3, 54, 0)
"""First release with the WAL-reset fix (3.51.3) and an ALTER for CHECKs that takes quoted names and rows with NULL."""

APPLICATION_ID = 0x53746E61
""""Stna" in the header of the file, where `file(1)` and other programs see it."""

WAL_LIMIT = 64 << 20
"""Bytes the -wal file is cut down to after a checkpoint; one long reader can make it grow past that."""

STATEMENTS = 512
"""Prepared statements kept per connection; with fewer than are in use, each costs four times as much."""

patience: ContextVar[float | None] = ContextVar("stina_patience", default=None)
"""Seconds to wait for another writer in this context, in the place of the connection's own time."""

_BUSY_STEP = 0.0015  # seconds; jittered, so that two waiters do not march in step

_MOUNTS = Path("/proc/self/mountinfo")

_NETWORK = frozenset(
    {
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "gfs2",
        "glusterfs",
        "lustre",
        "nfs",
        "nfs4",
        "ocfs2",
        "smb3",
        "smbfs",
    }
    | {"fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs", "virtiofs"}
)


def connect(path: str, *, busy_timeout: float, synchronous: Synchronous, create: bool) -> apsw.Connection:
    """Open *path* with every setting of the recipe; WAL is the caller's business.

    Raises:
        StoreIOError, ReadOnlyError, StoreCorruptError: the file cannot be used.
        StoreClosedError: this is a child that may not open it, see `forking`.
        ConfigError: APSW was built with a SQLite that loses commits.
    """
    _check_library()
    while forking.count & 1 and forking.pause():
        pass
    forking.refuse(path)
    flags = apsw.SQLITE_OPEN_READWRITE | (apsw.SQLITE_OPEN_CREATE if create else 0)
    with translated():
        connection = apsw.Connection(path, flags=flags, statementcachesize=STATEMENTS)
        try:
            configure(connection, busy_timeout, synchronous)
        except BaseException:
            # Closing would write the log of a damaged file into it and delete the log: restoring keeps both.
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            connection.close()
            raise
    forking.note(connection, path)
    return connection


def connect_memory(synchronous: Synchronous) -> apsw.Connection:
    """Open a database that lives in this process's memory."""
    _check_library()
    while forking.count & 1 and forking.pause():
        pass
    forking.refuse(":memory:")
    with translated():
        connection = apsw.Connection(":memory:", statementcachesize=STATEMENTS)
        forking.note(connection, None)
        configure(connection, 0, synchronous)
    return connection


def configure(connection: apsw.Connection, busy_timeout: float, synchronous: Synchronous) -> None:
    """Give a fresh connection every setting of the recipe, and read the file for the first time."""
    connection.set_busy_handler(_busy_handler(weakref.ref(connection), busy_timeout))
    for setting, value in (
        (apsw.SQLITE_DBCONFIG_DEFENSIVE, 1),
        (apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0),
        (apsw.SQLITE_DBCONFIG_DQS_DDL, 0),
        (apsw.SQLITE_DBCONFIG_DQS_DML, 0),
        (apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1),
    ):
        connection.config(setting, value)
    connection.limit(apsw.SQLITE_LIMIT_ATTACHED, 0)
    for pragma, wanted in (
        ("cell_size_check", 1),
        ("mmap_size", 0),
        ("foreign_keys", 1),
        ("recursive_triggers", 1),
        ("secure_delete", 1),
        ("synchronous", synchronous),
        ("fullfsync", int(synchronous == "FULL")),  # macOS alone needs it to reach the disk
        ("checkpoint_fullfsync", int(synchronous == "FULL")),
        ("journal_size_limit", WAL_LIMIT),
    ):
        connection.execute(f"PRAGMA {pragma} = {wanted}").fetchall()
    connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()  # the first read of the file
    add_relevance(connection)  # which runs a statement, and would hide what is wrong with a file


@contextmanager
def waiting(seconds: float) -> Iterator[None]:
    """Inside the block, in this thread or task, wait for another writer at most *seconds*."""
    token = patience.set(seconds)
    try:
        yield
    finally:
        patience.reset(token)


def _busy_handler(connection: weakref.ref[apsw.Connection], timeout: float) -> Callable[[int], bool]:
    deadline = 0.0

    def wait(tries: int) -> bool:
        nonlocal deadline
        now = time.monotonic()
        if tries == 0:
            own = patience.get()
            deadline = now + (timeout if own is None else own)
        waiting = connection()
        if now >= deadline or waiting is None or waiting.is_interrupted:
            return False
        if forking.gives_way(waiting):
            return False
        time.sleep(_BUSY_STEP * random.uniform(0.7, 1.3))
        return True

    return wait


def make_file(path: str) -> None:
    """Create what *path* needs: its directories (0700) and an empty file (0600), whatever the umask.

    Only directories made here get the mode; an existing one is the user's.

    Raises:
        ReadOnlyError, DiskFullError, StoreIOError: there can be no such file.
    """
    file = Path(path)
    try:
        _make_directory(file.parent)
        if not file.exists():  # never open an existing one: see guard.py
            with suppress(UnsafeOpenError):  # another thread made it meanwhile, and has it open
                os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        if not file.is_file():
            raise StoreIOError(f"{path} cannot be made: a file is where a directory must be") from None
    except OSError as error:
        raise of_system(error, f"{path} cannot be made") from error
    if file.is_dir():
        raise StoreIOError(f"{path} is a directory; name a file")
    if not file.is_file():  # a device, a pipe: tighten() would take it from the whole system
        raise StoreIOError(f"{path} is no ordinary file; a store needs one")


def _make_directory(folder: Path) -> None:
    if not folder.is_dir():
        _make_directory(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)  # not parents=True: that gives the mode to the last one only


def tighten(path: str) -> None:
    """Take the file at *path*, and what SQLite keeps beside it, from everybody but its owner."""
    for name in (path, f"{path}-wal", f"{path}-shm"):
        with suppress(FileNotFoundError):
            found = Path(name).stat()
            if found.st_mode & 0o077 and found.st_uid == os.getuid():
                Path(name).chmod(found.st_mode & 0o700)  # a file made read-only stays that


def set_journal(connection: apsw.Connection, path: str) -> str:
    """Switch the file to WAL and return the journal mode it now has.

    On a network file system, where WAL cannot work, a new file keeps the
    rollback journal; a file that already uses WAL is left as it is.
    """
    with translated():
        current = str(connection.pragma("journal_mode"))
        if current == "wal" or on_network(path):
            return current
        mode = str(connection.pragma("journal_mode", "wal"))
    if mode != "wal":
        raise StoreIOError(f"{path} cannot use write-ahead logging here (SQLite answered {mode!r})")
    return mode


def on_network(path: str) -> bool:
    """Whether *path* is on a file system whose locks cross machines."""
    mounts: dict[str, str] = {}
    try:
        lines = _MOUNTS.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return False  # not Linux
    for line in lines:
        left, _, right = line.partition(" - ")
        place = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), left.split()[4])
        mounts[place] = right.split()[0]
    place = os.path.realpath(path)
    while place not in mounts and place != "/":
        place = str(Path(place).parent)
    return mounts.get(place, "") in _NETWORK


def check_owner(connection: apsw.Connection, path: str) -> None:
    """Refuse a file that its header marks as another program's.

    Raises:
        ConfigError: it is; nothing was written.
    """
    with translated():
        found = int(connection.pragma("application_id"))
    if found not in (0, APPLICATION_ID):
        raise ConfigError(
            f"{path} belongs to another program (application id {found & 0xFFFFFFFF:#010x}); choose another path"
        )


def claim(connection: apsw.Connection) -> None:
    """Write Stina's application id into the header, as part of the transaction it is called in."""
    with translated():
        if int(connection.pragma("application_id")) != APPLICATION_ID:
            connection.pragma("application_id", APPLICATION_ID)


def _check_library() -> None:
    version = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
    if version < MINIMUM_SQLITE:
        raise ConfigError(
            f"this APSW uses SQLite {apsw.sqlite_lib_version()}, which can lose committed data; "
            f"install APSW from its own wheel (SQLite {'.'.join(map(str, MINIMUM_SQLITE))} or newer)"
        )
