"""Rows put in by compiled writes: defaults, keys, conflicts, and what they answer with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from peewee import EXCLUDED, ModelInsert, fn

from stina_core import ConstraintError, JsonValue, Store, now, returning, write
from stina_core.queries import compiling
from stina_core.testing import file_rows

from .library import DAY, Author, Book, Place, Thing, database_of
from .test_reading import PLAIN
from .values import AuthorName, BookTitle, Row


@write
def add_author(name: str) -> ModelInsert:
    return Author.insert(name=name)


@returning(Row)
def add_book(title: str, author: str | Author) -> ModelInsert:
    return Book.insert(title=title, author=author).returning(Book)


@pytest.fixture
def karin(store: Store) -> Author:
    """Put one author into the store."""
    return Author.create(id="karin", name="Karin")


# Defaults


def test_default_that_is_made_is_made_anew_for_each_row(karin: Author) -> None:
    before = now()
    rows = [row for _ in range(3) for row in add_book("Kris", "karin")]

    assert [row.serial for row in rows] == list(range(rows[0].serial, rows[0].serial + 3))
    assert len({row.code for row in rows}) == 3
    assert all(before <= row.added_at <= now() for row in rows)
    assert sorted(row.code for row in rows) == [row.code for row in rows]


def test_id_is_made_anew_for_each_row(store: Store) -> None:
    assert [add_author("Karin") for _ in range(50)] == [1] * 50
    assert len({author.id for author in Author.select()}) == 50


def test_without_defaults_made_anew_the_second_row_would_have_the_key_of_the_first(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the row as it was stated, whose defaults Peewee makes while it builds the SQL."""
    monkeypatch.setattr(compiling, "_with_defaults", lambda node: node)

    @write
    def control(name: str) -> ModelInsert:
        return Author.insert(name=name)

    control("Karin")
    with pytest.raises(ConstraintError) as caught:
        control("Selma")
    assert (caught.value.kind, caught.value.constraint) == ("primary_key", "id")


def test_plain_defaults_are_stored(karin: Author) -> None:
    (row,) = add_book("Kris", "karin")

    assert (row.pages, row.sold, row.tags, row.rank, row.price) == (0, False, ["new"], 7, None)


def test_default_that_is_a_list_is_a_new_one_in_each_row(karin: Author) -> None:
    (first,) = add_book("Kris", "karin")
    assert isinstance(first.tags, list)
    first.tags.append("mine")

    assert add_book("Kris", "karin")[0].tags == ["new"]
    assert Book.create(title="x", author="karin").tags == ["new"]


def test_value_that_is_given_stands_in_for_its_default(karin: Author) -> None:
    @returning(Row)
    def add(serial: int, tags: JsonValue, added_at: datetime) -> ModelInsert:
        return Book.insert(
            title="x", author="karin", serial=serial, tags=tags, added_at=added_at, code="mine"
        ).returning(Book)

    (row,) = add(-1, None, DAY)

    assert (row.serial, row.tags, row.added_at, row.code) == (-1, None, DAY, "mine")


def test_defaults_of_a_row_are_what_peewee_stores(karin: Author) -> None:
    (compiled,) = add_book("Kris", "karin")
    ad_hoc = Book.create(title="Kris", author="karin")

    for name in ("pages", "sold", "tags", "rank", "price"):
        assert getattr(compiled, name) == getattr(Book.get_by_id(ad_hoc.id), name)


# Keys


def test_number_that_the_database_hands_out_is_returned(karin: Author) -> None:
    @returning(int)
    def add(title: str) -> ModelInsert:
        return Book.insert(title=title, author="karin").returning(Book.id)

    assert [add("a"), add("b")] == [[1], [2]]
    Book.delete().where(Book.id == 1).execute()
    assert add("c") == [3]


def test_foreign_key_is_given_as_id_as_instance_or_under_the_name_of_its_column(karin: Author) -> None:
    @write
    def by_column(title: str, author: Any) -> ModelInsert:
        return Book.insert(title=title, author_id=author)

    assert add_book("a", "karin")[0].author_id == add_book("b", karin)[0].author_id == "karin"
    assert by_column("c", karin) == by_column("d", "karin") == 1
    assert [book.author_id for book in Book.select()] == ["karin"] * 4  # type: ignore[attr-defined]


def test_foreign_key_to_nothing_is_refused_and_undone(karin: Author) -> None:
    with pytest.raises(ConstraintError) as caught:
        add_book("a", "nobody")

    assert caught.value.kind == "foreign_key"
    assert Book.select().count() == 0


def test_row_may_be_stated_as_a_dict_of_fields_and_names(karin: Author) -> None:
    @write
    def add(title: str) -> ModelInsert:
        return Book.insert({"title": title, Book.author: karin, "position": 3})

    assert add("a") == 1
    assert [(book.title, book.author_id, book.rank) for book in Book.select()] == [("a", "karin", 3)]  # type: ignore[attr-defined]


# Conflicts


@write
def copies(book: int, room: str, number: int) -> ModelInsert:
    """Add to the copies in a room."""
    return Place.insert(book=book, room=room, copies=number).on_conflict(
        conflict_target=[Place.book, Place.room], update={Place.copies: Place.copies + number}
    )


def placed() -> list[tuple[object, ...]]:
    rows: Any = Place.select(Place.book, Place.room, Place.copies).order_by(Place.book, Place.room).tuples()
    return list(rows)


def test_row_that_is_there_is_updated_by_an_expression(shelf: Store) -> None:
    assert [copies(1, "hall", 2), copies(1, "hall", 3), copies(1, "attic", 1)] == [1, 1, 1]
    assert placed() == [(1, "attic", 1), (1, "hall", 5)]


def test_row_that_is_there_takes_what_is_preserved_and_keeps_the_rest(karin: Author) -> None:
    @returning(Row)
    def put(id: int, title: str, pages: int) -> ModelInsert:
        return (
            Book.insert(id=id, title=title, author="karin", pages=pages)
            .on_conflict(
                conflict_target=[Book.id], preserve=[Book.title], update={Book.pages: Book.pages + pages}
            )
            .returning(Book)
        )

    (first,) = put(1, "a", 10)
    (second,) = put(1, "b", 5)

    assert (second.title, second.pages) == ("b", 15)
    assert (second.code, second.serial, second.added_at) == (first.code, first.serial, first.added_at)
    assert Book.select().count() == 1


def test_conflict_may_be_decided_by_a_condition_over_arguments(shelf: Store) -> None:
    @write
    def raise_to(book: int, room: str, number: int) -> ModelInsert:
        return Place.insert(book=book, room=room, copies=number).on_conflict(
            conflict_target=[Place.book, Place.room],
            update={Place.copies: EXCLUDED.copies},
            where=(Place.copies < number),
        )

    assert [raise_to(1, "hall", 3), raise_to(1, "hall", 2), raise_to(1, "hall", 4)] == [1, 0, 1]
    assert placed() == [(1, "hall", 4)]


def test_ignored_row_is_counted_as_none_and_answers_nothing(shelf: Store) -> None:
    @write
    def try_to(room: str) -> ModelInsert:
        return Place.insert(book=1, room=room).on_conflict_ignore()

    @returning(str)
    def try_and_tell(room: str) -> ModelInsert:
        return Place.insert(book=1, room=room).on_conflict_ignore().returning(Place.room)

    assert [try_to("hall"), try_to("hall")] == [1, 0]
    assert [try_and_tell("hall"), try_and_tell("attic")] == [[], ["attic"]]


def test_replaced_row_is_counted_once(shelf: Store) -> None:
    @write
    def replace(room: str, number: int) -> ModelInsert:
        return Place.insert(book=1, room=room, copies=number).on_conflict_replace()

    assert [replace("hall", 1), replace("hall", 9)] == [1, 1]
    assert placed() == [(1, "hall", 9)]


# From a query


def test_rows_of_a_query_are_put_in_and_counted(shelf: Store) -> None:
    @write
    def from_books(room: str, least: int) -> ModelInsert:
        chosen = Book.select(Book.id, fn.LOWER(room), Book.rank).where(Book.pages >= least)
        return Place.insert_from(chosen, [Place.book, Place.room, Place.copies])

    assert [from_books("HALL", 200), from_books("Attic", 9000)] == [3, 0]
    assert placed() == [(1, "hall", 7), (3, "hall", 7), (4, "hall", 7)]


def test_rows_of_a_query_are_returned_as_values(shelf: Store) -> None:
    @returning(AuthorName)
    def as_authors(least: int) -> ModelInsert:
        chosen = Book.select(Book.code, fn.UPPER(Book.title)).where(Book.pages >= least)
        return Author.insert_from(chosen, [Author.id, Author.name]).returning(Author)

    assert sorted(one.name for one in as_authors(300)) == ["JERUSALEM", "KRIS"]
    assert as_authors(9000) == []


# What is in the file


def test_every_field_is_stored_as_peewee_stores_it(store: Store) -> None:
    names = list(PLAIN)

    @write
    def put(
        id: str, text: str, number: int, ratio: float, flag: bool, document: object, kind: str, shade: str,
        at: datetime, data: bytes,
    ) -> ModelInsert:  # fmt: skip
        return Thing.insert(
            id=id, text=text, number=number, ratio=ratio, flag=flag, document=document, kind=kind, shade=shade,
            at=at, data=data,
        )  # fmt: skip

    assert put("compiled", **PLAIN) == 1  # type: ignore[arg-type]
    Thing.create(id="ad hoc", **PLAIN)

    columns = ", ".join(names)
    stored = database_of(store).rows(f"SELECT {columns}, typeof(ratio) FROM library_thing")
    assert stored[0] == stored[1]
    assert json.loads(stored[0][names.index("document")]) == PLAIN["document"]


def test_what_was_put_in_is_there_for_another_program(store: Store, store_path: Path) -> None:
    add_author("Karin")

    if store.path == str(store_path):
        assert file_rows(store_path, "SELECT name FROM library_author") == [("Karin",)]
    assert [one.name for one in Author.select()] == ["Karin"]


@dataclass
class Moment:
    at: datetime


def test_returned_columns_are_only_those_the_value_takes(karin: Author) -> None:
    @returning(BookTitle)
    def add(title: str) -> ModelInsert:
        return Book.insert(title=title, author="karin").returning(Book)

    assert add("Kris") == [BookTitle("Kris", 1, "karin")]
    assert add.sql().partition("RETURNING")[2].count('"library_book"') == 3


def test_returned_moment_is_one_and_returned_names_may_be_aliases(karin: Author) -> None:
    @returning(Moment)
    def add(title: str, at: datetime) -> ModelInsert:
        return Book.insert(title=title, author="karin", added_at=at).returning(Book.added_at.alias("at"))

    assert add("Kris", DAY + timedelta(microseconds=1999)) == [Moment(DAY + timedelta(milliseconds=1))]
