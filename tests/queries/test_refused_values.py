"""Values that a query refuses before it runs, each with the place it was meant for."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from peewee import ModelInsert, ModelSelect, ModelUpdate

from stina_core import InvalidValueError, Store, query, write
from stina_core.queries import compiling

from .library import DAY, Author, Book, Thing
from .values import AuthorName, BookTitle

# None


COMPARISONS: list[Callable[[Any, Any], Any]] = [
    operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge,
]  # fmt: skip


@pytest.mark.parametrize("compare", COMPARISONS, ids=lambda compare: compare.__name__)
@pytest.mark.parametrize("side", ["left", "right"])
def test_none_is_refused_where_it_is_compared(
    memory: Store, compare: Callable[[Any, Any], Any], side: str
) -> None:
    @query(BookTitle)
    def compared(price: float | None) -> ModelSelect[Book]:
        pair = (Book.price, price) if side == "right" else (price, Book.price)
        return Book.select().where(compare(*pair))

    for answer in (compared.list, compared.find, compared.get, compared.exists, compared.count):
        with pytest.raises(InvalidValueError) as caught:
            answer(None)
        assert caught.value.field == "price"
        assert str(caught.value) == (
            "price: nothing equals None in SQL, so nothing would be found; state a second query with is_null()"
        )


def test_none_that_is_not_refused_would_find_nothing(memory: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control."""
    monkeypatch.setattr(compiling, "_NULL_ANSWERS_NOTHING", frozenset())

    @query(BookTitle)
    def control(price: float | None) -> ModelSelect[Book]:
        return Book.select().where(Book.price == price)

    assert control.list(None) == []
    assert Book.select().where(Book.price.is_null()).count() == 1


def test_none_is_refused_wherever_in_a_query_it_is_compared(memory: Store) -> None:
    @query(AuthorName)
    def inside(title: str | None) -> ModelSelect[Author]:
        return Author.select().where(Author.id.in_(Book.select(Book.author).where(Book.title == title)))

    @write
    def change(title: str | None, new: str) -> ModelUpdate:
        return Book.update(title=new).where((Book.title == title) | (Book.pages > 0))

    with pytest.raises(InvalidValueError, match="title: nothing equals None"):
        inside.list(None)
    with pytest.raises(InvalidValueError, match="title: nothing equals None"):
        change(None, "x")
    assert Book.get_by_id(1).title == "Kallocain"


def test_none_for_an_argument_that_is_compared_and_stored_is_refused(memory: Store) -> None:
    @write
    def swap(old: float | None, new: float | None) -> ModelUpdate:
        return Book.update(price=new).where(Book.price != old, Book.price == new)

    with pytest.raises(InvalidValueError, match=r"^new: nothing equals None"):
        swap(1.0, None)


def test_falsy_values_are_not_none(memory: Store) -> None:
    @query(BookTitle)
    def of(pages: int, title: str, sold: bool) -> ModelSelect[Book]:
        return Book.select().where(Book.pages == pages, Book.title == title, Book.sold == sold)

    assert of.list(0, "", False) == []
    Book.create(title="", author="karin", pages=0, sold=False)
    assert of.count(0, "", False) == 1


def test_none_is_fine_where_it_is_stored(memory: Store) -> None:
    @write
    def put(id: int, price: float | None) -> ModelInsert:
        return Book.insert(id=id, title="x", author="karin", price=price)

    assert put(9, None) == 1
    assert Book.get_by_id(9).price is None


# By the rules of the fields


PLUS_TWO = timezone(timedelta(hours=2))

REFUSED: dict[str, list[object]] = {
    "text": [1, b"x", True, 1.5, ["x"], "\ud800", "a\udfff", "x" * 61],
    "number": ["1", 1.0, True, 2**63, -(2**63) - 1, "x"],
    "ratio": ["1.5", True, math.nan, math.inf, -math.inf, 2**53 + 1, 10**400],
    "flag": [1, 0, "true", "x"],
    "document": [{1: "a"}, (1, 2), {"a": {1}}, math.nan, [math.inf], 2**63, "\ud800", b"x", object()],
    "kind": ["thriller", "", 1, b"novel"],
    "at": [datetime(2025, 1, 1), 1735787045, "2025-01-01", DAY.date(), datetime.max.replace(tzinfo=timezone(timedelta(hours=-1)))],  # noqa: E501
    "data": ["x", 1, [1, 2]],
    "mentor": [1, b"x"],
}  # fmt: skip


def _field(name: str) -> Any:
    return Author.mentor if name == "mentor" else getattr(Thing, name)


@pytest.mark.parametrize("name", REFUSED)
def test_value_is_refused_where_its_field_refuses_it_and_the_column_is_named(
    memory: Store, name: str
) -> None:
    field = _field(name)
    model: Any = field.model

    def stated(value: object) -> ModelSelect[Any]:
        answer: ModelSelect[Any] = model.select(model.id).where(field == value)
        return answer

    def stored(value: object) -> ModelUpdate:
        answer: ModelUpdate = model.update({field: value})
        return answer

    for value in REFUSED[name]:
        with pytest.raises(InvalidValueError) as by_field:
            field.db_value(value)
        for ask in (query(str)(stated).list, write(stored)):
            with pytest.raises(InvalidValueError) as caught:
                ask(value)
            assert str(caught.value) == str(by_field.value)
            assert caught.value.field == field.place


def test_refused_value_of_a_new_row_names_the_column_and_leaves_nothing(memory: Store) -> None:
    @write
    def put(name: str) -> ModelInsert:
        return Author.insert(name=name)

    with pytest.raises(
        InvalidValueError, match=r"^library_author\.name: the text has 41 characters; at most 40 fit$"
    ):
        put("x" * 41)
    assert Author.select().count() == 3


def test_no_refusal_shows_the_value(memory: Store) -> None:
    @query(BookTitle)
    def of(title: str, pages: int) -> ModelSelect[Book]:
        return Book.select().where(Book.title == title, Book.pages == pages)

    for arguments in ((b"secret", 1), ("secret\ud800", 1), ("x", "secret")):
        with pytest.raises(InvalidValueError) as caught:
            of.list(*arguments)
        assert "secret" not in str(caught.value)


def test_moment_of_another_time_zone_is_the_same_moment(memory: Store) -> None:
    @query(BookTitle)
    def at(moment: datetime) -> ModelSelect[Book]:
        return Book.select().where(Book.added_at == moment)

    moment = (DAY + timedelta(hours=2)).astimezone(PLUS_TWO)

    assert [book.id for book in at.list(moment)] == [2]


@pytest.mark.parametrize("given", ["x", None, 1.5, DAY], ids=repr)
@pytest.mark.parametrize("part", ["limit", "offset"])
def test_number_of_rows_that_is_none_is_refused(memory: Store, part: str, given: object) -> None:
    @query(BookTitle)
    def some(limit: int, offset: int) -> ModelSelect[Book]:
        return Book.select().order_by(Book.id).limit(limit).offset(offset)

    arguments: dict[str, Any] = {"limit": 9, "offset": 0, part: given}
    for answer in (some.list, some.count, some.find):  # SQLite looks at no limit to see if there is a row
        with pytest.raises(InvalidValueError):
            answer(**arguments)
