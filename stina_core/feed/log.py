"""Reads the change feed: whole transactions, in the order of their commits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..backends.following import RESET
from ..changes import Changes, Cursor
from ..errors import ResyncRequiredError
from .grouping import Grouping, InsideError

if TYPE_CHECKING:
    from ..backends.base import Backend
    from ..backends.following import Extent, LogRow

CHUNK = 1000
"""Rows of the log read by one SELECT, about two milliseconds."""


class ChangeLog:
    """The change feed of one store, as the calling thread sees it. Reads only, and never waits for a writer."""

    def __init__(self, backend: Backend) -> None:
        self._log = backend.log

    def head(self) -> Cursor:
        """Return where the feed ends now."""
        extent = self._log.extent()
        return Cursor(extent.epoch, extent.newest)

    def tail(self) -> Cursor:
        """Return where the feed begins: nothing after it was pruned."""
        extent = self._log.extent()
        return Cursor(extent.epoch, extent.oldest)

    def read(self, since: Cursor) -> list[Changes]:
        """Return the transactions committed after *since*: at least one if there is any, not always all.

        A cursor that lies inside a transaction gets the whole of it.

        Raises:
            ResyncRequiredError: it cannot be resumed from there.
        """
        try:
            return self._read(since)
        except InsideError as inside:
            return self._read(Cursor(since.epoch, inside.first - 1))

    def _read(self, since: Cursor) -> list[Changes]:
        grouping = Grouping(since)
        seq = since.seq
        while True:
            extent, rows = self._log.after(seq, CHUNK)
            check_resumable(Cursor(since.epoch, seq), extent, rows)
            at_end = len(rows) < CHUNK
            done = grouping.take(rows, at_end=at_end)
            if done or at_end:
                return done
            seq = rows[-1].seq

    def changed_keys(self, table: str, since: Cursor, limit: int) -> tuple[list[object], Cursor, bool]:
        """Return which rows of one table changed, without their order and their transactions.

        Args:
            limit: How many rows of the log are looked at.

        Returns:
            The keys, each once; how far that reaches; whether the table was reset meanwhile.

        Raises:
            ResyncRequiredError: it cannot be resumed from there.
        """
        extent, rows = self._log.after(since.seq, limit)
        check_resumable(since, extent, rows)
        of_table = [row for row in rows if row.table == table]
        reached = Cursor(since.epoch, rows[-1].seq if rows else since.seq)
        keys = list(dict.fromkeys(row.key for row in of_table if row.op != RESET))
        return keys, reached, any(row.op == RESET for row in of_table)


def check_resumable(since: Cursor, extent: Extent, rows: Sequence[LogRow]) -> None:
    """Raise ResyncRequiredError unless the *rows* after *since* begin with the one that follows it.

    Numbers have no gaps, whatever was rolled back, so this can be checked.
    """
    oldest = Cursor(extent.epoch, extent.oldest)
    anew = "read what you follow anew (store.snapshot() gives a cursor with it) and go on from there"
    if since.epoch != extent.epoch or since.seq > extent.newest:
        raise ResyncRequiredError(
            f"the cursor {since} is of another state of this file, which was restored or reset since; {anew}",
            reason="restored",
            oldest=oldest,
        )
    if since.seq < extent.oldest or (rows and rows[0].seq != since.seq + 1):
        raise ResyncRequiredError(
            f"the changes after the cursor {since} are not kept any more (those after {oldest} are); {anew}",
            reason="pruned",
            oldest=oldest,
        )
