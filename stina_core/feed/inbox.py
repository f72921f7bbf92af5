"""What one receiver of changes has not been told yet: in order, by one thread at a time, bounded."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ..changes import Change, Changes, Cursor, Op
from ..log import get_logger
from .cause import delivering

if TYPE_CHECKING:
    from .delivery import Delivery

log = get_logger(__name__)

MOST = 1000
"""Transactions that wait for one receiver."""

MOST_CHANGES = 20_000
"""Changes that wait for one receiver; either number exceeded, it is told of resets instead."""

FAILURES = 5
"""Times in a row a receiver may raise before it is paused."""

PAUSE = 30.0
"""Seconds of the first pause; each further one is twice as long, up to ten minutes."""

LONGEST_PAUSE = 600.0

Via = Callable[[Callable[[], object]], object]
"""Runs a function somewhere else, such as `loop.call_soon_threadsafe` or Textual's `app.call_from_thread`."""


class Inbox:
    """Tells one receiver of transactions.

    A receiver that does not keep up loses the single changes, not the fact: it is
    told that the tables were reset, once for all that was waiting. So is one that
    raised again and again, after a pause.

    Args:
        name: Of the receiver, for the log.
        receive: Is told of the changes of one transaction.
        where: Which changes it wants to hear of; resets always come.
        via: Where *receive* runs, if not on a thread of *delivery*.
        left_open: Asked after each call on such a thread: undoes a transaction that was left
            open there, and answers whether there was one.
    """

    def __init__(
        self,
        name: str,
        receive: Callable[[Changes], object],
        delivery: Delivery,
        *,
        where: Callable[[Change], object] | None = None,
        via: Via | None = None,
        left_open: Callable[[], bool] = lambda: False,
    ) -> None:
        self._name = name
        self._receive = receive
        self._delivery = delivery
        self._where = where
        self._via = via
        self._left_open = left_open
        self._lock = threading.Lock()
        self._waiting: deque[Changes] = deque()
        self._size = 0
        self._lost: dict[str, None] = {}
        self._lost_at: Cursor | None = None
        self._why = ""
        self._after: Cursor | None = None
        self._scheduled = False
        self._closed = False
        self._failures = 0
        self._failed_tables: dict[str, None] = {}  # of those failures
        self._paused_until = 0.0
        self._pause = PAUSE

    def start(self, after: Cursor) -> None:
        """From now on tell of what was committed after *after*; what was posted before is kept until here."""
        with self._lock:
            self._after = after
            self._waiting = deque(one for one in self._waiting if _is_after(one.cursor, after))
            self._size = sum(map(len, self._waiting))
            self._schedule()

    def post(self, changes: Changes) -> None:
        """Add a transaction. Never waits."""
        with self._lock:
            if self._closed or not (
                changes.resync or self._after is None or _is_after(changes.cursor, self._after)
            ):
                return
            self._waiting.append(changes)
            self._size += len(changes)
            if changes.resync or self._is_paused() or self._lost:
                self._lose_waiting(changes.resync or self._why or "paused")
            elif len(self._waiting) > MOST or self._size > MOST_CHANGES:
                log.warning("receiver.slow", receiver=self._name, transactions=len(self._waiting))
                self._lose_waiting("slow")
            self._schedule()

    def close(self) -> None:
        """Tell of nothing any more. A call that is running is not waited for."""
        with self._lock:
            self._closed = True
            self._waiting.clear()
            self._lost.clear()

    def run(self) -> None:
        """Tell of one transaction; on a thread of the delivery."""
        if self._via is None:
            self._tell()
            return
        try:
            self._via(self._tell)
        except (Exception, SystemExit):  # an event loop or window that is gone
            log.exception("receiver.unreachable", receiver=self._name)
            self.close()

    def _tell(self) -> None:
        changes = self._take()
        try:
            called = changes is not None and self._call(changes)
        except (Exception, SystemExit):
            log.exception("receiver.failed", receiver=self._name, cursor=str(changes and changes.cursor))
            self._failed(changes)
        else:
            if called:
                self._failures, self._failed_tables, self._pause = 0, {}, PAUSE
        with self._lock:
            self._scheduled = False
            self._schedule()

    def _call(self, changes: Changes) -> bool:
        """Tell of *changes*; False if the receiver wants none of them."""
        wanted = changes.where(self._where) if self._where is not None else changes
        if not wanted:
            return False
        with delivering(changes):
            try:
                self._receive(wanted)
            finally:
                left_open = self._via is None and self._left_open()
        if left_open:
            log.warning("receiver.left_open", receiver=self._name)
        return True

    def _take(self) -> Changes | None:
        with self._lock:
            if self._lost:
                resets = resets_of(self._lost, self._lost_at, self._why)
                self._lost, self._why = {}, ""
                return resets
            if not self._waiting:
                return None
            changes = self._waiting.popleft()
            self._size -= len(changes)
            return changes

    def _failed(self, changes: Changes | None) -> None:
        with self._lock:
            self._failures += 1
            if changes is not None:
                self._failed_tables |= dict.fromkeys(sorted(changes.tables))
            if self._failures % FAILURES == 0:
                log.warning("receiver.paused", receiver=self._name, seconds=self._pause)
                self._paused_until = time.monotonic() + self._pause
                self._delivery.later(self._paused_until, self._resume)
                self._pause = min(self._pause * 2, LONGEST_PAUSE)
                if changes is not None:
                    self._lost |= self._failed_tables
                    self._lost_at = changes.cursor
                self._lose_waiting("paused")

    def _resume(self) -> None:
        with self._lock:
            self._schedule()

    def _lose_waiting(self, why: str) -> None:
        """Make resets of everything that waits."""
        self._why = why
        for one in self._waiting:
            self._lost |= dict.fromkeys(sorted(one.tables))
            self._lost_at = one.cursor
        self._waiting.clear()
        self._size = 0

    def _is_paused(self) -> bool:
        return time.monotonic() < self._paused_until

    def _schedule(self) -> None:
        ready = self._after is not None and not self._closed and not self._is_paused()
        if ready and not self._scheduled and (self._waiting or self._lost):
            self._scheduled = True
            self._delivery.put(self)


def resets_of(tables: Iterable[str], cursor: Cursor | None, why: str) -> Changes:
    """Return what tells of *tables* that nothing is known of their rows any more."""
    seq = cursor.seq if cursor is not None else 0
    return Changes([Change(seq, table, Op.RESET, None) for table in tables], cursor, resync=why)


def _is_after(cursor: Cursor | None, after: Cursor) -> bool:
    return cursor is None or cursor.epoch != after.epoch or cursor.seq > after.seq
