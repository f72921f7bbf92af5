"""Reads the change feed: whole transactions, in the order of their commits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
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

LARGEST = 2**63 - 1
"""Where numbers of the log end; a cursor that was read from a text may lie beyond."""


class ChangeLog:
    """The change feed of one store, as the calling thread sees it. Reads only, and never waits for a writer."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._log = backend.log

    def head(self) -> Cursor:
        """Return where the feed ends now."""
        extent = self._log.extent()
        return Cursor(extent.epoch, extent.newest)

    def tail(self) -> Cursor:
        """Return where the feed begins: nothing after it was pruned."""
        extent = self._log.extent()
        return Cursor(extent.epoch, extent.oldest)

    def check_file(self) -> None:
        """Raise ResyncRequiredError if another file stands where this process has opened one."""
        if self._backend.is_replaced():
            raise replaced()

    def read(self, since: Cursor) -> list[Changes]:
        """Return the transactions committed after *since*: at least one if there is any, not always all.

        A cursor that lies inside a transaction gets the whole of it.

        Raises:
            ResyncRequiredError: it cannot be resumed from there.
        """
        return self._read_whole(since)[0]

    def batches(self, since: Cursor) -> Iterator[list[Changes]]:
        """Yield what `read()` returns, until everything that was committed then has come. Raises as it does."""
        at_end = False
        while not at_end:
            done, at_end = self._read_whole(since)
            if done:
                yield done
                assert done[-1].cursor is not None
                since = done[-1].cursor

    def _read_whole(self, since: Cursor) -> tuple[list[Changes], bool]:
        try:
            return self._read(since)
        except InsideError as inside:
            before = Cursor(since.epoch, inside.first - 1)
        with suppress(InsideError, ResyncRequiredError):
            done, at_end = self._read(before)
            if done and _ends_after(done[0], since):
                return done, at_end
        return self._read(since, cut=True)  # a shell has spoiled the mark, which is no transaction's

    def _read(self, since: Cursor, *, cut: bool = False) -> tuple[list[Changes], bool]:
        """Return transactions, and whether the log was read to its end."""
        grouping = Grouping(since, cut=cut)
        while True:
            extent, rows = self._log.after(min(since.seq, LARGEST), CHUNK)
            check_resumable(since, extent, rows)
            at_end = len(rows) < CHUNK
            done = grouping.take(rows, at_end=at_end)
            if done or at_end:
                return done, at_end
            since = Cursor(since.epoch, rows[-1].seq)

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


def _ends_after(changes: Changes, since: Cursor) -> bool:
    return changes.cursor is not None and changes.cursor.seq > since.seq


def replaced() -> ResyncRequiredError:
    """Return what everybody is told who follows a file that is not in its place any more."""
    return ResyncRequiredError(
        "another file was put in the place of this store; close it and open it again", reason="replaced"
    )


def check_resumable(since: Cursor, extent: Extent, rows: Sequence[LogRow]) -> None:
    """Raise ResyncRequiredError unless *rows* are those that follow *since*, one after the other.

    Numbers have no gaps, whatever was rolled back, so this can be checked.
    """
    gap = rows and rows[-1].seq != since.seq + len(rows)  # they are in order, so this covers each
    if since.epoch == extent.epoch and extent.oldest <= since.seq <= extent.newest and not gap:
        return
    oldest = Cursor(extent.epoch, extent.oldest)
    anew = "read what you follow anew (store.snapshot() gives a cursor with it) and go on from there"
    if since.epoch != extent.epoch or since.seq > extent.newest:
        raise ResyncRequiredError(
            f"the cursor {since} is of another state of this file, which was restored or reset since; {anew}",
            reason="restored",
            oldest=oldest,
        )
    raise ResyncRequiredError(
        f"the changes after the cursor {since} are not kept any more (those after {oldest} are); {anew}",
        reason="pruned",
        oldest=oldest,
    )
