"""Foreign keys whose other end is not there."""

from __future__ import annotations

from collections.abc import Collection

import apsw

from .errors import translated

Pair = tuple[str, str]
"""A table and the one it points to, as they are written."""


def pairs(connection: apsw.Connection) -> list[Pair]:
    """Return every foreign key of the file."""
    with translated():
        return [
            (str(child), str(parent))
            for child, parent in connection.execute(
                'SELECT m.name, f."table" FROM sqlite_schema AS m, pragma_foreign_key_list(m.name) AS f '
                "WHERE m.type = 'table' ORDER BY m.name, f.id"
            )
        ]


def dangling(connection: apsw.Connection, tables: Collection[str]) -> dict[Pair, int]:
    """Return how many rows point to nothing, of *tables* and of those that point to one of them.

    A foreign key to a table that is not there counts as one row at least: while
    its own table is empty SQLite does not say so, and then no row can be written.

    Raises:
        QueryError: a foreign key does not fit the key it points to.
    """
    asked = {name.lower() for name in tables}
    with translated():
        there = {str(name).lower() for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
        found: dict[Pair, int] = {}
        for child in dict.fromkeys(
            child for child, parent in pairs(connection) if {child.lower(), parent.lower()} & asked
        ):
            for parent, count in connection.execute(
                "SELECT parent, count(*) FROM pragma_foreign_key_check(?) GROUP BY parent", (child,)
            ):
                found[child, str(parent)] = int(count)
        for child, parent in pairs(connection):
            if parent.lower() not in there and {child.lower(), parent.lower()} & asked:
                found.setdefault((child, parent), 1)
    return found
