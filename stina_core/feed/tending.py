"""What the listener sees to while it is awake: the capture of changes, the size of the log, the file itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..log import get_logger
from ..migrations.captures import Captures

if TYPE_CHECKING:
    from ..backends.base import Backend
    from ..catalog import Table
    from ..migrations.watch import SchemaWatch
    from ..transactions import Transactions

log = get_logger(__name__)

EVERY = 0.5  # seconds
PRUNE_EVERY = 60.0  # seconds
_PRUNED = 2000  # rows at a time


class Tending:
    """Called on the listener's thread, as often as it wakes.

    Args:
        tables: Those of the plugins in use, as they are declared.
        prune: Takes away at most so many rows of the log.
        replaced: Called once if another file stands where this process has opened one.
    """

    def __init__(
        self,
        backend: Backend,
        transactions: Transactions,
        watch: SchemaWatch,
        tables: Sequence[Table],
        *,
        origin: str,
        prune: Callable[[int], object],
        replaced: Callable[[], object],
    ) -> None:
        self._backend = backend
        self._transactions = transactions
        self._watch = watch
        self._tables = tables
        self._origin = origin
        self._prune = prune
        self._replaced = replaced
        self._epoch = watch.epoch
        self._schema_version = -1
        self._next = 0.0
        self._next_prune = time.monotonic() + PRUNE_EVERY
        self._is_replaced = False

    def tend(self) -> None:
        """Look at everything that is due. Raises what the database does; the next call tries again."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + EVERY
        if not self._is_replaced and self._backend.is_replaced():
            self._is_replaced = True
            self._replaced()
        self._see_to_capture()
        if now >= self._next_prune:
            self._next_prune = now + PRUNE_EVERY
            self._prune(_PRUNED)

    def _see_to_capture(self) -> None:
        """Mend the capture triggers, if a program outside Stina dropped or changed some."""
        version = self._backend.schema_version()
        if version == self._schema_version:
            return
        if self._backend.capture.wrong(self._tables):
            with self._transactions.begin():
                if (
                    self._watch.epoch == self._epoch
                ):  # else a program with other code brought it to its own form
                    Captures(self._backend, self._origin).resume(self._tables)
                    log.warning("capture.mended")
            version = self._backend.schema_version()
        self._schema_version = version
