"""The wanted shape of tables, as plain values: what models and steps both come down to.

A backend renders these values to its own DDL; the drift check compares them with
a file. No database, no Peewee.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Type = Literal["text", "integer", "real", "blob", "any"]
"""Portable column types. `any` keeps each value's own type; only the core uses it."""

Value = bool | int | float | str | bytes | None
"""A value as it is stored: milliseconds for a time, JSON text for JSON."""

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


FIELD_RULES = ("boolean", "enum", "json", "length")
"""A CHECK that comes from a field is called `<column>_<one of these>`, and no other may be."""

_PART = re.compile(
    r"(?P<column>[a-z][a-z0-9_]*)(\s+COLLATE\s+(?P<collation>\w+))?(\s+(?P<direction>ASC|DESC))?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class IndexPart:
    """One thing an index sorts by: a *column*, or an SQL *expression* if that is empty."""

    column: str
    expression: str = ""
    collation: str = ""
    descending: bool = False


class Index:
    """An index over *columns*.

    Args:
        columns: Each `"name"`, `"name DESC"`, `"name COLLATE NOCASE"`, or an SQL
            expression with parentheses such as `"lower(title)"`.
        unique: No two rows may have the same values.
        where: SQL condition; only rows that meet it are in the index.
        name: Only needed for an expression, or when two indexes would get the same name.
            The full name is `<table>__<name>`, by default `<table>__<column>_<column>`.
    """

    __slots__ = ("columns", "name", "unique", "where")

    def __init__(
        self, *columns: str, unique: bool = False, where: str | None = None, name: str | None = None
    ) -> None:
        self.columns = columns
        self.unique = unique
        self.where = where
        self.name = name or _index_name(columns)

    @property
    def parts(self) -> tuple[IndexPart, ...]:
        """What it sorts by, read from *columns*."""
        return tuple(map(_index_part, self.columns))

    def __repr__(self) -> str:
        words = [repr(column) for column in self.columns]
        words += ["unique=True"] if self.unique else []
        words += [f"where={self.where!r}"] if self.where else []
        words += [f"name={self.name!r}"] if self.name != _index_name(self.columns) else []
        return f"Index({', '.join(words)})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Index) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def _values(self) -> tuple[object, ...]:
        return (self.columns, self.unique, self.where, self.name)


def _index_name(columns: tuple[str, ...]) -> str:
    return "_".join(column.split()[0] for column in columns)


def _index_part(text: str) -> IndexPart:
    match = _PART.fullmatch(text.strip())
    if match is None:
        return IndexPart("", text)
    descending = (match["direction"] or "").upper() == "DESC"
    return IndexPart(match["column"], "", (match["collation"] or "").upper(), descending)


TOKENIZER = "unicode61 remove_diacritics 2"
"""Finds words in any letter case and with or without accents."""


class Search:
    """A full-text index over text *columns* of one table; it is called `<table>_search`.

    Args:
        tokenizer: How FTS5 takes text apart, in its own words.
        prefix: Lengths, in characters, of word beginnings that are to be found quickly.
    """

    __slots__ = ("columns", "prefix", "tokenizer")

    def __init__(self, *columns: str, tokenizer: str = TOKENIZER, prefix: tuple[int, ...] = ()) -> None:
        self.columns = columns
        self.tokenizer = tokenizer
        self.prefix = prefix

    def __repr__(self) -> str:
        columns = ", ".join(map(repr, self.columns))
        return f"Search({columns}, tokenizer={self.tokenizer!r}, prefix={self.prefix!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Search) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def _values(self) -> tuple[object, ...]:
        return (self.columns, self.tokenizer, self.prefix)


@dataclass(frozen=True, slots=True)
class Table:
    """One table under its full name, `<plugin>_<model>`.

    Attributes:
        checks: Its own; they may name any of its columns.
        tracked: Whether the change feed says what happens to its rows.
    """

    name: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    checks: tuple[Check, ...] = ()
    indexes: tuple[Index, ...] = ()
    without_rowid: bool = False
    search: Search | None = None
    tracked: bool = True

    @property
    def search_name(self) -> str:
        """The full name of its full-text index."""
        return f"{self.name}_search"

    def names(self) -> set[str]:
        """The full names of everything it consists of; in a file they must all differ."""
        search = {self.search_name} if self.search else set()
        return {self.name, *map(self.index_name, self.indexes), *search}

    def index_name(self, index: Index) -> str:
        """Return the full name of *index*; the double underscore keeps it apart from tables."""
        return f"{self.name}__{index.name}"


def sql_literal(value: object) -> str:
    """Return *value* as it is written in SQL."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, int):
        return int.__repr__(value)  # of an enum's member it would be its name
    if isinstance(value, float):
        return float.__repr__(value)
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    if isinstance(value, str) and "\0" in value:
        return f"(CAST(x'{value.encode().hex()}' AS TEXT))"  # SQL text ends at the first NUL
    if isinstance(value, str):
        return "'" + str.__str__(value).replace("'", "''") + "'"
    raise TypeError(f"{type(value).__name__} has no SQL literal")
