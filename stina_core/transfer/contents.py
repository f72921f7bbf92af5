"""What a source holds that is not imported: tables of nobody, and of plugins that are not on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..backends.sqlite import inspection
from ..backends.sqlite.definition import quoted
from ..backends.sqlite.errors import translated
from ..leftovers import OldTable, old_tables
from ..migrations.core_steps import core_steps
from ..migrations.plan import CORE, Entry, plan
from ..shapes import Shapes
from ..version import __version__

if TYPE_CHECKING:
    from ..plugins import Plugins

_ORDINARY = (
    "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' "
    "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
)
"""Neither virtual tables, nor those inside of one."""


def ordinary_tables(path: str) -> list[str]:
    """Return the names of the ordinary tables in the file *path*."""
    with inspection.opened(path) as connection, translated():
        return [str(name) for (name,) in connection.execute(_ORDINARY)]


def tables_of_others(path: str, plugins: Plugins) -> tuple[OldTable, ...]:
    """Return the tables in the file *path* that are neither the core's nor a plugin's own."""
    entries = inspection.contents(path).ledger or ()
    current = plan([core_steps(__version__), *plugins.steps()], entries)
    pending = [str(step) for step in current.pending]
    return old_tables(
        inspection.columns(path, ordinary_tables(path)),
        plugins,
        pending,
        current.orphaned,
        lambda names: _counts(path, names),
        Shapes(),
    )


def rows_of_others(path: str, entries: Iterable[Entry], plugins: Plugins) -> dict[str, dict[str, int]]:
    """Return, by plugin that is in the ledger of the file *path* and not on, its tables that hold rows."""
    names = sorted({entry.plugin for entry in entries} - {plugin.name for plugin in plugins.on} - {CORE})
    tables = ordinary_tables(path)
    found = {}
    for name in names:
        rows = _counts(path, [table for table in tables if table.startswith(f"{name}_")])
        found[name] = {table: count for table, count in rows.items() if count}
    return {name: tables for name, tables in found.items() if tables}


def _counts(path: str, tables: Sequence[str]) -> dict[str, int]:
    with inspection.opened(path) as connection, translated():
        return {
            table: int(connection.execute(f"SELECT count(*) FROM {quoted(table)}").get) for table in tables
        }
