"""Writes everything of every plugin as JSON Lines."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import apsw

from ..backends.sqlite import backup as copies
from ..backends.sqlite import inspection
from ..backends.sqlite.errors import of_system
from ..errors import StoreIOError
from ..ids import iso, now
from ..opening import open_database
from ..plugins import Plugins
from .checks import check_outcome, file_of, refuse_store
from .contents import rows_of_others
from .copying import copy_database
from .folder import private_folder
from .lines import FORMAT, encoded, line
from .rows import stored
from .tables import Member, members

if TYPE_CHECKING:
    from ..config import StoreConfig
    from ..migrations.plan import Entry
    from ..migrations.progress import OnProgress


@dataclass
class Export:
    """One committed state of a store, line by line. Iterate over it once.

    Attributes:
        left: By plugin that is not on, its tables, with the number of their rows: they are not exported.
        rows: How many rows were written so far.
    """

    left: Mapping[str, Mapping[str, int]]
    rows: int = 0
    _head: Mapping[str, object] = field(default_factory=dict, repr=False)
    _members: Sequence[Member] = field(default_factory=list, repr=False)
    _connection: apsw.Connection | None = field(default=None, repr=False)

    def __iter__(self) -> Iterator[str]:
        assert self._connection is not None
        yield line(self._head)
        for member in self._members:
            for row in stored(self._connection, member.table, member.key):
                values = dict(zip(member.columns, map(encoded, row), strict=True))
                yield line({"table": member.name, "row": values})
                self.rows += 1
        yield line({"end": {"rows": self.rows}})


@contextmanager
def exported(
    config: StoreConfig, plugins: Plugins, progress: OnProgress = lambda progress: None
) -> Iterator[Export]:
    """Yield what is committed in the store that *config*, with its path decided, names.

    It is read from a copy, made at once: however slow the reader is, no read
    transaction of the store stays open, and nobody's log grows meanwhile. Tables
    come in an order in which no row comes before what it points to, rows by key.

    Raises:
        MigrationError: a plugin does not fit the store; nothing of it could be left out unnoticed.
        ConfigError: it is a store in memory.
        StoreError: the store cannot be read, or not be copied.
    """
    location = file_of(config)
    opened = open_database(config, plugins, progress)
    opened.backend.close()
    check_outcome(opened.outcome, location)
    with private_folder(location) as folder:
        copy = str(folder / "stina.db")
        with inspection.opened(location) as source:
            copy_database(source, copy)
        entries = inspection.contents(copy).ledger or ()
        with inspection.opened(copy) as connection:
            yield Export(
                rows_of_others(copy, entries, plugins),
                0,
                _head(plugins, entries),
                members(plugins),
                connection,
            )


def _head(plugins: Plugins, entries: Iterable[Entry]) -> dict[str, object]:
    steps = {plugin.name: [one.id for one in entries if one.plugin == plugin.name] for plugin in plugins.on}
    described = {
        plugin.name: {"version": plugin.version, "steps": sorted(steps[plugin.name])} for plugin in plugins.on
    }
    return {"stina": FORMAT, "exported_at": iso(now()), "plugins": described}


def write_export(export: Export, path: Path, store: str) -> None:
    """Write *export* into the file *path*, readable by its owner alone: all of it, or nothing is changed.

    Raises:
        ConfigError: *path* is the store that is exported, or one of its own files.
        ReadOnlyError, DiskFullError, StoreIOError: it could not be written.
    """
    refuse_store(path, store, "exported")
    if not path.parent.is_dir():
        raise StoreIOError(f"{path.parent} is no directory")
    if path.exists() and not path.is_file():
        raise StoreIOError(f"{path} is no ordinary file; name another")
    with copies.temporary(path.parent) as file:
        try:
            with file.open("w", encoding="utf-8", newline="") as target:
                target.writelines(export)
                target.flush()
                os.fsync(target.fileno())
            file.replace(path)
        except OSError as error:
            raise of_system(error, f"{path} cannot be written") from error
