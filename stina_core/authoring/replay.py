"""The steps of one plugin, run in memory: what its tables are on every file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from ..config import MEMORY, StoreConfig
from ..migrations.drift import Difference, compare, of_plugin
from ..migrations.operations import Operations
from ..migrations.steps import Run
from ..opening import OpenDatabase, open_database
from ..plugins import Plugin, Plugins
from ..shapes import Shapes


@dataclass(frozen=True)
class Replay:
    """A database in memory that the steps of *plugin*, and of what it requires, have run in."""

    plugin: Plugin
    opened: OpenDatabase

    @property
    def found(self) -> Shapes:
        """What the steps made."""
        return of_plugin(self.plugin.name, self.opened.backend.ddl.found())

    def differences(self) -> list[Difference]:
        """How that differs from what the models want."""
        assert self.plugin.schema is not None
        return compare(self.opened.backend.ddl.wanted(self.plugin.schema.tables), self.found)

    def run(self, step: Run) -> None:
        """Run one more step."""
        backend = self.opened.backend
        backend.foreign_keys(False)
        try:
            with self.opened.transactions.begin():
                step(Operations(backend, self.plugin.name, self.plugin.requires, before_loss=lambda: None))
        finally:
            backend.foreign_keys(True)


@contextmanager
def replayed(plugins: Plugins, plugin: Plugin) -> Iterator[Replay]:
    """Run all steps of *plugin*, after those of the plugins it requires, in an empty database.

    Raises:
        MigrationError: one of them fails there.
    """
    needed = _with_required(plugins, plugin.name)
    # Without their models, so that what they lack is not refused, but answered here.
    copies = [replace(one, schema=None) for one in plugins if one.name in needed]
    opened = open_database(StoreConfig(path=MEMORY), Plugins(copies))
    try:
        for failure in opened.outcome.failed.values():
            raise failure
        yield Replay(plugin, opened)
    finally:
        opened.backend.close()


def _with_required(plugins: Plugins, name: str) -> set[str]:
    found = {name}
    for other in plugins[name].requires:
        if other in plugins:
            found |= _with_required(plugins, other)
    return found
