"""Rows changed and deleted by compiled writes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from peewee import Case, ModelDelete, ModelInsert, ModelUpdate, fn

from stina_core import ConstraintError, InvalidValueError, JsonLike, Store, returning, write
from stina_core.queries import compiling

from .library import DAY, Author, Book, Place, Thing, database_of
from .test_reading import PLAIN
from .values import BookTitle


def books(*columns: Any) -> list[tuple[object, ...]]:
    """Return the *columns* of all books, by id."""
    rows: Any = Book.select(*columns).order_by(Book.id).tuples()
    return list(rows)


@write
def add_pages(more: int, title: str) -> ModelUpdate:
    return Book.update(pages=Book.pages + more).where(Book.title == title)


@returning(BookTitle)
def rename(title: str, new: str) -> ModelUpdate:
    return Book.update(title=new).where(Book.title == title).returning(Book)


@write
def remove(title: str) -> ModelDelete:
    return Book.delete().where(Book.title == title)


def test_expression_over_the_old_value_is_computed_in_the_file(shelf: Store) -> None:
    assert [add_pages(5, "Kris"), add_pages(-1, "Kris"), add_pages(1, "nobody's")] == [2, 2, 0]
    assert books(Book.pages) == [(200,), (104,), (304,), (500,)]


def test_every_argument_of_an_update_finds_its_place(shelf: Store) -> None:
    @write
    def move(first: int, author: str, last: int, price: float | None, rank: int) -> ModelUpdate:
        return (
            Book.update(rank=rank, price=price, author=author, pages=Book.pages * rank + first)
            .where(Book.id.between(first, last), Book.rank != rank)
        )  # fmt: skip

    assert move(2, "unread", 3, 1, 9) == 2
    assert books(Book.rank, Book.price, Book.author, Book.pages)[1:3] == [
        (9, 1.0, "unread", 902),
        (9, 1.0, "unread", 2702),
    ]
    assert move(2, "unread", 3, None, 9) == 0


def test_argument_converts_as_its_field_does(shelf: Store) -> None:
    @write
    def change(id: int, at: datetime, tags: JsonLike, sold: bool) -> ModelUpdate:
        return Book.update(added_at=at, tags=tags, sold=sold).where(Book.id == id)

    assert change(1, DAY, {"a": ["🍓", None]}, True) == 1
    assert books(Book.added_at, Book.tags, Book.sold)[0] == (DAY, {"a": ["🍓", None]}, True)


def test_foreign_key_is_changed_to_an_id_an_instance_or_null(shelf: Store) -> None:
    @write
    def move(name: str, mentor: Any) -> ModelUpdate:
        return Author.update(mentor=mentor).where(Author.name == name)

    def mentor() -> object:
        return Author.select(Author.mentor).where(Author.name == "Unread").scalar()

    for given, stored in [("karin", "karin"), (Author.get_by_id("selma"), "selma"), (None, None)]:
        assert move("Unread", given) == 1
        assert mentor() == stored


def test_update_may_take_its_value_from_another_query(shelf: Store) -> None:
    @write
    def name_after_books(id: str, least: int) -> ModelUpdate:
        longest = Book.select(fn.MAX(Book.title)).where(Book.author == Author.id, Book.pages >= least)
        return Author.update(name=longest).where(Author.id == id)

    assert name_after_books("selma", 400) == 1
    assert Author.get_by_id("selma").name == "Jerusalem"
    assert name_after_books("nobody", 0) == 0


def test_update_may_decide_by_case_over_arguments(shelf: Store) -> None:
    @write
    def shelve(least: int, thick: str, thin: str) -> ModelUpdate:
        return Book.update(title=Case(None, [(Book.pages >= least, thick)], thin))

    assert shelve(250, "thick", "thin") == 4
    assert books(Book.title) == [("thin",), ("thin",), ("thick",), ("thick",)]


def test_constants_stay_what_they_were_when_the_query_was_stated(shelf: Store) -> None:
    price = [1.5]

    @write
    def sell(id: int) -> ModelUpdate:
        return Book.update(sold=True, price=price[0]).where(Book.id == id)

    sell(1)
    price[0] = 2.5
    sell(2)

    assert books(Book.sold, Book.price)[:2] == [(True, 1.5), (True, 1.5)]


def test_changed_rows_are_returned_as_they_are_now(shelf: Store) -> None:
    assert sorted(rename("Kris", "Crisis"), key=lambda book: book.id) == [
        BookTitle("Crisis", 2, "karin"),
        BookTitle("Crisis", 3, "selma"),
    ]
    assert rename("Kris", "Crisis") == []


def test_value_may_become_null_where_it_is_stored(shelf: Store) -> None:
    @write
    def price(id: int, price: float | None) -> ModelUpdate:
        return Book.update(price=price).where(Book.id == id)

    assert price(1, None) == 1
    assert books(Book.price)[0] == (None,)


def test_none_for_a_column_that_must_have_a_value_is_refused_by_name(
    shelf: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control has the file refuse it, which says less."""

    def change(title: str | None) -> ModelUpdate:
        return Book.update(title=title)

    with pytest.raises(InvalidValueError, match=r"^library_book\.title: it must have a value$"):
        write(change)(None)
    monkeypatch.setattr(compiling, "_must_have", lambda field: "")
    with pytest.raises(ConstraintError) as caught:
        write(change)(None)

    assert (caught.value.kind, caught.value.table, caught.value.constraint) == (
        "not_null",
        "library_book",
        "title",
    )
    assert books(Book.title)[0] == ("Kallocain",)


def test_none_for_a_number_that_the_database_hands_out_is_the_next_one(shelf: Store) -> None:
    @returning(int)
    def add(id: int | None, title: str, author: str) -> ModelInsert:
        return Book.insert(id=id, title=title, author=author).returning(Book.id)

    assert add(None, "Barabbas", "selma") == [5]


def test_null_is_the_null_of_json_in_a_json_field_that_holds_no_other(store: Store) -> None:
    Thing.create(**PLAIN, maybe_document=7)

    @write
    def change(document: JsonLike, maybe: JsonLike) -> ModelUpdate:
        return Thing.update(document=document, maybe_document=maybe)

    assert change(None, None) == 1
    assert database_of(store).rows("SELECT document, maybe_document FROM library_thing") == [("null", None)]


# Deletes


def test_deleted_rows_are_counted_without_those_of_a_cascade(shelf: Store) -> None:
    Place.create(book=2, room="hall")

    assert [remove("Kris"), remove("Kris")] == [2, 0]
    assert [book.id for book in Book.select()] == [1, 4]
    assert Place.select().count() == 0


def test_deleted_rows_are_returned(shelf: Store) -> None:
    @returning(BookTitle)
    def take(author: str, least: int) -> ModelDelete:
        return Book.delete().where(Book.author == author, Book.pages >= least).returning(Book)

    assert take("karin", 150) == [BookTitle("Kallocain", 1, "karin")]
    assert take("karin", 150) == []


def test_delete_without_a_condition_takes_all(shelf: Store) -> None:
    @write
    def clear() -> ModelDelete:
        return Book.delete()

    assert [clear(), clear()] == [4, 0]


def test_rows_of_a_list_are_deleted(shelf: Store) -> None:
    @write
    def discard(ids: list[int]) -> ModelDelete:
        return Book.delete().where(Book.id.in_(ids))

    assert [discard([]), discard([2, 3, 99]), discard([2, 3])] == [0, 2, 0]
    assert [book.id for book in Book.select()] == [1, 4]


def test_delete_that_another_row_stands_on_is_refused_and_undone(shelf: Store) -> None:
    @write
    def dismiss(id: str) -> ModelDelete:
        return Author.delete().where(Author.id == id)

    with pytest.raises(ConstraintError) as caught:
        dismiss("karin")

    assert caught.value.kind == "foreign_key"
    assert Author.select().count() == 3
    assert dismiss("unread") == 1
