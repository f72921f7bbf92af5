"""What is in a store's file and what would happen to it next, without opening it as a store.

Nothing here migrates, makes or changes a file, so it may be pointed at any: at
one that is not there yet, at one the original app wrote, at a damaged one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from .backends.sqlite import backup, inspection
from .comparing import Deviation, deviations, differences, file_schema, unchanged
from .errors import DriftError, SchemaTooNewError, StoreCorruptError, StoreError
from .leftovers import OldFile, OldTable, old_files, old_tables
from .migrations.core_steps import core_steps
from .migrations.core_tables import misfit
from .migrations.drift import drift_message, harmful
from .migrations.plan import CORE, Plan, plan
from .plugins import Plugin, Plugins, PluginState, PluginStatus
from .shapes import Shapes
from .version import __version__

if TYPE_CHECKING:
    from .backends.base import Backup
    from .backends.sqlite.feed_inspection import Feed
    from .backends.sqlite.inspection import Contents, Repairs
    from .config import StoreConfig
    from .migrations.drift import Difference


class SchemaState(StrEnum):
    """How a file stands to this version of Stina and its plugins."""

    NEW = "new"
    """There is no file, or nothing in it; the first use makes its tables."""
    UNADOPTED = "unadopted"
    """Tables of the original app, or of whoever made the file, and none of Stina's yet."""
    PENDING = "pending"
    """Some steps have not run yet; the next use runs them."""
    CURRENT = "current"
    TOO_NEW = "too_new"
    """Written by a newer Stina. It is refused, unchanged."""
    CONFLICT = "conflict"
    """Its past is not the one this Stina knows, or tables of the core are missing. It is refused, unchanged."""
    FOREIGN = "foreign"
    """Marked as another program's, or with tables of one in the place of the core's. It is refused, unchanged."""
    DAMAGED = "damaged"
    UNREADABLE = "unreadable"
    """It could not be read: no permission, a directory, locked by another program."""


@dataclass(frozen=True, slots=True)
class SchemaReport:
    """The schema of one file.

    Attributes:
        reason: Why the file cannot be used as it is, or an empty string.
        tables: All tables in the file, whoever made them.
        application_id, journal_mode: None for a file that is not there or cannot be read.
        sqlite_version: Of the library that read it.
    """

    state: SchemaState
    reason: str = ""
    application_id: int | None = None
    journal_mode: str | None = None
    sqlite_version: str = field(default_factory=inspection.sqlite_version)
    tables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StoreReport:
    """One store as it is at one moment; its fields are what `stina --json` and `stina db status --json` print.

    Attributes:
        size: Bytes of the file and of its write-ahead log.
        pending: Steps the next use would run, as `plugin/step`, in that order.
        backups: Oldest first.
        plugins: As they would be in this store.
        orphaned: Plugins that have data in the file and are not installed.
        rows: Number of rows of each table of a plugin that is in the file.
        old_tables: Tables of the original app, and of nobody; see `leftovers`.
        old_files: What the original app has beside the file.
        compared: Plugins whose models the file was held against; not those with pending steps.
        differences: How the file differs from these models.
    """

    path: str
    exists: bool
    size: int
    schema: SchemaReport
    pending: tuple[str, ...] = ()
    backups: tuple[Backup, ...] = ()
    repairs: tuple[Repairs, ...] = ()
    feed: Feed | None = None
    plugins: tuple[PluginStatus, ...] = ()
    orphaned: tuple[str, ...] = ()
    rows: Mapping[str, int] = field(default_factory=dict)
    old_tables: tuple[OldTable, ...] = ()
    old_files: tuple[OldFile, ...] = ()
    compared: tuple[str, ...] = ()
    differences: tuple[Deviation, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether opening the store would succeed, as far as can be seen from here."""
        return not self.schema.reason

    def rows_of(self, plugin: str) -> dict[str, int]:
        """The tables of *plugin* that are in the file, installed or not, each with its number of rows."""
        return {table: rows for table, rows in self.rows.items() if table.startswith(f"{plugin}_")}


def inspect(config: StoreConfig, plugins: Plugins) -> StoreReport:
    """Report on the store that *config*, with its path decided, names. Never raises for what is in the file.

    Args:
        plugins: As loaded; those that do not fit the file are reported as quarantined.
    """
    path = config.location
    loaded = tuple(plugin.status() for plugin in plugins)
    if config.in_memory or not _present(path):
        pending = _names(_plan(plugins, None))
        return StoreReport(
            path,
            False,
            0,
            SchemaReport(SchemaState.NEW),
            pending,
            _backups(config),
            plugins=loaded,
            old_files=() if config.in_memory else old_files(path),
        )
    report = StoreReport(
        path,
        True,
        size_of(path) + size_of(f"{path}-wal"),
        SchemaReport(SchemaState.UNREADABLE),
        (),
        _backups(config),
        plugins=loaded,
        old_files=old_files(path),
    )
    try:
        contents = inspection.contents(path)
        shapes = file_schema(path) if contents.ledger is not None else Shapes()
        rows = inspection.counts(path, _owned(shapes, contents, plugins))
        current = _plan(plugins, contents)
        left = _left(path, plugins, contents, current, shapes)
    except StoreError as error:
        state = SchemaState.DAMAGED if isinstance(error, StoreCorruptError) else SchemaState.UNREADABLE
        return replace(report, schema=SchemaReport(state, _with_path(path, error)))
    schema = _schema(contents, current)
    drift = differences(shapes, _comparable(plugins, contents, current))
    return replace(
        report,
        schema=schema,
        pending=() if schema.reason else _names(current),
        repairs=contents.repairs,
        feed=contents.feed,
        plugins=_placed(plugins, contents, current, _refusals(path, plugins, drift)),
        orphaned=tuple(sorted(current.orphaned - {plugin.name for plugin in plugins})),
        rows=rows,
        old_tables=left,
        compared=tuple(drift),
        differences=tuple(deviations(drift)),
    )


def size_of(file: str) -> int:
    """Return the bytes of *file*; 0 if it is not there."""
    try:
        return Path(file).stat().st_size
    except (OSError, ValueError):
        return 0


def _present(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):
        return True  # something is there, or can never be; reading it says what is wrong


def _backups(config: StoreConfig) -> tuple[Backup, ...]:
    return () if config.in_memory else tuple(backup.listed(config.location))


def _plan(plugins: Plugins, found: Contents | None) -> Plan:
    applied = (found.ledger or ()) if found is not None else ()
    return plan([core_steps(__version__), *plugins.steps()], applied)


def _names(current: Plan) -> tuple[str, ...]:
    return tuple(str(step) for step in current.pending)


def _schema(found: Contents, current: Plan) -> SchemaReport:
    state, reason = _state(found, current)
    return SchemaReport(
        state,
        reason,
        application_id=found.application_id,
        journal_mode=found.journal_mode,
        tables=found.tables,
    )


def _state(found: Contents, current: Plan) -> tuple[SchemaState, str]:
    if found.foreign:
        return SchemaState.FOREIGN, found.foreign
    refusal = current.refused.get(CORE)
    if refusal is not None:
        too_new = isinstance(refusal, SchemaTooNewError)
        return (SchemaState.TOO_NEW if too_new else SchemaState.CONFLICT), str(refusal)
    wrong = misfit(found.tables, found.ledger or (), ours=found.application_id != 0)
    if wrong is not None:
        changed = isinstance(wrong, DriftError)
        return (SchemaState.CONFLICT if changed else SchemaState.FOREIGN), str(wrong)
    if found.ledger is None:
        return (SchemaState.UNADOPTED if found.tables else SchemaState.NEW), ""
    return (SchemaState.PENDING if current.pending else SchemaState.CURRENT), ""


def _owned(shapes: Shapes, found: Contents, plugins: Plugins) -> list[str]:
    """The tables in the file that belong to a plugin: to one that is there, or by its name in the ledger."""
    names = {entry.plugin for entry in found.ledger or ()} - {CORE}
    declared = {table for plugin in plugins for table in plugin.tables}
    prefixes = tuple(f"{name}_" for name in names)
    return [table for table in sorted(shapes.tables) if table in declared or table.startswith(prefixes)]


def _left(
    path: str, plugins: Plugins, found: Contents, current: Plan, shapes: Shapes
) -> tuple[OldTable, ...]:
    if found.foreign:
        return ()
    return old_tables(
        inspection.columns(path, found.tables),
        plugins,
        _names(current),
        current.orphaned,
        lambda names: inspection.counts(path, names),
        shapes,
    )


def _comparable(plugins: Plugins, found: Contents, current: Plan) -> list[Plugin]:
    """Those whose steps have all run in this file, so that their models and its tables must agree."""
    if found.ledger is None or CORE in current.refused:
        return []
    unready = current.held | {step.plugin for step in current.pending}
    return [plugin for plugin in plugins.on if plugin.name not in unready]


def _refusals(path: str, plugins: Plugins, drift: Mapping[str, Sequence[Difference]]) -> dict[str, str]:
    """By plugin, why it cannot work with its tables as they are."""
    bad = {name: harmful(those) for name, those in drift.items() if harmful(those)}
    noted = unchanged(path, plugins.on) if bad else set()
    return {name: drift_message(name, those, as_noted=name in noted) for name, those in bad.items()}


def _placed(
    plugins: Plugins, found: Contents, current: Plan, refusals: Mapping[str, str]
) -> tuple[PluginStatus, ...]:
    """Each plugin as it would be in this file: some do not fit it, others failed when their steps last ran."""
    waiting = {step.plugin for step in current.pending}
    off = {name: (PluginState.QUARANTINED, why) for name, why in found.failures.items() if name in waiting}
    off |= {name: (PluginState.QUARANTINED, str(error)) for name, error in current.refused.items()}
    off |= {name: (PluginState.QUARANTINED, why) for name, why in refusals.items()}
    return tuple(plugins.statuses(off))


def _with_path(path: str, error: StoreError) -> str:
    text = str(error)
    return text if path in text else f"{path}: {text}"
