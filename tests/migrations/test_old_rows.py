"""What a step reads of a table that the original app wrote, and what it notes of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stina_core import Operations, Progress, StoreConfig, load_plugins, open_store
from stina_core.catalog import Value
from stina_core.jsontext import dump, load
from stina_core.migrations.old_rows import OldRow
from stina_core.testing import file_rows

from ..declarations import opened, stepping

REPAIRS = 'SELECT "key", "column", "before", reason FROM stina_repair ORDER BY id'


def row_of(value: Value | apsw.zeroblob, key: Value = "k") -> tuple[OldRow, list[tuple[Any, ...]]]:
    """Return a row with *value* in `v`, and the list that is told of repairs."""
    notes: list[tuple[Any, ...]] = []
    values: dict[str, Any] = {"id": key, "v": value}
    return OldRow(values, "id", lambda *repair: notes.append(repair), lambda row: "new"), notes


def old(path: Path, *statements: str) -> None:
    connection = apsw.Connection(str(path))
    for statement in statements:
        connection.execute(statement)
    connection.close()


def read(path: Path, take: Callable[[OldRow], Any], **options: str) -> list[Any]:
    """Return what *take* gives for every row of the table `old`."""
    found: list[Any] = []

    def step(op: Operations) -> None:
        found.extend(map(take, op.old_rows("old", **options)))

    opened(path, stepping("notes", step), strict=True).close()
    return found


def test_text_that_is_not_utf8_is_repaired_and_noted_with_its_bytes(store_path: Path) -> None:
    old(
        store_path,
        "CREATE TABLE old (id INTEGER, text TEXT)",
        "INSERT INTO old VALUES (1, 'fine'), (2, CAST(x'61ff62' AS TEXT)), (3, CAST(x'eda0bdedb98a' AS TEXT))",
    )

    assert read(store_path, lambda row: row.text("text")) == ["fine", "a\ufffdb", "\U0001f64a"]
    assert file_rows(store_path, REPAIRS) == [
        ("2", "text", b"a\xffb", "the text was not UTF-8"),
        ("3", "text", bytes.fromhex("eda0bdedb98a"), "the text was not UTF-8"),
    ]


def test_rows_come_in_the_order_they_were_written(store_path: Path) -> None:
    old(
        store_path,
        "CREATE TABLE old (id TEXT PRIMARY KEY, at INTEGER)",
        "CREATE INDEX by_at ON old (at, id)",
        "INSERT INTO old VALUES ('b', 2), ('a', 1), ('c', 0)",
    )

    assert read(store_path, lambda row: row.id()) == ["b", "a", "c"]


def test_column_that_the_table_lacks_is_nothing_and_no_repair(store_path: Path) -> None:
    old(store_path, "CREATE TABLE old (id TEXT)", "INSERT INTO old VALUES ('a')")

    def everything(row: OldRow) -> tuple[object, ...]:
        values = (row.text("x"), row.integer("x"), row.time("x"), row.flag("x"), row.document("x"))
        return ("x" in row, "id" in row, *values)

    assert read(store_path, everything) == [(False, True, None, None, None, False, None)]
    assert file_rows(store_path, REPAIRS) == []


def test_row_without_a_usable_id_gets_the_same_new_one_in_every_copy_of_the_file(tmp_path: Path) -> None:
    found = []
    for name in ("one", "two"):
        path = tmp_path / name / "stina.db"
        path.parent.mkdir()
        old(
            path,
            "CREATE TABLE old (id TEXT PRIMARY KEY, text TEXT)",
            "INSERT INTO old VALUES (NULL, 'same'), ('a', 'x'), (NULL, 'same'), (NULL, 'other'), ('', 'same')",
        )
        found.append(read(path, lambda row: row.id()))

    assert found[0] == found[1]
    assert found[0][1] == "a"
    assert len(set(found[0])) == 5
    assert file_rows(tmp_path / "one" / "stina.db", REPAIRS) == [
        (key, "id", before, "the row had no usable id; it was given one")
        for key, before in zip([found[0][0], *found[0][2:]], [None, None, None, ""], strict=True)
    ]


def test_whole_number_as_an_id_becomes_its_text_and_is_no_repair() -> None:
    row, notes = row_of(None, key=17)

    assert (row.id(), row.key, notes) == ("17", "17", [])


@pytest.mark.parametrize(
    ("value", "wanted", "noted"),
    [
        (5, 5, False),
        (0, 0, False),
        (None, None, False),
        (5.0, 5, True),
        (5.6, 6, True),
        (float("inf"), None, True),
        (1e300, None, True),
        ("12", 12, True),
        (" -3 ", -3, True),
        ("1.5e3", 1500, True),
        ("9" * 30, None, True),
        ("9" * 5000, None, True),
        ("soon", None, True),
        ("", None, True),
        (b"7", 7, True),
        (b"\xff", None, True),
    ],
)
def test_whole_number_is_read_and_every_change_noted(value: Value, wanted: int | None, noted: bool) -> None:
    row, notes = row_of(value)

    assert row.integer("v") == wanted
    assert [note[:3] for note in notes] == ([("k", "v", value)] if noted else [])


def test_time_that_no_calendar_has_is_noted_and_nothing() -> None:
    year = 365 * 86_400_000
    for value, wanted in ((0, 0), (-1, -1), (253_402_300_799_999, 253_402_300_799_999), (9_000 * year, None)):
        row, notes = row_of(value)
        assert row.time("v") == wanted
        assert len(notes) == (wanted is None)


def test_seconds_become_milliseconds_without_a_note() -> None:
    row, notes = row_of(1_700_000_000)

    assert (row.time("v", unit=1000), notes) == (1_700_000_000_000, [])


@pytest.mark.parametrize(
    ("value", "wanted", "noted"),
    [
        (0, False, 0),
        (1, True, 0),
        (None, False, 0),
        (2, True, 1),
        (1.0, True, 0),
        ("yes", False, 2),
        ("1", True, 2),
    ],
)
def test_flag_is_read_and_what_is_neither_0_nor_1_noted(value: Value, wanted: bool, noted: int) -> None:
    row, notes = row_of(value)

    assert row.flag("v") is wanted
    assert (len(notes) > 0) == (noted > 0)


@given(st.recursive(st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(), st.lists))
def test_json_comes_exactly_as_it_is(value: Any) -> None:
    text = json.dumps(value, indent=2)
    try:
        dump(load(text, "v"), "v")
    except ValueError:
        return  # half a character in it
    row, notes = row_of(text)

    assert (row.document("v"), notes) == (text, [])


@pytest.mark.parametrize(
    "text", ["{", "", "NaN", "[1e999]", '"\\ud83d"', "[" * 5000, '{"a":12345678901234567890123}']
)
def test_text_that_is_no_json_is_nothing_and_kept_in_the_note(text: str) -> None:
    row, notes = row_of(text)

    assert row.document("v") is None
    assert notes == [("k", "v", text, "it was no JSON that can be read")]


def test_what_is_noted_before_the_id_is_asked_for_is_noted_under_it(store_path: Path) -> None:
    old(store_path, "CREATE TABLE old (id TEXT, text)", "INSERT INTO old VALUES (NULL, 7)")

    ((text, key),) = read(store_path, lambda row: (row.text("text"), row.id()))

    assert text == "7"
    assert [note[:2] for note in file_rows(store_path, REPAIRS)] == [(key, "text"), (key, "id")]


def test_row_that_is_left_out_is_noted_whole(store_path: Path) -> None:
    old(
        store_path,
        "CREATE TABLE old (id TEXT, a, b, c)",
        "INSERT INTO old VALUES ('k', 1.5, x'00ff', CAST(x'61ff' AS TEXT))",
    )

    read(store_path, lambda row: row.leave_out("nothing fits"))

    ((key, column, before, reason),) = file_rows(store_path, REPAIRS)
    assert (key, column, reason) == ("k", "*", "the row was left out: nothing fits")
    assert json.loads(before) == {"id": "k", "a": 1.5, "b": {"$hex": "00ff"}, "c": {"$hex": "61ff"}}


def test_step_is_told_how_far_it_is(store_path: Path) -> None:
    old(
        store_path,
        "CREATE TABLE old (id INTEGER PRIMARY KEY)",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) "
        "INSERT INTO old SELECT i FROM n",
    )
    seen: list[Progress] = []

    def step(op: Operations) -> None:
        for _ in op.old_rows("old"):
            pass

    config = StoreConfig(strict=True)
    open_store(
        store_path, config, plugins=load_plugins([stepping("notes", step)], config), progress=seen.append
    ).close()

    told = [(one.done, one.total) for one in seen if one.plugin == "notes" and one.total]
    assert told == [(0, 2500), (1000, 2500), (2000, 2500), (2500, 2500)]


def test_read_that_is_given_up_is_closed(store_path: Path) -> None:
    old(store_path, "CREATE TABLE old (id TEXT)", "INSERT INTO old VALUES ('a'), ('b')")
    kept: list[Iterator[OldRow]] = []

    def step(op: Operations) -> None:
        rows = op.old_rows("old")
        next(rows)
        kept.append(rows)

    opened(store_path, stepping("notes", step), strict=True).close()

    assert list(kept[0]) == []
