"""Deleting what a plugin that is not installed any more left in a store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .backends.sqlite import inspection
from .backends.sqlite.definition import quoted
from .backends.sqlite.errors import translated
from .backends.sqlite.references import pairs
from .backends.sqlite.tokens import tokens
from .errors import ConfigError, ConstraintError
from .log import get_logger
from .migrations import ledger
from .migrations.core_steps import core_steps
from .migrations.core_tables import misfit
from .migrations.plan import CORE, plan
from .opening import OpenDatabase, open_database
from .plugins import Plugins, PluginState
from .version import __version__

if TYPE_CHECKING:
    import apsw

    from .backends.base import Backup
    from .config import StoreConfig

log = get_logger(__name__)

_NOTED_IN = ("ledger", "catalog", "failure", "repair", "cursor")
"""The core's tables that speak of plugins."""

_NOTED_BY_TABLE = ("search", "conflict")
"""The core's tables that speak of rows in a plugin's tables."""

_OBJECTS = (
    "SELECT CASE m.type WHEN 'table' THEN t.type ELSE m.type END, m.name, m.tbl_name, m.sql "
    "FROM sqlite_schema AS m LEFT JOIN pragma_table_list AS t ON t.schema = 'main' AND t.name = m.name "
    "WHERE m.sql IS NOT NULL ORDER BY m.name"
)

_ORDER = ("trigger", "view", "index", "virtual", "table")
"""A virtual table goes before the ordinary ones: it takes its shadow tables with it."""


@dataclass(frozen=True, slots=True)
class Purged:
    """What a plugin had left was deleted.

    Attributes:
        tables: Full names of the tables and full-text indexes that are gone.
        others: The indexes, views and triggers that are gone, as `view todos_short`; not the core's own.
        backup: The store as it was before.
    """

    path: str
    plugin: str
    tables: tuple[str, ...]
    others: tuple[str, ...]
    backup: Backup | None


@dataclass(frozen=True, slots=True)
class Remains:
    """What a plugin left in a store.

    Attributes:
        tables: Full names of its tables and full-text indexes.
        others: The indexes, views and triggers that go with them, as `view todos_short`.
    """

    tables: tuple[str, ...]
    others: tuple[str, ...]


def find_orphan(config: StoreConfig, plugins: Plugins, name: str) -> Remains:
    """Return what `purge()` would delete of *name*; if that would be refused, raise as it does. Changes nothing."""
    if config.in_memory:
        raise ConfigError(
            "a store in memory has nothing of earlier programs; name a file with --db or STINA_DB"
        )
    found = inspection.contents(config.location)
    if found.foreign:
        raise ConfigError(found.foreign)
    entries = found.ledger or ()
    refusal = plan([core_steps(__version__)], entries).refused.get(CORE)
    wrong = refusal or misfit(found.tables, entries, ours=found.application_id != 0)
    if wrong is not None:
        raise wrong
    _check_name(name, plugins, {entry.plugin for entry in entries})
    with inspection.opened(config.location) as connection:
        return _remains(connection, name)


def purge(config: StoreConfig, plugins: Plugins, name: str) -> Purged:
    """Delete everything that the plugin *name* left in the store, after a verified backup.

    That is every object called `<name>_...` and what the core noted of the plugin:
    its steps, failures, repairs and cursors. If the plugin is installed again, it
    starts on an empty store. No step of another plugin runs. Programs that have
    the store open go on, and notice that its schema is another one; the change feed
    tells them that the plugin's tables were reset.

    Args:
        config: With its path decided.
        plugins: Those that are installed, whatever state they are in.

    Raises:
        ConfigError: *name* is installed, is the core, or has left nothing here. Nothing was changed.
        ConstraintError: objects of others refer to its tables. Nothing was changed.
        SchemaTooNewError, LedgerConflictError: the store is from another Stina. Nothing was changed.
        StoreBusyError: another program kept the store locked. Nothing was changed.
        StoreIOError, StoreCorruptError: there is no store, or no backup could be made. Nothing was changed.
    """
    find_orphan(config, plugins, name)
    opened = open_database(config, Plugins([]))  # the core's tables must be those this version knows
    backend = opened.backend
    try:
        with backend.lock():
            backend.foreign_keys(False)
            with opened.transactions.begin():
                _check_name(name, plugins, {entry.plugin for entry in ledger.read(backend).entries})
                remains = _remains(backend.database.connection(), name)
                backup = backend.backup("purge")  # nobody else can write now
                try:
                    _delete(opened, name)
                except BaseException:
                    if backup is not None:
                        backend.discard(backup)  # of a store that is as it was
                    raise
        if backup is not None:
            backend.rotate(backup)
    finally:
        backend.close()
    log.info("plugin.purged", plugin=name, path=config.location, tables=remains.tables)
    return Purged(config.location, name, remains.tables, remains.others, backup)


def _check_name(name: str, plugins: Plugins, known: Set[str]) -> None:
    if name == CORE:
        raise ConfigError(f"{name} is the core itself; to empty the store use `stina db reset`")
    installed = {plugin.name for plugin in plugins if plugin.state is not PluginState.MISSING}
    if name in installed:
        raise ConfigError(
            f"the plugin {name} is installed; uninstall its distribution before you purge its data"
        )
    orphaned = sorted(known - installed - {CORE})
    if name not in orphaned:
        there = f"those that have are: {', '.join(orphaned)}" if orphaned else "nor has any other"
        raise ConfigError(f"no plugin {name!r} that is gone has data in this store; {there}")


def _delete(opened: OpenDatabase, name: str) -> None:
    """Delete what `_remains()` found, inside the caller's transaction."""
    backend = opened.backend
    followed = sorted(table for table in backend.capture.captured() if _is_of(name, table))
    objects = [
        (kind, one)
        for kind, one, table, _ in backend.execute(_OBJECTS)
        if _is_of(name, one) and not (kind == "index" and _is_of(name, table))
    ]
    for wanted in _ORDER:
        for kind, one in objects:
            if kind == wanted:
                backend.execute(f"DROP {'TABLE' if kind == 'virtual' else kind.upper()} {quoted(one)}")
    for table in _NOTED_IN:
        backend.execute(f"DELETE FROM stina_{table} WHERE plugin = ?", (name,))
    for table in _NOTED_BY_TABLE:
        backend.execute(f'DELETE FROM stina_{table} WHERE "table" GLOB ?', (f"{name}_*",))
    backend.capture.reset(followed)
    ledger.begin_epoch(backend)


def _remains(connection: apsw.Connection, name: str) -> Remains:
    """Return what is to be deleted.

    Raises:
        ConstraintError: something that stays refers to it.
    """
    with translated():
        objects = [
            (str(kind), str(one), str(on), str(sql)) for kind, one, on, sql in connection.execute(_OBJECTS)
        ]
    gone = {(kind, one) for kind, one, on, _ in objects if _is_of(name, one) or _hangs_on(name, kind, on)}
    used = {one.lower() for kind, one in gone if kind in ("table", "virtual", "view")}
    stays = [(kind, one, sql) for kind, one, _, sql in objects if (kind, one) not in gone]
    for user, table in _users(connection, stays, used):
        raise ConstraintError(
            f"{user} refers to {table} of the plugin {name}; purge the plugin that {user} belongs to first, "
            f"or remove it. Nothing was changed",
            kind="foreign_key",
            table=user,
            constraint=None,
        )
    return Remains(
        tuple(sorted(one for kind, one in gone if kind in ("table", "virtual"))),
        tuple(
            f"{kind} {one}"
            for kind, one in sorted(gone)
            if kind in ("index", "view", "trigger") and not _is_of(CORE, one)
        ),
    )


def _hangs_on(name: str, kind: str, table: str) -> bool:
    """Whether an object of that *kind* goes with *table*, whatever it is called itself."""
    return kind in ("index", "trigger") and _is_of(name, table)


def _users(
    connection: apsw.Connection, stays: Iterable[tuple[str, str, str]], gone: Set[str]
) -> Iterator[tuple[str, str]]:
    """Yield what stays in the file and names one of *gone*, with that name.

    A table whose foreign key names a table that is not there cannot be written any
    more, also where it has no rows yet; what a trigger does there fails as well.
    """
    left = {one for kind, one, _ in stays if kind not in ("trigger", "view")}
    for kind, user, sql in stays:
        if kind in ("trigger", "view"):
            named = {token.name.lower() for token in tokens(sql) if token.kind in ("word", "quoted")}
            for used in sorted(named & gone):
                yield user, used
    for child, parent in pairs(connection):
        if child in left and parent.lower() in gone:
            yield child, parent


def _is_of(plugin: str, name: str) -> bool:
    return name.lower().startswith(f"{plugin}_")
