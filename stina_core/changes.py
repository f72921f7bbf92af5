"""What the change feed speaks of: plain values, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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
    """The changes of one committed transaction, in the order they happened."""

    __slots__ = ("_changes",)

    def __init__(self, changes: Iterable[Change]) -> None:
        self._changes = tuple(changes)

    @overload
    def __getitem__(self, index: int) -> Change: ...
    @overload
    def __getitem__(self, index: slice) -> Changes: ...
    def __getitem__(self, index: int | slice) -> Change | Changes:
        if isinstance(index, slice):
            return Changes(self._changes[index])
        return self._changes[index]

    def __len__(self) -> int:
        return len(self._changes)

    def __iter__(self) -> Iterator[Change]:
        return iter(self._changes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Changes) and self._changes == other._changes

    def __hash__(self) -> int:
        return hash(self._changes)

    def __repr__(self) -> str:
        return f"Changes({list(self._changes)!r})"

    def of(self, *tables: str) -> Changes:
        """Return only the changes of *tables* (public names, such as `todos_todo`)."""
        return Changes(change for change in self._changes if change.table in tables)
