"""Brings a file to the declared steps: all of them together, each plugin on its own."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..catalog import Table
from ..errors import DriftError, LedgerConflictError, MigrationError, StepFailedError, StinaError
from ..ids import now_ms
from ..log import get_logger
from ..model import nowhere
from . import ledger
from .operations import Operations
from .plan import CORE, Plan, plan
from .steps import PluginSteps, Step

if TYPE_CHECKING:
    from ..backends.base import Backend, Backup

log = get_logger(__name__)


@dataclass
class Outcome:
    """What opening a file did to its schema.

    Attributes:
        applied: Steps that ran, in order.
        failed: Plugins that are quarantined, with the reason; their steps were rolled back.
            Those that require one of them did not run either, and are not listed.
        orphaned: Plugins the file knows and nobody declares.
        backup: The verified copy taken first, if one was needed.
    """

    applied: list[Step] = field(default_factory=list)
    failed: dict[str, MigrationError] = field(default_factory=dict)
    orphaned: frozenset[str] = frozenset()
    backup: Backup | None = None


class MigrationRun:
    """One run over one file.

    Args:
        unit: Opens a transaction, or a savepoint inside one.
        declared: The core's steps first, then every plugin's, required ones before.
        tables: The tables each plugin's models want.
    """

    def __init__(
        self,
        backend: Backend,
        unit: Callable[[], AbstractContextManager[object]],
        declared: Sequence[PluginSteps],
        tables: Mapping[str, Sequence[Table]],
    ) -> None:
        self._backend = backend
        self._unit = unit
        self._declared = declared
        self._tables = tables
        self._outcome = Outcome()
        self._fresh = False
        self._owners: set[str] = set()  # whoever has tables in the file
        self._losing: set[str] = set()  # plugins whose steps asked for the backup

    def run(self) -> Outcome:
        """Apply what is pending, under the caller's lock. Nothing pending costs one SELECT.

        Guarantees:
            Steps run once in the life of a file, however many processes start.
            A step, its ledger row and its data are committed together, and all
            plugins' in one transaction. A plugin whose step raises keeps
            exactly the tables and rows it had; the others are not affected.
            A file of the original app is copied before anything changes, and any
            file before a step loses something of it; a fresh one has nothing to lose.

        Raises:
            MigrationError: the core's own steps do not fit the file or failed.
                The file is as it was.
        """
        first = plan(self._declared, ledger.read(self._backend))
        self._refuse_core(first)
        if not first.pending:
            self._backend.claim()
            self._backend.settle()
            return self._finish(first)
        self._fresh = self._backend.is_empty()
        if CORE in {step.plugin for step in first.pending}:
            self._before_loss(CORE, "adopt")
        self._backend.foreign_keys(False)
        try:
            with self._unit():
                current = plan(self._declared, ledger.read(self._backend))
                self._refuse_core(current)
                self._backend.claim()
                self._apply(current)
        except BaseException:
            if self._outcome.backup is not None:
                self._backend.discard(self._outcome.backup)  # of a file that is as it was
            raise
        finally:
            self._backend.foreign_keys(True)
        self._backend.settle()
        self._settle_backup()
        return self._finish(current)

    def _apply(self, current: Plan) -> None:
        self._outcome.failed.update(current.refused)
        self._owners = {plugin.plugin for plugin in self._declared} | current.orphaned
        held = set(current.held)
        for plugin in self._declared:
            if plugin.plugin in held or plugin.requires & held:
                held.add(plugin.plugin)
                continue
            steps = [step for step in current.pending if step.plugin == plugin.plugin]
            if not steps:
                continue
            try:
                with self._unit():
                    self._apply_plugin(plugin, steps)
            except MigrationError as error:
                if plugin.plugin == CORE or not self._backend.session.in_transaction():
                    raise  # the database may undo everything by itself, for example on a full disk
                log.warning("plugin.quarantined", plugin=plugin.plugin, step=error.step)
                ledger.record_failure(self._backend, error, now_ms())
                self._outcome.failed[plugin.plugin] = error
                held.add(plugin.plugin)

    def _apply_plugin(self, plugin: PluginSteps, steps: Sequence[Step]) -> None:
        touched: set[str] = set()
        for step in steps:
            touched |= self._apply_step(plugin, step)
        broken = self._backend.broken_references(touched)
        if broken:
            raise StepFailedError(
                plugin.plugin,
                steps[-1].id,
                f"the steps of {plugin.plugin} leave rows in {', '.join(broken)} "
                "that point to nothing; nothing of it was kept",
            )
        self._check_tables(plugin.plugin, steps[-1])
        ledger.clear_failure(self._backend, plugin.plugin)
        self._outcome.applied += steps

    def _apply_step(self, plugin: PluginSteps, step: Step) -> set[str]:
        self._check_after(step)
        operations = Operations(
            self._backend,
            plugin.plugin,
            plugin.requires,
            before_loss=lambda: self._before_loss(plugin.plugin, "migrate"),
        )
        started = time.monotonic()
        try:
            with nowhere(), self._backend.confined(step.plugin, self._owners - {step.plugin}):
                step.run(operations)
        except (Exception, SystemExit) as error:
            # What other errors say may hold data; where they come from does not.
            detail = str(error) if isinstance(error, StinaError) else f"{type(error).__name__}{_place(error)}"
            raise StepFailedError(
                step.plugin, step.id, f"step {step.id} of {step.plugin} failed and was undone: {detail}"
            ) from error
        ms = round((time.monotonic() - started) * 1000)
        ledger.record(self._backend, step, plugin.version, ms, now_ms())
        log.info("step.applied", plugin=step.plugin, step=step.id, ms=ms)
        return operations.touched

    def _check_after(self, step: Step) -> None:
        if not step.after:
            return
        done = {f"{entry.plugin}/{entry.id}" for entry in ledger.read(self._backend)}
        missing = [other for other in step.after if other not in done]
        if missing:
            raise LedgerConflictError(
                step.plugin,
                step.id,
                f"step {step.id} of {step.plugin} must run after {missing[0]}, which did not run",
            )

    def _check_tables(self, plugin: str, last: Step) -> None:
        for table in self._tables.get(plugin, ()):
            wanted, found = [column.name for column in table.columns], self._backend.ddl.columns(table.name)
            missing = sorted(set(wanted) - set(found))
            extra = sorted(set(found) - set(wanted))
            if missing or extra:
                what = (
                    _join("lacks", missing)
                    + (" and " if missing and extra else "")
                    + _join("also has", extra)
                )
                raise DriftError(
                    plugin,
                    last.id,
                    f"the steps of {plugin} and its models disagree: {table.name} "
                    + (what if found else "is made by no step")
                    + "; write a step that makes the difference",
                )

    def _before_loss(self, plugin: str, reason: str) -> None:
        self._losing.add(plugin)
        if self._outcome.backup is None and not self._fresh:
            self._outcome.backup = self._backend.backup(reason)

    def _settle_backup(self) -> None:
        backup = self._outcome.backup
        if backup is None:
            return
        if self._losing <= self._outcome.failed.keys():
            # Nothing was lost after all. A plugin that fails at every start must not push out good backups.
            self._backend.discard(backup)
            self._outcome.backup = None
        else:
            self._backend.rotate(backup)

    def _refuse_core(self, current: Plan) -> None:
        if CORE in current.refused:
            raise current.refused[CORE]

    def _finish(self, current: Plan) -> Outcome:
        self._outcome.failed = {**current.refused, **self._outcome.failed}
        self._outcome.orphaned = current.orphaned
        return self._outcome


def _place(error: BaseException) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f" at {Path(last.filename).name}:{last.lineno}"


def _join(verb: str, names: Iterable[str]) -> str:
    listed = ", ".join(names)
    return f"{verb} {listed}" if listed else ""
