"""The wanted shape of tables, as plain values: what models and steps both come down to.

A backend renders these values to its own DDL; the drift check compares them with
a file. No database, no Peewee.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Type = Literal["text", "integer", "real", "blob", "any"]
"""Portable column types. `any` keeps each value's own type; only the core uses it."""

Action = Literal["CASCADE", "SET NULL", "RESTRICT", "NO ACTION", "SET DEFAULT"]


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key: the table and column it points to and what happens there."""

    table: str
    column: str
    on_delete: Action | None = None
    on_update: Action | None = None
    deferrable: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """A named rule every row must pass; *condition* is SQL over the table's own columns."""

    condition: str
    name: str


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `default` is a rendered SQL literal or expression, None for no default.

    Its own *checks* and *reference* stand with the column, so that they go when the column goes.
    """

    name: str
    type: Type
    null: bool = False
    default: str | None = None
    collation: str | None = None
    reference: Reference | None = None
    checks: tuple[Check, ...] = ()


class Index:
    """An index over *columns*, each `"name"` or `"name DESC"`.

    Args:
        unique: No two rows may have the same values.
        where: SQL condition; only rows that meet it are in the index.
        name: Only needed when two indexes would get the same name. The full name
            is `<table>__<name>`, by default `<table>__<column>_<column>`.
    """

    __slots__ = ("columns", "name", "unique", "where")

    def __init__(
        self, *columns: str, unique: bool = False, where: str | None = None, name: str | None = None
    ) -> None:
        self.columns = columns
        self.unique = unique
        self.where = where
        self.name = name or "_".join(column.split()[0] for column in columns)

    def __repr__(self) -> str:
        return f"Index({', '.join(map(repr, self.columns))}, name={self.name!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Index) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def _values(self) -> tuple[object, ...]:
        return (self.columns, self.unique, self.where, self.name)


@dataclass(frozen=True, slots=True)
class Table:
    """One table under its full name, `<plugin>_<model>`. Its own *checks* may name any of its columns."""

    name: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    checks: tuple[Check, ...] = ()
    indexes: tuple[Index, ...] = ()
    without_rowid: bool = False

    def index_name(self, index: Index) -> str:
        """Return the full name of *index*; the double underscore keeps it apart from tables."""
        return f"{self.name}__{index.name}"


def sql_literal(value: object) -> str:
    """Return *value* as it is written in SQL."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    if isinstance(value, str) and "\0" in value:
        return f"(CAST(x'{value.encode().hex()}' AS TEXT))"  # SQL text ends at the first NUL
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    raise TypeError(f"{type(value).__name__} has no SQL literal")
