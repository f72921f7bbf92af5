"""`update_rows()` gives every row to a function, a batch at a time, and stores what it answers."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stina_core import (
    AutoIdField,
    CompositeKey,
    IdField,
    IntegerField,
    Migrations,
    Operations,
    Progress,
    StoreConfig,
    TextField,
    load_plugins,
    local_plugin,
    open_store,
)
from stina_core.testing import file_rows

from ..declarations import Run, plugin
from .changed import made_by, opened, refusal, run, values

Row = dict[str, Any]
Answer = Mapping[str, Any] | None


def numbered(count: int) -> Run:
    def make(op: Operations) -> None:
        op.create_table("t", id=IdField(), n=IntegerField(), word=TextField(null=True))
        op.insert(
            "t", [{"id": f"{number:05}", "n": number, "word": None} for number in reversed(range(count))]
        )

    return make


def updating(change: Callable[[Row], Answer], *columns: str, **how: int) -> Run:
    def update(op: Operations) -> None:
        op.update_rows("t", change, *columns, **how)

    return update


def doubled(row: Row) -> Answer:
    return {"n": row["n"] * 2, "word": f"was {row['n']}"}


@pytest.mark.parametrize("batch", [1, 2, 9, 10, 1000])
@pytest.mark.parametrize("count", [0, 9])
def test_every_row_is_given_once_in_the_order_of_the_key(store_path: Path, batch: int, count: int) -> None:
    seen: list[Row] = []

    def note(row: Row) -> Answer:
        seen.append(row)
        return doubled(row)

    run(store_path, numbered(count), updating(note, batch=batch))

    assert seen == [{"id": f"{number:05}", "n": number, "word": None} for number in range(count)]
    assert file_rows(store_path, "SELECT n, word FROM notes_t ORDER BY id") == [
        (number * 2, f"was {number}") for number in range(count)
    ]


@pytest.mark.parametrize("without_rowid", [False, True])
@pytest.mark.parametrize("batch", [1, 2, 4, 1000])
def test_rows_are_found_by_a_key_of_several_columns(
    store_path: Path, without_rowid: bool, batch: int
) -> None:
    keys = [("b", 2), ("a", 10), ("a", 9), ("B", 1), ("", 0), ("é", -1), ("a", -(2**63))]

    def make(op: Operations) -> None:
        op.create_table(
            "t",
            CompositeKey("word", "n"),
            note=TextField(null=True),
            n=IntegerField(),
            word=TextField(collation="NOCASE"),
            without_rowid=without_rowid,
        )
        op.insert("t", [{"word": word, "n": n} for word, n in keys])

    seen: list[tuple[Any, ...]] = []

    def note(row: Row) -> Answer:
        seen.append((row["word"].lower(), row["n"]))
        return {"note": f"{row['word']} {row['n']}"}

    run(store_path, make, updating(note, batch=batch))

    assert seen == sorted((word.lower(), n) for word, n in keys)
    assert sorted(file_rows(store_path, "SELECT note FROM notes_t")) == sorted(
        (f"{word} {n}",) for word, n in keys
    )


def test_only_the_key_and_the_named_columns_are_read(store_path: Path) -> None:
    seen: list[list[str]] = []

    def note(row: Row) -> Answer:
        seen.append(list(row))
        return {"word": "x"}

    run(store_path, numbered(2), updating(note, "n"), updating(note))

    assert seen == [["id", "n"]] * 2 + [["id", "n", "word"]] * 2


def test_row_without_an_answer_stays_and_only_others_are_counted(store_path: Path) -> None:
    changed: list[int] = []

    def some(row: Row) -> Answer:
        return {0: None, 1: {}, 2: {"n": 20}}.get(row["n"], {"word": "x", "n": row["n"]})

    def update(op: Operations) -> None:
        changed.append(op.update_rows("t", some, batch=2))

    run(store_path, numbered(5), update)

    assert changed == [3]
    assert values(store_path, "SELECT n, word FROM notes_t ORDER BY id") == [
        "(0, None)",
        "(1, None)",
        "(20, None)",
        "(3, 'x')",
        "(4, 'x')",
    ]


def updating_nothing(op: Operations) -> None:
    op.update_rows("u", doubled)


WRONG: list[tuple[Run, str]] = [
    (updating(lambda row: {"id": "x"}), "no column 'id' that update_rows() could change"),
    (updating(lambda row: {"n": 1, "nothing": 2}), "no column 'nothing' that update_rows() could change"),
    (updating(lambda row: {"N": 1}), "no column 'N' that update_rows() could change"),
    (updating(doubled, "nothing"), "notes_t has no column 'nothing'"),
    (updating(doubled, batch=0), "cannot work through t 0 rows at a time"),
    (updating(doubled, batch=-1), "cannot work through t -1 rows at a time"),
    (updating_nothing, "there is no table notes_u"),
    (updating(lambda row: {"n": "x"}), "notes_t.n"),
    (updating(lambda row: {"n": None}), "not null rule"),
    (updating(lambda row: {"n": 1 // row["n"]}), "ZeroDivisionError"),
]


@pytest.mark.parametrize(("wrong", "words"), WRONG, ids=[words for _, words in WRONG])
def test_wrong_answer_fails_the_step_and_no_row_is_changed(store_path: Path, wrong: Run, words: str) -> None:
    assert words in refusal(store_path, numbered(3), wrong)


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE notes_t (n INTEGER, word TEXT)",
        "CREATE TABLE notes_t (id TEXT PRIMARY KEY, n INTEGER, word TEXT)",
    ],
)
def test_row_that_no_key_finds_is_not_passed_over(store_path: Path, sql: str) -> None:
    make = made_by((sql, "INSERT INTO notes_t (n) VALUES (1), (2), (3)"))

    assert "primary key" in refusal(store_path, make, updating(doubled, batch=2))


def test_failure_in_a_later_batch_undoes_the_earlier_ones(store_path: Path) -> None:
    def late(row: Row) -> Answer:
        return {"n": row["n"] + 1, "word": "x" if row["n"] < 7 else b"x"}

    assert "notes_t.word" in refusal(store_path, numbered(9), updating(late, batch=2))


@pytest.mark.parametrize("batch", [1, 4, 5, 1000])
def test_progress_grows_to_the_total(store_path: Path, batch: int) -> None:
    reports: list[tuple[int, int]] = []

    def note(progress: Progress) -> None:
        if progress.done is not None and progress.total is not None:
            reports.append((progress.done, progress.total))

    def updating_all(op: Operations) -> None:
        op.update_rows("t", doubled, batch=batch)

    def migrate(migrations: Migrations) -> None:
        migrations.step("0001_make")(numbered(9))
        migrations.step("0002_update")(updating_all)

    config = StoreConfig(strict=True)
    loaded = load_plugins([local_plugin("notes", plugin(migrate=migrate))], config)
    open_store(store_path, config, plugins=loaded, progress=note).close()

    assert reports == [(min(done, 9), 9) for done in range(batch, 9 + batch, batch)]


def most_memory(path: Path, count: int, batch: int) -> int:
    """Return the most bytes of Python's memory while *count* rows of 1 kB each are updated."""
    found: list[int] = []

    def make(op: Operations) -> None:
        op.create_table("t", id=AutoIdField(), n=IntegerField(default=0), word=TextField())
        op.unsafe_sql(
            "WITH RECURSIVE r (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < ?) "
            "INSERT INTO notes_t (id, word) SELECT i, printf('%.*c', 1000, 'x') FROM r",
            (count,),
        )

    def update(op: Operations) -> None:
        tracemalloc.start()
        try:
            op.update_rows("t", lambda row: {"word": str(row["word"]) + "y"}, batch=batch)
            found.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()

    run(path, make, update)
    assert file_rows(path, "SELECT count(*) FROM notes_t WHERE length(word) = 1001") == [(count,)]
    return found[0]


def test_memory_grows_with_the_batch_and_not_with_the_rows(tmp_path: Path) -> None:
    few = most_memory(tmp_path / "few.db", 200, batch=50)
    many = most_memory(tmp_path / "many.db", 3000, batch=50)
    at_once = most_memory(tmp_path / "once.db", 3000, batch=3000)

    assert many < few * 1.5
    assert at_once > many * 10


@settings(max_examples=25, deadline=None)
@given(
    st.dictionaries(st.text(max_size=3), st.tuples(st.integers(-5, 5), st.text(max_size=3))),
    st.integers(1, 5),
)
def test_result_is_that_of_the_function_in_python(rows: dict[str, tuple[int, str]], batch: int) -> None:
    def make(op: Operations) -> None:
        op.create_table("t", id=IdField(), n=IntegerField(null=True), word=TextField(null=True))
        op.insert("t", [{"id": key, "n": n, "word": word} for key, (n, word) in rows.items()])

    def change(row: Row) -> Answer:
        word: str = row["word"]
        answers: list[Answer] = [
            None,
            {},
            {"n": None},
            {"word": row["id"], "n": len(word)},
            {"word": word[::-1]},
        ]
        number: int = row["n"]
        return answers[number % len(answers)]

    expected = {}
    for key, (n, word) in rows.items():
        row = {"id": key, "n": n, "word": word}
        expected[key] = {**row, **(change(row) or {})}

    with opened(":memory:", make, updating(change, batch=batch)) as store:
        found = store._backend.execute("SELECT id, n, word FROM notes_t")

    assert {key: {"id": key, "n": n, "word": word} for key, n, word in found} == expected
