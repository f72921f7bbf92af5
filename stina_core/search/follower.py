"""Keeps one full-text index up to date with the change feed, in short transactions of its own."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from ..errors import ResyncRequiredError, TransactionError
from ..ids import now_ms
from ..log import get_logger
from .position import Position, Positions

if TYPE_CHECKING:
    from ..backends.sqlite.full_text import FullText
    from ..changes import Cursor
    from ..transactions import Transactions
    from .position import Run

log = get_logger(__name__)

BATCH = 500
"""Rows of the log, or of the table in a rebuild, per transaction: 10 to 20 ms of the write lock."""

REWRITTEN = 20
"""Rows rewritten or removed per transaction: taking old words out of the file costs about 2 ms a row."""

LAG = 100
"""Log rows about other tables that may be left unread; one more transaction is not worth it."""

FAR = 2000
"""Log rows behind from which on many rewritten rows are a matter for a rebuild; new rows among them
are then indexed in the order of their keys."""

REMADE = 2000
"""Rows to rewrite or remove from which on an index is made anew: 16 us a row instead of 2 ms."""

PACE = 0.05
"""Seconds that one transaction of a rebuild should take at most."""

LEASE = 10_000
"""Milliseconds without a sign of life after which another process may take over the background work."""


class ChangeLog(Protocol):
    """What is asked of the change feed."""

    def head(self) -> Cursor:
        """Return where the feed ends now."""
        ...

    def changed_keys(self, table: str, since: Cursor, limit: int) -> tuple[list[object], Cursor, bool]:
        """Return the keys in *limit* rows of the log, in the order of their first appearance,
        how far that reaches, and whether the table was reset; ResyncRequiredError if it cannot go on from there."""
        ...


class Follower:
    """Brings an index to what its table holds.

    Guarantees:
        - What is indexed and the cursor that says so are committed together, so a
          process may die anywhere: nothing is left out, and nothing is done twice.
        - It never becomes part of somebody's transaction.
        - An index is taken for whole only after every row was looked at. A rebuild
          that was interrupted is begun again; what it did is found and not repeated.

    Any number of threads and processes may do this at the same time.

    Args:
        run: Runs a statement with values on the calling thread's connection and returns its rows.
        holder: Names this process among all that have the file open.
        clock: UTC milliseconds.
    """

    def __init__(
        self,
        table: str,
        texts: FullText,
        run: Run,
        transactions: Transactions,
        changes: ChangeLog,
        holder: str,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self.texts = texts
        self._table = table
        self._transactions = transactions
        self._changes = changes
        self._holder = holder
        self._clock = clock
        self._positions = Positions(table, run)

    def catch_up(self, budget: float = math.inf) -> bool:
        """Index everything committed before the call; False if that is not done.

        Args:
            budget: Seconds after which no other transaction is begun. A rebuild goes on to its end.

        Raises:
            StoreBusyError: another writer kept the lock. What was done until then stays.
            TransactionError: this thread has a transaction or snapshot open.
        """
        return self._work(lambda: True, budget)

    def follow_up(self) -> bool:
        """Do the same in the background; returns at once with False where another process is at it.

        Whoever does it keeps it, with `LEASE` milliseconds of patience after each transaction.
        """
        return self._work(self._lease, math.inf)

    def is_current(self) -> bool:
        """Whether it has all that the calling thread sees; some log rows about other tables may be unread."""
        position = self._positions.read()
        if position is None or not self._is_whole(position):
            return False
        return self._is_up_to_date(position, self._changes.head())

    def missing(self) -> Sequence[object] | None:
        """Return the keys of the rows that changed since the index was caught up, oldest first; None for all rows.

        Sees what the calling thread sees: inside a transaction its own changes too.
        """
        position = self._positions.read()
        if position is None or not self._is_whole(position):
            return None
        missing: dict[object, None] = {}
        cursor = position.cursor
        while True:
            try:
                keys, reached, was_reset = self._changes.changed_keys(self._table, cursor, BATCH)
            except ResyncRequiredError:
                return None
            if was_reset:
                return None
            missing.update(dict.fromkeys(keys))
            if reached == cursor:
                return list(missing)
            cursor = reached

    def _work(self, may: Callable[[], bool], budget: float) -> bool:
        if self._transactions.open:
            raise TransactionError("an index is brought up to date outside any transaction or snapshot")
        end = time.monotonic() + budget
        until = self._changes.head()  # or whoever writes faster than this indexes would keep it here
        while True:
            position = self._positions.read()
            if position is None or not self._is_whole(position):
                if not self._rebuild(may):
                    return False
            elif self._is_up_to_date(position, until):
                return True
            else:
                with self._transactions.begin():
                    if not may():
                        return False
                    self._take_batch()
                if time.monotonic() >= end:
                    return False

    def _lease(self) -> bool:
        now = self._clock()
        return self._positions.lease(self._holder, now, now + LEASE)

    def _is_whole(self, position: Position) -> bool:
        return position.whole and self.texts.is_prepared()

    def _is_up_to_date(self, position: Position, until: Cursor) -> bool:
        if position.cursor.epoch == until.epoch and position.cursor.seq >= until.seq:
            return True
        try:
            keys, reached, was_reset = self._changes.changed_keys(self._table, position.cursor, LAG)
        except ResyncRequiredError:
            return False
        return not keys and not was_reset and reached.seq - position.cursor.seq < LAG

    def _take_batch(self) -> None:
        position = self._positions.read()
        if position is None or not self._is_whole(position):
            return  # somebody began a rebuild meanwhile
        try:
            keys, reached, anew = self._changes.changed_keys(self._table, position.cursor, BATCH)
            if not anew and self.texts.rewritten(keys, REWRITTEN + 1) > REWRITTEN:
                keys, reached, anew = self._changes.changed_keys(self._table, position.cursor, REWRITTEN)
                anew = anew or self._changes.head().seq - position.cursor.seq > FAR
        except ResyncRequiredError as error:
            log.info("index.lost", table=self._table, reason=error.reason)
            anew = True
        if anew:
            self._begin_rebuild()
            return
        self.texts.index(keys)
        self._positions.advance(reached, self._clock())

    def _begin_rebuild(self) -> Position:
        self.texts.prepare()
        return self._positions.begin_rebuild(self._changes.head(), self._clock())

    def _rebuild(self, may: Callable[[], bool]) -> bool:
        """Look at every row; False if it was not to go on. Whether it is whole now is for the caller to see."""
        with self._transactions.begin():
            position = self._positions.read()
            if position is not None and self._is_whole(position):
                return True  # somebody else ended one
            begun = self._joined(position) or self._begin_rebuild()
            if not may():
                return False
        if self.texts.all_rewritten(REMADE) >= REMADE:
            with self._transactions.begin():
                if not self._goes_on(begun):
                    return True
                self.texts.remake()
                begun = self._begin_rebuild()
        after: object | None = None
        more = True
        rows = REWRITTEN
        while more:
            began = time.monotonic()
            with self._transactions.begin():
                if not self._goes_on(begun):
                    return True
                if not may():
                    return False
                after = self.texts.index_after(after, rows)
            more = after is not None
            rows = min(2 * rows, BATCH) if time.monotonic() - began < PACE else max(rows // 2, 1)
        return self._remove_orphans(begun, may)

    def _remove_orphans(self, begun: Position, may: Callable[[], bool]) -> bool:
        orphans = self.texts.orphans()  # outside the lock; who comes back meanwhile is in the log
        for start in range(0, len(orphans), REWRITTEN):
            with self._transactions.begin():
                if not self._goes_on(begun):
                    return True
                if not may():
                    return False
                self.texts.remove_orphans(orphans[start : start + REWRITTEN])
        with self._transactions.begin():
            if self._goes_on(begun):
                self._positions.end_rebuild()
                log.info("index.rebuilt", table=self._table, seq=begun.cursor.seq)
        return True

    def _joined(self, position: Position | None) -> Position | None:
        """Return the rebuild that is under way: from its older cursor on everything will be read again anyway."""
        if position is None or not self.texts.is_prepared():
            return None
        return position if position.cursor.epoch == self._changes.head().epoch else None

    def _goes_on(self, begun: Position) -> bool:
        """Whether that rebuild still is the one: it was not ended, and the index was not made anew."""
        return self._positions.read() == begun and self.texts.is_prepared()
