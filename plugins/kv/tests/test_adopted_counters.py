from __future__ import annotations

from pathlib import Path

import pytest

from stina_core.testing import file_rows
from stina_kv import KvRepository

from .old_files import KV, REPAIRS, adopted, old_file


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("-3", -3),
        ("+5", 5),
        ("007", 7),
        (" \n\u00a0\ufeff12\u2028", 12),
        ("5.", 5),
        ("5.0", 5),
        ("1e3", 1000),
        ("1.5e1", 15),
        ("-0", 0),
        ("0x1F", 31),
        ("0b101", 5),
        ("0O17", 15),
        ("9007199254740993", 9007199254740993),
        ("9223372036854775807", (1 << 63) - 1),
        ("-9223372036854775808", -(1 << 63)),
        ("0" * 200 + "4", 4),
    ],
)
def test_a_whole_counter_is_read_as_javascript_would(store_path: Path, text: str, number: int) -> None:
    old_file(store_path, KV, f"INSERT INTO kv VALUES ('counter', '{text}')")

    with adopted(store_path) as store:
        assert store[KvRepository].get("counter") == number
    assert file_rows(store_path, REPAIRS) == []


@pytest.mark.parametrize(
    ("text", "number", "reason"),
    [
        ("NaN", 0, "no number"),
        ("abc", 0, "no number"),
        ("Infinity", 0, "no number"),
        ("-Infinity", 0, "no number"),
        ("nan", 0, "no number"),
        ("", 0, "no number"),
        ("  ", 0, "no number"),
        ("1_000", 0, "no number"),
        ("٣", 0, "no number"),
        ("-0x10", 0, "no number"),
        ("12px", 0, "no number"),
        ("2.75", 2, "fraction"),
        ("-2.75", -2, "fraction"),
        (".5", 0, "fraction"),
        ("1e400", 0, "64 bits"),
        ("1e19", 0, "64 bits"),
        ("9223372036854775808", 0, "64 bits"),
        ("-9223372036854775809", 0, "64 bits"),
        ("9" * 5000, 0, "64 bits"),
        ("1e999999999", 0, "64 bits"),
        ("0x" + "f" * 5000, 0, "64 bits"),
    ],
)
def test_any_other_counter_becomes_a_number_and_is_listed(
    store_path: Path, text: str, number: int, reason: str
) -> None:
    old_file(store_path, KV, f"INSERT INTO kv VALUES ('counter', '{text}')")

    with adopted(store_path) as store:
        assert store[KvRepository].get("counter") == number
    [repair] = file_rows(store_path, REPAIRS)
    assert repair[:4] == ("kv", "counter", "value", text)
    assert reason in repair[4]


@pytest.mark.parametrize(
    ("value", "number", "reason"),
    [
        ("x'3536'", 56, "bytes became text"),
        ("CAST(x'35ff' AS TEXT)", 0, "the counter was no number and starts at 0"),
        ("NULL", 0, "the counter was no number and starts at 0"),
        ("9e999", 0, "the counter was no number and starts at 0"),
        ("2.5", 2, "the fraction of the counter was cut off"),
    ],
)
def test_a_counter_that_is_no_text_becomes_a_number_and_is_listed_with_what_it_was(
    store_path: Path, value: str, number: int, reason: str
) -> None:
    old_file(store_path, "CREATE TABLE kv (key TEXT, value)", f"INSERT INTO kv VALUES ('counter', {value})")
    [(before,)] = file_rows(
        store_path, "SELECT iif(typeof(value) = 'text', CAST(value AS BLOB), value) FROM kv"
    )

    with adopted(store_path) as store:
        assert store[KvRepository].get("counter") == number
    assert ("kv", "counter", "value", before, reason) in file_rows(store_path, REPAIRS)
