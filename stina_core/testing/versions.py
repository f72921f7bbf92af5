"""A plugin at each of its versions: files as people have them who installed it at some time in the past."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from ..backends.sqlite.backend import SqliteBackend
from ..config import StoreConfig
from ..migrations.core_steps import core_steps
from ..migrations.engine import Outcome
from ..migrations.operations import Operations
from ..migrations.plan import CORE
from ..opening import OpenDatabase, open_database, transactions_of
from ..plugins import Plugin, Plugins, installed_plugins, load_plugins
from ..plugins.discovery import required
from ..version import __version__

_ROOM = 1 << 28  # bytes


def installed_with_required(name: str) -> Plugins:
    """Load the installed plugin *name* and those it requires, strictly; none for the core itself.

    Raises:
        AssertionError: it is not installed.
        PluginError: one of them cannot be loaded.
    """
    candidates = {candidate.name: candidate for candidate in installed_plugins()}
    wanted: set[str] = set()
    left = [name] if name != CORE else []
    while left:
        one = left.pop()
        assert one in candidates, (
            f"no plugin {one!r} is installed; there are {', '.join(candidates) or 'none'}"
        )
        if one not in wanted:
            wanted.add(one)
            left += required(candidates[one], candidates.values())
    return load_plugins([candidates[one] for one in sorted(wanted)], StoreConfig(strict=True))


class Versions:
    """The steps of the plugin *name* of *plugins*, or of the core. Version 3 is what its first three make.

    Attributes:
        plugins: With hooks and models, at their newest.
        newest: The number of its steps.
    """

    def __init__(self, plugins: Plugins, name: str) -> None:
        assert name == CORE or name in plugins, f"there is no plugin {name!r} among those of the suite"
        self.plugins = plugins
        self.name = name
        self._core = core_steps(__version__)  # kept: the checksums cost more than the rest of an opening
        self.newest = len(self._core.steps if name == CORE else plugins[name].steps)
        assert self.newest, f"the plugin {name!r} has no steps"

    def make(self, path: Path, version: int) -> None:
        """Make the file at *path* with this plugin at *version* and all that it requires at their newest.

        No hook runs. Version 0 of the core is no file at all.
        """
        if self.name != CORE:
            close(self._open(path, Plugins([self._cut(one, version) for one in self.plugins])))
        elif version == self.newest:
            close(self._open(path, Plugins([])))
        elif version > 0:
            self._make_core(path, version)

    def open(self, path: Path) -> OpenDatabase:
        """Open the file at *path* and run what is pending, up to the newest version. No hook runs."""
        return self._open(path, self.plugins)

    def migrate(self, path: Path) -> Outcome:
        """Bring the file at *path* to the newest version and close it.

        Raises:
            AssertionError: a plugin failed.
        """
        return close(self.open(path))

    def _cut(self, plugin: Plugin, version: int) -> Plugin:
        steps = plugin.steps[:version] if plugin.name == self.name else plugin.steps
        return replace(plugin, steps=steps, schema=None, hooks={})  # its models are of the newest version

    def _make_core(self, path: Path, version: int) -> None:
        """Run the core's first steps without the engine, whose own notes need what the newest one makes."""
        backend = SqliteBackend(_config(path))
        transactions = transactions_of(backend)
        try:
            with backend.lock():
                backend.open()
                with transactions.begin():
                    backend.claim()
                    for step in self._core.steps[:version]:
                        step.run(Operations(backend, CORE, frozenset(), before_loss=lambda: None))
                    backend.execute_many(
                        "INSERT INTO stina_ledger (plugin, id, checksum, applied_at, ms, sqlite_version, version) "
                        "VALUES (?, ?, ?, 0, 0, ?, ?)",
                        [
                            (CORE, step.id, step.checksum, backend.version, self._core.version)
                            for step in self._core.steps[:version]
                        ],
                    )
                backend.settle()
        finally:
            backend.close()

    def _open(self, path: Path, plugins: Plugins) -> OpenDatabase:
        return open_database(_config(path), plugins, core=self._core)


def _config(path: Path) -> StoreConfig:
    return StoreConfig(synchronous="NORMAL").located(path)  # killed processes need no fsync


def close(database: OpenDatabase) -> Outcome:
    """Close *database* and return what opening it did; AssertionError if a plugin failed."""
    database.backend.close()
    for error in database.outcome.failed.values():
        raise AssertionError(str(error)) from error
    return database.outcome


@contextmanager
def quick_folder(otherwise: Path) -> Iterator[Path]:
    """Yield a new folder in memory, or in *otherwise* where the system has no room for it; removed at the end.

    Killed processes lose nothing there that they would keep on a disk, and
    waiting for a busy disk was four fifths of the time (measured).
    """
    memory = Path("/dev/shm")
    in_memory = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > _ROOM
    with TemporaryDirectory(prefix="stina-tests-", dir=memory if in_memory else otherwise) as folder:
        yield Path(folder)


def copied(start: Path, folder: Path) -> Path:
    """Return the path of a copy of *start*, which may be no file, in *folder*, which is emptied before."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    path = folder / "stina.db"
    if start.exists():
        shutil.copyfile(start, path)
    return path
