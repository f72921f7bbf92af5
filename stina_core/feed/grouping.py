"""Puts the rows of the log together to transactions. Pure: rows in, transactions out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from ..backends.following import DELETE, INSERT, MARK, RESET, UPDATE, LogRow
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


@dataclass(frozen=True, slots=True)
class Said:
    """What a marker says of its transaction."""

    origin: str | None = None
    actor: Actor | None = None
    at: datetime | None = None
    cause: int | None = None
    depth: int = 0


OUTSIDE = Said()
"""What is known of a transaction without a marker: a program outside Stina wrote it."""


class Grouping:
    """Takes the rows after *since* in order, any number at a time."""

    def __init__(self, since: Cursor) -> None:
        self._since = since
        self._rows: list[LogRow] = []  # not part of a finished transaction yet
        self._tables: dict[str, None] = {}  # those of rows that were too many to keep

    def take(self, rows: Iterable[LogRow], *, at_end: bool) -> list[Changes]:
        """Return the transactions that *rows* complete.

        Args:
            at_end: No more rows are committed. Those without a marker will not get one then.

        Raises:
            InsideError: the cursor cuts the first transaction in two.
        """
        done: list[Changes] = []
        seq = self._since.seq
        for row in rows:
            seq = row.seq
            if row.op == MARK:
                done += self._marked(row)
            else:
                self._rows.append(row)
                if len(self._rows) > LONGEST:
                    self._leave_out()
        if at_end and (self._rows or self._tables):
            done.append(self._group(self._rows, seq, OUTSIDE))
        return done

    def _marked(self, mark: LogRow) -> list[Changes]:
        first = mark.key if isinstance(mark.key, int) else mark.seq
        if first <= self._since.seq:
            raise InsideError(first)
        before = [row for row in self._rows if row.seq < first] if not self._tables else []
        own = self._rows[len(before) :]
        done = [self._group(before, first - 1, OUTSIDE)] if before else []
        done.append(self._group(own, mark.seq, _said(mark)))
        return done

    def _group(self, rows: Sequence[LogRow], seq: int, said: Said) -> Changes:
        epoch = self._since.epoch
        about = (said.origin, said.actor, said.at)
        if self._tables:
            self._leave_out()
            changes = [Change(seq, table, Op.RESET, None, *about) for table in self._tables]
        else:
            changes = [Change(row.seq, row.table, _OPS[row.op], row.key, *about) for row in rows]
        self._rows, self._tables = [], {}
        return Changes(
            changes,
            Cursor(epoch, seq),
            origin=said.origin,
            actor=said.actor,
            at=said.at,
            cause=None if said.cause is None else Cursor(epoch, said.cause),
            depth=said.depth,
        )

    def _leave_out(self) -> None:
        self._tables |= dict.fromkeys(row.table for row in self._rows)
        self._rows.clear()


def _said(mark: LogRow) -> Said:
    try:
        found = json.loads(mark.data or "")
        at, actor = found["at"], found.get("actor")
        return Said(
            str(found["origin"]),
            cast("Actor", actor) if actor in ACTORS else None,
            from_ms(at),
            found.get("cause"),
            found.get("depth", 0),
        )
    except (ValueError, TypeError, KeyError, OverflowError):
        log.warning("marker.unreadable", seq=mark.seq)  # nobody but this core writes any
        return OUTSIDE
