"""Which connections a store has open, of all threads of this process."""

from __future__ import annotations

import os
import threading
import time
import weakref

import apsw

from ...errors import StoreBusyError
from . import forking

_PATIENCE = 10.0
"""Seconds that closing waits for a statement of another thread, once it was told to stop."""

_STEP = 0.001  # seconds between two tries

_lock = threading.RLock()
"""Guards every set of connections."""


class Lease:
    """What a thread keeps while it uses its connection, which closes once this is gone: at the latest with it."""

    __slots__ = ("__weakref__",)


class OpenConnections:
    """The open connections of one store, whichever thread opened them.

    Each is held until its lease is gone, so that none is closed where nobody
    looks: a thread that ends does it in `_end()`, which waits for a fork.
    """

    def __init__(self) -> None:
        self._open: set[apsw.Connection] = set()
        self._ended = False
        _all.add(self)

    def __len__(self) -> int:
        return sum(not forking.was_closed(connection) for connection in list(self._open))

    def add(self, connection: apsw.Connection) -> Lease | None:
        """Take in a connection just opened; None if `close()` came first, and it is closed again."""
        with _lock:
            if not self._ended:
                lease = Lease()
                self._open.add(connection)
                weakref.finalize(lease, _end, self._open, connection, os.getpid()).atexit = False
                forking.note_reopening(connection)
                return lease
        connection.close()
        return None

    def close(self) -> None:
        """Close all, for good. Statements that other threads run are stopped and undone.

        Raises:
            StoreBusyError: one did not stop. Everything else is closed, and it
                closes when its thread ends.
        """
        with _lock:
            self._ended = True
            connections = list(self._open)
            self._open.clear()
        deadline = time.monotonic() + _PATIENCE
        stuck = 0
        while connections:  # taken out one by one: the error below must not keep one of them alive
            stuck += not _close(connections.pop(), deadline)
        if stuck:
            raise StoreBusyError("a statement of another thread does not stop; its connection stays open")

    def forget_parent(self) -> None:
        """In a child after fork(): the parent's connections are not ours; `forking` keeps them from being closed."""
        self._open = set()


def _close(connection: apsw.Connection, deadline: float) -> bool:
    while True:
        while forking.count & 1 and forking.pause():
            pass
        try:
            connection.close()
        except apsw.ThreadingViolationError:
            if time.monotonic() >= deadline:
                return False
            connection.interrupt()
            time.sleep(_STEP)
        else:
            return True


def _end(open_: set[apsw.Connection], connection: apsw.Connection, process: int) -> None:
    if _is_this(
        process
    ):  # in a child Python ends the parent's other threads, before any hook of ours runs there
        # Garbage is collected anywhere, also where a statement has its connection already.
        while forking.count & 1 and not forking.is_inside() and forking.pause():
            pass
        open_.discard(connection)
        connection.close()


def _is_this(process: int) -> bool:
    return os.getpid() == process


_all: weakref.WeakSet[OpenConnections] = weakref.WeakSet()


def _in_child() -> None:
    global _lock
    _lock = threading.RLock()
    for connections in list(_all):
        connections.forget_parent()


os.register_at_fork(after_in_child=_in_child)
