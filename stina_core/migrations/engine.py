"""Brings a file to the declared steps: all of them together, each plugin on its own."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..catalog import Table
from ..errors import LedgerConflictError, MigrationError, QueryError, StepFailedError, StinaError
from ..ids import now_ms
from ..log import get_logger
from ..model import nowhere
from . import ledger
from .operations import Operations
from .plan import CORE, Plan, plan
from .steps import PluginSteps, Step
from .verification import Verification

if TYPE_CHECKING:
    from ..backends.base import Backend, Backup
    from .drift import Difference
    from .progress import OnProgress

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
        drift: By plugin, how the file differs from its models. Whoever lacks
            something is in *failed* too; the others only have something extra.
        past: What the file says of itself after all that.
    """

    applied: list[Step] = field(default_factory=list)
    failed: dict[str, MigrationError] = field(default_factory=dict)
    orphaned: frozenset[str] = frozenset()
    backup: Backup | None = None
    drift: dict[str, list[Difference]] = field(default_factory=dict)
    past: ledger.Past = field(default_factory=ledger.Past)


class MigrationRun:
    """One run over one file.

    Args:
        unit: Opens a transaction, or a savepoint inside one.
        declared: The core's steps first, then every plugin's, required ones before.
        tables: The tables each plugin's models want.
        progress: Told what is going on.
    """

    def __init__(
        self,
        backend: Backend,
        unit: Callable[[], AbstractContextManager[object]],
        declared: Sequence[PluginSteps],
        tables: Mapping[str, Sequence[Table]],
        progress: OnProgress = lambda progress: None,
    ) -> None:
        self._backend = backend
        self._unit = unit
        self._declared = declared
        self._verification = Verification(backend, declared, tables)
        self._progress = progress
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
        past = ledger.read(self._backend)
        first = plan(self._declared, past.entries, self._verification.unchanged(past))
        self._refuse_core(first)
        if not first.pending:
            self._backend.claim()
            self._backend.settle()
            outdated = self._verify(past, first.held)
            if outdated:
                with self._unit():
                    ledger.verify(self._backend, outdated)
            return self._finish(first, past)
        self._fresh = self._backend.is_empty()
        if CORE in {step.plugin for step in first.pending}:
            self._before_loss(CORE, "adopt")
        self._backend.foreign_keys(False)
        try:
            with self._unit():
                current = plan(self._declared, ledger.read(self._backend).entries)
                self._refuse_core(current)
                self._backend.claim()
                self._record_run(self._apply(current))
        except BaseException:
            if self._outcome.backup is not None:
                self._backend.discard(self._outcome.backup)  # of a file that is as it was
            raise
        finally:
            self._backend.foreign_keys(True)
        self._backend.settle()
        self._settle_backup()
        return self._finish(current, ledger.read(self._backend))

    def _apply(self, current: Plan) -> set[str]:
        """Run what is pending, and return the plugins that cannot be used afterwards."""
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
        return held

    def _verify(
        self, past: ledger.Past, off: Collection[str], compared: Collection[str] = ()
    ) -> dict[str, ledger.Verified]:
        """Compare file and models where either changed; returns what is to be noted of that."""
        for name, error in self._verification.look(past, {*off, *compared}).items():
            log.warning("plugin.quarantined", plugin=name, step=None)
            self._outcome.failed[name] = error
        return self._verification.outdated(past, {*off, *self._outcome.failed})

    def _record_run(self, off: Collection[str]) -> None:
        """Note what the run has left, and tell programs that have the file open."""
        applied = {step.plugin for step in self._outcome.applied}
        if applied:
            ledger.begin_epoch(self._backend)
        ledger.verify(self._backend, self._verify(ledger.read(self._backend), off, applied))

    def _apply_plugin(self, plugin: PluginSteps, steps: Sequence[Step]) -> None:
        touched: set[str] = set()
        applied = []
        for step in steps:
            operations, ms = self._apply_step(plugin, step)
            touched |= operations.touched
            applied.append(ledger.Applied(step, ms, now_ms(), operations.breaking))
        self._check_references(plugin.plugin, steps[-1].id, touched)
        ledger.record(self._backend, plugin.version, applied)
        self._verification.check(plugin.plugin, self._backend.ddl.found(), steps[-1].id)
        ledger.clear_failure(self._backend, plugin.plugin)
        self._outcome.applied += steps

    def _check_references(self, plugin: str, step: str, touched: Collection[str]) -> None:
        try:
            broken = self._backend.broken_references(touched)
        except QueryError as error:
            raise StepFailedError(
                plugin,
                step,
                f"the steps of {plugin} leave a foreign key that does not fit the key it points to "
                f"({error}); nothing of it was kept",
            ) from error
        if broken:
            raise StepFailedError(
                plugin,
                step,
                f"the steps of {plugin} leave {', '.join(broken)} with references that point to nothing; "
                "nothing of it was kept",
            )

    def _apply_step(self, plugin: PluginSteps, step: Step) -> tuple[Operations, int]:
        self._check_after(step)
        report = partial(self._report, step)
        operations = Operations(
            self._backend,
            plugin.plugin,
            plugin.requires,
            before_loss=lambda: self._before_loss(plugin.plugin, "migrate"),
            report=report,
        )
        report()
        started = time.monotonic()
        try:
            with (
                nowhere(),
                self._backend.confined(step.plugin, self._owners - {step.plugin}),
                self._backend.ticking(report),
            ):
                _ = step.checksum  # before anything is done: it may turn out that there is none
                step.run(operations)
        except (Exception, SystemExit) as error:
            # What other errors say may hold data; where they come from does not.
            detail = str(error) if isinstance(error, StinaError) else f"{type(error).__name__}{_place(error)}"
            raise StepFailedError(
                step.plugin, step.id, f"step {step.id} of {step.plugin} failed and was undone: {detail}"
            ) from error
        ms = round((time.monotonic() - started) * 1000)
        log.info("step.applied", plugin=step.plugin, step=step.id, ms=ms)
        return operations, ms

    def _report(self, step: Step, done: int | None = None, total: int | None = None) -> None:
        self._tell(step.plugin, step.id, done, total)

    def _tell(self, plugin: str, step: str, done: int | None = None, total: int | None = None) -> None:
        from .progress import Progress  # most starts have nothing to tell

        self._progress(Progress(plugin, step, done, total))

    def _check_after(self, step: Step) -> None:
        if not step.after:
            return
        done = {f"{entry.plugin}/{entry.id}" for entry in ledger.read(self._backend).entries}
        missing = [other for other in step.after if other not in done]
        if missing:
            raise LedgerConflictError(
                step.plugin,
                step.id,
                f"step {step.id} of {step.plugin} must run after {missing[0]}, which did not run",
            )

    def _before_loss(self, plugin: str, reason: str) -> None:
        self._losing.add(plugin)
        if self._outcome.backup is None and not self._fresh:
            self._tell(plugin, "")
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

    def _finish(self, current: Plan, past: ledger.Past) -> Outcome:
        self._outcome.failed = {**current.refused, **self._outcome.failed}
        self._outcome.orphaned = current.orphaned
        self._outcome.past = past
        self._outcome.drift = self._verification.drift
        return self._outcome


def _place(error: BaseException) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f" at {Path(last.filename).name}:{last.lineno}"
