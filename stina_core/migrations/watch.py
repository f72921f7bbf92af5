"""Notices that another program changed the schema of a file this one has open."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..errors import DriftError, LedgerConflictError, SchemaTooNewError
from ..log import get_logger
from . import ledger
from .plan import CORE
from .steps import PluginSteps

if TYPE_CHECKING:
    from ..backends.base import Backend

log = get_logger(__name__)


class SchemaWatch:
    """Asked at the begin of each writing transaction; costs nothing unless something changed.

    What the ledger says then is compared with what it said when the file was
    opened, not with the source of the steps: an update may have replaced that
    under a running program.

    Args:
        declared: The steps of the core and of every plugin in use, which fit the file.
        past: What the file says of itself as they fit it.
    """

    def __init__(self, backend: Backend, declared: Sequence[PluginSteps], past: ledger.Past) -> None:
        self._backend = backend
        self._used = {plugin.plugin for plugin in declared}
        self._epoch = past.epoch
        self._known = self._steps(past)

    @property
    def epoch(self) -> tuple[str, int]:
        """`Past.epoch` of the schema this program last found to be one it may write to."""
        return self._epoch

    def check(self, epoch: tuple[str, int]) -> None:
        """Go on if what changed is compatible with this program's code. Runs under the write lock.

        Steps of plugins this program does not use, and steps that only added
        something, are compatible.

        Args:
            epoch: What the file says now.

        Raises:
            SchemaTooNewError: a newer program changed tables that this one writes.
            DriftError: the file was replaced by an older one, which lacks steps; a plugin was purged
                from it; or another program changed the core's own tables.
            LedgerConflictError: it was replaced by one with another past.
        """
        if epoch != self._epoch:
            self.compare()
            log.info("schema.changed", epoch=epoch[1])
            self._epoch = epoch

    def compare(self) -> None:
        """Compare the whole past of the file with what it was; raises as `check()` does."""
        past = ledger.read(self._backend)
        now = self._steps(past)
        for (plugin, step), checksum in self._known.items():
            if (plugin, step) not in now:
                raise self._lacking(now, past, plugin, step)
            if now[plugin, step] != checksum:
                raise _other_past(plugin, step)
        newer = sorted(now.keys() - self._known.keys())
        for plugin, step in newer:
            if _goes_on(self._known, plugin, step):
                raise _other_past(plugin, step)
        breaking = ledger.breaking(self._backend) if newer else set()
        for plugin, step in newer:
            if (plugin, step) in breaking:
                raise _too_new(plugin, step)

    def _steps(self, past: ledger.Past) -> dict[tuple[str, str], str]:
        """The checksums of all applied steps of plugins in use."""
        return {
            (entry.plugin, entry.id): entry.checksum for entry in past.entries if entry.plugin in self._used
        }

    def _lacking(
        self, now: Iterable[tuple[str, str]], past: ledger.Past, plugin: str, step: str
    ) -> DriftError | LedgerConflictError:
        if _goes_on(now, plugin, step):
            return _other_past(plugin, step)
        replaced = past.epoch[0] != self._epoch[0]  # a restored file has another one, a purged file keeps it
        if plugin == CORE or replaced or any(owner == plugin for owner, _ in now):
            return _older(plugin, step)
        return _purged(plugin, step)


def _goes_on(steps: Iterable[tuple[str, str]], plugin: str, step: str) -> bool:
    """Whether *plugin* has a step in the place of *step*, or after it."""
    return any(owner == plugin and other[:4] >= step[:4] for owner, other in steps)


def _too_new(plugin: str, step: str) -> SchemaTooNewError:
    return SchemaTooNewError(
        plugin,
        step,
        f"a newer program changed the tables of {plugin} in this file (step {step}); this one must not "
        "write to it any more: close it, update it and start it again. Nothing was written",
    )


def _older(plugin: str, step: str) -> DriftError:
    return DriftError(
        plugin,
        step,
        f"this file was replaced by an older one, which lacks step {step} of {plugin}; "
        "close the store and open it again, which brings it up to date. Nothing was written",
    )


def _purged(plugin: str, step: str) -> DriftError:
    return DriftError(
        plugin,
        step,
        f"the plugin {plugin} was removed from this file by another program (stina db purge); "
        "close the store and open it again. Nothing was written",
    )


def _other_past(plugin: str, step: str) -> LedgerConflictError:
    return LedgerConflictError(
        plugin,
        step,
        f"this file was replaced by one with another past, which differs in step {step} of {plugin}; "
        "close the store and restore another backup. Nothing was written",
    )
