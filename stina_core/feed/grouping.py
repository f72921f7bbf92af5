"""Puts the rows of the log together to transactions. Pure: rows in, transactions out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, cast

from ..backends.following import AT, DELETE, INSERT, MARK, RESET, UPDATE, LogRow
from ..changes import ACTORS, Actor, Change, Changes, Cursor, Op
from ..ids import from_ms
from ..log import get_logger

if TYPE_CHECKING:
    from datetime import datetime

log = get_logger(__name__)

LONGEST = 50_000
"""Changes a transaction is delivered with. A longer one comes as resets of its tables: re-reading
a table costs less than looking at so many of its rows one by one."""

_OPS = {INSERT: Op.INSERT, UPDATE: Op.UPDATE, DELETE: Op.DELETE, RESET: Op.RESET}


class InsideError(Exception):
    """The cursor lies inside the transaction that begins with the row *first*."""

    def __init__(self, first: int) -> None:
        self.first = first


class Said(NamedTuple):
    """What a marker says of its transaction."""

    origin: str | None = None
    actor: Actor | None = None
    at: datetime | None = None
    cause: int | None = None
    depth: int = 0
    consumer: str | None = None


OUTSIDE = Said()
"""What is known of a transaction without a marker: a program outside Stina wrote it."""


class Grouping:
    """Takes the rows after *since* in order, any number at a time.

    Args:
        cut: Let no transaction begin before *since*, whatever its mark says.
    """

    def __init__(self, since: Cursor, *, cut: bool = False) -> None:
        self._since = since
        self._cut = cut
        self._rows: list[LogRow] = []  # not part of a finished transaction yet
        self._left_out: dict[str, tuple[int, int]] = {}  # first and last of too many rows to keep, by table
        self._reached = since.seq  # where the last finished transaction ended
        self._newest = since.seq

    def take(self, rows: Iterable[LogRow], *, at_end: bool) -> list[Changes]:
        """Return the transactions that *rows* complete.

        Args:
            at_end: No more rows are committed. Those without a marker will not get one then.

        Raises:
            InsideError: the cursor cuts the first transaction in two.
        """
        done: list[Changes] = []
        for row in rows:
            self._newest = row.seq
            if row.op == MARK:
                done += self._marked(row)
            else:
                self._rows.append(row)
                if len(self._rows) > LONGEST:
                    self._leave_out()
        if at_end and (self._rows or self._left_out):
            done.append(self._group(self._newest, OUTSIDE))
        return done

    def _marked(self, mark: LogRow) -> list[Changes]:
        first = mark.key if isinstance(mark.key, int) and mark.key <= mark.seq else mark.seq
        if first <= self._since.seq:
            if not self._cut:
                raise InsideError(first)
            first = self._since.seq + 1
        done = [self._group(first - 1, OUTSIDE)] if self._reached < first - 1 else []
        done.append(self._group(mark.seq, _said(mark)))
        return done

    def _group(self, seq: int, said: Said) -> Changes:
        """Make a transaction of all that is not part of one yet, up to *seq*."""
        rows, self._rows = self._rows, []
        if rows and rows[-1].seq > seq:
            rows, self._rows = [one for one in rows if one.seq <= seq], [one for one in rows if one.seq > seq]
        left_out = self._end_left_out(seq) if self._left_out else None
        if left_out:
            tables = dict.fromkeys([*left_out, *(row.table for row in rows)])
            changes = [
                Change(seq, table, Op.RESET, None, said.origin, said.actor, said.at) for table in tables
            ]
        else:
            changes = [_change(row, said) for row in rows]
        self._reached = seq
        epoch = self._since.epoch
        return Changes(
            changes,
            Cursor(epoch, seq),
            origin=said.origin,
            actor=said.actor,
            at=said.at,
            cause=None if said.cause is None else Cursor(epoch, said.cause),
            depth=said.depth,
            consumer=said.consumer,
        )

    def _end_left_out(self, seq: int) -> list[str]:
        """Return the tables of which rows up to *seq* were left out, and keep what comes after."""
        tables = [table for table, (first, _) in self._left_out.items() if first <= seq]
        self._left_out = {
            table: (max(first, seq + 1), last)
            for table, (first, last) in self._left_out.items()
            if last > seq
        }
        return tables

    def _leave_out(self) -> None:
        for row in self._rows:
            first, _ = self._left_out.get(row.table, (row.seq, row.seq))
            self._left_out[row.table] = (first, row.seq)
        self._rows.clear()


def _change(row: LogRow, said: Said) -> Change:
    op, key = _OPS.get(row.op), row.key
    if op is None:  # a newer core wrote it: whatever it means, that table is to be read anew
        log.warning("change.unknown", seq=row.seq, op=row.op)
        op, key = Op.RESET, None
    return Change(row.seq, row.table, op, key, said.origin, said.actor, said.at)


def _said(mark: LogRow) -> Said:
    data = mark.data or ""
    try:
        begin, _, at = data[:-1].rpartition(AT)
        by = _by(begin) if data[-1:] == "}" and at.isdecimal() and str(int(at)) == at else None
        if by is not None:  # nearly all: only the time is another one
            return Said(*by, from_ms(int(at)))
        found = json.loads(data)
        moment, cause = from_ms(found["at"]), found.get("cause")
        return Said(
            *_by_whom(found),
            moment,
            None if cause is None else int(cause),
            int(found.get("depth", 0)),
            found.get("consumer"),
        )
    except (ValueError, TypeError, KeyError, OverflowError):
        log.warning("marker.unreadable", seq=mark.seq)  # nobody but this core writes any
        return OUTSIDE


@lru_cache(maxsize=64)
def _by(begin: str) -> tuple[str, Actor | None] | None:
    """Return who wrote a MARK that begins so and ends with its time; None if it says more than that."""
    found = json.loads(f"{begin}{AT}0}}")
    return _by_whom(found) if found.keys() <= {"origin", "actor", "at"} else None


def _by_whom(found: dict[str, object]) -> tuple[str, Actor | None]:
    actor = found.get("actor")
    return str(found["origin"]), cast("Actor", actor) if actor in ACTORS else None
