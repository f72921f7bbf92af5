"""Ways to ask a connection whether something works."""

from __future__ import annotations

import apsw


def value(connection: apsw.Connection, sql: str) -> apsw.SQLiteValue:
    """Return the first column of the first row, or None."""
    row = connection.execute(sql).fetchone()
    return None if row is None else row[0]


def column(connection: apsw.Connection, sql: str) -> list[apsw.SQLiteValue]:
    """Return the first column of all rows."""
    return [row[0] for row in connection.execute(sql)]


def refuses(connection: apsw.Connection, sql: str, because: str = "") -> bool:
    """Whether a constraint stops *sql*, with *because* in its message; a transaction it began is undone."""
    try:
        connection.execute(sql).fetchall()
    except apsw.ConstraintError as error:
        return because in str(error)
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK").fetchall()
    return False


def accepts(connection: apsw.Connection, sql: str) -> bool:
    """Whether no constraint stops *sql*, which is then done."""
    return not refuses(connection, sql)


def uses(connection: apsw.Connection, sql: str, index: str) -> bool:
    """Whether SQLite answers *sql* from *index*, without sorting."""
    plan = " ".join(str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}"))
    return f"INDEX {index}" in plan and "TEMP B-TREE" not in plan


def index_columns(connection: apsw.Connection, index: str) -> list[tuple[apsw.SQLiteValue, ...]]:
    """Return the columns of *index* as (name, descending, collation); an expression has no name."""
    return list(
        connection.execute('SELECT name, "desc", coll FROM pragma_index_xinfo(?) WHERE key', (index,))
    )


def reference(connection: apsw.Connection, table: str) -> list[tuple[apsw.SQLiteValue, ...]]:
    """Return the foreign keys of *table* as (table, column, what happens on delete)."""
    return list(
        connection.execute('SELECT "table", "from", on_delete FROM pragma_foreign_key_list(?)', (table,))
    )
