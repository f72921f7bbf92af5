"""Holds the schema of a file against what the models of plugins want, without opening it as a store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .backends.sqlite import inspection
from .backends.sqlite.ddl_text import schema_sql
from .backends.sqlite.errors import translated
from .backends.sqlite.snapshot import shapes, snapshot
from .errors import QueryError
from .migrations.drift import Difference, Kind, compare, of_plugin
from .migrations.verification import fingerprint_of

if TYPE_CHECKING:
    from .plugins import Plugin
    from .shapes import Shapes


@dataclass(frozen=True, slots=True)
class Deviation:
    """One difference between a file and what a plugin, or the core (`stina`), wants there.

    Attributes:
        table: The table it belongs to, or the object's own name.
        object: What kind of object is different: `table`, `column`, `index` and so on.
        name: Which one, `table.column` for a column.
        detail: What is wanted and what there is, in words.
    """

    plugin: str
    kind: Kind
    table: str
    object: str
    name: str
    detail: str

    @property
    def harmful(self) -> bool:
        """Whether the plugin cannot work with it."""
        return self.kind is not Kind.EXTRA

    def __str__(self) -> str:
        return str(Difference(self.kind, self.table, self.object, self.name, self.detail))


def file_schema(path: str) -> Shapes:
    """Return the schema of the file *path*, which is only read.

    Raises:
        StoreError: the file, or a definition in it, cannot be read.
    """
    with inspection.opened(path) as connection:
        return snapshot(connection)


def wanted_schema(plugin: Plugin) -> Shapes:
    """Return what the models of *plugin* want; nothing if it declares none or is not on."""
    tables = plugin.schema.tables if plugin.schema is not None else ()
    return shapes([made for table in tables for made in schema_sql(table)])


def differences(schema: Shapes, plugins: Iterable[Plugin]) -> dict[str, list[Difference]]:
    """Return how *schema* differs from the models of each of *plugins*; an empty list where it does not."""
    return {plugin.name: compare(wanted_schema(plugin), of_plugin(plugin.name, schema)) for plugin in plugins}


def unchanged(path: str, plugins: Iterable[Plugin]) -> set[str]:
    """Return those of *plugins* whose models are the ones that the tables in the file *path* were last found to fit."""
    with inspection.opened(path) as connection:
        try:
            with translated():
                rows = connection.execute("SELECT plugin, fingerprint FROM stina_catalog").fetchall()
        except QueryError:
            return set()  # from before there was such a table, or without it
    noted = {str(name): fingerprint for name, fingerprint in rows}
    return {
        plugin.name
        for plugin in plugins
        if plugin.schema is not None and noted.get(plugin.name) == fingerprint_of(plugin.schema.tables)
    }


def deviations(drift: Mapping[str, Iterable[Difference]]) -> Iterator[Deviation]:
    """Yield differences by plugin as values that name it, the form in which commands print them."""
    for plugin, those in drift.items():
        for one in those:
            yield Deviation(plugin, one.kind, one.table, one.what, one.name, one.detail)
