"""Which connections a store has open: across the threads of this process, and across fork()."""

from __future__ import annotations

import os
import threading
import time
import weakref

import apsw

from ...errors import StoreBusyError

_PATIENCE = 10.0
"""Seconds that closing waits for a statement of another thread, once it was told to stop."""

_STEP = 0.001  # seconds between two tries

_lock = threading.RLock()
"""Guards every set of connections, and is held across fork(), so that a child never sees one half-changed."""


class OpenConnections:
    """The open connections of one store, whichever thread opened them.

    Held weakly: a thread's own connection closes when the thread ends.
    """

    def __init__(self) -> None:
        self._open: weakref.WeakSet[apsw.Connection] = weakref.WeakSet()
        self._ended = False
        _all.add(self)

    def __len__(self) -> int:
        return len(self._open)

    def add(self, connection: apsw.Connection) -> bool:
        """Take in a connection just opened; False if `close()` came first, and it is closed again."""
        with _lock:
            if not self._ended:
                self._open.add(connection)
                return True
        connection.close()
        return False

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

    def _hold(self) -> list[apsw.Connection]:
        return list(self._open)

    def _forget(self) -> None:
        self._open = weakref.WeakSet()


def _close(connection: apsw.Connection, deadline: float) -> bool:
    while True:
        try:
            connection.close()
        except apsw.ThreadingViolationError:
            if time.monotonic() >= deadline:
                return False
            connection.interrupt()
            time.sleep(_STEP)
        else:
            return True


_all: weakref.WeakSet[OpenConnections] = weakref.WeakSet()
_held: list[apsw.Connection] = []


def _before_fork() -> None:
    """Keep every connection alive: Python ends the other threads in the child, and their connections with them."""
    import ctypes  # noqa: F401  # for the child, where nothing new should be imported; too dear for every start

    _lock.acquire()
    for connections in list(_all):
        _held.extend(connections._hold())


def _in_parent() -> None:
    _held.clear()
    _lock.release()


def _in_child() -> None:
    """Never close what is the parent's: SQLite would checkpoint and unlock under the parent's feet."""
    global _lock
    import ctypes

    for connection in _held:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))
    _held.clear()
    for connections in list(_all):
        connections._forget()
    _lock = threading.RLock()


os.register_at_fork(before=_before_fork, after_in_parent=_in_parent, after_in_child=_in_child)
