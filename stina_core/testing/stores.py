"""Stores for tests: in memory, with plugins at hand, and a look past them at the file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..config import MEMORY, StoreConfig
from ..plugins import Plugins, load_plugins, local_plugin
from ..store import Store, open_store


def plugins_of(**modules: object) -> Plugins:
    """Load the given modules as plugins, strictly: `plugins_of(notes=stina_notes.plugin)`.

    Raises:
        PluginError: a declaration is not allowed.
    """
    return load_plugins(
        [local_plugin(name, module) for name, module in modules.items()], StoreConfig(strict=True)
    )


@contextmanager
def memory_store(plugins: Plugins | None = None) -> Iterator[Store]:
    """Open a strict store in memory, with *plugins* or with all that are installed.

    Costs a few milliseconds, so a Hypothesis test opens one per example.
    """
    with open_store(MEMORY, StoreConfig(strict=True), plugins=plugins) as store:
        yield store


def file_rows(path: str | os.PathLike[str], sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Run *sql* on the database file *path* with a connection of its own, as another program would.

    It uses the same SQLite library as the store, so it is safe while the store is
    open; `sqlite3.connect` and `open` are not, and are refused.
    """
    import apsw

    connection = apsw.Connection(os.fspath(path))
    try:
        connection.set_busy_timeout(5000)
        return list(connection.execute(sql, values))
    finally:
        connection.close()
