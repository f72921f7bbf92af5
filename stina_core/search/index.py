"""The full-text index of one table, as a plugin's repository uses it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, TypeAlias

from ..errors import DiskFullError, MigrationError, ReadOnlyError, StoreBusyError
from ..log import get_logger
from .hits import Hit, Snippet
from .web_query import web_query

if TYPE_CHECKING:
    from ..backends.sqlite.full_text import FullText
    from ..backends.sqlite.full_text_queries import Found
    from ..transactions import Transactions
    from .follower import Follower

log = get_logger(__name__)

Missing: TypeAlias = "Sequence[object] | None"
"""Keys of the rows that the index lacks; None for all rows."""

DEADLINE = 5.0
"""Seconds that a search may take."""

BUDGET = 0.02
"""Seconds that a search spends on the index; searching a changed row beside it costs 20 us, rewriting it there 2 ms."""

_NOT_NOW = (StoreBusyError, ReadOnlyError, DiskFullError, MigrationError)
"""Why this process may not write just now, or not any more; a search only reads."""


class FullTextIndex:
    """Finds rows of one table by the words in them.

    Guarantees:
        - An answer has everything that was committed before the question; inside a
          transaction also what the transaction itself wrote, inside a snapshot what
          the snapshot sees.
        - It is the same, in the same order, whether the index could be caught up or not;
          the order alone may differ where the table was reset or rewritten meanwhile.
          `ranked()` then weighs what the index lacks against the best that it has.
        - A search neither waits for another writer nor makes one wait for long. What
          the index lacks, and cannot be given at once, is searched beside it.

    Args:
        hurried: Makes a block in which the write lock is hardly waited for.
        key_value: Turns a key as it is stored into what the model's field gives.
    """

    def __init__(
        self,
        texts: FullText,
        follower: Follower,
        transactions: Transactions,
        hurried: Callable[[], AbstractContextManager[None]],
        key_value: Callable[[object], object] = lambda key: key,
    ) -> None:
        self._texts = texts
        self._follower = follower
        self._transactions = transactions
        self._hurried = hurried
        self._key_value = key_value

    def newest(self, text: str, limit: int = 20, before: int | None = None) -> list[Hit]:
        """Return the rows that answer *text*, those last that were first indexed.

        Args:
            text: What somebody typed; see `web_query()`.
            limit: How many at most.
            before: The `place` of the last hit of the page before.
        """
        match = web_query(text)
        if match is None or limit < 1:
            return []

        def beside(missing: Missing) -> list[Found]:
            with self._texts.pending(missing) as pending:
                found = pending.newest(match, limit, before)
                if missing is not None:
                    found += self._texts.newest(match, limit, before, pending.stale)
            found.sort(key=lambda one: one.place, reverse=True)
            return found[:limit]

        return self._answer(lambda: self._texts.newest(match, limit, before), beside)

    def ranked(self, text: str, limit: int = 20) -> list[Hit]:
        """Return the rows that answer *text* best, best first; only the newest 2,000 that answer it are weighed."""
        match = web_query(text)
        if match is None or limit < 1:
            return []

        def beside(missing: Missing) -> list[Found]:
            with self._texts.pending(missing) as pending:
                if missing is not None:
                    best = self._texts.ranked(match, limit, pending.stale)
                    pending.add(self._texts.texts([one.place for one in best]))
                return pending.ranked(match, limit)

        return self._answer(lambda: self._texts.ranked(match, limit), beside)

    def _answer(
        self, whole: Callable[[], list[Found]], beside: Callable[[Missing], list[Found]]
    ) -> list[Hit]:
        """Return what *whole* finds where the index has everything, at once or caught up; else what *beside* does."""
        with self._transactions.snapshot(DEADLINE):
            if self._follower.is_current():
                return self._hits(whole())
        self._catch_up()
        with self._transactions.snapshot(DEADLINE):
            missing = self._follower.missing()
            return self._hits(beside(missing) if missing is None or missing else whole())

    def _catch_up(self) -> None:
        if self._transactions.open:
            return  # never as a part of it
        try:
            with self._hurried():
                self._follower.catch_up(BUDGET)
        except _NOT_NOW as error:
            log.debug("index.left", reason=type(error).__name__)

    def _hits(self, found: list[Found]) -> list[Hit]:
        return [Hit(self._key_value(one.key), Snippet(one.text, one.marks), one.place) for one in found]
