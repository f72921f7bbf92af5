"""NULLs, and what is stored but cannot be read."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from peewee import ModelSelect

from stina_core import InvalidValueError, Query, Store, query

from .library import DAY, Author, Book, Kind, Shade, Thing, database_of, unchecked
from .test_reading import PLAIN


@query(str)
def names_without_mentor() -> ModelSelect[Author]:
    return Author.select(Author.name).where(Author.mentor.is_null()).order_by(Author.name)


@query(datetime)
def births() -> ModelSelect[Author]:
    return Author.select(Author.born).order_by(Author.id)


def test_null_is_none(shelf: Store) -> None:
    births_found = births.list()

    assert births_found[:2] == [DAY, None]
    assert names_without_mentor.list() == ["Karin"]


def test_first_answer_that_is_null_is_no_missing_answer(shelf: Store) -> None:
    @query(float)
    def price(id: int) -> ModelSelect[Book]:
        return Book.select(Book.price).where(Book.id == id)

    assert price.get(2) is None
    assert price.exists(2)
    assert price.find(2) is None


@query(datetime)
def at() -> ModelSelect[Thing]:
    return Thing.select(Thing.at)


@query(Kind)
def kind() -> ModelSelect[Thing]:
    return Thing.select(Thing.kind)


@query(object)
def document() -> ModelSelect[Thing]:
    return Thing.select(Thing.document)


@query(Shade)
def shade() -> ModelSelect[Thing]:
    return Thing.select(Thing.shade)


BROKEN: dict[str, tuple[Query[[], Any], str, object, str]] = {
    "time": (at, "at", 10**17, "no time between the years 1 and 9999"),
    "enum": (kind, "kind", "thriller", "none of novel, po'ems"),
    "JSON": (document, "document", "{", "not JSON"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_unreadable_value_is_refused_and_its_column_named(store: Store, what: str) -> None:
    asked, column, stored, message = BROKEN[what]
    Thing.create(**PLAIN)
    with unchecked(store):
        database_of(store).run(f"UPDATE library_thing SET {column} = ?", (stored,))

    for answer in (asked.list, asked.find, asked.get):
        with pytest.raises(InvalidValueError, match=message) as caught:
            answer()
        assert caught.value.field == f"library_thing.{column}"
    with pytest.raises(InvalidValueError) as ad_hoc:
        Thing.get()
    assert str(caught.value) == str(ad_hoc.value)
    assert (asked.exists(), asked.count()) == (True, 1)


def test_unknown_text_of_an_enum_is_read_as_the_member_for_it(store: Store) -> None:
    Thing.create(**PLAIN)
    with unchecked(store):
        database_of(store).run("UPDATE library_thing SET shade = 'pale'")

    assert shade.list() == [Shade.OTHER]


def test_text_that_is_not_utf8_is_refused(store: Store) -> None:
    Thing.create(**PLAIN)
    database_of(store).run("UPDATE library_thing SET text = CAST(x'ff' AS TEXT)")

    @query(str)
    def text() -> ModelSelect[Thing]:
        return Thing.select(Thing.text)

    with pytest.raises(InvalidValueError, match="not UTF-8"):
        text.list()
