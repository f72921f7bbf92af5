"""The tables that are imported and exported, in an order in which no row comes before what it points to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from importlib import import_module
from typing import TYPE_CHECKING

from ..catalog import Reference, Table
from ..errors import PluginLoadError
from ..plugins import Plugins

if TYPE_CHECKING:
    from ..schema import Merging, Schema
    from .here import Merge


@dataclass(frozen=True)
class Member:
    """One table of a plugin that is on.

    Attributes:
        key: The columns of its primary key, in order.
        references: Its columns that are foreign keys.
        ignoring: Columns that do not make a row another one.
        using: The plugin's own function for rows that are not here.
    """

    plugin: str
    table: Table
    key: tuple[str, ...]
    columns: tuple[str, ...]
    references: tuple[tuple[str, Reference], ...]
    ignoring: frozenset[str] = frozenset()
    using: Merge | None = None

    @property
    def name(self) -> str:
        """The full name of the table."""
        return self.table.name

    @property
    def own_references(self) -> tuple[str, ...]:
        """Columns that point to rows of the same table."""
        return tuple(column for column, reference in self.references if reference.table == self.name)


def members(plugins: Plugins) -> list[Member]:
    """Return the tables of the *plugins* that are on, those that others point to first.

    Raises:
        PluginLoadError: a plugin's function for merging cannot be imported.
    """
    return [
        _member(plugin.name, table, plugin.schema)
        for plugin in plugins.on
        if plugin.schema is not None
        for table in _ordered(plugin.schema.tables)
    ]


def referenced(those: Iterable[Member]) -> set[str]:
    """Return the tables that a foreign key of *those* points to."""
    return {reference.table for member in those for _, reference in member.references}


def _member(plugin: str, table: Table, schema: Schema) -> Member:
    merging = schema.merging.get(table.name)
    return Member(
        plugin,
        table,
        table.primary_key,
        tuple(column.name for column in table.columns),
        tuple((column.name, column.reference) for column in table.columns if column.reference is not None),
        merging.ignoring if merging is not None else frozenset(),
        _function(plugin, merging) if merging is not None else None,
    )


def _ordered(tables: Iterable[Table]) -> Iterator[Table]:
    by_name = {table.name: table for table in tables}
    wanted = {
        table.name: [
            column.reference.table
            for column in table.columns
            if column.reference is not None and column.reference.table in by_name.keys() - {table.name}
        ]
        for table in by_name.values()
    }
    for name in TopologicalSorter(wanted).static_order():
        yield by_name[name]


def _function(plugin: str, merging: Merging) -> Merge | None:
    if not isinstance(merging.using, str):
        return merging.using
    module, _, name = merging.using.partition(":")
    try:
        found: Merge = getattr(import_module(module), name)
    except (Exception, SystemExit) as error:
        raise PluginLoadError(
            plugin, f"{merging.using} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    return found
