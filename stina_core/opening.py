"""Opening a database and bringing its schema up to date; no hook of a plugin runs here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from .backends.sqlite.backend import SqliteBackend
from .config import StoreConfig
from .feed.marker import Marker, new_origin
from .feed.retention import Retention
from .migrations.core_steps import core_steps
from .migrations.engine import MigrationRun, Outcome
from .migrations.steps import PluginSteps
from .migrations.watch import SchemaWatch
from .plugins import Plugins
from .transactions import Transactions
from .version import __version__

if TYPE_CHECKING:
    from .migrations.progress import OnProgress


class OpenDatabase(NamedTuple):
    """What a store is built on.

    Attributes:
        outcome: What opening it did to its schema.
        marker: Marks its transactions in the change feed.
        watch: Knows which schema this program may write to.
    """

    backend: SqliteBackend
    transactions: Transactions
    outcome: Outcome
    marker: Marker
    watch: SchemaWatch


def transactions_of(backend: SqliteBackend) -> Transactions:
    """Return the transactions of *backend*, which from now on opens them for writes outside of one."""
    transactions = Transactions(backend.database, backend.session)
    backend.database.unit = transactions.begin
    backend.database.in_unit = transactions.in_unit
    return transactions


def migration_of(
    backend: SqliteBackend,
    transactions: Transactions,
    declared: Sequence[PluginSteps],
    plugins: Plugins,
    origin: str,
    progress: OnProgress,
) -> MigrationRun:
    """Return the run that brings what *backend* has open to *declared*, and holds it to the models of *plugins*."""
    tables = {one.name: one.schema.tables for one in plugins.on if one.schema and one.schema.tables}
    return MigrationRun(backend, transactions.begin, declared, tables, origin, progress)


def open_database(
    config: StoreConfig,
    plugins: Plugins,
    progress: OnProgress = lambda progress: None,
    *,
    core: PluginSteps | None = None,
) -> OpenDatabase:
    """Open what *config*, with its path decided, names, and run the steps that are pending.

    All of it happens under the lock that lets one process at a time open a file.
    If it raises, nothing stays open. The errors are those of `open_store()`.

    From then on each writing transaction of this process first makes sure that
    nobody gave the file a schema this code must not write to, and is marked as
    this program's in the change feed.

    Args:
        core: The core's own steps, if others than those of this version.
    """
    backend = SqliteBackend(config)
    transactions = transactions_of(backend)
    declared = [core or core_steps(__version__), *plugins.steps()]
    origin = new_origin(config.origin)
    try:
        with backend.lock(lambda: _tell_of_waiting(progress)):
            backend.open()
            outcome = migration_of(backend, transactions, declared, plugins, origin, progress).run()
            watch = SchemaWatch(backend, _in_use(declared, outcome), outcome.past)
    except BaseException:
        backend.close()
        raise
    marker = Marker(backend, origin, watch, Retention(backend, transactions).prune)
    backend.session.on_begin = marker.begin
    transactions.marking = marker
    return OpenDatabase(backend, transactions, outcome, marker, watch)


def _tell_of_waiting(progress: OnProgress) -> None:
    from .migrations.progress import Progress  # most starts wait for nobody

    progress(Progress("", ""))


def _in_use(declared: Sequence[PluginSteps], outcome: Outcome) -> list[PluginSteps]:
    """Those of *declared* whose steps fit the file."""
    off = set(outcome.failed)
    used = []
    for plugin in declared:
        if plugin.plugin in off or plugin.requires & off:
            off.add(plugin.plugin)
        else:
            used.append(plugin)
    return used
