"""Opening a database and bringing its schema up to date; no hook of a plugin runs here."""

from __future__ import annotations

from dataclasses import dataclass

from .backends.sqlite.backend import SqliteBackend
from .config import StoreConfig
from .migrations.engine import MigrationRun, Outcome
from .migrations.ledger import core_steps
from .plugins import Plugins
from .transactions import Transactions
from .version import __version__


@dataclass(frozen=True, slots=True)
class OpenDatabase:
    """What a store is built on.

    Attributes:
        outcome: What opening it did to its schema.
    """

    backend: SqliteBackend
    transactions: Transactions
    outcome: Outcome


def open_database(config: StoreConfig, plugins: Plugins) -> OpenDatabase:
    """Open what *config*, with its path decided, names, and run the steps that are pending.

    All of it happens under the lock that lets one process at a time open a file.
    If it raises, nothing stays open. The errors are those of `open_store()`.
    """
    backend = SqliteBackend(config)
    transactions = Transactions(backend.database, backend.session)
    backend.database.unit = transactions.begin
    backend.database.in_unit = transactions.in_unit
    declared = [core_steps(__version__), *plugins.steps()]
    tables = {plugin.name: plugin.schema.tables for plugin in plugins.on if plugin.schema}
    try:
        with backend.lock():
            backend.open()
            outcome = MigrationRun(backend, transactions.begin, declared, tables).run()
    except BaseException:
        backend.close()
        raise
    return OpenDatabase(backend, transactions, outcome)
