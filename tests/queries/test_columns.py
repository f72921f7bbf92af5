"""Columns that do not fit the value: which are missing, which are too many, and which cannot be told apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from peewee import ModelCompoundSelectQuery, ModelSelect, Value, fn

from stina_core import DefinitionError, Store, query, returning, write

from .library import Author, Book
from .values import AuthorName, BookTitle, Title


@dataclass
class Both:
    id: int
    title: str


def test_missing_column_is_named_beside_those_that_are_there(memory: Store) -> None:
    @query(BookTitle)
    def without() -> ModelSelect[Book]:
        return Book.select(Book.title, Book.pages, fn.COUNT(Book.id), Book.rank.alias("place"), Book.author)

    with pytest.raises(DefinitionError) as caught:
        without.list()

    assert str(caught.value).endswith(
        "without selects nothing that is called id, which BookTitle needs; "
        "there are title, pages, a column without alias(), place, author_id/author"
    )


def test_all_missing_columns_are_named(memory: Store) -> None:
    @query(AuthorName)
    def books() -> ModelSelect[Book]:
        return Book.select(Book.title)

    with pytest.raises(DefinitionError, match="nothing that is called id, name, which AuthorName needs"):
        books.list()


def test_column_of_whole_rows_is_missed_too(memory: Store) -> None:
    @query(AuthorName)
    def books() -> ModelSelect[Book]:
        return Book.select()

    with pytest.raises(
        DefinitionError, match="nothing that is called name, which AuthorName needs; there are id, t"
    ):
        books.list()


def test_chosen_column_that_the_value_does_not_take_is_refused(memory: Store) -> None:
    @query(BookTitle)
    def more() -> ModelSelect[Book]:
        return Book.select(
            Book.id, Book.title, Book.author, Book.pages, fn.COUNT(Book.id), Book.rank.alias("place")
        )

    with pytest.raises(DefinitionError) as caught:
        more.list()

    assert str(caught.value).endswith(
        "more selects pages, a column without alias(), place, which BookTitle does not take; "
        "leave it out, or alias() it"
    )


def test_column_that_the_value_does_not_take_is_refused_in_a_union(memory: Store) -> None:
    @query(Title)
    def both() -> ModelCompoundSelectQuery:
        return Book.select() | Book.select()

    with pytest.raises(DefinitionError, match="both selects id, author_id/author"):
        both.list()


def test_column_that_is_returned_and_not_taken_is_refused(memory: Store) -> None:
    @returning(Title)
    def change() -> Any:
        return Book.update(pages=1).returning(Book.title, Book.pages)

    with pytest.raises(DefinitionError, match="change selects pages, which Title does not take"):
        change()


@pytest.mark.parametrize("value", [str, int, float, object])
def test_several_columns_for_a_plain_type_are_refused(memory: Store, value: Callable[..., Any]) -> None:
    @query(value)
    def two() -> ModelSelect[Book]:
        return Book.select(Book.id, Book.title)

    @query(value)
    def whole() -> ModelSelect[Book]:
        return Book.select()

    @returning(value)
    def change() -> Any:
        return Book.update(pages=1).returning(Book)

    name = value.__name__
    with pytest.raises(DefinitionError) as caught:
        two.list()
    assert str(caught.value).endswith(
        f"two selects 2 columns for one {name}; select one, or answer with a dataclass"
    )
    with pytest.raises(DefinitionError, match=f"whole selects 11 columns for one {name}"):
        whole.list()
    with pytest.raises(DefinitionError, match=f"change selects 11 columns for one {name}"):
        change()


def test_refused_query_is_refused_at_each_call_and_never_runs(memory: Store) -> None:
    @write
    def add(name: str) -> Any:
        return Author.insert_many([{"name": name}])

    for _ in range(2):
        with pytest.raises(DefinitionError):
            add("x")
    assert Author.select().count() == 3


TWICE: dict[str, Callable[[], Any]] = {
    "one field twice": lambda: Book.select(Book.id, Book.title, Book.title),
    "two fields of one name": lambda: Book.select(Book.title, Book.id, Author.id).join(Author),
    "two models": lambda: Book.select(Book, Author).join(Author),
    "an alias like a field": lambda: Book.select(Book.id, Book.title, Book.code.alias("title")),
    "returned twice": lambda: Book.select(Book.id, Book.title.alias("id"), Book.title),
}


@pytest.mark.parametrize("how", TWICE)
def test_two_columns_of_one_name_are_refused(memory: Store, how: str) -> None:
    """Peewee would let the last one win."""

    @query(Both)
    def doubtful() -> ModelSelect[Book]:
        answer: ModelSelect[Book] = TWICE[how]()
        return answer

    with pytest.raises(DefinitionError, match="doubtful"):
        doubtful.list()


def test_two_returned_columns_of_one_name_are_refused(memory: Store) -> None:
    @returning(Both)
    def doubtful() -> Any:
        return Book.update(pages=1).returning(Book.id, Book.title, Book.code.alias("title"))

    with pytest.raises(DefinitionError, match="doubtful"):
        doubtful()
    assert Book.get_by_id(1).pages == 200


def test_whole_rows_of_an_alias_are_narrowed_like_those_of_the_model(memory: Store) -> None:
    other = Author.alias()

    @query(AuthorName)
    def everybody() -> ModelSelect[Author]:
        return other.select().order_by(other.id)

    assert [author.name for author in everybody.list()] == ["Karin", "Selma", "Unread"]


@pytest.mark.parametrize("whole", [True, False])
def test_value_that_takes_no_column_is_refused(memory: Store, whole: bool) -> None:
    def nothing() -> str:
        return "made of nothing"

    @query(nothing)
    def books() -> ModelSelect[Book]:
        return Book.select() if whole else Book.select(Book.title)

    with pytest.raises(DefinitionError, match="books"):
        books.list()


def test_argument_that_is_selected_needs_a_name_and_a_value_around_it(memory: Store) -> None:
    @query(Title)
    def bare(title: str) -> ModelSelect[Book]:
        return Book.select(title)

    @query(Title)
    def named(title: str) -> ModelSelect[Book]:
        return Book.select(Value(title).alias("title")).limit(1)

    with pytest.raises(DefinitionError, match="title stands for a value"):
        bare.list("x")
    assert named.list("x") == [Title("x")]


@pytest.mark.parametrize("value", [lambda **columns: columns, lambda *columns: columns], ids=["**", "*"])
def test_value_of_any_number_of_columns_is_refused(memory: Store, value: Callable[..., Any]) -> None:
    @query(value)
    def books() -> ModelSelect[Book]:
        return Book.select(Book.title)

    with pytest.raises(DefinitionError, match="books selects nothing that is called columns"):
        books.list()
