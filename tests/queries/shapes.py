"""Queries of every shape, each with arguments to ask it with; Peewee run ad hoc says what is right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from peewee import Case, Value, fn

from .library import DAY, Author, Book
from .values import AuthorName, BookTitle, Row, Title, as_values

State = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Counted:
    """A name, and a number that belongs to it."""

    name: str
    number: int | None


@dataclass(frozen=True)
class Shape:
    """A query with the value it answers with.

    Attributes:
        value: A dataclass, or a plain type for one column.
        examples: Arguments to ask it with.
        kinds: What each argument is, for whoever makes others: a name in `KINDS` of the laws.
        peewee_counts: Whether Peewee's own `count()` says how many answers there are.
    """

    value: Callable[..., Any]
    state: State
    examples: list[tuple[object, ...]]
    kinds: tuple[str, ...]
    peewee_counts: bool = True

    def ad_hoc(self, *arguments: object) -> list[Any]:
        """Return Peewee's answers, as values."""
        return as_values(self.value, self.state(*arguments))


SHAPES: dict[str, Shape] = {}


def shape(
    value: Callable[..., Any], *kinds: str, asked: list[tuple[object, ...]], peewee_counts: bool = True
) -> Callable[[State], State]:
    """Add the function below to `SHAPES`."""

    def add(state: State) -> State:
        SHAPES[state.__name__.strip("_").replace("_", " ")] = Shape(value, state, asked, kinds, peewee_counts)
        return state

    return add


TITLES: list[tuple[object, ...]] = [("Kris",), ("Kallocain",), ("",), ("nobody's",)]
PAGES: list[tuple[object, ...]] = [(0,), (100,), (250,), (9000,)]


# Conditions


@shape(Row, "title", asked=TITLES)
def _equal(title: str) -> Any:
    return Book.select().where(Book.title == title).order_by(Book.id)


@shape(Row, "title", asked=TITLES)
def _argument_first(title: str) -> Any:
    return Book.select().where(title == Book.title).order_by(Book.id)


@shape(BookTitle, "title", asked=TITLES)
def _unequal(title: str) -> Any:
    return Book.select().where(Book.title != title).order_by(Book.id)


@shape(BookTitle, "pages", "pages", asked=[(0, 200), (150, 300), (300, 150)])
def _between(least: int, most: int) -> Any:
    return Book.select().where(Book.pages.between(least, most)).order_by(Book.id)


@shape(BookTitle, "title", "pages", asked=[("Kris", 400), ("x", 100), ("x", 9000)])
def _either_or_and_not(title: str, pages: int) -> Any:
    return (
        Book.select()
        .where((Book.title == title) | (Book.pages > pages), ~(Book.pages == pages))
        .order_by(-Book.id)
    )


@shape(BookTitle, "pages", "pages", asked=[(100, 250), (-100, 0), (0, 9000)])
def _arithmetic(more: int, least: int) -> Any:
    return Book.select().where((Book.pages + more) * 2 > least).order_by(Book.id)


@shape(BookTitle, "title", asked=[("K%",), ("%r%",), ("kris",), ("_ris",)])
def _like(pattern: str) -> Any:
    return Book.select().where(Book.title**pattern).order_by(Book.id)


@shape(BookTitle, "title", asked=TITLES)
def _function_of_an_argument(title: str) -> Any:
    return Book.select().where(fn.UPPER(Book.title) == fn.UPPER(title)).order_by(Book.id)


@shape(BookTitle, "author", asked=[("karin",), ("unread",), ("x",)])
def _foreign_key(author: str) -> Any:
    return Book.select().where(Book.author == author).order_by(Book.id)


@shape(BookTitle, "moment", "flag", asked=[(DAY + timedelta(hours=2), True), (DAY, False)])
def _moment_and_flag(since: object, sold: bool) -> Any:
    return Book.select().where(Book.added_at >= since, Book.sold == sold).order_by(Book.id)


@shape(BookTitle, "price", asked=[(7.25,), (3,), (100.5,)])
def _number_with_a_fraction(price: float) -> Any:
    return Book.select().where(Book.price <= price).order_by(Book.price, Book.id)


@shape(int, asked=[()])
def _null() -> Any:
    return Book.select(Book.id).where(Book.price.is_null()).order_by(Book.id)


@shape(BookTitle, "titles", asked=[([],), (["Kris"],), (["Kris", "x", "Jerusalem"],)])
def _among(titles: list[str]) -> Any:
    return Book.select().where(Book.title.in_(titles)).order_by(Book.id)


@shape(BookTitle, "titles", "pages", asked=[([], 0), (["Kris"], 0), (["Kris", "x"], 300)])
def _not_among(titles: list[str], pages: int) -> Any:
    return Book.select().where(Book.title.not_in(titles), Book.pages >= pages).order_by(Book.id)


@shape(BookTitle, "title", "title", asked=[("Kris", "x"), ("x", "y")])
def _one_of_two_arguments(first: str, second: str) -> Any:
    return Book.select().where(Book.title.in_([first, second])).order_by(Book.id)


# Parts, groups and orders


@shape(BookTitle, "limit", asked=[(0,), (1,), (3,), (-1,), (99,)])
def _limited(number: int) -> Any:
    return Book.select().order_by(Book.pages.desc(), Book.id).limit(number)


@shape(BookTitle, "limit", "limit", asked=[(2, 1), (0, 0), (5, 3), (1, 9)])
def _part(number: int, after: int) -> Any:
    return Book.select().order_by(Book.id).limit(number).offset(after)


@shape(BookTitle, "limit", asked=[(0,), (2,), (9,)])
def _rest(after: int) -> Any:
    return Book.select().order_by(Book.id).offset(after)


@shape(str, "pages", asked=PAGES)
def _distinct(least: int) -> Any:
    return Book.select(Book.title).where(Book.pages >= least).distinct().order_by(Book.title)


@shape(Counted, "pages", "limit", asked=[(0, 1), (0, 2), (250, 1), (9000, 1)])
def _groups(least: int, number: int) -> Any:
    books = fn.COUNT(Book.id)
    return (
        Book.select(Book.author.alias("name"), books.alias("number"))
        .where(Book.pages >= least)
        .group_by(Book.author)
        .having(books >= number)
        .order_by(Book.author)
    )


@shape(int, "pages", asked=PAGES, peewee_counts=False)  # Peewee counts the rows that are summed up
def _sum_of_all(least: int) -> Any:
    return Book.select(fn.SUM(Book.pages)).where(Book.pages >= least)


@shape(int, "pages", asked=PAGES, peewee_counts=False)
def _number_of_all(least: int) -> Any:
    return Book.select(fn.COUNT(Book.id)).where(Book.pages >= least)


@shape(Counted, "title", asked=TITLES)
def _case(title: str) -> Any:
    number = Case(None, [(Book.title == title, Book.pages)], -1)
    return Book.select(Book.title.alias("name"), number.alias("number")).order_by(Book.id)


@shape(Counted, "pages", asked=PAGES)
def _constant_argument(number: int) -> Any:
    return Book.select(Book.title.alias("name"), Value(number).alias("number")).order_by(Book.id)


@shape(Counted, "pages", asked=PAGES)
def _window(least: int) -> Any:
    number = fn.ROW_NUMBER().over(partition_by=[Book.author], order_by=[Book.id])
    return (
        Book.select(Book.title.alias("name"), number.alias("number"))
        .where(Book.pages > least)
        .order_by(Book.id)
    )


@shape(Counted, "limit", asked=[(0,), (2,), (9,)])
def _ordered_by_alias(number: int) -> Any:
    twice = (Book.pages * 2).alias("number")
    return Book.select(Book.title.alias("name"), twice).order_by(twice.desc(), Book.id).limit(number)


@shape(Counted, "pages", asked=PAGES, peewee_counts=False)  # Peewee's count() leaves the alias out, and fails
def _compared_by_alias(least: int) -> Any:
    twice = (Book.pages * 2).alias("number")
    return Book.select(Book.title.alias("name"), twice).where(twice > least).order_by(Book.id)


@shape(AuthorName, "limit", asked=[(9,), (2,)])
def _distinct_rows(number: int) -> Any:
    return Author.select().distinct().order_by(Author.id).limit(number)


@shape(Title, "limit", asked=[(9,), (2,)])
def _distinct_rows_of_which_one_column_is_wanted(number: int) -> Any:
    return Book.select().distinct().order_by(Book.id).limit(number)
