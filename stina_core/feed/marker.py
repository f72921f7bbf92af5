"""The row that ends each transaction of an application in the log: who wrote it, for whom, when and why."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from ..backends.following import mark_data
from ..errors import QueryError
from ..ids import now_ms
from ..migrations import ledger
from . import retention
from .cause import Cause, check_depth, current_cause

if TYPE_CHECKING:
    from ..backends.base import Backend
    from ..changes import Actor
    from ..migrations.watch import SchemaWatch

PRUNE_EVERY = 1000
"""Rows of the log; whoever writes the next thousandth prunes."""

MANY = 10_000
"""Rows that are pruned after a commit while the log is over its limit, in about 15 ms."""


def new_origin(name: str) -> str:
    """Return an origin for one open store of the program *name*: `name:process id:random`."""
    return f"{name}:{os.getpid()}:{os.urandom(3).hex()}"


class Begun(NamedTuple):
    """What a transaction found when it began, under the write lock.

    Attributes:
        oldest: Where the log begins.
        newest: The last row of the log; 0 for an empty one.
        epoch: Of the feed.
    """

    oldest: int
    newest: int
    cause: Cause | None
    epoch: str


class Marker:
    """Marks the transactions of one open store. Called inside each, by the thread that runs it.

    Args:
        origin: Which program and process this is.
        watch: Asked whether this program may still write to the file.
        prune: Told how many rows to take away at most, when it is time to prune.

    Attributes:
        opened: The epoch of the schema when the store was opened.
    """

    def __init__(
        self, backend: Backend, origin: str, watch: SchemaWatch, prune: Callable[[int], object]
    ) -> None:
        self.origin = origin
        self._newest: dict[int, int] = {}  # by thread
        self.opened = watch.epoch
        self._backend = backend
        self._watch = watch
        self._prune = prune
        _markers.add(self)

    @property
    def newest(self) -> int:
        """The last row of the log that this store has committed since `forget_newest()`; 0 for none."""
        return max(self._newest.copy().values(), default=0)

    def forget_newest(self) -> None:
        """Forget what was committed so far."""
        self._newest = {}

    def newest_before(self, begun: object) -> int:
        """Return the last row of the log before the transaction that began so."""
        return begun.newest if isinstance(begun, Begun) else 0

    def forget_parent(self) -> None:
        """In a child after fork(): what it writes comes from another process."""
        self.origin = new_origin(self.origin.rsplit(":", 2)[0])
        self.forget_newest()

    def begin(self) -> Begun:
        """Note where the log ends, and that this program may still write. One SELECT.

        Raises:
            SchemaTooNewError, DriftError, LedgerConflictError: see SchemaWatch.
        """
        cause = current_cause()
        try:
            epoch, oldest, newest = ledger.feed_state(self._backend)
        except QueryError:
            self._watch.compare()  # a file from before its first step, which has no such table, lacks them all
            raise
        self._watch.check(epoch)
        return Begun(oldest, newest, cause, epoch[0])

    def end(self, begun: Begun, actor: Actor | None) -> int:
        """Before the commit: write the marker, if the transaction changed anything that is tracked.

        Returns:
            Its number; 0 if there is none.

        Raises:
            TransactionError: it belongs to a chain of handlers that has become too long.
        """
        cause = begun.cause
        if cause is None:
            data = mark_data(self.origin, actor, now_ms())
        else:
            here = cause.cursor.epoch == begun.epoch  # else another store's feed told of it
            seq = cause.cursor.seq if here else None
            consumer = cause.consumer if here else None
            data = mark_data(self.origin, actor, now_ms(), seq, cause.depth + 1, consumer)
        seq = self._backend.log.mark(begun.newest, data)
        if seq and cause is not None:
            check_depth(cause)
        return seq

    def committed(self, begun: Begun, seq: int) -> None:
        """After the commit of a transaction that ended with *seq*: wake everybody who listens.

        Where it crossed a thousand rows, or the log is over its limit, old ones are
        pruned: so it stays small also where only short commands write, or a shell.
        """
        self._newest[threading.get_ident()] = seq  # no lock, which an interrupt could leave taken
        self._backend.ring()
        if seq - begun.oldest > retention.MOST_ROWS:
            self._prune(max(2 * (seq - begun.newest), MANY))
        elif seq // PRUNE_EVERY != begun.newest // PRUNE_EVERY:
            self._prune(2 * max(seq - begun.newest, PRUNE_EVERY))


_markers: weakref.WeakSet[Marker] = weakref.WeakSet()


def _forget_parents() -> None:
    for marker in list(_markers):
        marker.forget_parent()


os.register_at_fork(after_in_child=_forget_parents)
