"""Tables of the original app that are in a store again, because that app was run once more."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from ..backends.sqlite.connection import connect
from ..backends.sqlite.definition import quoted
from ..backends.sqlite.errors import translated
from ..migrations.retirement import users

if TYPE_CHECKING:
    from ..backends.sqlite.backend import SqliteBackend
    from ..plugins import Plugins

_OBJECTS = (
    "SELECT CASE m.type WHEN 'table' THEN t.type ELSE m.type END, m.name FROM sqlite_schema AS m "
    "LEFT JOIN pragma_table_list AS t ON t.schema = 'main' AND t.name = m.name "
    "WHERE m.sql IS NOT NULL AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
)
_ORDER = ("trigger", "view", "virtual", "table")
"""A virtual table goes before the ordinary ones: it takes those inside of it along."""


def adopted(store: SqliteBackend, plugins: Plugins) -> list[str]:
    """Return the names of the original app's tables in *store* that the *plugins* that are on take over."""
    schemas = [plugin.schema for plugin in plugins.on if plugin.schema is not None]
    names = {name for schema in schemas for name in schema.adopted} & set(store.ddl.tables())
    return sorted(
        name for name in names if any(schema.is_adopted(name, store.ddl.columns(name)) for schema in schemas)
    )


def keep_only(path: str, tables: Collection[str]) -> None:
    """Drop everything in the file *path* but *tables*, so that it is one of the original app."""
    connection = connect(path, busy_timeout=5, synchronous="NORMAL", create=False)
    try:
        with translated():
            connection.execute("PRAGMA foreign_keys = 0").fetchall()
            connection.execute("BEGIN")
            objects = [(str(kind), str(name)) for kind, name in connection.execute(_OBJECTS)]
            for wanted in _ORDER:
                for kind, name in objects:
                    if kind == wanted and not (kind == "table" and name in tables):
                        word = "TABLE" if kind == "virtual" else kind.upper()
                        connection.execute(f"DROP {word} {quoted(name)}")
            connection.execute("PRAGMA application_id = 0").fetchall()
            connection.execute("COMMIT")
    finally:
        connection.close()


def drop(store: SqliteBackend, tables: Iterable[str]) -> tuple[list[str], dict[str, str]]:
    """Drop those of *tables* that nothing else in the store names, inside the caller's transaction.

    Returns:
        The names of those that are gone, and of the others with what names them.
    """
    left = list(tables)
    gone: list[str] = []
    while left:
        found = store.ddl.found()
        naming = {table: users(found, table) for table in left}
        free = [table for table in left if not naming[table]]
        if not free:
            return gone, {table: f"{_words(naming[table])} names it" for table in left}
        for table in free:
            store.ddl.drop_table(table)
        gone += free
        left = [table for table in left if table not in free]
    return gone, {}


def _words(names: Sequence[str]) -> str:
    return ", ".join(names)
