"""Constants of a compiled query: written out in its conditions, bound everywhere else."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from peewee import ModelInsert, ModelSelect, fn

from stina_core import Store, query, write

from .library import Author, Book, Kind, Thing, database_of


class Level(IntEnum):
    HIGH = 7


def plan(store: Store, sql: str) -> str:
    """Return how SQLite runs *sql* with no value bound yet."""
    rows = database_of(store).execute_sql(f"EXPLAIN QUERY PLAN {sql}", (None,) * sql.count("?")).fetchall()
    return "; ".join(row[3] for row in rows)


def test_index_of_some_rows_serves_a_query_for_those_rows(shelf: Store) -> None:
    @query(int)
    def crises(pages: int) -> ModelSelect[Book]:
        return Book.select(Book.id).where(Book.title == "it's x", Book.pages > pages)

    database_of(shelf).execute_sql("CREATE INDEX some ON library_book (pages) WHERE title = 'it''s x'")

    assert "USING COVERING INDEX some" in plan(shelf, crises.sql())


def test_index_of_some_rows_would_not_serve_it_with_a_bound_constant(shelf: Store) -> None:
    """The control."""
    database_of(shelf).execute_sql("CREATE INDEX some ON library_book (pages) WHERE title = 'x'")

    assert "INDEX some" not in plan(shelf, "SELECT id FROM library_book WHERE title = ? AND pages > ?")


def test_constants_outside_of_conditions_are_bound(shelf: Store) -> None:
    @write
    def add() -> ModelInsert:
        return Author.insert(id="a", name="it's")

    @query(str)
    def newest() -> ModelSelect[Author]:
        return Author.select(Author.id).order_by(Author.id).limit(3)

    add()
    assert newest.sql().endswith("LIMIT ?")
    assert Author.get_by_id("a").name == "it's"


@pytest.mark.parametrize(
    ("condition", "written"),
    [
        (lambda: Thing.text == "it's", "= 'it''s'"),
        (lambda: Thing.number >= -5, ">= -5"),
        (lambda: Thing.flag == True, "= 1"),  # noqa: E712
        (lambda: Thing.kind == Kind.POEMS, "= 'po''ems'"),
        (lambda: Thing.kind.in_([Kind.NOVEL, Kind.POEMS]), "IN ('novel', 'po''ems')"),
        (lambda: fn.abs(Thing.number) > Level.HIGH, "> 7"),
        (lambda: fn.upper(Thing.text) == Kind.POEMS, "= 'po''ems'"),
        (lambda: Thing.text == "a\0b", "= ?"),  # SQL text ends there
        (lambda: Thing.ratio == 0.1, "= ?"),
        (lambda: Thing.data == b"x", "= ?"),
    ],
)
def test_condition_is_written_with_what_is_stored(memory: Store, condition: Any, written: str) -> None:
    @query(str)
    def found() -> ModelSelect[Thing]:
        return Thing.select(Thing.id).where(condition())

    assert written in found.sql()
    assert found.list() == []


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=["Cs"])), number=st.integers(-(2**63), 2**63 - 1))
@example("'", -(2**63))
@example("?--", 2**63 - 1)
@example("\0'", 0)
@example("{value}%s", -1)
def test_row_is_found_by_what_was_written_into_it(memory: Store, text: str, number: int) -> None:
    Book.update(title=text, pages=number).where(Book.id == 1).execute()

    @query(int)
    def found() -> ModelSelect[Book]:
        return Book.select(Book.id).where(Book.title == text, Book.pages == number)

    assert 1 in found.list()
