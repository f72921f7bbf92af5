"""What a compiled query answers: the first value, all of them, whether there are any, and how many."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pytest
from peewee import ModelSelect

from stina_core import DefinitionError, JsonValue, NotFoundError, Store, query
from stina_core.queries import columns

from .library import DAY, Author, Book, Thing
from .values import AuthorName, BookTitle, Row, as_values


@query(BookTitle)
def titled(title: str) -> ModelSelect[Book]:
    return Book.select().where(Book.title == title).order_by(Book.id)


@query(BookTitle)
def thick(least: int, author: str) -> ModelSelect[Book]:
    return Book.select().where(Book.pages >= least, Book.author == author).order_by(Book.id)


@query(Row)
def whole() -> ModelSelect[Book]:
    return Book.select().order_by(Book.id)


@query(AuthorName)
def by_name(name: str) -> ModelSelect[Author]:
    return Author.select().where(Author.name == name)


def test_first_value_is_found_or_none(shelf: Store) -> None:
    assert titled.find("Kris") == BookTitle("Kris", 2, "karin")
    assert titled.find("Nobody's") is None


def test_get_answers_as_find_does(shelf: Store) -> None:
    assert titled.get("Jerusalem") == BookTitle("Jerusalem", 4, "selma")


def test_get_of_nothing_names_the_table_and_the_key(shelf: Store) -> None:
    @query(AuthorName)
    def by_id(id: str = "anon") -> ModelSelect[Author]:
        return Author.select().where(Author.id == id)

    with pytest.raises(NotFoundError, match="library_author has no row 'nobody'") as caught:
        by_id.get("nobody")
    with pytest.raises(NotFoundError, match="library_author has no row 'anon'"):
        by_id.get()

    assert (caught.value.table, caught.value.key) == ("library_author", "nobody")


def test_get_of_nothing_repeats_no_contents(shelf: Store) -> None:
    for missed in (
        lambda: by_name.get("a secret"),
        lambda: thick.get(9000, author="a secret"),
        lambda: titled.get(title="a secret"),
    ):
        with pytest.raises(NotFoundError, match="has no such row") as caught:
            missed()
        assert "secret" not in repr(caught.value)
        assert caught.value.key is None


def test_all_values_come_in_the_order_of_the_query(shelf: Store) -> None:
    assert titled.list("Kris") == [BookTitle("Kris", 2, "karin"), BookTitle("Kris", 3, "selma")]
    assert titled.list("Nobody's") == []


def test_existence_and_number_are_told_without_values(shelf: Store) -> None:
    assert (titled.exists("Kris"), titled.count("Kris")) == (True, 2)
    assert (titled.exists("Nobody's"), titled.count("Nobody's")) == (False, 0)


def test_existence_and_number_have_the_types_of_python(shelf: Store) -> None:
    assert type(titled.exists("Kris")) is bool
    assert type(titled.count("Kris")) is int


def test_each_call_binds_its_own_values(shelf: Store) -> None:
    assert [len(thick.list(least, "selma")) for least in (0, 301, 501)] == [2, 1, 0]
    assert [thick.count(0, author) for author in ("karin", "selma", "unread")] == [2, 2, 0]


def test_answers_follow_what_is_written(shelf: Store) -> None:
    assert titled.count("Kris") == 2
    Book.create(title="Kris", author="unread")

    assert titled.count("Kris") == 3
    assert titled.list("Kris")[-1].author == "unread"


def test_every_column_of_a_row_is_what_peewee_makes_of_it(shelf: Store) -> None:
    rows = whole.list()

    assert rows[0] == Row(
        id=1, title="Kallocain", author_id="karin", pages=200, price=10.5, sold=False,
        added_at=rows[0].added_at, code="c1", serial=1, tags=["new", {"n": 1}], rank=7,
    )  # fmt: skip
    assert [row.added_at for row in rows] == [book.added_at for book in Book.select().order_by(Book.id)]
    assert [row.added_at > DAY for row in rows] == [True] * 4


def test_answers_are_new_values_that_share_nothing(shelf: Store) -> None:
    first, second = whole.list()[0], whole.list()[0]
    assert isinstance(first.tags, list)
    first.tags.append("mine")

    assert second.tags == ["new", {"n": 1}]
    assert whole.list()[0].tags == ["new", {"n": 1}]


# Of a whole model only what the value takes


def test_only_the_columns_that_the_value_takes_are_read(shelf: Store) -> None:
    assert titled.sql() == (
        'SELECT "t1"."id", "t1"."title", "t1"."author_id" FROM "library_book" AS "t1" '
        'WHERE ("t1"."title" = ?) ORDER BY "t1"."id"'
    )


def test_without_narrowing_a_value_of_few_columns_could_not_be_made(
    shelf: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: whole rows that are taken for columns that somebody chose."""

    def everything() -> ModelSelect[Book]:
        return Book.select()

    assert len(query(BookTitle)(everything).list()) == 4
    monkeypatch.setattr(columns, "is_whole_row", lambda query: False)

    with pytest.raises(DefinitionError, match="everything selects pages"):
        query(BookTitle)(everything).list()


def test_unread_column_cannot_spoil_an_answer(shelf: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(value: object) -> object:
        raise AssertionError("a column that the value does not take was made a value")

    monkeypatch.setattr(Book.tags, "python_value", fail)

    def everything() -> ModelSelect[Book]:
        return Book.select()

    assert len(query(BookTitle)(everything).list()) == 4
    with pytest.raises(AssertionError, match="does not take"):
        query(Row)(everything).list()


def test_existence_and_number_ask_for_no_column(shelf: Store) -> None:
    assert '"t1"."' not in titled._exists.compiled(Book._meta.database.obj).sql.partition("FROM")[0]
    assert '"t1"."' not in titled._count.compiled(Book._meta.database.obj).sql.partition("FROM")[0]


def test_first_value_is_asked_for_with_a_limit_unless_the_query_has_one(shelf: Store) -> None:
    @query(BookTitle)
    def few(number: int) -> ModelSelect[Book]:
        return Book.select().order_by(Book.id).limit(number)

    database = Book._meta.database.obj
    assert titled._first.compiled(database).sql.endswith("LIMIT ?")
    assert few._first.compiled(database).sql == few._rows.compiled(database).sql
    assert few.find(0) is None
    assert few.find(3) == BookTitle("Kallocain", 1, "karin")


# Every field, by its own rules


@dataclass(frozen=True)
class ThingValue:
    text: str
    number: int
    ratio: float
    flag: bool
    document: JsonValue
    kind: str
    shade: str
    at: datetime
    data: bytes
    maybe_text: str | None
    maybe_number: int | None
    maybe_ratio: float | None
    maybe_flag: bool | None
    maybe_document: JsonValue
    maybe_kind: str | None
    maybe_at: datetime | None
    maybe_data: bytes | None


@query(ThingValue)
def things() -> ModelSelect[Thing]:
    return Thing.select().order_by(Thing.number)


PLAIN = {
    "text": "a\0b 'q' \"d\" 🍓", "number": -(2**63), "ratio": 0.1, "flag": True, "document": {"a": [None, 1.0]},
    "kind": "po'ems", "shade": "dark", "at": DAY, "data": b"\0\xff",
}  # fmt: skip


def test_value_of_every_field_comes_back_in_its_type(store: Store) -> None:
    Thing.create(**PLAIN)
    Thing.create(
        **{**PLAIN, "number": 0}, **{f"maybe_{name}": PLAIN[name] for name in PLAIN if name != "shade"}
    )

    bare, filled = things.list()

    assert [bare, filled] == as_values(ThingValue, Thing.select().order_by(Thing.number))
    assert {name: getattr(bare, name) for name in PLAIN} == PLAIN
    assert {getattr(bare, name) for name in ThingValue.__annotations__ if name.startswith("maybe_")} == {None}
    for name in PLAIN:
        assert type(getattr(bare, name)) is type(getattr(Thing.get(), name))
        if name != "shade":
            assert getattr(filled, f"maybe_{name}") == PLAIN[name]
    assert (bare.flag, filled.maybe_flag) == (True, True)
