"""The lock that lets one process at a time open, migrate or restore a file.

SQLite alone cannot give it: the first switch to WAL fails with "database is
locked" in spite of a busy handler in about 1 of 120 racing starts (measured).
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ...errors import StoreBusyError
from .errors import of_system

LOCK_TIMEOUT = 60.0
"""Seconds to wait for another program that opens, migrates or restores the same store."""

_STEP = 0.002  # seconds between two tries


@contextmanager
def file_lock(path: str, timeout: float, waiting: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Hold `<path>.lock` exclusively inside the block, among all processes and threads.

    The kernel gives it back when the process dies. The file stays; deleting it
    would let two processes hold two locks of one name.

    Args:
        timeout: Seconds.
        waiting: Called once if somebody else has it.

    Raises:
        StoreBusyError: somebody else kept it for *timeout* seconds.
        ReadOnlyError, StoreIOError: the lock file cannot be made.
    """
    name = f"{path}.lock"
    try:
        handle = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise of_system(error, f"the lock file {name} cannot be made") from error
    try:
        _acquire(handle, name, time.monotonic() + timeout, waiting)
        try:
            yield
        finally:
            # Closing alone would not do it after a fork(): the child has a copy of the handle.
            fcntl.flock(handle, fcntl.LOCK_UN)
    finally:
        os.close(handle)


def _acquire(handle: int, name: str, deadline: float, waiting: Callable[[], object]) -> None:
    told = False
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise StoreBusyError(
                    f"another program is opening or migrating this store and kept {name}; try again"
                ) from None
            if not told:
                waiting()
                told = True
            time.sleep(_STEP)
        else:
            return
