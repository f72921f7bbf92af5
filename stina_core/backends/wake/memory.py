"""Bell and waiters of a store that lives in memory, and so in one process."""

from __future__ import annotations

import threading
import time
import weakref

from ...errors import StoreClosedError
from . import forks
from .contract import NOTHING, WATCHED_INTERVAL, Reason


class MemoryWake:
    """The bell of one store in memory, which also makes its waiters.

    A child of fork() has no such store: there its waiters are closed and rings reach nobody.
    """

    def __init__(self) -> None:
        self._closed = False
        self._lock = threading.RLock()
        self._waiters: weakref.WeakSet[MemoryWaiter] = weakref.WeakSet()
        forks.remember(self)

    def waiter(self) -> MemoryWaiter:
        """Start to listen: every ring after the return is noticed."""
        waiter = MemoryWaiter()
        with self._lock:
            self._waiters.add(waiter)
        return waiter

    def ring(self) -> None:
        """Wake every listener; see `Bell`."""
        with self._lock:
            if not self._closed:
                for waiter in list(self._waiters):
                    waiter.wake(Reason.BELL)

    def close(self) -> None:
        """Let later rings do nothing."""
        with self._lock:
            self._closed = True

    def part_from_parent(self) -> None:
        """In a child after fork()."""
        self._lock = threading.RLock()
        self._waiters = weakref.WeakSet()


class MemoryWaiter:
    """One listener of a store in memory; `MemoryWake.waiter()` makes it."""

    interval = WATCHED_INTERVAL

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._pending = NOTHING
        self._closed: str | None = None
        forks.remember(self)

    def wait(self, timeout: float) -> Reason:
        """Wait for a wake; see `Waiter`."""
        deadline = time.monotonic() + timeout
        with self._condition:
            while True:
                if self._closed:
                    raise StoreClosedError(self._closed)
                left = deadline - time.monotonic()
                if self._pending is not NOTHING or left <= 0:
                    reason, self._pending = self._pending, NOTHING
                    return reason
                self._condition.wait(left)

    def wake(self, reason: Reason) -> None:
        """Let the present or the next wait return *reason* too."""
        with self._condition:
            self._pending |= reason
            self._condition.notify()

    def interrupt(self) -> None:
        """End the present or the next wait."""
        self.wake(Reason.INTERRUPT)

    def close(self) -> None:
        """Stop listening; a wait of another thread ends with StoreClosedError."""
        with self._condition:
            self._closed = "the listener was closed"
            self._condition.notify()

    def part_from_parent(self) -> None:
        """In a child after fork(): be closed."""
        self._condition = threading.Condition()
        self._closed = "the listener belongs to the process that made it"
