"""Brings a file to the declared steps: all of them together, each plugin on its own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..catalog import Table
from ..errors import MigrationError, StoreBusyError
from ..ids import now_ms
from ..log import get_logger
from . import ledger
from .captures import Captures
from .loss import LossGuard
from .plan import CORE, Plan, plan
from .plugin_run import PluginRun, StoppedError
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


class _EndedError(Exception):
    """The database undid the whole transaction because of one plugin's step."""

    def __init__(self, error: MigrationError) -> None:
        self.error = error


class MigrationRun:
    """One run over one file.

    Args:
        unit: Opens a transaction, or a savepoint inside one.
        declared: The core's steps first, then every plugin's, required ones before.
        tables: The tables each plugin's models want.
        origin: Which program and process this is, for the change feed.
        progress: Told what is going on.
    """

    def __init__(
        self,
        backend: Backend,
        unit: Callable[[], AbstractContextManager[object]],
        declared: Sequence[PluginSteps],
        tables: Mapping[str, Sequence[Table]],
        origin: str,
        progress: OnProgress = lambda progress: None,
    ) -> None:
        self._backend = backend
        self._unit = unit
        self._declared = declared
        self._tables = tables
        self._origin = origin
        self._progress = progress
        self._verification = Verification(backend, declared, tables)
        self._loss = LossGuard(backend, lambda plugin: self._tell(plugin, ""))
        self._captures = Captures(backend, origin)
        self._outcome = Outcome()
        self._ended: dict[str, MigrationError] = {}  # plugins whose steps made the database undo everything

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
            MigrationError: the core's own steps or tables do not fit, or its steps failed.
                The file is as it was.
        """
        past = ledger.read(self._backend)
        first = plan(self._declared, past.entries, self._verification.unchanged(past))
        self._refuse_core(first)
        if not first.pending:
            return self._start(first, past)
        if all(step.plugin != CORE for step in first.pending):
            self._backend.settle()  # or the backup, made by another connection, could not read while this writes
        try:
            current = self._migrate()
        except StoppedError as stopped:
            raise stopped.__cause__ or stopped from None
        self._backend.settle()
        self._loss.settle(self._outcome.failed)
        return self._finish(current, ledger.read(self._backend))

    def _start(self, current: Plan, past: ledger.Past) -> Outcome:
        """Nothing is pending: compare file and models where either changed, and note that they agree."""
        self._backend.claim()
        self._backend.settle()
        outdated = self._verify(past, current.held)
        if outdated:
            uncaptured = self._backend.capture.wrong(self._usable(current.held))
            try:
                with self._unit():
                    past = self._note(past, outdated, current.held)
            except StoreBusyError:
                if uncaptured:
                    raise
                log.info("verification.not_noted", plugins=sorted(outdated))  # the next start does it
        return self._finish(current, past)

    def _note(
        self, past: ledger.Past, outdated: dict[str, ledger.Verified], held: Collection[str]
    ) -> ledger.Past:
        """Note that file and models agree; mend the capture first, if another program or version changed it."""
        if self._captures.resume(self._usable(held), may_be_new=False):
            ledger.begin_epoch(self._backend)  # or programs that have the file open would mend it back
            past = ledger.read(self._backend)
            outdated = self._verification.outdated(past, {*held, *self._outcome.failed})
        ledger.verify(self._backend, outdated)
        return past

    def _usable(self, held: Collection[str]) -> list[Table]:
        """The tables of all plugins but *held* and those that failed."""
        off = {*held, *self._outcome.failed}
        return [table for plugin, tables in self._tables.items() if plugin not in off for table in tables]

    def _migrate(self) -> Plan:
        self._backend.foreign_keys(False)
        try:
            while True:
                try:
                    return self._migrate_once()
                except _EndedError as ended:
                    plugin = ended.error.plugin
                    if plugin in self._ended:
                        raise ended.error from ended.error.__cause__
                    self._ended[plugin] = ended.error  # once more, without it
                    self._outcome = Outcome()
                    self._captures = Captures(self._backend, self._origin)
        finally:
            self._backend.foreign_keys(True)

    def _migrate_once(self) -> Plan:
        with self._unit(), self._loss.watching():
            past = ledger.read(self._backend)
            current = plan(self._declared, past.entries)
            self._refuse_core(current)
            if not past.entries:
                self._loss.before(CORE, "adopt")  # a file that was not ours is copied as it was
            self._backend.claim()
            self._record_run(self._apply(current))
        return current

    def _apply(self, current: Plan) -> set[str]:
        """Run what is pending, and return the plugins that cannot be used afterwards."""
        self._outcome.failed.update(current.refused)
        owners = {plugin.plugin for plugin in self._declared} | current.orphaned
        held = set(current.held)
        for plugin in self._declared:
            name = plugin.plugin
            if name in held or plugin.requires & held:
                held.add(name)
                continue
            steps = [step for step in current.pending if step.plugin == name]
            if not steps:
                continue
            try:
                self._apply_plugin(plugin, steps, owners - {name})
            except MigrationError as error:
                if name == CORE:
                    raise
                if not self._backend.session.in_transaction():
                    raise _EndedError(error) from error
                log.warning("plugin.quarantined", plugin=name, step=error.step)
                ledger.record_failure(self._backend, error, now_ms())
                self._verification.drift.pop(name, None)  # of a state that was undone
                self._outcome.failed[name] = error
                held.add(name)
        return held

    def _apply_plugin(self, plugin: PluginSteps, steps: Sequence[Step], others: Collection[str]) -> None:
        if plugin.plugin in self._ended:
            raise self._ended[plugin.plugin]
        with self._unit():
            captured = self._captures.pause(plugin.plugin)
            PluginRun(self._backend, plugin, others, self._loss, self._verification, self._tell).apply(steps)
        self._captures.ran(captured)
        self._outcome.applied += steps

    def _verify(
        self, past: ledger.Past, off: Collection[str], compared: Collection[str] = ()
    ) -> dict[str, ledger.Verified]:
        """Compare file and models where either changed; returns what is to be noted of that."""
        for name, error in self._verification.look(past, {*off, *compared}).items():
            if name == CORE:
                raise error
            log.warning("plugin.quarantined", plugin=name, step=None)
            self._outcome.failed[name] = error
        return self._verification.outdated(past, {*off, *self._outcome.failed})

    def _record_run(self, off: Collection[str]) -> None:
        """Note what the run has left, and tell programs that have the file open."""
        applied = {step.plugin for step in self._outcome.applied}
        mended = self._captures.resume(self._usable(off))
        if applied or mended:
            ledger.begin_epoch(self._backend)
        ledger.verify(self._backend, self._verify(ledger.read(self._backend), off, applied))

    def _tell(self, plugin: str, step: str, done: int | None = None, total: int | None = None) -> None:
        from .progress import Progress  # most starts have nothing to tell

        try:
            self._progress(Progress(plugin, step, done, total))
        except Exception as error:
            raise StoppedError from error

    def _refuse_core(self, current: Plan) -> None:
        if CORE in current.refused:
            raise current.refused[CORE]

    def _finish(self, current: Plan, past: ledger.Past) -> Outcome:
        self._outcome.failed = {**current.refused, **self._outcome.failed}
        self._outcome.orphaned = current.orphaned
        self._outcome.past = past
        self._outcome.drift = self._verification.drift
        self._outcome.backup = self._loss.backup
        return self._outcome
