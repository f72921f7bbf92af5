"""Turns on the one connection that all threads of a store in memory share."""

from __future__ import annotations

import threading
from contextlib import suppress
from types import TracebackType

from ...errors import StoreBusyError
from .connection import patience


class Gate:
    """Lets one thread at a time in, for a statement or a whole transaction: `with gate:`.

    A thread that is inside never needs a second turn, so leaving gives it back
    however often it was taken: a turn that an interrupt kept from being given
    back is mended by the same thread's next one.

    Args:
        timeout: Seconds to wait, as a writer of a file waits.
    """

    def __init__(self, timeout: float) -> None:
        self._lock = threading.RLock()
        self._timeout = timeout

    def __enter__(self) -> None:
        """Wait for the turn.

        Raises:
            StoreBusyError: another thread kept it for *timeout* seconds.
        """
        own = patience.get()
        if not self._lock.acquire(timeout=self._timeout if own is None else own):
            raise StoreBusyError("another thread kept the store locked; nothing was written, try again")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with suppress(RuntimeError):  # how the lock says that it is not ours any more
            while True:
                self._lock.release()

    def forget_parent(self) -> None:
        """In a child after fork(): whoever held it is not here."""
        self._lock = threading.RLock()
