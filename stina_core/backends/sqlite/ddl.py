"""Catalog values as SQLite's DDL, and the native ALTER statements of playhouse's migrator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...catalog import Check, Column, Index, Reference, Table, Type
from ...errors import QueryError
from ...fields import NOW
from .database import StoreDatabase
from .statements import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable

_TYPES: dict[Type, str] = {"text": "TEXT", "integer": "INTEGER", "real": "REAL", "blob": "BLOB", "any": "ANY"}

_NOW = "(CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))"
"""UTC milliseconds; works in every sqlite3 shell, where unixepoch('subsec') gives NULL before 3.42."""


def create_table_sql(table: Table) -> str:
    """Return the statement that makes *table*: STRICT, every CHECK named."""
    lines = [column_sql(column) for column in table.columns]
    lines.append(f"PRIMARY KEY ({_names(table.primary_key)})")
    lines += map(_check_sql, table.checks)
    options = "STRICT, WITHOUT ROWID" if table.without_rowid else "STRICT"
    return f'CREATE TABLE "{table.name}" (\n  ' + ",\n  ".join(lines) + f"\n) {options}"


def column_sql(column: Column) -> str:
    """Return *column* with its own constraints: SQLite can drop a column only if no other part names it."""
    parts = [f'"{column.name}"', _TYPES[column.type]]
    if not column.null:
        parts.append("NOT NULL")
    if column.default is not None:
        parts.append(f"DEFAULT {_NOW if column.default == NOW else column.default}")
    if column.collation:
        parts.append(f"COLLATE {column.collation}")
    parts += map(_check_sql, column.checks)
    if column.reference:
        parts.append(_reference_sql(column.reference))
    return " ".join(parts)


def create_index_sql(table: str, name: str, index: Index) -> str:
    """Return the statement that makes *index* under its full *name*."""
    columns = ", ".join(
        f'"{column}" {direction}'.rstrip()
        for column, _, direction in (part.partition(" ") for part in index.columns)
    )
    where = f" WHERE {index.where}" if index.where else ""
    return f'CREATE {"UNIQUE " if index.unique else ""}INDEX "{name}" ON "{table}" ({columns}){where}'


def _check_sql(check: Check) -> str:
    return f'CONSTRAINT "{check.name}" CHECK ({check.condition})'


def _reference_sql(reference: Reference) -> str:
    parts = [f'REFERENCES "{reference.table}" ("{reference.column}")']
    if reference.on_delete:
        parts.append(f"ON DELETE {reference.on_delete}")
    if reference.on_update:
        parts.append(f"ON UPDATE {reference.on_update}")
    if reference.deferrable:
        parts.append("DEFERRABLE INITIALLY DEFERRED")
    return " ".join(parts)


def _names(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


class SqliteDdl:
    """Runs schema statements on the calling thread's connection."""

    def __init__(self, database: StoreDatabase) -> None:
        self._database = database

    def create_table(self, table: Table) -> None:
        """Make *table* and its indexes."""
        self._database.execute_sql(create_table_sql(table))
        for index in table.indexes:
            self.create_index(table.name, table.index_name(index), index)

    def add_column(self, table: str, column: Column) -> None:
        """Add *column* by one native ALTER; the default fills the rows that are there.

        Ours and not playhouse's, which writes every row and rebuilds the table
        for a NOT NULL column, and leaves no DEFAULT behind.
        """
        self._database.execute_sql(f'ALTER TABLE "{table}" ADD COLUMN {column_sql(column)}')

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

    def drop_column(self, table: str, column: str) -> None:
        """Remove a column with its own CHECKs and reference; no index or other CHECK may name it."""
        self._migrate("drop_column", table, column)

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
        return name, next((kind for kind, sql in _TYPES.items() if sql == declared), "any")

    def _indexes(self, table: str) -> dict[str, list[str]]:
        """The indexes of *table* that a step made, each with its columns."""
        rows = self._database.execute_sql(
            "SELECT m.name, i.name FROM sqlite_schema AS m, pragma_index_info(m.name) AS i "
            "WHERE m.type = 'index' AND m.tbl_name = ? AND m.sql IS NOT NULL ORDER BY m.name, i.seqno",
            (table,),
        )
        found: dict[str, list[str]] = {}
        for name, column in rows.fetchall():
            found.setdefault(name, []).append(column)
        return found

    def _rename_index(self, name: str, new_name: str) -> None:
        made = self._database.execute_sql("SELECT sql FROM sqlite_schema WHERE name = ?", (name,)).fetchall()
        self.drop_index(name)
        self._database.execute_sql(made[0][0].replace(f'"{name}"', f'"{new_name}"', 1))

    def _migrate(self, operation: str, *arguments: Any) -> None:
        from playhouse.migrate import SqliteMigrator  # costs as much as Peewee; only a pending step needs it

        migrator = SqliteMigrator(self._database)
        migrator.migrate(getattr(migrator, operation)(*arguments))
