"""Queries over several tables, and queries inside and beside other queries."""

from __future__ import annotations

from typing import Any

from peewee import JOIN, fn

from .library import Author, Book
from .shapes import PAGES, TITLES, Counted, shape
from .values import AuthorName, BookTitle

AUTHORS: list[tuple[object, ...]] = [("karin",), ("unread",), ("x",)]


@shape(Counted, "pages", asked=PAGES)
def _joined(least: int) -> Any:
    return (
        Book.select(Author.name, Book.pages.alias("number"))
        .join(Author)
        .where(Book.pages >= least)
        .order_by(Book.id)
    )


@shape(Counted, "author", asked=AUTHORS)
def _joined_to_what_may_not_be_there(author: str) -> Any:
    return (
        Author.select(Author.name, Book.pages.alias("number"))
        .join(Book, JOIN.LEFT_OUTER)
        .where(Author.id == author)
        .order_by(Author.id, Book.id)
    )


@shape(AuthorName, "author", asked=AUTHORS)
def _joined_to_itself(mentor: str) -> Any:
    above = Author.alias("above")
    return (
        Author.select(Author.id, above.name)
        .join(above, on=(Author.mentor == above.id))
        .where(above.id == mentor)
        .order_by(Author.id)
    )


@shape(AuthorName, "author", asked=AUTHORS)
def _alias_of_a_model(author: str) -> Any:
    other = Author.alias()
    return other.select(other.id, other.name).where(other.id != author).order_by(other.id)


@shape(Counted, "pages", asked=PAGES)
def _groups_of_a_join(least: int) -> Any:
    number = fn.COUNT(Book.id)
    return (
        Author.select(Author.name, number.alias("number"))
        .join(Book, JOIN.LEFT_OUTER, on=((Book.author == Author.id) & (Book.pages >= least)))
        .group_by(Author.id)
        .order_by(Author.id)
    )


@shape(AuthorName, "title", asked=TITLES)
def _among_those_of_another_query(title: str) -> Any:
    chosen = Book.select(Book.author).where(Book.title == title)
    return Author.select().where(Author.id.in_(chosen)).order_by(Author.id)


@shape(AuthorName, "pages", asked=PAGES)
def _for_which_there_is_another(least: int) -> Any:
    thick = Book.select().where(Book.author == Author.id, Book.pages > least)
    return Author.select().where(fn.EXISTS(thick)).order_by(Author.id)


@shape(Counted, "pages", asked=PAGES)
def _column_from_another_query(least: int) -> Any:
    number = Book.select(fn.COUNT(Book.id)).where(Book.author == Author.id, Book.pages > least)
    return Author.select(Author.name, number.alias("number")).order_by(Author.id)


@shape(str, "pages", "title", asked=[(200, "Kris"), (0, "x"), (9000, "x")])
def _union(least: int, title: str) -> Any:
    thick = Book.select(Book.title).where(Book.pages >= least)
    return (thick | Book.select(Book.title).where(Book.title == title)).order_by(Book.title)


@shape(str, "pages", "limit", asked=[(200, 3), (0, 0), (9000, 2)])
def _union_of_all_in_parts(least: int, number: int) -> Any:
    thick = Book.select(Book.title).where(Book.pages >= least)
    thin = Book.select(Book.title).where(Book.pages < least)
    return (thick + thin + thick).order_by(Book.title).limit(number)


@shape(Counted, "pages", "pages", asked=[(0, 250), (250, 0), (9000, 9000)])
def _union_of_two_tables(least: int, most: int) -> Any:
    thick = Book.select(Book.title.alias("name"), Book.pages.alias("number")).where(Book.pages >= least)
    names = Author.select(Author.name, fn.LENGTH(Author.id)).where(fn.LENGTH(Author.name) <= most)
    return thick.union_all(names).order_by(Book.title.alias("name"), Book.pages.alias("number"))


@shape(str, "title", asked=TITLES)
def _difference_and_intersection(title: str) -> Any:
    everything = Book.select(Book.title)
    return (everything - everything.where(Book.title == title)).order_by(Book.title)


@shape(BookTitle, "pages", "limit", asked=[(0, 2), (250, 1), (9000, 1)])
def _of_a_part(least: int, number: int) -> Any:
    part = Book.select(Book.id).where(Book.pages >= least).order_by(Book.pages).limit(number)
    return Book.select().where(Book.id.in_(part)).order_by(Book.id)


@shape(Counted, "pages", asked=PAGES)
def _with_a_named_query(least: int) -> Any:
    thick = Book.select(Book.author, Book.pages).where(Book.pages >= least).cte("thick")
    return (
        Author.select(Author.name, thick.c.pages.alias("number"))
        .join(thick, on=(Author.id == thick.c.author_id))
        .with_cte(thick)
        .order_by(Author.id, thick.c.pages)
    )
