"""Merges another file, or old tables, into a store: all of it or nothing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..backends.sqlite import inspection
from ..log import get_logger
from ..opening import OpenDatabase, open_database
from ..plugins import Plugins
from .checks import check_outcome, file_of, refuse_store
from .copying import copy_database
from .folder import private_folder
from .merge import merge
from .merging import Told
from .old_tables import adopted, drop, keep_only
from .repairs import Leftovers, copy_repairs
from .report import ImportReport, SourceKind
from .sources import Source, copy_config, opened_source, source_of
from .tables import Member, members

if TYPE_CHECKING:
    from ..backends.base import Backup
    from ..changes import Actor
    from ..config import StoreConfig
    from ..migrations.progress import OnProgress

log = get_logger(__name__)

ACTOR: Actor = "user"
"""In the change feed: a person asked for it."""

_STAYS = "its plugin does not say that all of it was taken over"


def import_file(
    config: StoreConfig,
    plugins: Plugins,
    path: str | os.PathLike[str],
    progress: OnProgress = lambda progress: None,
) -> ImportReport:
    """Merge what is in the file *path* into the store that *config*, with its path decided, names.

    The file is a database of Stina or of the original app, what `stina db export`
    wrote, or the original's `state.json`. It is only read: a copy is brought up to
    date by the plugins' steps, and merged.

    Guarantees:
        - Nothing that was in the store is changed or removed, whatever the file holds.
        - All of it happens in one transaction, or nothing does.
        - Importing the same file again adds nothing.

    No hook of a plugin runs in this program; others that have the store open are told by the change feed.

    Args:
        plugins: Rows of those that are not on are counted and left.
        progress: Told what steps run in the store, if any have to.

    Raises:
        ConfigError: the file is the store itself or another program's; or the store has no file.
        InvalidValueError: the file is none of those, or a line of it is wrong.
        MigrationError: a plugin fits the file or the store not, or cannot adopt what is in it.
        HookError, PluginLoadError: a plugin's function for merging failed.
        StoreError: the file or the store cannot be read or written.
    """
    location = file_of(config)
    file = Path(path)
    refuse_store(file, location, "imported into itself")
    those = members(plugins)
    with private_folder(location) as folder, source_of(file, folder, config, plugins) as source:
        opened = open_database(config, plugins, progress)
        try:
            check_outcome(opened.outcome, location)
            with opened.transactions.begin(ACTOR):
                report = _merged(opened, source, location, str(file), those)
        finally:
            opened.backend.close()
    log.info("store.imported", path=location, kind=source.kind, added=report.added)
    return report


def import_old_tables(
    config: StoreConfig, plugins: Plugins, progress: OnProgress = lambda progress: None
) -> ImportReport:
    """Merge the tables of the original app that are in the store again, and drop them, after a verified backup.

    What of them is not in the store afterwards as it was there, because another version
    of the row was, or a rule refused it, is noted in `stina_repair` with all its values.
    A table that a view, a trigger or another table names stays.

    Raises:
        As `import_file()`. Nothing was changed then.
    """
    location = file_of(config)
    those = members(plugins)
    opened = open_database(config, plugins, progress)
    backend = opened.backend
    try:
        check_outcome(opened.outcome, location)
        with backend.lock(), opened.transactions.begin(ACTOR):
            there = adopted(backend, plugins)
            if not there:
                return ImportReport(location, SourceKind.OLD_TABLES, location)
            backup = backend.backup("adopt")  # nobody else can write now
            assert backup is not None  # a store in memory was refused
            try:
                report = _merge_old_tables(opened, config, plugins, those, there, backup)
            except BaseException:
                backend.discard(backup)  # of a store that is as it was
                raise
        backend.rotate(backup)
    finally:
        backend.close()
    log.info("store.imported", path=location, kind=SourceKind.OLD_TABLES, added=report.added)
    return report


def _merge_old_tables(
    opened: OpenDatabase,
    config: StoreConfig,
    plugins: Plugins,
    those: Sequence[Member],
    there: Sequence[str],
    backup: Backup,
) -> ImportReport:
    location = config.location
    with private_folder(location) as folder:
        copy = copy_config(folder, config)
        with inspection.opened(str(backup.path)) as before:
            copy_database(before, copy.location)
        keep_only(copy.location, there)
        with opened_source(SourceKind.OLD_TABLES, location, copy, plugins) as source:
            leftovers = Leftovers(opened.backend)
            report = _merged(opened, source, location, location, those, leftovers.note)
            staying = set(source.opened.backend.ddl.tables())
    dropped, kept = drop(opened.backend, [name for name in there if name not in staying])
    kept |= {name: _STAYS for name in there if name in staying}
    noted = {**report.repairs, **leftovers.noted}
    return replace(report, repairs=noted, dropped=tuple(dropped), kept=kept, backup=backup)


def _merged(
    opened: OpenDatabase,
    source: Source,
    store: str,
    path: str,
    those: Sequence[Member],
    told: Told = lambda member, row, reason: None,
) -> ImportReport:
    tables = merge(opened, source.opened, those, told)
    repairs = copy_repairs(opened.backend, source.opened.backend, {member.plugin for member in those})
    merged = tuple(tables)
    return ImportReport(store, source.kind, path, merged, repairs, source.unowned, source.missing)
