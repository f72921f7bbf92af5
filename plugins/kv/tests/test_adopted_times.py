from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from stina_core import now
from stina_core.testing import file_rows
from stina_kv import KvRepository

from .old_files import KV, REPAIRS, STATE, adopted, old_file


def test_state_brings_its_times(store_path: Path) -> None:
    old_file(
        store_path, STATE, "INSERT INTO state VALUES ('theme', 'mörk', 1762532514806), ('count', '6', 0)"
    )

    with adopted(store_path) as store:
        entries = store[KvRepository].list()

    assert [(entry.key, entry.value, entry.updated_at) for entry in entries] == [
        ("count", "6", datetime(1970, 1, 1, tzinfo=UTC)),
        ("theme", "mörk", datetime(2025, 11, 7, 16, 21, 54, 806000, UTC)),
    ]


def test_a_time_that_is_none_becomes_the_newest_one_and_is_listed(store_path: Path) -> None:
    old_file(
        store_path,
        STATE,
        "INSERT INTO state VALUES ('a', '1', 1e18), ('b', '2', 'soon'), ('c', '3', 253402300799999), "
        "('d', '4', 253402300800000), ('e', '5', -62135596800000), ('f', '6', 1.5)",
    )

    with adopted(store_path) as store:
        times = {entry.key: entry.updated_at for entry in store[KvRepository].list()}

    assert times["c"] == datetime(9999, 12, 31, 23, 59, 59, 999000, UTC)
    assert times["e"] == datetime(1, 1, 1, tzinfo=UTC)
    assert times["a"] == times["b"] == times["d"] == times["c"]
    assert times["f"] == datetime(1970, 1, 1, 0, 0, 0, 2000, UTC)
    assert [row[:4] for row in file_rows(store_path, REPAIRS)] == [
        ("state", "a", "updatedAt", 10**18),
        ("state", "b", "updatedAt", "soon"),
        ("state", "d", "updatedAt", 253402300800000),
        ("state", "f", "updatedAt", 1.5),
    ]


def test_a_missing_time_becomes_the_newest_one_and_is_listed(store_path: Path) -> None:
    old_file(
        store_path,
        STATE.replace(" NOT NULL", ""),
        "INSERT INTO state VALUES ('a', '1', NULL), ('b', '2', 7), ('c', '3', 5)",
    )

    with adopted(store_path) as store:
        times = {entry.key: entry.updated_at for entry in store[KvRepository].list()}

    assert times["a"] == times["b"] == datetime(1970, 1, 1, 0, 0, 0, 7000, UTC)
    assert file_rows(store_path, REPAIRS) == [
        ("state", "a", "updatedAt", None, "there was no time; the newest one was taken")
    ]


def test_the_older_table_has_no_times_and_gets_the_newest_one_of_the_later_one(store_path: Path) -> None:
    old_file(store_path, KV, STATE, "INSERT INTO kv VALUES ('a', '1')")
    file_rows(store_path, "INSERT INTO state VALUES ('b', '2', 5), ('c', '3', 7), ('d', '4', 6)")

    with adopted(store_path) as store:
        assert store[KvRepository].entry("a").updated_at == store[KvRepository].entry("c").updated_at
    assert file_rows(store_path, REPAIRS) == []


def test_where_the_file_tells_no_time_it_is_that_of_the_adoption(store_path: Path) -> None:
    old_file(store_path, KV, "INSERT INTO kv VALUES ('a', '1'), ('b', '2')")
    before = now()

    with adopted(store_path) as store:
        first, second = store[KvRepository].list()

    assert before <= first.updated_at == second.updated_at <= now()
    assert file_rows(store_path, REPAIRS) == []
