"""Catalog values as SQLite's DDL."""

from __future__ import annotations

from collections.abc import Iterable

from ...catalog import Check, Column, Index, IndexPart, Reference, Search, Table, Type, sql_literal
from ...fields import NOW

TYPES: dict[Type, str] = {"text": "TEXT", "integer": "INTEGER", "real": "REAL", "blob": "BLOB", "any": "ANY"}

_NOW = "(CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))"
"""UTC milliseconds; works in every sqlite3 shell, where unixepoch('subsec') gives NULL before 3.42."""


def create_table_sql(table: Table) -> str:
    """Return the statement that makes *table*: STRICT, every CHECK named."""
    lines = [column_sql(column) for column in table.columns]
    lines.append(f"PRIMARY KEY ({_names(table.primary_key)})")
    lines += map(check_sql, table.checks)
    options = "STRICT, WITHOUT ROWID" if table.without_rowid else "STRICT"
    return f'CREATE TABLE "{table.name}" (\n  ' + ",\n  ".join(lines) + f"\n) {options}"


def column_sql(column: Column) -> str:
    """Return *column* with its own constraints: SQLite can drop a column only if no other part names it."""
    parts = [f'"{column.name}"', TYPES[column.type]]
    if not column.null:
        parts.append("NOT NULL")
    if column.default is not None:
        parts.append(f"DEFAULT {_NOW if column.default == NOW else column.default}")
    if column.collation:
        parts.append(f"COLLATE {column.collation}")
    parts += map(check_sql, column.checks)
    if column.reference:
        parts.append(_reference_sql(column.reference))
    return " ".join(parts)


def create_index_sql(table: str, name: str, index: Index) -> str:
    """Return the statement that makes *index* under its full *name*."""
    columns = ", ".join(map(_index_part_sql, index.parts))
    where = f" WHERE {index.where}" if index.where else ""
    return f'CREATE {"UNIQUE " if index.unique else ""}INDEX "{name}" ON "{table}" ({columns}){where}'


def create_search_sql(name: str, search: Search) -> str:
    """Return the statement that makes the full-text index *search* under its full *name*."""
    options = [f"tokenize = {sql_literal(search.tokenizer)}"]
    if search.prefix:
        options.append(f"prefix = '{' '.join(map(str, search.prefix))}'")
    return f'CREATE VIRTUAL TABLE "{name}" USING fts5 ({_names(search.columns)}, {", ".join(options)})'


def schema_sql(table: Table) -> list[tuple[str, str, str, str]]:
    """Return everything that *table* consists of: type, name, table and statement of each."""
    made = [("table", table.name, table.name, create_table_sql(table))]
    for index in table.indexes:
        name = table.index_name(index)
        made.append(("index", name, table.name, create_index_sql(table.name, name, index)))
    if table.search is not None:
        made.append(
            (
                "table",
                table.search_name,
                table.search_name,
                create_search_sql(table.search_name, table.search),
            )
        )
    return made


def check_sql(check: Check) -> str:
    """Return a CHECK as part of a table or column."""
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


def _index_part_sql(part: IndexPart) -> str:
    if part.expression:
        return part.expression
    collation = f" COLLATE {part.collation}" if part.collation else ""
    return f'"{part.column}"{collation}{" DESC" * part.descending}'


def _names(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
