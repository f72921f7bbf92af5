"""A column gets another type only if every value comes back from it; otherwise nothing changes and the step says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import peewee
import pytest

from stina_core import (
    BlobField,
    FloatField,
    IdField,
    IntegerField,
    Operations,
    TextField,
)
from stina_core.fields import AnyField
from stina_core.testing import file_rows

from ..declarations import Run
from .changed import differences, refusal, run, values

Field = Callable[[], peewee.Field]

BIG = 2**63 - 1


def text() -> peewee.Field:
    return TextField(null=True)


def integer() -> peewee.Field:
    return IntegerField(null=True)


def real() -> peewee.Field:
    return FloatField(null=True)


def blob() -> peewee.Field:
    return BlobField(null=True)


def anything() -> peewee.Field:
    return AnyField(null=True)


def holding(field: Field, *rows: Any) -> Run:
    def make(op: Operations) -> None:
        op.create_table("t", id=IdField(), x=field())
        op.insert("t", [{"id": f"{number:03}", "x": value} for number, value in enumerate(rows)])

    return make


def loosely(declared: str, *rows: Any) -> Run:
    """A table as other programs make them: not STRICT, so each row may hold what it likes."""

    def make(op: Operations) -> None:
        op.unsafe_sql(f"CREATE TABLE notes_t (id TEXT NOT NULL PRIMARY KEY, x {declared})")
        for number, value in enumerate(rows):
            op.unsafe_sql("INSERT INTO notes_t VALUES (?, ?)", (f"{number:03}", value))

    return make


def retyping(field: Field, **how: Any) -> Run:
    def alter(op: Operations) -> None:
        op.alter_column("t", "x", field(), **how)

    return alter


def becoming_strict(strict: bool) -> Run:
    def alter(op: Operations) -> None:
        with op.alter_table("t") as t:
            t.set_storage(strict=strict)

    return alter


def xs(path: Path) -> list[Any]:
    return [value for (value,) in file_rows(path, "SELECT x FROM notes_t ORDER BY id")]


LOST: list[tuple[Field, list[Any], Field, int]] = [
    (text, ["007", "7"], integer, 1),
    (text, ["abc", "", " 1", "1 ", "+1", "0x10", "1.0", "7\x00", "5"], integer, 8),
    (text, [str(2**63)], integer, 1),
    (text, ["1.50", "1e3", "1", ".5", "inf", "nan", "1.5"], real, 6),
    (integer, [2**53 + 1, 2**53], real, 1),
    (integer, [BIG, -BIG, -(2**63)], real, 2),
    (real, [1.5, 2.0], integer, 1),
    (real, [2.0**63, 1e300, -(2.0**63), float("inf")], integer, 3),
    (real, [float("inf"), 0.1], text, 1),
    (blob, [b"\xff", b"\xc3\x28", b"\xed\xa0\xbd", b"fine"], text, 3),
    (blob, [b"", b"x", b"7", b"07"], integer, 3),
    (blob, [b"1.5", b"abc"], real, 1),
    (anything, ["007", 7, b"7"], integer, 1),
    (anything, [1.5, "x", 3], integer, 2),
    (anything, [b"\xff", "x", 3], text, 1),
]


@pytest.mark.parametrize(("before", "rows", "after", "lost"), LOST)
def test_values_that_would_not_come_back_are_counted_and_refused(
    store_path: Path, before: Field, rows: list[Any], after: Field, lost: int
) -> None:
    reason = refusal(store_path, holding(before, *rows, None), retyping(after))

    kind = {text: "TEXT", integer: "INTEGER", real: "REAL"}[after]
    assert reason == (
        f"{lost} of {len(rows) + 1} values of notes_t.x would not survive as {kind}; "
        "say with using= what they become"
    )


KEPT: list[tuple[Field, list[Any], Field, list[Any]]] = [
    (text, ["7", "-1", str(BIG), "0"], integer, [7, -1, BIG, 0]),
    (text, ["1.5", "-0.25", "1.0"], real, [1.5, -0.25, 1.0]),
    (text, ["é\x00\U0001f600", "", "'"], blob, ["é\x00\U0001f600".encode(), b"", b"'"]),
    (text, ["007", "", "é"], anything, ["007", "", "é"]),
    (integer, [7, -BIG - 1, BIG], text, ["7", str(-BIG - 1), str(BIG)]),
    (integer, [7, 2**53, -(2**53)], real, [7.0, 2.0**53, -(2.0**53)]),
    (integer, [7, BIG], anything, [7, BIG]),
    (real, [7.0, -(2.0**62)], integer, [7, -(2**62)]),
    (real, [1.5, 0.1, 1e300, 5e-324], text, ["1.5", "0.1", "1.0e+300", "4.9406564584124654e-324"]),
    (real, [1.0, 0.5], anything, [1.0, 0.5]),
    (blob, ["é\x00".encode(), b""], text, ["é\x00", ""]),
    (blob, [b"7", b"\xff\x00"], anything, [b"7", b"\xff\x00"]),
    (anything, ["7", 7, 7.0], integer, [7, 7, 7]),
    (anything, [7, "x", b"y"], text, ["7", "x", "y"]),
]


@pytest.mark.parametrize(("before", "rows", "after", "wanted"), KEPT)
def test_values_that_come_back_are_converted_and_null_stays_null(
    store_path: Path, before: Field, rows: list[Any], after: Field, wanted: list[Any]
) -> None:
    run(store_path, holding(before, *rows, None), retyping(after))

    assert list(map(repr, xs(store_path))) == list(map(repr, [*wanted, None]))
    assert differences(store_path, holding(after)) == []


def test_using_says_what_becomes_of_values_that_would_not_come_back(store_path: Path) -> None:
    using = retyping(integer, using="CASE WHEN x GLOB '[0-9]*' THEN CAST(x AS INTEGER) + length(id) END")

    run(store_path, holding(text, "007", "abc", None), using)

    assert xs(store_path) == [10, None, None]


def test_fill_comes_after_using_and_after_the_conversion(store_path: Path) -> None:
    using = retyping(IntegerField, using="CASE x WHEN 'abc' THEN NULL ELSE x END", fill=5)
    converted = retyping(TextField, fill="none")

    run(store_path, holding(text, "7", "abc", None), using)
    assert xs(store_path) == [7, 5, 5]

    run(store_path, holding(text, "7", "abc", None), using, converted)
    assert xs(store_path) == ["7", "5", "5"]


def test_fill_does_not_hide_a_value_that_would_not_come_back(store_path: Path) -> None:
    reason = refusal(store_path, holding(text, "007", None), retyping(IntegerField, fill=5))

    assert reason.startswith("1 of 2 values of notes_t.x would not survive as INTEGER")


@pytest.mark.parametrize("using", ["", "nothing", "x, id", "count(*)"])
def test_using_that_is_no_value_of_the_row_is_refused(store_path: Path, using: str) -> None:
    refusal(store_path, holding(text, "a", "b"), retyping(text, using=using))


OLD = ["7", 7, 1.5, "abc", b"7", b"\xff", None, BIG]


MIXED: list[tuple[str, Field]] = [
    *[("", text), ("", integer), ("", real), ("", blob)],
    *[("TEXT", integer), ("TEXT", blob), ("INT", text), ("INT", real), ("INT", blob)],
    *[("VARCHAR(10)", text), ("DATETIME", real), ("BLOB", text), ("BLOB", integer)],
]


@pytest.mark.parametrize(("declared", "after"), MIXED)
def test_mixed_column_of_an_old_table_is_refused_or_keeps_what_it_had(
    store_path: Path, declared: str, after: Field
) -> None:
    make = loosely(declared, *OLD)
    run(store_path, make)
    stored = values(store_path, "SELECT typeof(x), x FROM notes_t ORDER BY id")
    if after is blob:
        run(store_path, make, retyping(after))
        found = [value if value is None else value.decode("latin-1") for value in xs(store_path)]
        assert found == ["7", "7", "1.5", "abc", "7", "\xff", None, str(BIG)]
    else:
        refusal(store_path, make, retyping(after))
        assert values(store_path, "SELECT typeof(x), x FROM notes_t ORDER BY id") == stored


def test_old_table_becomes_strict_in_the_same_rebuild_as_its_column_is_retyped(store_path: Path) -> None:
    def alter(op: Operations) -> None:
        with op.alter_table("t") as t:
            t.set_storage(strict=True)
            t.alter_column("x", IntegerField(null=True))

    run(store_path, loosely("VARCHAR(10)", "7", None, "-3"), alter)

    assert xs(store_path) == [7, None, -3]
    assert differences(store_path, holding(integer)) == []


def test_old_table_does_not_become_strict_with_values_of_other_types(store_path: Path) -> None:
    reason = refusal(store_path, loosely("TEXT", "x", b"\x00"), becoming_strict(True))

    assert "wrong type" in reason
    assert "notes_t.x" in reason


@pytest.mark.parametrize("value", ["007", "7", "1.0", 1.0, "1e3"])
def test_column_of_any_type_is_not_turned_into_numbers_by_a_table_that_is_not_strict(
    store_path: Path, value: object
) -> None:
    reason = refusal(store_path, holding(anything, value, "x"), becoming_strict(False))

    assert reason.startswith("1 of 2 values of notes_t.x would not survive as ANY")


def test_text_that_is_not_utf8_is_copied_byte_for_byte(store_path: Path) -> None:
    def spoil(op: Operations) -> None:
        op.unsafe_sql("UPDATE notes_t SET x = CAST(x'61ff' AS TEXT)")

    def rebuild(op: Operations) -> None:
        op.alter_column("t", "x", TextField(null=True, default="y"))

    run(store_path, holding(text, "a"), spoil, rebuild)

    assert file_rows(store_path, "SELECT typeof(x), hex(x) FROM notes_t") == [("text", "61FF")]
