"""How long the log of changes is kept, and taking away what is older, a little at a time.

A log that is never pruned grows past the data it is about (Core Data's history:
4.7 million rows in two years), and keeps the keys of rows that were deleted.
Nobody's position holds it up: who comes too late is told to read anew.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ..errors import StinaError, StoreBusyError
from ..ids import now_ms
from ..log import get_logger

if TYPE_CHECKING:
    from ..backends.base import Backend, Row
    from ..transactions import Transactions

log = get_logger(__name__)

KEPT_ROWS = 20_000
"""The newest rows of the log, which are kept however old they are; about a megabyte."""

KEPT_MS = 7 * 24 * 3600 * 1000
"""Milliseconds that older rows are kept."""

MOST_ROWS = 200_000
"""Rows beyond which even the newest are pruned, about 10 MB."""

CHUNK = 500
"""Rows taken away by one transaction, in about a millisecond."""

_WAIT = 0.02
"""Seconds to wait for another writer; who comes next prunes instead."""

_STATE = (
    "SELECT oldest, (SELECT min(seq) FROM stina_change), (SELECT max(seq) FROM stina_change) FROM stina_feed"
)


class Retention:
    """Prunes the log of one store, between transactions of the calling thread."""

    def __init__(self, backend: Backend, transactions: Transactions) -> None:
        self._backend = backend
        self._transactions = transactions

    def prune(self, most: int) -> int:
        """Take away what is not to be kept, but no more than about *most* rows; return how many.

        Another writer is not waited for, and readers are never kept waiting. Raises
        nothing: whoever comes here has committed something else.
        """
        gone = 0
        try:
            while gone < most and self._is_due():
                with self._backend.waiting(_WAIT), self._transactions.begin():
                    taken = self._take_away()
                gone += taken
                if not taken:
                    break
        except StoreBusyError:
            log.debug("retention.busy")
        except StinaError:
            log.exception("retention.failed")
        return gone

    def _is_due(self) -> bool:
        oldest, first, newest = self._backend.execute(_STATE)[0]
        if first is None or first >= newest:
            return False
        return bool(first <= oldest or self._end(oldest, newest) > oldest)

    def _take_away(self) -> int:
        """Take away at most a chunk, under the write lock.

        Where the log begins is decided first, at the end of a transaction, and
        what lies before it goes bit by bit: so no reader ever begins inside one.
        """
        oldest, first, newest = self._backend.execute(_STATE)[0]
        if first > oldest:
            oldest = self._end(oldest, newest)
            self._backend.execute("UPDATE stina_feed SET oldest = ?", (oldest,))
        last = min(
            oldest, newest - 1, first + CHUNK - 1
        )  # the newest row stays, or its number would come again
        if last < first:
            return 0
        self._backend.execute("DELETE FROM stina_change WHERE seq <= ?", (last,))
        return int(last - first + 1)

    def _end(self, oldest: int, newest: int) -> int:
        """Return where the log is to begin instead: the end of the last transaction, of a chunk, that may go."""
        if newest - oldest <= KEPT_ROWS:
            return oldest
        old = now_ms() - KEPT_MS

        def may_go(mark: Row) -> bool:
            seq, begin, data = mark
            if seq >= newest:
                return False  # whoever follows has not had the time to read it
            return _begin(seq, begin) <= newest - MOST_ROWS or (
                seq <= newest - KEPT_ROWS and _time(data) < old
            )

        first = self._marks("TRUE", oldest, 1)
        if first and may_go(first[0]):
            marks = self._marks(f"seq <= {oldest + CHUNK}", oldest) or first
            return int(next(mark[0] for mark in reversed(marks) if may_go(mark)))
        outside = _begin(*first[0][:2]) - 1 if first else newest  # rows up to there have no mark
        return max(oldest, min(outside, newest - MOST_ROWS))

    def _marks(self, condition: str, oldest: int, most: int = CHUNK) -> list[Row]:
        return self._backend.execute(
            f"SELECT seq, key, data FROM stina_change WHERE op = 'T' AND seq > ? AND {condition} ORDER BY seq LIMIT ?",
            (oldest, most),
        )


def _begin(seq: int, begin: object) -> int:
    return begin if isinstance(begin, int) else seq


def _time(data: str | None) -> int:
    try:
        return int(json.loads(data or "")["at"])
    except (ValueError, TypeError, KeyError):
        return 0  # nobody but the core writes any; what cannot be read is not kept for it
