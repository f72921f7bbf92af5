"""What the listener sees to while it is awake: the capture of changes, the size of the log, the file itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

from ..errors import MigrationError
from ..log import get_logger
from ..migrations import ledger
from ..migrations.verification import fingerprint_of

if TYPE_CHECKING:
    from ..backends.base import Backend
    from ..catalog import Table
    from ..migrations.watch import SchemaWatch
    from ..transactions import Transactions

log = get_logger(__name__)

EVERY = 1.0  # seconds
PRUNE_EVERY = 60.0  # seconds
_PRUNED = 2000  # rows at a time
_WAIT = 0.05  # seconds to wait for another writer; the next call tries again


class Tending:
    """Called on the listener's thread, as often as it wakes.

    Args:
        tables: Those of the plugins in use, as they are declared.
        epoch: Of the schema that this program opened, which was then brought to its own form.
        prune: Takes away at most so many rows of the log; says how many.
        replaced: Called once if another file stands where this process has opened one.
    """

    def __init__(
        self,
        backend: Backend,
        transactions: Transactions,
        watch: SchemaWatch,
        tables: Sequence[Table],
        *,
        epoch: tuple[str, int],
        prune: Callable[[int], int],
        replaced: Callable[[], object],
    ) -> None:
        self._backend = backend
        self._transactions = transactions
        self._watch = watch
        self._tables = tables
        self._prune = prune
        self._replaced = replaced
        self._epoch = epoch
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
        self.see_to_file()
        self._see_to_capture()
        if now >= self._next_prune and self._prune(_PRUNED) < _PRUNED:  # else there is more to do
            self._next_prune = now + PRUNE_EVERY

    def see_to_file(self) -> None:
        """Tell, once, if another file stands in the place of this one."""
        if not self._is_replaced and self._backend.is_replaced():
            self._is_replaced = True
            self._replaced()

    def _see_to_capture(self) -> None:
        """Mend the capture triggers, if a program outside Stina dropped or changed some."""
        with self._backend.waiting(_WAIT):
            # Threads that share one connection wait for each other here.
            with self._backend.session.gate or nullcontext():
                version = self._backend.schema_version()
                if version == self._schema_version:
                    return
                is_wrong = bool(self._backend.capture.wrong(self._tables))
            if not is_wrong or not self._mend():
                self._schema_version = version

    def _mend(self) -> bool:
        """Mend what is wrong, and say that those tables were reset: what was not captured may have been anything.

        Returns:
            False if there was nothing that this program may mend.
        """
        try:
            with self._transactions.begin():
                own = self._own()
                mended = self._backend.capture.reconcile(own)
                self._backend.capture.reset(sorted(mended & {table.name for table in own}))
        except MigrationError:
            log.exception("capture.foreign")
            return False
        if mended:
            log.warning("capture.mended", tables=sorted(mended))
        return bool(mended)

    def _own(self) -> list[Table]:
        """The tables of plugins whose models are those that the file was last found to fit.

        The others a program with other code has brought to its own form.
        """
        if self._watch.epoch == self._epoch:
            return list(self._tables)
        noted = ledger.fingerprints(self._backend)
        by_plugin: dict[str, list[Table]] = {}
        for table in self._tables:
            by_plugin.setdefault(table.name.partition("_")[0], []).append(table)
        return [
            table
            for plugin, tables in by_plugin.items()
            if noted.get(plugin) == fingerprint_of(tables)
            for table in tables
        ]
