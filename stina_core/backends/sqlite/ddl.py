"""Runs schema statements: our own DDL, and the native ALTER statements of playhouse's migrator."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from ...catalog import Index, Search, Table, Type
from ...errors import QueryError
from .database import StoreDatabase
from .ddl_text import TYPES, create_index_sql, create_search_sql, create_table_sql, schema_sql
from .statements import TABLES

if TYPE_CHECKING:
    from ...alterations import TableChange
    from ...shapes import Shapes


class SqliteDdl:
    """Runs schema statements on the calling thread's connection."""

    def __init__(self, database: StoreDatabase) -> None:
        self._database = database

    def create_table(self, table: Table) -> None:
        """Make *table* and its indexes."""
        self._database.execute_sql(create_table_sql(table))
        for index in table.indexes:
            self.create_index(table.name, table.index_name(index), index)

    def change_table(self, change: TableChange, before_loss: Callable[[], object]) -> None:
        """Change one table, natively where SQLite can, otherwise by one rebuild."""
        from .alter import TableAlteration  # few starts change a table

        TableAlteration(self._database, change, before_loss).run()

    def create_search(self, name: str, search: Search) -> None:
        """Make a full-text index, empty."""
        self._database.execute_sql(create_search_sql(name, search))

    def create_index(self, table: str, name: str, index: Index) -> None:
        """Make one index."""
        self._database.execute_sql(create_index_sql(table, name, index))

    def drop_table(self, table: str) -> None:
        """Remove a table with its rows and indexes."""
        self._migrate("drop_table", table)

    def rename_table(self, table: str, new_name: str) -> None:
        """Give a table another name, and its indexes the names that go with it."""
        self._migrate("rename_table", table, new_name)
        for name in self._indexes(new_name):
            if name.startswith(f"{table}__"):
                self._rename_index(name, f"{new_name}__{name.removeprefix(f'{table}__')}")

    def rename_column(self, table: str, column: str, new_name: str) -> None:
        """Give a column another name, also in indexes, CHECKs and triggers.

        Indexes that are called by their columns are renamed with it.
        """
        called = {
            name: columns
            for name, columns in self._indexes(table).items()
            if column in columns and name == f"{table}__{'_'.join(columns)}"
        }
        self._migrate("rename_column", table, column, new_name)
        for name, columns in called.items():
            new = "_".join(new_name if one == column else one for one in columns)
            self._rename_index(name, f"{table}__{new}")

    def drop_index(self, name: str) -> None:
        """Remove one index."""
        self._database.execute_sql(f'DROP INDEX "{name}"')

    def tables(self) -> list[str]:
        """Names of all ordinary tables, sorted."""
        return [row[0] for row in self._database.execute_sql(TABLES).fetchall()]

    def columns(self, table: str) -> list[str]:
        """Column names of *table*; empty if there is none of that name."""
        return [
            row[0]
            for row in self._database.execute_sql(
                "SELECT name FROM pragma_table_info(?)", (table,)
            ).fetchall()
        ]

    def key(self, table: str) -> tuple[str, Type]:
        """The single primary key column of *table* and its type."""
        rows = self._database.execute_sql(
            "SELECT name, type FROM pragma_table_info(?) WHERE pk > 0", (table,)
        ).fetchall()
        if len(rows) != 1:
            raise QueryError(
                f"{table} has {len(rows)} key columns; a foreign key needs a table with exactly one"
            )
        name, declared = rows[0]
        return name, next((kind for kind, sql in TYPES.items() if sql == declared), "any")

    def wanted(self, tables: Iterable[Table]) -> Shapes:
        """What a schema of exactly *tables* says."""
        from .snapshot import shapes  # most starts compare nothing

        return shapes([made for table in tables for made in schema_sql(table)])

    def found(self) -> Shapes:
        """What the schema of the file says. One SELECT."""
        from .snapshot import snapshot

        return snapshot(self._database.connection())

    def _indexes(self, table: str) -> dict[str, list[str]]:
        """The indexes of *table* that a step made, each with its columns; an expression is an empty text."""
        rows = self._database.execute_sql(
            "SELECT m.name, i.name FROM sqlite_schema AS m, pragma_index_info(m.name) AS i "
            "WHERE m.type = 'index' AND m.tbl_name = ? AND m.sql IS NOT NULL ORDER BY m.name, i.seqno",
            (table,),
        )
        found: dict[str, list[str]] = {}
        for name, column in rows.fetchall():
            found.setdefault(name, []).append(column or "")
        return found

    def _rename_index(self, name: str, new_name: str) -> None:
        made = self._database.execute_sql("SELECT sql FROM sqlite_schema WHERE name = ?", (name,)).fetchall()
        self.drop_index(name)
        self._database.execute_sql(made[0][0].replace(f'"{name}"', f'"{new_name}"', 1))

    def _migrate(self, operation: str, *arguments: Any) -> None:
        from playhouse.migrate import SqliteMigrator  # costs as much as Peewee; only a pending step needs it

        migrator = SqliteMigrator(self._database)
        migrator.migrate(getattr(migrator, operation)(*arguments))
