"""Notices that another program changed the schema of a file this one has open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import DriftError, SchemaTooNewError
from ..log import get_logger
from . import ledger
from .plan import plan
from .steps import PluginSteps

if TYPE_CHECKING:
    from ..backends.base import Backend

log = get_logger(__name__)


class SchemaWatch:
    """Asked at the begin of each writing transaction; one small SELECT unless something changed.

    Args:
        declared: The steps of the core and of every plugin in use.
    """

    def __init__(self, backend: Backend, declared: Sequence[PluginSteps]) -> None:
        self._backend = backend
        self._declared = declared
        self._epoch = ledger.schema_epoch(backend)

    def check(self) -> None:
        """Go on if what changed is compatible with this program's code. Runs under the write lock.

        Steps of plugins this program does not use, and steps that only added
        something, are compatible.

        Raises:
            SchemaTooNewError: a newer program changed tables that this one writes.
            DriftError: the file was replaced by an older one, which lacks steps.
            LedgerConflictError: it was replaced by one with another past.
        """
        epoch = ledger.schema_epoch(self._backend)
        if epoch != self._epoch:
            self._compare()
            log.info("schema.changed", epoch=epoch[1])
            self._epoch = epoch

    def _compare(self) -> None:
        entries = ledger.read(self._backend).entries
        known = {(step.plugin, step.id) for plugin in self._declared for step in plugin.steps}
        used = {plugin.plugin for plugin in self._declared}
        newer = {(entry.plugin, entry.id) for entry in entries if entry.plugin in used} - known
        for plugin, step in sorted(newer & ledger.breaking(self._backend)):
            raise SchemaTooNewError(
                plugin,
                step,
                f"a newer program changed the tables of {plugin} in this file (step {step}); this one must not "
                "write to it any more: close it, update it and start it again. Nothing was written",
            )
        current = plan(self._declared, [entry for entry in entries if (entry.plugin, entry.id) in known])
        for error in current.refused.values():
            raise error
        for lacking in current.pending:
            raise DriftError(
                lacking.plugin,
                lacking.id,
                f"this file was replaced by an older one, which lacks step {lacking.id} of {lacking.plugin}; "
                "close the store and open it again, which brings it up to date. Nothing was written",
            )
