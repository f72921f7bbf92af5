"""fork(): the parent's SQLite is quiet while it happens, and the child gets no file that it would misread.

SQLite keeps tables of locks and of shared memory for each process, and its own
mutexes. A child inherits the tables and not the locks they speak of, so it would
believe that it holds what it does not (a commit was lost, measured), and a
mutex that another thread held would never be given back. Therefore, before each
fork: transactions of other threads get a moment to end, no thread begins a
statement any more, those that run come to their end, and every connection of a
store is closed unless it has a transaction open. The parent's threads open theirs
again. A file that could not be let go of is refused in the child, and so is every
file if a statement did not end.

That a thread is inside is told by SQLite's own mutex of a connection, and by the
thread's innermost frame of ours: it covers the moment between a thread's look at
`count` and its entry into SQLite.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import apsw

from ...errors import StoreClosedError
from ...log import get_logger

log = get_logger(__name__)

PATIENCE = 10.0
"""Seconds that a fork waits for statements of other threads, and they for it."""

LAST_MOMENT = 0.5
"""Seconds of a fork in which open transactions of other threads may come to their end, and then imports."""

draining = False
"""Whether those are going on: a thread that is inside a transaction need not pause then."""

count = 0
"""Even, and two more after each fork; odd while one is under way. Compared before each statement."""

_STEP = 0.001  # seconds between two looks

_ADVICE = (
    "fork while no transaction is open and nothing reads or copies the file, or start the program "
    "with subprocess, or with multiprocessing's 'spawn' or 'forkserver'"
)
_UNCLEAN = f"the parent process was in the middle of using this file when it forked; {_ADVICE}"
_NOT_QUIET = f"a statement of another thread was still running when the parent process forked; {_ADVICE}"

_IMPORT = "<frozen importlib._bootstrap>"
"""The file of the frames in which Python imports."""

_HERE = f"{Path(__file__).parent}{os.sep}"
_CORE = f"{Path(__file__).parents[2]}{os.sep}"
_OUTSIDE = frozenset(f"{_HERE}{name}.py" for name in ("forking", "gate", "guard", "lock"))
"""Modules beside this one that do not enter SQLite; threads wait in them for one another."""

File = tuple[int, int]
"""Device and inode."""


class _Opened:
    __slots__ = ("closed", "file", "path", "reopens", "thread")

    def __init__(self, path: str | None, file: File | None, thread: int) -> None:
        self.path = path  # None: a database in memory
        self.file = file
        self.thread = thread
        self.reopens = False  # whether its thread opens another one if this is closed
        self.closed = False  # by a fork


_lock = threading.RLock()  # guards the next one
_known: weakref.WeakKeyDictionary[apsw.Connection, _Opened] = weakref.WeakKeyDictionary()
_turn = threading.RLock()  # held by whoever forks
_forker: int | None = None
_over = threading.Event()
_quiet = False
_left: list[apsw.Connection] = []  # open across the fork that is under way
_gave_way: set[int] = set()  # threads
_unclean: set[File] = set()
_refuses_all = False


def pause() -> bool:
    """Wait for the fork that is under way. Call it before SQLite is entered, with nothing fetched from it:

        while forking.count & 1 and forking.pause():
            pass

    The last look at `count` is the caller's own, because threads that are in this module are not waited for.

    Returns:
        Whether to look again; False for the thread that forks.
    """
    global _quiet
    if _forker == threading.get_ident():
        return False
    if not _over.wait(PATIENCE):  # a hook of the program waits for a lock that this thread holds
        _quiet = False
        return False
    return True


def is_inside() -> bool:
    """Whether what calls the caller enters SQLite, so that a fork waits for it: it must not pause, then."""
    return any(_enters_sqlite(frame) for frame in _stack(sys._getframe(2)))


def refuse(path: str) -> None:
    """Raise StoreClosedError for a file that this process may not open, because its parent had it in use."""
    if _refuses_all:
        raise StoreClosedError(_NOT_QUIET)
    if _unclean and _identity(path) in _unclean:
        raise StoreClosedError(_UNCLEAN)


def note(connection: apsw.Connection, path: str | None) -> None:
    """Take in a connection just opened: to the file *path*, or None for memory."""
    with _lock:
        _known[connection] = _Opened(path, None if path is None else _identity(path), threading.get_ident())
        if count & 1 and _forker == threading.get_ident():
            _left.append(connection)  # another hook of this fork uses the store


def note_reopening(connection: apsw.Connection) -> None:
    """From now on *connection* may be closed by a fork; its thread must ask `was_closed()` when `count` moves."""
    known = _known.get(connection)
    if known is not None:  # else opened by other hands, and not closed by a fork
        known.reopens = True


def was_closed(connection: apsw.Connection) -> bool:
    """Whether a fork closed *connection*."""
    known = _known.get(connection)
    return known is not None and known.closed


def gives_way(connection: apsw.Connection) -> bool:
    """Whether *connection*, waiting in a statement for another writer, must give up; `was_in_the_way()` says so later.

    Only outside a transaction, where the statement can be run again as if nothing was.
    """
    if not count & 1 or _forker == threading.get_ident():
        return False
    opened = _known.get(connection)
    if opened is None or not opened.reopens or connection.in_transaction:
        return False
    _gave_way.add(threading.get_ident())
    return True


def was_in_the_way(error: Exception) -> bool:
    """Whether this thread's statement failed with *error* only because of a fork; then run it again."""
    if not isinstance(error, apsw.BusyError) or threading.get_ident() not in _gave_way:
        return False
    _gave_way.discard(threading.get_ident())
    return True


def _identity(path: str) -> File | None:
    try:
        found = os.stat(path)
    except (OSError, ValueError):  # whoever opens it says what is wrong
        return None
    return (found.st_dev, found.st_ino)


def _before() -> None:
    global count, _forker, _over, _quiet
    import ctypes  # noqa: F401  # for the child, where nothing new should be imported; too dear for every start

    _turn.acquire()
    _forker = threading.get_ident()
    _quiet = False
    _over = threading.Event()
    count += 1
    if not any(_enters_sqlite(frame) for frame in _stack(sys._getframe())):  # else: in a callback of SQLite
        _drain()
        _quiet = _settle()
    for connection, opened in _all_open():
        if not (_quiet and opened.reopens and _is_idle(connection, opened) and _close(connection, opened)):
            _left.append(connection)
    _wait_while(_is_importing, LAST_MOMENT)


def _drain() -> None:
    global draining
    draining = True
    try:
        _wait_while(_has_transactions, LAST_MOMENT)
    finally:
        draining = False


def _wait_while(is_so: Callable[[], bool], seconds: float) -> bool:
    """Wait until it is so no more, or *seconds* are over; whether it is no more."""
    end = time.monotonic() + seconds
    while is_so():
        if time.monotonic() >= end:
            return False
        time.sleep(_STEP)
    return True


def _is_importing() -> bool:
    """Whether another thread imports a module, whose lock would stay taken in the child: Python frees its own only."""
    own = threading.get_ident()
    return any(
        frame.f_code.co_filename == _IMPORT
        for thread, innermost in sys._current_frames().items()
        if thread != own
        for frame in _stack(innermost)
    )


def _has_transactions() -> bool:
    own = threading.get_ident()
    for connection, opened in _all_open():
        if opened.reopens and opened.file is not None and opened.thread != own:
            try:
                if connection.in_transaction:
                    return True
            except apsw.ThreadingViolationError:
                return True
            except apsw.ConnectionClosedError:
                continue
    return False


def _settle() -> bool:
    """Wait until no other thread is inside SQLite."""
    if _wait_while(_is_busy, PATIENCE):
        return True
    log.warning("fork.busy")
    return False


def _is_busy() -> bool:
    own = threading.get_ident()
    for thread, frame in sys._current_frames().items():
        if thread != own and _is_inside(frame):
            return True
    for connection, opened in _all_open():
        try:
            connection.total_changes()
        except apsw.ThreadingViolationError:
            return True
        except apsw.ConnectionClosedError:
            continue
        if opened.path is not None and not opened.reopens and opened.thread != own:
            return True  # it reads or copies, statement after statement, without a look at `count`
    return False


def _is_inside(frame: FrameType) -> bool:
    """Whether the innermost frame of ours is one that enters SQLite: callbacks and signal handlers lie above it."""
    for one in _stack(frame):
        if one.f_code.co_filename.startswith(_CORE):
            return _enters_sqlite(one)
    return False


def _enters_sqlite(frame: FrameType) -> bool:
    name = frame.f_code.co_filename
    return name.startswith(_HERE) and name not in _OUTSIDE


def _stack(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _all_open() -> list[tuple[apsw.Connection, _Opened]]:
    with _lock:
        return [(connection, opened) for connection, opened in _known.items() if _is_open(connection)]


def _is_open(connection: apsw.Connection) -> bool:
    try:
        connection.total_changes()
    except apsw.ConnectionClosedError:
        return False
    except apsw.ThreadingViolationError:
        return True
    return True


def _is_idle(connection: apsw.Connection, opened: _Opened) -> bool:
    """Whether nothing is lost with *connection*, and a new one would find the same file and settings."""
    if opened.file is None or _identity(opened.path or "") != opened.file:
        return False
    try:
        return (
            not connection.in_transaction
            and connection.txn_state() == apsw.SQLITE_TXN_NONE
            and connection.config(apsw.SQLITE_DBCONFIG_ENABLE_FKEY, -1)
            == 1  # off: a migration is about to begin
            and connection.authorizer is None
            and connection.exec_trace is None
        )
    except apsw.ConnectionClosedError:
        return True


def _close(connection: apsw.Connection, opened: _Opened) -> bool:
    try:
        connection.close()
    except apsw.Error:
        log.exception("fork.not_closed")
        return False
    opened.closed = True
    return True


def _in_parent() -> None:
    _left.clear()
    _end()
    while True:
        try:
            _turn.release()
        except RuntimeError:  # how it says that it is not ours any more
            return


def _in_child() -> None:
    """Never close what is the parent's: SQLite would checkpoint and unlock under the parent's feet."""
    global _lock, _turn, _known, _refuses_all
    import ctypes

    _refuses_all = _refuses_all or not _quiet
    for connection in _left:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))
        file = _known[connection].file
        if file is not None:
            _unclean.add(file)
    _left.clear()
    _known = weakref.WeakKeyDictionary()
    _gave_way.clear()
    _lock, _turn = threading.RLock(), threading.RLock()
    _end()


def _end() -> None:
    global count, _forker
    count += count & 1
    _forker = None
    _over.set()


os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
