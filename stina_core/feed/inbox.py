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
from .turn import Turn

if TYPE_CHECKING:
    from .delivery import Delivery
    from .turn import Via

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

RETRY = 0.5
"""Seconds until a reset on which the receiver raised is told again."""


class Inbox:
    """Tells one receiver of transactions.

    A receiver that does not keep up loses the single changes, not the fact: it is
    told that the tables were reset, once for all that was waiting. So is one that
    raised again and again, after a pause. A reset on which it raised is told again.

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
        self._turn = Turn(name, delivery, self._has_work, self._work, is_waited_for=via is None)
        self._lock = threading.Lock()
        self._waiting: deque[Changes] = deque()
        self._size = 0
        self._lost: dict[str, None] = {}
        self._lost_at: Cursor | None = None
        self._why = ""
        self._after: Cursor | None = None
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
        self._turn.want()

    def post(self, changes: Changes) -> None:
        """Add a transaction. Never waits."""
        with self._lock:
            if self._closed or not (
                changes.resync or self._after is None or _is_after(changes.cursor, self._after)
            ):
                return
            self._waiting.append(changes)
            self._size += len(changes)
            if changes.resync or self._lost or self._is_paused():
                self._lose_waiting(changes.resync or self._why or "paused")
            elif len(self._waiting) > MOST or self._size > MOST_CHANGES:
                log.warning("receiver.slow", receiver=self._name, transactions=len(self._waiting))
                self._lose_waiting("slow")
        self._turn.want()

    def close(self) -> None:
        """Tell of nothing any more. A call that is running is not waited for."""
        with self._lock:
            self._closed = True
            self._waiting.clear()
            self._lost.clear()

    def _has_work(self) -> bool:
        with self._lock:
            ready = self._after is not None and not self._closed and not self._is_paused()
            return ready and bool(self._waiting or self._lost)

    def _work(self, over: Callable[[], None]) -> None:
        if self._via is None:
            self._tell(over)
            return
        try:
            self._via(lambda: self._tell(over))
        except BaseException:  # an event loop or window that is gone
            log.exception("receiver.unreachable", receiver=self._name)
            self.close()
            over()

    def _tell(self, over: Callable[[], None]) -> None:
        changes = self._take()
        try:
            called = changes is not None and self._call(changes)
        except BaseException as error:  # of any kind: others are told by this thread, too
            kind, cursor = type(error).__name__, str(changes and changes.cursor)
            log.exception("receiver.failed", receiver=self._name, error=kind, cursor=cursor)
            self._failed(changes)
        else:
            if called:
                self._failures, self._failed_tables, self._pause = 0, {}, PAUSE
        finally:
            over()

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
            if self._closed:
                return None
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
            if changes is None or self._closed:
                return
            self._failures += 1
            self._failed_tables |= dict.fromkeys(sorted(changes.tables))
            resets = dict.fromkeys(change.table for change in changes if change.op is Op.RESET)
            if self._failures % FAILURES == 0:
                log.warning("receiver.paused", receiver=self._name, seconds=self._pause)
                self._rest(self._pause)
                self._pause = min(self._pause * 2, LONGEST_PAUSE)
                self._lost |= self._failed_tables
                self._lost_at = changes.cursor
                self._lose_waiting("paused")
            elif resets:
                self._rest(RETRY)
                self._lost |= resets
                self._lost_at = changes.cursor
                self._lose_waiting(changes.resync or "failed")

    def _rest(self, seconds: float) -> None:
        self._paused_until = time.monotonic() + seconds
        self._delivery.later(self._paused_until, self._turn.want)

    def _lose_waiting(self, why: str) -> None:
        """Make resets of everything that waits."""
        self._why = why
        for one in self._waiting:
            self._lost |= dict.fromkeys(sorted(one.tables))
            self._lost_at = one.cursor
        self._waiting.clear()
        self._size = 0

    def _is_paused(self) -> bool:
        return bool(self._paused_until) and time.monotonic() < self._paused_until


def resets_of(tables: Iterable[str], cursor: Cursor | None, why: str) -> Changes:
    """Return what tells of *tables* that nothing is known of their rows any more."""
    seq = cursor.seq if cursor is not None else 0
    return Changes([Change(seq, table, Op.RESET, None) for table in tables], cursor, resync=why)


def _is_after(cursor: Cursor | None, after: Cursor) -> bool:
    return cursor is None or cursor.epoch != after.epoch or cursor.seq > after.seq
