"""Values that are no dataclass: a plain type for one column, and functions that make something of several."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import pytest
from peewee import ModelSelect

from stina_core import DefinitionError, Store, query

from .library import DAY, Book


def test_plain_type_takes_the_only_column(memory: Store) -> None:
    @query(str)
    def titles() -> ModelSelect[Book]:
        return Book.select(Book.title).order_by(Book.id)

    @query(int)
    def pages(author: str) -> ModelSelect[Book]:
        return Book.select(Book.pages).where(Book.author == author).order_by(Book.pages)

    @query(datetime)
    def times() -> ModelSelect[Book]:
        return Book.select(Book.added_at).order_by(Book.id.desc())

    assert titles.list() == ["Kallocain", "Kris", "Kris", "Jerusalem"]
    assert pages.list("karin") == [100, 200]
    assert times.get() == DAY + timedelta(hours=4)


def test_function_gets_the_columns_by_the_names_of_its_parameters(memory: Store) -> None:
    def shown(title: str, pages: int, *, author: str = "nobody", mark: str = "!") -> str:
        return f"{title} {pages} {author}{mark}"

    @query(shown)
    def books() -> ModelSelect[Book]:
        return Book.select().order_by(Book.id)

    @query(shown)
    def without_author() -> ModelSelect[Book]:
        return Book.select(Book.title, Book.pages).order_by(Book.id)

    assert books.list()[:2] == ["Kallocain 200 karin!", "Kris 100 karin!"]
    assert without_author.get() == "Kallocain 200 nobody!"


def test_parameter_with_a_default_need_not_be_selected(memory: Store) -> None:
    @dataclass
    class Marked:
        title: str
        marks: list[str] = field(default_factory=list)
        pages: int = -1

    @query(Marked)
    def marked() -> ModelSelect[Book]:
        return Book.select(Book.title).order_by(Book.id)

    @query(Marked)
    def more() -> ModelSelect[Book]:
        return Book.select().order_by(Book.id)

    assert marked.get() == Marked("Kallocain")
    assert more.get() == Marked("Kallocain", pages=200)


def test_error_of_the_function_that_makes_the_value_reaches_the_caller(memory: Store) -> None:
    def refuse(title: str) -> str:
        raise LookupError(title)

    @query(refuse)
    def titles() -> ModelSelect[Book]:
        return Book.select().order_by(Book.id)

    with pytest.raises(LookupError, match="Kallocain"):
        titles.find()
    assert titles.count() == 4


class Shown:
    """What is made by functions that are no plain functions to Python."""

    def __init__(self, text: str) -> None:
        self.text = text

    @classmethod
    def of(cls, title: str) -> Shown:
        return cls(title)

    def with_mine(self, title: str) -> Shown:
        return Shown(self.text + title)


def _positional(title: str, /) -> Shown:
    return Shown(title)


@pytest.mark.parametrize(
    "make",
    [Shown.of, Shown("").with_mine, partial(Shown.of), _positional],
    ids=["class method", "bound method", "partial", "positional only"],
)
def test_whatever_is_called_like_a_function_makes_the_value_or_is_refused(
    memory: Store, make: Callable[..., Shown]
) -> None:
    @query(make)
    def titles() -> ModelSelect[Book]:
        return Book.select(Book.title).order_by(Book.id)

    try:
        answers = titles.list()
    except DefinitionError:
        return
    assert [type(answer) for answer in answers] == [Shown] * 4
