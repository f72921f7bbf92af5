"""The thread that follows the feed of one store: woken, it reads what is new and passes it on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from ..backends.wake import Reason
from ..errors import ResyncRequiredError, StoreBusyError, StoreClosedError
from ..log import get_logger

if TYPE_CHECKING:
    from ..backends.wake import Waiter
    from ..changes import Changes, Cursor
    from .log import ChangeLog

log = get_logger(__name__)

RECHECKS = tuple(0.0005 * 2**step for step in range(8))
"""Seconds: 0.5, 1, 2 … 64 ms. The kernel tells of a write to the log file before the commit can be seen; with
synchronous FULL the flush to disk lies between. Who looks only once sees 399 of 400 commits one commit late.
After something was found fewer looks do: the write is most likely what was found."""

WORD = 0.005
"""Seconds after a bell within which the kernel's word is of the commit that the bell rang for, most likely."""

_AFTER_ERROR = 1.0  # seconds

_PATIENCE = 5.0
"""Seconds to wait for the thread's end. An interrupt may have left a lock of Python's own taken, for ever."""


class Listener:
    """Follows the feed from *cursor* on.

    Args:
        waiter: Already listening, so that nothing committed after *cursor* goes unnoticed.
        pass_on: Given each transaction, in order.
        lost: Told that the feed cannot be followed from where it was; it goes on from its end.
        passed_on: Called after either.
        tend: Called at least every `Waiter.interval` seconds.
        patience: How soon *tend* is needed, in seconds.
        ended: Called when the store turned out to be closed.
        hurried: The block in which its thread works: there it does not wait long for a writer.
    """

    def __init__(
        self,
        change_log: ChangeLog,
        cursor: Cursor,
        waiter: Waiter,
        *,
        pass_on: Callable[[Changes], object],
        lost: Callable[[ResyncRequiredError, Cursor], object],
        passed_on: Callable[[], object],
        tend: Callable[[], object],
        patience: Callable[[], float],
        ended: Callable[[], object],
        hurried: AbstractContextManager[object],
    ) -> None:
        self.cursor = cursor
        self._log = change_log
        self._waiter = waiter
        self._pass_on = pass_on
        self._lost = lost
        self._passed_on = passed_on
        self._tend = tend
        self._patience = patience
        self._ended = ended
        self._hurried = hurried
        self._advanced = threading.Condition()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stina-listener", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def reach(self, seq: Callable[[], int], deadline: float) -> bool:
        """Wait until everything up to *seq* was passed on, until *deadline* (`time.monotonic`); whether it was.

        Args:
            seq: Asked again whenever the listener has come further: a restored file has fewer rows.
        """
        self._waiter.interrupt()
        with self._advanced:
            return self._advanced.wait_for(
                lambda: self.cursor.seq >= seq() or not self._thread.is_alive(),
                max(0.0, deadline - time.monotonic()),
            )

    @property
    def is_alive(self) -> bool:
        """Whether there is anybody who listens."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """End the thread, and wait for it unless it is this one."""
        self._stopping.set()
        self._waiter.interrupt()
        if self._thread is not threading.current_thread() and self._thread.is_alive():
            self._thread.join(_PATIENCE)
            if self._thread.is_alive():
                log.warning("listener.stuck")

    def _run(self) -> None:
        try:
            with self._hurried:
                self._follow()
        except StoreClosedError:
            log.debug("listener.closed")
            self._ended()
        finally:
            self._waiter.close()
            with self._advanced:
                self._advanced.notify_all()
            self._passed_on()  # or who waits for news would wait for ever

    def _follow(self) -> None:
        rechecks: Iterator[float] = iter(())
        of_bell = 0.0  # until when the kernel's word is about what a bell has told
        while not self._stopping.is_set():
            timeout = min(next(rechecks, self._waiter.interval), self._patience())
            reason = self._waiter.wait(timeout)
            if self._stopping.is_set():
                return
            before = self.cursor
            could_read = self._attempt(self._advance)
            found = self.cursor != before
            if Reason.FILE in reason:
                is_known = time.monotonic() < of_bell
                rechecks = iter(RECHECKS[1::3] if found else RECHECKS[4:] if is_known else RECHECKS)
            if found and Reason.BELL in reason:
                of_bell = time.monotonic() + WORD
            could_tend = self._attempt(self._tend)  # also if the file is damaged: it may be replaced by now
            if not (could_read and could_tend):
                self._waiter.wait(_AFTER_ERROR)

    def _attempt(self, work: Callable[[], object]) -> bool:
        """Do *work*; False if it failed, which is logged."""
        try:
            work()
        except StoreClosedError:
            raise
        except StoreBusyError:
            log.debug("listener.busy")
        except Exception:
            log.exception("listener.failed")
            return False
        return True

    def _advance(self) -> None:
        """Pass on what is new."""
        try:
            for transactions in self._log.batches(self.cursor):
                for changes in transactions:
                    self._pass_on(changes)
                time.sleep(0)  # lets go of the interpreter, for which the delivery is waiting
                assert changes.cursor is not None
                self._reached(changes.cursor)
                if self._stopping.is_set():
                    break
        except ResyncRequiredError as error:
            self._go_to(self._log.head(), error)

    def _go_to(self, cursor: Cursor, error: ResyncRequiredError) -> None:
        log.info("feed.lost", reason=error.reason, cursor=str(self.cursor))
        self._lost(error, cursor)
        self._reached(cursor)

    def _reached(self, cursor: Cursor) -> None:
        with self._advanced:
            self.cursor = cursor
            self._advanced.notify_all()
        self._passed_on()
