"""`in_()` and `not_in()` with a list that comes with the call, however long it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any

import pytest
from peewee import ModelSelect, fn

from stina_core import InvalidValueError, Store, query
from stina_core.queries import compiling

from .library import DAY, Author, Book, Kind, Thing
from .test_reading import PLAIN

ODD = [
    "",
    "\0",
    "a\0b",
    "\0" * 3,
    "it's",
    '"',
    "\\",
    "\\u0000",
    "🍓",
    "å",
    "a\u030a",
    "\u2028\u2029",
    "\x01\x7f\x80",
    "\ud7ff\ue000\uffff",
    "[1,2]",
    "null",
    "1",
    "1.0",
    " spaced ",
    "line\nline",
    "?",
    ":a",
]


@query(str)
def texts_among(texts: Iterable[str]) -> ModelSelect[Thing]:
    return Thing.select(Thing.text).where(Thing.text.in_(texts)).order_by(Thing.number)


@query(str)
def texts_not_among(texts: Iterable[str]) -> ModelSelect[Thing]:
    return Thing.select(Thing.text).where(Thing.text.not_in(texts)).order_by(Thing.number)


@pytest.fixture
def odd(store: Store) -> Store:
    """Put a row for each odd text into the store."""
    with store.transaction():
        for number, text in enumerate(ODD):
            Thing.create(**{**PLAIN, "text": text, "number": number})
    return store


def test_every_text_is_found_by_a_list_of_it_alone(odd: Store) -> None:
    for text in ODD:
        assert texts_among.list([text]) == [text]
        assert texts_not_among.list([text]) == [one for one in ODD if one != text]


def test_list_may_be_empty(odd: Store) -> None:
    assert texts_among.list([]) == []
    assert texts_not_among.list([]) == ODD
    assert (texts_among.exists([]), texts_not_among.count([])) == (False, len(ODD))


def test_list_may_be_longer_than_sqlite_takes_values(odd: Store) -> None:
    many = [f"nobody's {number}" for number in range(5000)]

    assert texts_among.list([*many, "🍓", *many]) == ["🍓"]
    assert texts_not_among.list([*many, "🍓"]) == [text for text in ODD if text != "🍓"]
    assert texts_among.count(many) == 0


def test_list_of_5000_that_are_all_there_is_found_whole(store: Store) -> None:
    ids = [f"{number:05}" for number in range(5000)]
    with store.transaction():
        Author.insert_many([{"id": id, "name": "x"} for id in ids]).execute()

    @query(str)
    def among(ids: list[str]) -> ModelSelect[Author]:
        return Author.select(Author.id).where(Author.id.in_(ids)).order_by(Author.id)

    assert among.list(ids[::-1]) == ids
    assert among.count(ids[:4999]) == 4999


def test_list_is_one_value_of_the_statement(odd: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert texts_among.sql().count("?") == 1

    monkeypatch.setattr(compiling, "_IN", ())

    @query(str)
    def control(texts: list[str]) -> ModelSelect[Thing]:
        return Thing.select(Thing.text).where(Thing.text.in_(texts))

    with pytest.raises(InvalidValueError, match="expected text, got list"):
        control.list(["🍓"])


@pytest.mark.parametrize(
    "make", [list, tuple, set, frozenset, iter, dict.fromkeys], ids=lambda make: make.__name__
)
def test_whatever_can_be_walked_through_is_a_list(
    odd: Store, make: Callable[[list[str]], Iterable[str]]
) -> None:
    assert texts_among.list(make(["🍓", "it's"])) == ["it's", "🍓"]


def test_member_twice_is_found_once(odd: Store) -> None:
    assert texts_among.list(["🍓", "🍓"]) == ["🍓"]


# Members of every kind


class Number(IntEnum):
    ONE = 1


MEMBERS: dict[str, tuple[object, object]] = {  # what is stored, what is not
    "text": ("a", "b"),
    "number": (2**63 - 1, -(2**63)),
    "ratio": (0.1, 0.30000000000000004),
    "flag": (True, False),
    "document": ({"a": ["'", None]}, None),
    "kind": (Kind.POEMS, Kind.NOVEL),
    "at": (datetime(1, 1, 1, tzinfo=DAY.tzinfo), DAY + timedelta(milliseconds=1)),
    "data": (b"\0\xff'", b""),
}


@pytest.mark.parametrize("name", MEMBERS)
def test_members_are_stored_as_their_field_stores_them(store: Store, name: str) -> None:
    there, elsewhere = MEMBERS[name]
    field: Any = getattr(Thing, name)
    Thing.create(**{**PLAIN, name: there})

    @query(str)
    def among(members: list[object]) -> ModelSelect[Thing]:
        return Thing.select(Thing.id).where(field.in_(members))

    for members in ([there], [elsewhere], [elsewhere, there], [there] * 3, []):
        ad_hoc = Thing.select(Thing.id).where(field.in_(members)).count()
        assert among.count(members) == ad_hoc == (there in members)


def test_enum_is_found_by_member_and_by_text(store: Store) -> None:
    Thing.create(**{**PLAIN, "kind": Kind.POEMS})

    @query(Kind)
    def among(kinds: list[Any]) -> ModelSelect[Thing]:
        return Thing.select(Thing.kind).where(Thing.kind.in_(kinds))

    assert among.list([Kind.POEMS]) == among.list(["po'ems"]) == among.list(list(Kind)) == [Kind.POEMS]
    assert among.list([Kind.NOVEL]) == []


def test_rows_are_found_by_keys_and_by_instances_of_another_table(shelf: Store) -> None:
    @query(int)
    def of(authors: list[Any]) -> ModelSelect[Book]:
        return Book.select(Book.id).where(Book.author.in_(authors)).order_by(Book.id)

    assert of.list(["selma", "unread"]) == [3, 4]
    assert of.list([Author.get_by_id("selma"), "karin"]) == [1, 2, 3, 4]


def test_member_of_an_int_enum_is_its_number(store: Store) -> None:
    Thing.create(**{**PLAIN, "number": 1})

    @query(int)
    def among(numbers: list[int]) -> ModelSelect[Thing]:
        return Thing.select(Thing.number).where(Thing.number.in_(numbers))

    assert among.list([Number.ONE]) == [1]


def test_members_of_a_list_in_the_query_may_be_arguments_and_constants(odd: Store) -> None:
    @query(str)
    def some(first: str, second: str) -> ModelSelect[Thing]:
        return Thing.select(Thing.text).where(Thing.text.in_([first, "it's", second])).order_by(Thing.number)

    assert some.list("🍓", "") == ["", "it's", "🍓"]


def test_null_among_the_members_is_found_by_nothing_as_through_peewee(store: Store) -> None:
    Thing.create(**{**PLAIN, "maybe_number": 1})
    Thing.create(**PLAIN)

    def among(numbers: list[int | None]) -> ModelSelect[Thing]:
        return Thing.select().where(Thing.maybe_number.in_(numbers))

    def not_among(numbers: list[int | None]) -> ModelSelect[Thing]:
        return Thing.select().where(Thing.maybe_number.not_in(numbers))

    lists: list[list[int | None]] = [[], [1], [2], [None], [1, None], [2, None]]
    for state in (among, not_among):
        for numbers in lists:
            compiled = query(_id)(state)
            assert compiled.count(numbers) == state(numbers).count(), (state.__name__, numbers)


def _id(id: str) -> str:
    return id


# What is no list of such members


def test_member_that_its_field_refuses_is_refused(store: Store) -> None:
    for member in (1, b"a", "\ud800", "x" * 61):
        with pytest.raises(InvalidValueError) as caught:
            texts_among.list(["fine", member])  # type: ignore[list-item]
        assert caught.value.field == "library_thing.text"


@pytest.mark.parametrize("given", [None, 7, "text"], ids=repr)
def test_what_is_no_list_is_refused(odd: Store, given: object) -> None:
    """A text too: its characters would be looked for one by one."""
    with pytest.raises(InvalidValueError):
        texts_among.list(given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "member", [DAY, b"1", 2**64, "\ud800"], ids=["moment", "bytes", "65 bits", "half a character"]
)
def test_member_that_no_field_converts_is_taken_or_refused_as_through_peewee(
    store: Store, member: object
) -> None:
    Thing.create(**PLAIN)

    def among(members: list[Any]) -> ModelSelect[Thing]:
        return Thing.select(Thing.number).where(fn.ABS(Thing.ratio).in_(members))

    try:
        expected = among([member]).count()
    except InvalidValueError:
        with pytest.raises(InvalidValueError, match="members: "):
            query(int)(among).list([member])
    else:
        assert query(int)(among).count([member]) == expected
