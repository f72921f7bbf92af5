"""What the queries of the tests answer with, and how Peewee's own answers become the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from typing import Any

from stina_core import JsonValue


@dataclass(frozen=True, slots=True)
class Title:
    """One column of a book, which several books may share."""

    title: str


@dataclass(frozen=True, slots=True)
class AuthorName:
    """Less than an author."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class BookTitle:
    """Less than a book: three of its columns, in an order of its own."""

    title: str
    id: int
    author: str


@dataclass(frozen=True, slots=True)
class Row:
    """All of a book, its author by id."""

    id: int
    title: str
    author_id: str
    pages: int
    price: float | None
    sold: bool
    added_at: datetime
    code: str
    serial: int
    tags: JsonValue
    rank: int


def as_values(value: Callable[..., Any], query: Any) -> list[Any]:
    """Return what Peewee answers ad hoc to *query*, each row as a *value*: a dataclass, or the only column."""
    if not is_dataclass(value):
        return [row[0] for row in query.tuples()]
    names = [one.name for one in fields(value)]
    by_id = {"author": "author_id"}
    rows = [{**row, **{by_id[name]: row[name] for name in row if name in by_id}} for row in query.dicts()]
    return [value(**{name: row[name] for name in names}) for row in rows]
