"""Full-text indexes are made, changed, renamed and dropped with their tables, and are part of the declared schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stina_core import (
    BlobField,
    DriftError,
    EnumField,
    IdField,
    IntegerField,
    JsonField,
    Model,
    Operations,
    Search,
    TextField,
)
from stina_core.testing import file_rows

from ..declarations import Run, backups, making, tables
from .changed import differences, refusal, run

TEXTS = ["Äpfel und Birnen", "apfel", "running shoes"]


def make(op: Operations) -> None:
    op.create_table(
        "note",
        id=IdField(),
        title=TextField(),
        body=TextField(default=""),
        kind=EnumField(["a", "b"], default="a"),
        extra=JsonField(null=True),
        stars=IntegerField(default=0),
        raw=BlobField(null=True),
    )
    op.insert("note", [{"id": str(number), "title": title} for number, title in enumerate(TEXTS)])


def searching(*columns: str, **how: Any) -> Run:
    def create(op: Operations) -> None:
        op.create_search("note", *columns, **how)

    return create


def altering(*columns: str, **how: Any) -> Run:
    def alter(op: Operations) -> None:
        op.alter_search("note", *columns, **how)

    return alter


def drop(op: Operations) -> None:
    op.drop_search("note")


def found(path: Path, word: str) -> list[int]:
    """Return which texts the index finds, once it is given them."""
    if file_rows(path, "SELECT count(*) FROM notes_note_search") == [(0,)]:
        file_rows(
            path, "INSERT INTO notes_note_search (rowid, title) SELECT rowid - 1, title FROM notes_note"
        )
    rows = file_rows(path, "SELECT rowid FROM notes_note_search (?) ORDER BY rowid", (word,))
    return [number for (number,) in rows]


def test_new_index_is_empty_and_no_trigger_fills_it(store_path: Path) -> None:
    run(store_path, make, searching("title", "body"))

    file_rows(store_path, "INSERT INTO notes_note (id, title) VALUES ('new', 'words')")

    assert file_rows(store_path, "SELECT count(*) FROM notes_note_search") == [(0,)]
    assert (
        file_rows(
            store_path, "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name LIKE 'notes%'"
        )
        == []
    )


HOW: list[tuple[dict[str, Any], str, list[int]]] = [
    ({}, "APFEL", [0, 1]),
    ({}, "Äpfel", [0, 1]),
    ({}, "run", []),
    ({}, "runn *", [2]),
    ({"tokenizer": "unicode61 remove_diacritics 0"}, "apfel", [1]),
    ({"tokenizer": "unicode61 remove_diacritics 0"}, "äpfel", [0]),
    ({"tokenizer": "porter unicode61"}, "run", [2]),
    ({"tokenizer": "trigram"}, "unnin", [2]),
    ({"prefix": (2, 3)}, "runn *", [2]),
]


@pytest.mark.parametrize(("how", "word", "wanted"), HOW)
def test_tokenizer_and_prefix_say_what_is_found(
    store_path: Path, how: dict[str, Any], word: str, wanted: list[int]
) -> None:
    run(store_path, make, searching("title", **how))

    assert found(store_path, word) == wanted


def test_other_tokenizer_other_columns_and_prefixes_make_a_new_empty_index(store_path: Path) -> None:
    run(store_path, make, searching("title"))
    assert found(store_path, "run") == []

    run(
        store_path,
        make,
        searching("title"),
        altering("title", "body", tokenizer="porter unicode61", prefix=(2,)),
    )

    assert file_rows(store_path, "SELECT count(*) FROM notes_note_search") == [(0,)]
    assert found(store_path, "run") == [2]
    assert (
        differences(store_path, make, searching("title", "body", tokenizer="porter unicode61", prefix=(2,)))
        == []
    )
    assert backups(store_path) == []


def test_dropped_index_leaves_nothing_and_the_table_as_it_was(store_path: Path) -> None:
    run(store_path, make)
    before = tables(store_path)
    rows = file_rows(store_path, "SELECT * FROM notes_note")

    run(store_path, make, searching("title"), drop)

    assert tables(store_path) == before
    assert file_rows(store_path, "SELECT * FROM notes_note") == rows
    assert backups(store_path) == []


def test_index_goes_with_its_table(store_path: Path) -> None:
    def drop_table(op: Operations) -> None:
        op.drop_table("note")

    run(store_path, make, searching("title"), drop_table)

    assert not any(name.startswith("notes_") for name in tables(store_path))


def test_table_and_index_are_renamed_together_and_found_by_the_new_name(store_path: Path) -> None:
    def rename(op: Operations) -> None:
        op.unsafe_sql("INSERT INTO notes_note_search (rowid, title) SELECT rowid - 1, title FROM notes_note")
        op.rename_table("note", "memo")

    run(store_path, make, searching("title"), rename)

    assert file_rows(store_path, "SELECT rowid FROM notes_memo_search ('shoes')") == [(2,)]
    assert not any(name.startswith("notes_note") for name in tables(store_path))

    def alter(op: Operations) -> None:
        op.alter_search("memo", "body")
        op.drop_table("memo")

    run(store_path, make, searching("title"), rename, alter)
    assert not any(name.startswith("notes_") for name in tables(store_path))


def test_index_keeps_its_rows_when_its_table_is_rebuilt(store_path: Path) -> None:
    def rebuild(op: Operations) -> None:
        op.alter_column("note", "title", TextField(default="none"))

    run(store_path, make, searching("title"))
    assert found(store_path, "shoes") == [2]

    run(store_path, make, searching("title"), rebuild)

    assert found(store_path, "shoes") == [2]
    assert (
        file_rows(store_path, "INSERT INTO notes_note_search (notes_note_search) VALUES ('integrity-check')")
        == []
    )


def another(op: Operations) -> None:
    op.create_search("nothing", "title")


WRONG: list[tuple[Run, str]] = [
    (searching("stars"), "notes_note has no text column 'stars' for its full-text index"),
    (searching("raw"), "notes_note has no text column 'raw'"),
    (searching("title", "nothing"), "notes_note has no text column 'nothing'"),
    (searching(), "the full-text index of notes_note names no column"),
    (searching("title", tokenizer="nothing"), "no such tokenizer"),
    (searching("title", prefix=(0,)), "prefix length out of range"),
    (another, "there is no table notes_nothing"),
    (drop, "notes_note has no full-text index"),
    (altering("title"), "notes_note has no full-text index"),
]


@pytest.mark.parametrize(("wrong", "words"), WRONG)
def test_index_that_cannot_be_is_refused(store_path: Path, wrong: Run, words: str) -> None:
    assert words in refusal(store_path, make, wrong)


def test_second_index_of_a_table_is_refused(store_path: Path) -> None:
    assert "notes_note_search" in refusal(store_path, make, searching("title"), searching("body"))


def test_failed_alteration_leaves_the_index_that_was_there(store_path: Path) -> None:
    refusal(store_path, make, searching("title"), altering("stars"))

    assert found(store_path, "shoes") == [2]


def test_table_that_is_called_like_an_index_is_not_dropped_for_one(store_path: Path) -> None:
    reason = refusal(store_path, make, making("note_search"), drop)

    assert reason == "notes_note has no full-text index"


class Note(Model):
    id = IdField()
    title = TextField()
    body = TextField(default="")

    class Meta:
        search = Search("title", "body", prefix=(2,))


def small(op: Operations) -> None:
    op.create_table("note", id=IdField(), title=TextField(), body=TextField(default=""))


def test_declared_index_is_what_the_step_made(store_path: Path) -> None:
    run(store_path, small, searching("title", "body", prefix=(2,)), models=[Note])
    run(store_path, small, searching("title", "body", prefix=(2,)), models=[Note])  # compared at a start, too


DRIFT: list[tuple[tuple[Run, ...], str]] = [
    ((), "full-text index notes_note_search is missing"),
    ((searching("title", "body"),), "full-text index notes_note_search is not as it should be"),
    ((searching("body", "title", prefix=(2,)),), "full-text index notes_note_search is not as it should be"),
    (
        (searching("title", "body", prefix=(2,), tokenizer="porter"),),
        "full-text index notes_note_search is not as it should be",
    ),
]


@pytest.mark.parametrize(("steps", "words"), DRIFT)
def test_declared_index_that_is_missing_or_another_is_drift(
    store_path: Path, steps: tuple[Run, ...], words: str
) -> None:
    with pytest.raises(DriftError, match=words):
        run(store_path, small, *steps, models=[Note])


def test_column_that_is_renamed_or_dropped_under_its_index_is_drift(store_path: Path) -> None:
    class Note(Model):
        id = IdField()
        headline = TextField()

        class Meta:
            search = Search("headline")

    def rename(op: Operations) -> None:
        op.drop_column("note", "body")
        op.rename_column("note", "title", "headline")

    with pytest.raises(DriftError, match="notes_note_search is not as it should be"):
        run(store_path, small, searching("title"), rename, models=[Note])
    run(store_path, small, searching("title"), rename, altering("headline"), models=[Note])
