"""Another primary key, another way to store rows: each row is still itself, or the step is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stina_core import (
    AutoIdField,
    CompositeKey,
    ForeignKeyField,
    IdField,
    IntegerField,
    Operations,
    TextField,
)
from stina_core.testing import file_rows

from ..declarations import Run
from .changed import assert_sound, differences, made_by, refusal, run, values


def key(*columns: str) -> Run:
    def alter(op: Operations) -> None:
        with op.alter_table("t") as t:
            t.set_primary_key(*columns)

    return alter


def stored(without_rowid: bool) -> Run:
    def alter(op: Operations) -> None:
        with op.alter_table("t") as t:
            t.set_storage(without_rowid=without_rowid)

    return alter


def a_number(null: bool) -> IntegerField[Any]:
    return IntegerField(null=True) if null else IntegerField()


def table(*columns: str, without_rowid: bool = False) -> Run:
    def make(op: Operations) -> None:
        op.create_table(
            "t",
            CompositeKey(*columns),
            id=TextField(),
            lang=TextField(collation="NOCASE"),
            number=a_number("number" not in columns),
            without_rowid=without_rowid,
        )

    return make


def rows(op: Operations) -> None:
    found = [("b", "EN", 7), ("a", "en", 3), ("b", "sv", -2), ("A", "EN", 0)]
    op.insert("t", [{"id": id_, "lang": lang, "number": number} for id_, lang, number in found])


ROWS = ["('A', 'EN', 0)", "('a', 'en', 3)", "('b', 'EN', 7)", "('b', 'sv', -2)"]

CHANGES = [
    (("id", "lang"), False, ("lang", "id"), False),
    (("id", "lang"), False, ("number",), False),
    (("number",), False, ("id", "lang"), False),
    (("id", "lang"), False, ("id", "lang"), True),
    (("id", "lang"), True, ("id", "lang"), False),
    (("id", "lang"), True, ("number",), True),
    (("id", "lang"), True, ("number",), False),
    (("number",), False, ("lang", "id"), True),
    (("number",), True, ("id", "number"), True),
]


@pytest.mark.parametrize(("before", "without", "after", "then_without"), CHANGES)
def test_key_and_storage_change_together_and_every_row_stays_itself(
    store_path: Path, before: tuple[str, ...], without: bool, after: tuple[str, ...], then_without: bool
) -> None:
    def alter(op: Operations) -> None:
        with op.alter_table("t") as t:
            t.alter_column("number", a_number("number" not in after))
            t.set_primary_key(*after)
            t.set_storage(without_rowid=then_without)

    run(store_path, table(*before, without_rowid=without), rows, alter)

    assert values(store_path, "SELECT * FROM notes_t ORDER BY id, lang COLLATE BINARY") == ROWS
    assert differences(store_path, table(*after, without_rowid=then_without)) == []
    assert_sound(store_path)


def test_key_over_equal_values_is_refused(store_path: Path) -> None:
    reason = refusal(store_path, table("id", "lang"), rows, key("id"))

    assert "unique rule (notes_t: id)" in reason or "primary key rule (notes_t: id)" in reason


def test_key_over_null_is_refused_where_sqlite_would_make_up_a_number(store_path: Path) -> None:
    def empty(op: Operations) -> None:
        op.unsafe_sql("UPDATE notes_t SET number = NULL WHERE id = 'b'")

    reason = refusal(store_path, table("id", "lang"), rows, empty, key("number"))

    assert reason == "2 rows of notes_t have no number, which is to be the key"


def test_key_over_null_in_text_is_refused(store_path: Path) -> None:
    make = made_by(
        (
            "CREATE TABLE notes_t (id TEXT, x TEXT) STRICT",
            "INSERT INTO notes_t VALUES ('a', 'x'), (NULL, 'y')",
        )
    )

    assert "not null rule (notes_t: id)" in refusal(store_path, make, key("id"))


def test_new_column_without_values_cannot_be_the_key_of_rows_that_are_there(store_path: Path) -> None:
    def alter(op: Operations) -> None:
        with op.alter_table("t") as t:
            t.add_column("n", IntegerField(null=True))
            t.set_primary_key("n")

    assert "4 rows of notes_t have no n" in refusal(store_path, table("id", "lang"), rows, alter)


@pytest.mark.parametrize("without", [False, True])
@pytest.mark.parametrize("fill", [None, "new"])
def test_new_column_can_be_a_part_of_the_key(store_path: Path, without: bool, fill: str | None) -> None:
    def alter(op: Operations) -> None:
        with op.alter_table("t") as t:
            t.add_column("kind", TextField(default="plain"), fill=fill)
            t.set_primary_key("kind", "id", "lang")

    run(store_path, table("id", "lang", without_rowid=without), rows, alter)

    found = values(store_path, "SELECT kind, id, lang, number FROM notes_t ORDER BY id, lang COLLATE BINARY")
    assert found == [row.replace("(", f"({fill or 'plain'!r}, ") for row in ROWS]


def text_key(op: Operations) -> None:
    op.create_table("t", id=IdField(), x=TextField())
    op.create_table("child", id=IdField(), t=ForeignKeyField("t", on_delete="CASCADE"))
    op.insert("t", [{"id": "30", "x": "first"}, {"id": "4", "x": "second"}])
    op.insert("child", [{"id": "a", "t_id": "30"}, {"id": "b", "t_id": "4"}])


def test_text_key_becomes_a_number_together_with_those_that_point_to_it(store_path: Path) -> None:
    def alter(op: Operations) -> None:
        op.alter_column("t", "id", IntegerField())
        op.alter_column("child", "t_id", ForeignKeyField("t", on_delete="CASCADE"))

    def wanted(op: Operations) -> None:
        op.create_table("t", id=AutoIdField(), x=TextField())
        op.create_table("child", id=IdField(), t=ForeignKeyField("t", on_delete="CASCADE"))

    run(store_path, text_key, alter)

    assert values(store_path, "SELECT rowid, id, x FROM notes_t ORDER BY id") == [
        "(4, 4, 'second')",
        "(30, 30, 'first')",
    ]
    assert values(store_path, "SELECT * FROM notes_child") == ["('a', 30)", "('b', 4)"]
    assert differences(store_path, wanted) == []
    assert_sound(store_path)


def test_number_key_becomes_text_and_rows_keep_their_row_ids(store_path: Path) -> None:
    def make(op: Operations) -> None:
        op.create_table("t", id=AutoIdField(), x=TextField())
        op.insert("t", [{"id": 30, "x": "first"}, {"id": 4, "x": "second"}])

    def alter(op: Operations) -> None:
        op.alter_column("t", "id", TextField())

    run(store_path, make, alter)

    found = values(store_path, "SELECT rowid, id, x FROM notes_t ORDER BY rowid")
    assert found == ["(4, '4', 'second')", "(30, '30', 'first')"]


def test_text_key_that_would_not_come_back_from_a_number_is_refused(store_path: Path) -> None:
    def spoil(op: Operations) -> None:
        op.insert("t", [{"id": "05", "x": "third"}])

    def alter(op: Operations) -> None:
        op.alter_column("t", "id", IntegerField())

    assert "1 of 3 values of notes_t.id would not survive as INTEGER" in refusal(
        store_path, text_key, spoil, alter
    )


def test_two_texts_that_are_one_number_are_refused(store_path: Path) -> None:
    def spoil(op: Operations) -> None:
        op.insert("t", [{"id": "04", "x": "third"}])

    def alter(op: Operations) -> None:
        op.alter_column("t", "id", IntegerField())

    assert "primary key rule (notes_t: id)" in refusal(store_path, text_key, spoil, alter)


@pytest.mark.parametrize("without", [False, True])
def test_key_of_rows_that_are_told_apart_by_it_cannot_be_computed(store_path: Path, without: bool) -> None:
    def alter(op: Operations) -> None:
        op.alter_column("t", "number", IntegerField(), using="number + 1")

    reason = refusal(store_path, table("number", without_rowid=without), rows, alter)

    assert reason == "number is the key of notes_t and cannot be changed with using="


def test_autoincrement_goes_with_its_key_and_no_counter_stays(store_path: Path) -> None:
    make = made_by(
        (
            "CREATE TABLE notes_t (id INTEGER PRIMARY KEY AUTOINCREMENT, x TEXT NOT NULL) STRICT",
            "INSERT INTO notes_t (x) VALUES ('a'), ('b')",
        )
    )

    run(store_path, make, key("x"))

    assert file_rows(store_path, "SELECT * FROM sqlite_sequence") == []
    assert values(store_path, "SELECT rowid, * FROM notes_t") == ["(1, 1, 'a')", "(2, 2, 'b')"]


def test_storage_without_rowid_is_refused_where_rows_have_no_key(store_path: Path) -> None:
    make = made_by(
        (
            "CREATE TABLE notes_t (id TEXT PRIMARY KEY, x TEXT)",
            "INSERT INTO notes_t VALUES ('a', 'x'), (NULL, 'y')",
        )
    )

    assert "not null rule (notes_t: id)" in refusal(store_path, make, stored(without_rowid=True))
