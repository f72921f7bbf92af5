"""What the columns of a row become: by name, through functions and by converters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import peewee
import pytest
from peewee import JOIN, ModelSelect, fn

from stina_core import Store, query

from .library import (
    DAY,
    Author,
    Badge,
    Book,
    Place,
    Step,
    Thing,
)


@dataclass(frozen=True)
class ByName:
    title: str
    author: str


@dataclass(frozen=True)
class ById:
    title: str
    author_id: str


@dataclass(frozen=True)
class Pair:
    name: str
    other: object


# Names


@pytest.mark.parametrize("value", [ByName, ById])
def test_foreign_key_is_an_id_under_either_name(memory: Store, value: Callable[..., Any]) -> None:
    @query(value)
    def last() -> ModelSelect[Book]:
        return Book.select().order_by(Book.id.desc())

    assert last.get() == value("Jerusalem", "selma")
    assert last.sql() == (
        'SELECT "t1"."title", "t1"."author_id" FROM "library_book" AS "t1" ORDER BY "t1"."id" DESC'
    )


def test_reference_to_a_moment_or_to_a_field_of_a_plugins_own_is_read_as_the_key_is(store: Store) -> None:
    Step.create(at=DAY)
    Step.create(at=DAY + timedelta(days=1), after=DAY)
    Badge.create(word="quiet")
    Badge.create(word="same", twin="quiet")

    @query(datetime)
    def before() -> ModelSelect[Step]:
        return Step.select(Step.after).where(Step.after.is_null(False))

    @query(str)
    def twin() -> ModelSelect[Badge]:
        return Badge.select(Badge.twin).where(Badge.twin.is_null(False))

    assert before.list() == [DAY]
    assert twin.list() == ["QUIET"]


def test_field_with_a_python_value_of_its_own_is_read_by_it(store: Store) -> None:
    Badge.create(word="quiet")

    @query(str)
    def words() -> ModelSelect[Badge]:
        return Badge.select(Badge.word)

    assert words.list() == ["QUIET"]


def test_field_that_is_stored_as_it_is_costs_no_call_unless_a_plugin_changes_that() -> None:
    assert Badge.word.loads() is not None
    assert [one.loads() for one in (Author.name, Book.pages, Book.price, Book.id, Thing.data)] == [None] * 5


def test_column_of_another_name_is_called_by_its_field(memory: Store) -> None:
    @dataclass
    class Ranked:
        id: int
        rank: int

    @query(Ranked)
    def ranked() -> ModelSelect[Book]:
        return Book.select().order_by(Book.id)

    assert ranked.get() == Ranked(1, 7)
    assert '"position"' in ranked.sql()


def test_alias_names_a_column(memory: Store) -> None:
    @query(Pair)
    def pairs() -> ModelSelect[Book]:
        return (
            Book.select(Book.title.alias("name"), (Book.pages * 2).alias("other")).order_by(Book.id).limit(1)
        )

    assert pairs.list() == [Pair("Kallocain", 400)]


def test_key_of_two_columns_is_read_like_any_other(memory: Store) -> None:
    @dataclass
    class Placed:
        book: int
        room: str
        copies: int

    Place.create(book=1, room="hall", copies=3)

    @query(Placed)
    def placed(book: int, room: str) -> ModelSelect[Place]:
        return Place.select().where(Place.book == book, Place.room == room)

    assert placed.get(1, "hall") == Placed(1, "hall", 3)
    assert placed.find(2, "hall") is None


@pytest.mark.parametrize("name", ["_make", "c0", "c1", "rows", "load", "_load0", "self", "value"])
def test_no_name_of_a_column_gets_in_the_way(memory: Store, name: str) -> None:
    made: list[dict[str, object]] = []
    scope: dict[str, Any] = {"made": made}
    exec(f"def make({name}, added_at):\n    made.append(dict({name}={name}, added_at=added_at))", scope)

    @query(scope["make"])
    def named() -> ModelSelect[Book]:
        return Book.select(Book.title.alias(name), Book.added_at).order_by(Book.id)

    named.find()

    assert made == [{name: "Kallocain", "added_at": DAY + timedelta(hours=1)}]


# Functions and converters


def test_number_of_rows_is_a_whole_number(memory: Store) -> None:
    @query(int)
    def number() -> ModelSelect[Book]:
        return Book.select(fn.COUNT(Book.added_at))

    assert number.list() == [4]


@pytest.mark.parametrize("name", ["MIN", "MAX", "min", "Max"])
def test_smallest_and_largest_of_a_field_are_values_of_the_field(memory: Store, name: str) -> None:
    @query(datetime)
    def extreme() -> ModelSelect[Book]:
        return Book.select(getattr(fn, name)(Book.added_at))

    @query(datetime)
    def none(title: str) -> ModelSelect[Book]:
        return Book.select(getattr(fn, name)(Book.added_at)).where(Book.title == title)

    assert extreme.list() == [DAY + timedelta(hours=1 if name.upper() == "MIN" else 4)]
    assert none.list("Nobody's") == [None]


def test_largest_of_an_alias_and_under_an_alias_is_a_value_of_the_field_too(memory: Store) -> None:
    second = Author.alias()

    @query(Pair)
    def born() -> ModelSelect[Author]:
        return (
            Author.select(Author.name, fn.MAX(second.born).alias("other"))
            .join(second, JOIN.LEFT_OUTER, on=(Author.mentor == second.id))
            .group_by(Author.name)
            .order_by(Author.name)
        )

    assert born.list() == [Pair("Karin", None), Pair("Selma", DAY), Pair("Unread", None)]


def test_converter_makes_the_value_of_what_is_stored(memory: Store) -> None:
    @query(Pair)
    def converted() -> ModelSelect[Book]:
        return Book.select(
            Book.title.converter(str.upper).alias("name"),
            (Book.pages + 1).converter(float).alias("other"),
        ).order_by(Book.id)

    answer = converted.get()

    assert answer == Pair("KALLOCAIN", 201.0)
    assert type(answer.other) is float


@pytest.mark.parametrize(
    "node",
    [
        lambda: Book.added_at.cast("text"),
        lambda: Book.added_at.coerce(False),
        lambda: fn.MAX(Book.added_at).coerce(False),
        lambda: fn.MAX(Book.added_at).python_value(lambda value: -value),
        lambda: fn.SUM(Book.pages, python_value=float),
    ],
    ids=["cast", "field without coercion", "function without coercion", "python_value", "python_value="],
)
def test_what_is_said_of_the_conversion_of_a_column_is_heeded_as_peewee_heeds_it(
    memory: Store, node: Callable[[], peewee.Node]
) -> None:
    @query(object)
    def chosen() -> ModelSelect[Book]:
        return Book.select(node()).order_by(Book.id)

    ad_hoc: Any = Book.select(node()).order_by(Book.id).tuples()
    expected = [row[0] for row in ad_hoc]
    assert chosen.list() == expected
    assert [type(one) for one in chosen.list()] == [type(one) for one in expected]
