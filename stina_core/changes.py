"""What the change feed speaks of: plain values, no I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import total_ordering
from typing import TYPE_CHECKING, Literal, get_args, overload

if TYPE_CHECKING:
    from datetime import datetime


Actor = Literal["user", "assistant", "tool", "plugin"]
"""On whose behalf something was written."""

ACTORS: frozenset[str] = frozenset(get_args(Actor))


class Op(StrEnum):
    """What happened to a row; `RESET` means the whole table, row by row unknown."""

    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"
    RESET = "reset"


@total_ordering
@dataclass(frozen=True, slots=True)
class Cursor:
    """A resume point in the feed of one file: everything up to *seq* has been seen.

    Prints as `epoch:seq`. Cursors of one epoch are ordered; comparing those of two
    raises ValueError. The epoch changes when a file is restored or reset, and an
    old cursor is then refused.
    """

    epoch: str
    seq: int

    def __str__(self) -> str:
        return f"{self.epoch}:{self.seq}"

    def __lt__(self, other: Cursor) -> bool:
        if self.epoch != other.epoch:
            raise ValueError(f"{self} and {other} are of two epochs; neither comes first")
        return self.seq < other.seq

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Read back what `str()` printed; ValueError if it is something else."""
        epoch, separator, seq = text.rpartition(":")
        if not (epoch and separator and seq.isascii() and seq.isdigit()):
            raise ValueError(f"{text!r} is no cursor; a cursor looks like 'k3v9:412'")
        return cls(epoch, int(seq))


@dataclass(frozen=True, slots=True)
class Change:
    """One committed change of one row. It carries the row's key, never its contents.

    Attributes:
        key: The primary key as stored; a tuple where it has several columns; None for a reset.
        origin: Which program and process wrote it; None for a writer outside Stina.
        actor: On whose behalf, where the writer said so.
        at: When the transaction was committed (UTC, ms); None for a writer outside Stina.
    """

    seq: int
    table: str
    op: Op
    key: object
    origin: str | None = None
    actor: Actor | None = None
    at: datetime | None = None


class Changes(Sequence[Change]):
    """The changes of one committed transaction, in the order they happened.

    That order is the one in which rows were written, not that of cause and effect:
    the rows that a cascade deletes come before the row they hung on. A row that was
    replaced may appear as an insert alone, so an insert means: this row is there now.

    What several writers outside Stina committed one after the other may come as one.

    Attributes:
        cursor: Where the feed goes on after it.
        origin, actor, at: As in `Change`, for the whole transaction.
        cause: Where the transaction ended whose delivery made somebody write this one,
            if it was written by an `on_change` hook or another callback of the feed.
        depth: How many such writes led to this one, one after the other.
        consumer: The consumer whose effect it is, if it is one's.
        resync: Why these are no changes but resets of tables, after which nothing is known
            of their rows: `slow` (the receiver did not keep up), `paused` (it failed again and
            again), `failed` (it failed on a reset), or a reason of ResyncRequiredError. Empty for a
            transaction, also for one that is told by resets because it is too long (50,000 changes).
    """

    __slots__ = ("_changes", "actor", "at", "cause", "consumer", "cursor", "depth", "origin", "resync")

    def __init__(
        self,
        changes: Iterable[Change],
        cursor: Cursor | None = None,
        *,
        origin: str | None = None,
        actor: Actor | None = None,
        at: datetime | None = None,
        cause: Cursor | None = None,
        depth: int = 0,
        consumer: str | None = None,
        resync: str = "",
    ) -> None:
        self._changes = tuple(changes)
        self.cursor = cursor
        self.origin = origin
        self.actor = actor
        self.at = at
        self.cause = cause
        self.depth = depth
        self.consumer = consumer
        self.resync = resync

    @overload
    def __getitem__(self, index: int) -> Change: ...
    @overload
    def __getitem__(self, index: slice) -> Changes: ...
    def __getitem__(self, index: int | slice) -> Change | Changes:
        if isinstance(index, slice):
            return self._with(self._changes[index])
        return self._changes[index]

    def __len__(self) -> int:
        return len(self._changes)

    def __iter__(self) -> Iterator[Change]:
        return iter(self._changes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Changes) and (self.cursor, self._changes) == (other.cursor, other._changes)

    def __hash__(self) -> int:
        return hash((self.cursor, self._changes))

    def __repr__(self) -> str:
        return f"Changes({list(self._changes)!r}, cursor={str(self.cursor)!r})"

    @property
    def tables(self) -> frozenset[str]:
        """The public names of the tables it changed."""
        return frozenset([change.table for change in self._changes])

    def of(self, *tables: str) -> Changes:
        """Return only the changes of *tables* (public names, such as `todos_todo`)."""
        return self._with(change for change in self._changes if change.table in tables)

    def where(self, wanted: Callable[[Change], object]) -> Changes:
        """Return only the resets, and the changes for which *wanted* answers yes."""
        return self._with(change for change in self._changes if change.op is Op.RESET or wanted(change))

    def _with(self, changes: Iterable[Change]) -> Changes:
        return Changes(
            changes,
            self.cursor,
            origin=self.origin,
            actor=self.actor,
            at=self.at,
            cause=self.cause,
            depth=self.depth,
            consumer=self.consumer,
            resync=self.resync,
        )
