"""What the next use of a store would do to its schema: every pending step, run on a copy."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from .backends.sqlite import backup as copies
from .backends.sqlite import inspection
from .backends.sqlite.backend import SqliteBackend
from .backends.sqlite.statements import writes
from .backends.sqlite.tokens import tokens
from .config import StoreConfig
from .errors import MigrationError
from .migrations.core_steps import core_steps
from .opening import migration_of, transactions_of
from .plugins import Plugins, PluginState
from .status import SchemaState, StoreReport, inspect
from .version import __version__

if TYPE_CHECKING:
    from .migrations.progress import Progress

_TRANSACTION = re.compile(r"\s*(BEGIN|COMMIT|END|ROLLBACK|SAVEPOINT|RELEASE)\b", re.IGNORECASE)
_SETTING = re.compile(r"\s*PRAGMA\s+\w+\s*=", re.IGNORECASE)
_REBUILT = re.compile(r'ALTER TABLE "\w+__rebuild_*" RENAME TO "(\w+)"')
"""The last statement of a rebuild; see `backends/sqlite/rebuild.py`."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement on one line, with `?` for each value.

    Attributes:
        times: How often it would run, each time with other values.
    """

    sql: str
    times: int = 1


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One pending step.

    Attributes:
        backup: Whether the verified backup of the store is made for it, before it changes anything.
        rebuilds: Tables that are made anew, because SQLite cannot change them in place.
        statements: What it changes; what it only reads is left out.
        reason: Why it fails or cannot run, or an empty string.
    """

    plugin: str
    step: str
    backup: bool = False
    rebuilds: tuple[str, ...] = ()
    statements: tuple[Statement, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class StorePlan:
    """What the next use of a store would do to its schema.

    Attributes:
        steps: In the order in which they run.
        failed: Plugins that would be quarantined, with the reason.
        reason: Why the store cannot be used as it is, or an empty string.
    """

    path: str
    steps: tuple[PlannedStep, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""


def dry_run(config: StoreConfig, plugins: Plugins) -> StorePlan:
    """Run what is pending on a copy of the store that *config*, with its path decided, names.

    The store itself is only read. The copy lies beside it, readable by its owner
    alone, and is gone afterwards, whatever happens; where there is no store yet a
    new one is made in the system's directory for temporary files. What a step does
    outside of the database it does for real.

    Raises:
        ReadOnlyError, DiskFullError, StoreIOError: the copy could not be written.
    """
    report = inspect(config, plugins)
    if not report.usable or not report.pending:
        refused = {one.name: one.reason for one in report.plugins if one.state is PluginState.QUARANTINED}
        return StorePlan(report.path, failed=refused, reason=report.schema.reason)
    with _copied(report) as copy:
        steps, failed = _run(replace(config, path=str(copy)), plugins)
    return StorePlan(report.path, tuple(_all(report, steps, failed)), {n: str(e) for n, e in failed.items()})


@contextmanager
def _copied(report: StoreReport) -> Iterator[Path]:
    """Yield a copy of the store; the name of a file that is not there for one that is empty."""
    if report.schema.state is SchemaState.NEW:
        with tempfile.TemporaryDirectory(prefix="stina-plan-") as folder:
            yield Path(folder, "stina.db")
        return
    with copies.temporary(Path(report.path).parent) as copy:
        with inspection.opened(report.path) as source:
            copies.copy_to(copy, source)
        yield copy


def _run(config: StoreConfig, plugins: Plugins) -> tuple[Sequence[PlannedStep], Mapping[str, MigrationError]]:
    backend = _CopyBackend(config)
    transactions = transactions_of(backend)
    declared = [core_steps(__version__), *plugins.steps()]
    try:
        with backend.lock():
            backend.open()
            run = migration_of(backend, transactions, declared, plugins, "plan", backend.notes.follow)
            return backend.notes.steps, run.run().failed
    except MigrationError as error:  # the core's own step: no store can be opened then
        return backend.notes.steps, {error.plugin: error}
    finally:
        backend.close()


def _all(
    report: StoreReport, ran: Sequence[PlannedStep], failed: Mapping[str, MigrationError]
) -> Iterator[PlannedStep]:
    """Every pending step, also those that had no turn because one before them failed."""
    known = {f"{one.plugin}/{one.step}": one for one in ran}
    for name in report.pending:
        plugin, _, step = name.partition("/")
        planned = known.get(name, PlannedStep(plugin, step, reason="does not run: a step before it fails"))
        error = failed.get(plugin)
        if error is not None and error.step == step:
            planned = replace(planned, reason=str(error))
        yield planned


class _Notes:
    """What is noted of the steps while they run."""

    def __init__(self) -> None:
        self.steps: list[PlannedStep] = []
        self._step = ""
        self._backed_up = False
        self._backup_is_next = False
        self._statements: list[Statement] = []
        self._places: dict[str, int] = {}

    def follow(self, progress: Progress) -> None:
        """The engine says which step it is at; it says so before the step runs."""
        self._step = progress.step or self._step

    def backup(self) -> None:
        """A backup would be made now; every later wish for one is answered by it."""
        self._backup_is_next |= not self._backed_up
        self._backed_up = True

    def statement(self, sql: str, bound: bool) -> None:
        """A step ran *sql*."""
        if _TRANSACTION.match(sql) or not (writes(sql) or _SETTING.match(sql)):
            return
        line = _one_line(sql)
        last = len(self._statements) - 1
        place = self._places.get(line) if bound else last
        if place is None or place < 0 or self._statements[place].sql != line:
            self._places[line] = last + 1
            self._statements.append(Statement(line))
        else:
            self._statements[place] = Statement(line, self._statements[place].times + 1)

    @contextmanager
    def running(self, plugin: str) -> Iterator[None]:
        """Inside the block a step of *plugin* runs."""
        self._statements, self._places = [], {}
        try:
            yield
        finally:
            rebuilt = [match[1] for one in self._statements if (match := _REBUILT.match(one.sql))]
            self.steps.append(
                PlannedStep(
                    plugin,
                    self._step,
                    self._backup_is_next,
                    tuple(dict.fromkeys(rebuilt)),
                    tuple(self._statements),
                )
            )
            self._backup_is_next = False


class _CopyBackend(SqliteBackend):
    """The backend of the copy: notes what steps do, and makes no backup of what is one itself."""

    def __init__(self, config: StoreConfig) -> None:
        super().__init__(config)
        self.notes = _Notes()

    @contextmanager
    def confined(self, plugin: str, others: Collection[str]) -> Iterator[None]:
        """Exactly what a step runs is inside of this."""
        with super().confined(plugin, others), self.notes.running(plugin), self.traced(self.notes.statement):
            yield

    def backup(self, reason: str) -> None:
        """Note that one would be made."""
        self.notes.backup()


@lru_cache(maxsize=1024)
def _one_line(sql: str) -> str:
    """Return *sql* without comments and line ends; a text with line ends in it stays as it is."""
    line, end = "", 0
    for token in tokens(sql.rstrip().rstrip(";")):
        apart = token.start > end and not line.endswith("(") and token.text != ")"
        line += " " * (apart and bool(line)) + token.text
        end = token.end
    return line
