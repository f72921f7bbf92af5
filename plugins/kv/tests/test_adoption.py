from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from stina_core.testing import file_rows
from stina_kv import KvRepository
from stina_kv.checks import findings

from .old_files import KV, PLUGINS, REPAIRS, STATE, adopted, left_out, old_file, values

REAL_FILE = Path(__file__).parent / "data" / "108b028-small.db.gz"


def tables(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table of the original app, texts as their bytes."""
    found = {}
    for (name,) in file_rows(
        path,
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'stina_%' AND name <> 'kv_entry'",
    ):
        columns = [row[0] for row in file_rows(path, "SELECT name FROM pragma_table_info(?)", (name,))]
        parts = ", ".join(f'typeof("{column}"), CAST("{column}" AS BLOB)' for column in columns)
        found[name] = file_rows(path, f'SELECT {parts} FROM "{name}" ORDER BY rowid')
    return found


def test_a_new_file_starts_empty_and_nothing_is_repaired(store_path: Path) -> None:
    with adopted(store_path) as store:
        assert values(store) == {}
        assert [step.id for step in store.outcome.applied if step.plugin == "kv"] == [
            "0001_initial",
            "0002_adopt",
        ]
        assert file_rows(store_path, REPAIRS) == []


def test_kv_rows_become_text_and_the_counter_an_integer(store_path: Path) -> None:
    old_file(
        store_path,
        KV,
        "INSERT INTO kv VALUES ('counter', '56'), ('conversation_id', 'conv_mi_9ms'), ('json', '{\"a\":1}'), "
        "('empty', ''), ('quotes', '\"\\ '' 🍓'), ('number', '7'), ('nul', CAST(x'610062' AS TEXT))",
    )

    with adopted(store_path) as store:
        assert values(store) == {
            "conversation_id": "conv_mi_9ms",
            "counter": 56,
            "empty": "",
            "json": '{"a":1}',
            "nul": "a\x00b",
            "number": "7",
            "quotes": "\"\\ ' 🍓",
        }
        assert store[KvRepository].increment("counter") == 57
    assert file_rows(store_path, REPAIRS) == []


def test_state_wins_over_kv_and_the_other_value_is_listed(store_path: Path) -> None:
    old_file(
        store_path,
        KV,
        STATE,
        "INSERT INTO kv VALUES ('theme', 'light'), ('same', 'x'), ('only_kv', '1'), ('counter', 'NaN')",
        "INSERT INTO state VALUES ('theme', 'dark', 5), ('same', 'x', 5), ('only_state', '2', 5), ('counter', '7', 5)",
    )

    with adopted(store_path) as store:
        assert values(store) == {
            "counter": 7,
            "only_kv": "1",
            "only_state": "2",
            "same": "x",
            "theme": "dark",
        }
    reason = "the row was left out: the value of this key in state was taken"
    assert file_rows(store_path, REPAIRS) == [
        ("kv", "theme", "*", '{"key": "theme", "value": "light"}', reason),
        ("kv", "counter", "*", '{"key": "counter", "value": "NaN"}', reason),
    ]


def test_an_equal_value_in_both_tables_is_listed_in_each_where_it_was_changed(store_path: Path) -> None:
    old_file(
        store_path,
        KV.replace(" NOT NULL", ""),
        STATE.replace('"value" TEXT NOT NULL', '"value" TEXT'),
        "INSERT INTO kv VALUES ('counter', 'NaN'), ('null', NULL), ('same', 'x')",
        "INSERT INTO state VALUES ('counter', 'NaN', 5), ('null', NULL, 5), ('same', 'x', 5)",
    )

    with adopted(store_path) as store:
        assert values(store) == {"counter": 0, "null": None, "same": "x"}
    assert [row[:4] for row in file_rows(store_path, REPAIRS)] == [
        ("state", "counter", "value", "NaN"),
        ("state", "null", "value", None),
        ("kv", "counter", "value", "NaN"),
        ("kv", "null", "value", None),
    ]


def test_rows_without_a_usable_key_are_left_out_and_listed(store_path: Path) -> None:
    long = "k" * 513
    old_file(
        store_path,
        KV,
        f"INSERT INTO kv VALUES (NULL, 'a'), (NULL, 'b'), ('', 'c'), ('{long}', 'd'), (x'6b', 'e'), "
        "('line' || char(10) || 'break', 'f'), (CAST(x'6b00' AS TEXT), 'g'), ('good', 'h')",
    )

    with adopted(store_path) as store:
        assert values(store) == {"good": "h"}
    assert left_out(store_path, "kv") == [
        {"key": None, "value": "a"},
        {"key": None, "value": "b"},
        {"key": "", "value": "c"},
        {"key": long, "value": "d"},
        {"key": {"$hex": "6b"}, "value": "e"},
        {"key": "line\nbreak", "value": "f"},
        {"key": "k\x00", "value": "g"},
    ]
    assert [row[4] for row in file_rows(store_path, REPAIRS)] == [
        "the row was left out: its key is no text",
        "the row was left out: its key is no text",
        "the row was left out: its key is empty, too long or has a control character",
        "the row was left out: its key is empty, too long or has a control character",
        "the row was left out: its key is no text",
        "the row was left out: its key is empty, too long or has a control character",
        "the row was left out: its key is empty, too long or has a control character",
    ]


def test_numbers_and_bytes_are_no_keys_also_where_the_bytes_are_no_text(store_path: Path) -> None:
    old_file(
        store_path,
        "CREATE TABLE kv (key, value TEXT)",
        "INSERT INTO kv VALUES (5, 'a'), (1.5, 'b'), (x'ff', 'c'), ('5', 'd')",
    )

    with adopted(store_path) as store:
        assert values(store) == {"5": "d"}
    assert [row["key"] for row in left_out(store_path, "kv")] == [5, 1.5, {"$hex": "ff"}]


def test_text_that_is_not_utf8_is_repaired_and_listed_with_its_bytes(store_path: Path) -> None:
    old_file(
        store_path,
        KV,
        "INSERT INTO kv VALUES ('cut', CAST(x'6162eda0bd' AS TEXT)), ('bytes', CAST(x'61ff' AS TEXT)), "
        "('joined', CAST(x'eda0bcedbd93' AS TEXT)), (CAST(x'6bff' AS TEXT), 'x'), (CAST(x'6bfe' AS TEXT), 'y')",
    )

    with adopted(store_path) as store:
        assert values(store) == {"cut": "ab\ufffd", "bytes": "a\ufffd", "joined": "🍓", "k\ufffd": "x"}
        assert findings(store) == []
    assert [row[:4] for row in file_rows(store_path, REPAIRS)] == [
        ("kv", "cut", "value", b"ab\xed\xa0\xbd"),
        ("kv", "bytes", "value", b"a\xff"),
        ("kv", "joined", "value", b"\xed\xa0\xbc\xed\xbd\x93"),
        ("kv", "k\ufffd", "key", b"k\xff"),
        ("kv", "k\ufffd", "key", b"k\xfe"),
        ("kv", "k\ufffd", "*", '{"key": {"$hex": "6bfe"}, "value": "y"}'),
    ]


def test_values_that_are_no_text_become_text_and_are_listed(store_path: Path) -> None:
    old_file(
        store_path,
        "CREATE TABLE kv (key TEXT PRIMARY KEY, value)",
        "INSERT INTO kv VALUES ('bytes', x'c3a5ff'), ('integer', 12), ('real', 1.5), ('null', NULL), "
        "('counter', 3.0)",
    )

    with adopted(store_path) as store:
        assert values(store) == {
            "bytes": "å\ufffd",
            "counter": 3,
            "integer": "12",
            "null": None,
            "real": "1.5",
        }
    assert [(row[1], row[3]) for row in file_rows(store_path, REPAIRS)] == [
        ("bytes", b"\xc3\xa5\xff"),
        ("integer", 12),
        ("real", 1.5),
        ("null", None),
    ]


@pytest.mark.parametrize(
    "table",
    [
        "CREATE TABLE kv (k TEXT, v TEXT)",
        "CREATE TABLE kv (key TEXT)",
        "CREATE TABLE kv (value TEXT, other)",
        "CREATE TABLE state (key TEXT, value TEXT)",
        "CREATE VIEW kv AS SELECT 1 AS key, 2 AS value",
    ],
)
def test_another_programs_table_of_that_name_is_left_alone(store_path: Path, table: str) -> None:
    old_file(store_path, table)
    if "VIEW" not in table:
        file_rows(store_path, f"INSERT INTO {table.split()[2]} DEFAULT VALUES")
    schema = "SELECT name, sql FROM sqlite_schema WHERE name IN ('kv', 'state')"
    before = file_rows(store_path, schema)

    with adopted(store_path) as store:
        assert values(store) == {}
    assert file_rows(store_path, REPAIRS) == []
    assert file_rows(store_path, schema) == before
    assert file_rows(store_path, f"SELECT count(*) FROM {before[0][0]}") == [(1,)]


def test_what_another_program_added_to_the_tables_is_listed(store_path: Path) -> None:
    old_file(
        store_path,
        "CREATE TABLE kv (key TEXT, value TEXT, extra)",
        "CREATE TABLE state (key TEXT, value TEXT, updatedAt INTEGER, extra)",
        "INSERT INTO kv VALUES ('a', 'x', 1), ('b', 'x', NULL), ('c', 'x', x'00'), ('d', 'x', NULL)",
        "INSERT INTO state VALUES ('c', 'x', 5, 'more'), ('d', 'x', 5, NULL)",
    )

    with adopted(store_path) as store:
        assert values(store) == dict.fromkeys("abcd", "x")
    assert [row[:4] for row in file_rows(store_path, REPAIRS)] == [
        ("state", "c", "extra", "more"),
        ("kv", "a", "extra", 1),
        ("kv", "c", "*", '{"key": "c", "value": "x", "extra": {"$hex": "00"}}'),
    ]


def test_a_value_larger_than_the_limit_is_kept_and_reported(store_path: Path) -> None:
    old_file(store_path, KV, "INSERT INTO kv VALUES ('big', printf('%.*c', 1100000, 'x'))")

    with adopted(store_path) as store:
        assert store[KvRepository].get("big") == "x" * 1_100_000
        [finding] = findings(store)

    assert finding.severity == "warning"
    assert "'big' can be read but not written again" in finding.message


def test_a_real_old_file_is_adopted_backed_up_and_otherwise_left_as_it_was(store_path: Path) -> None:
    store_path.write_bytes(gzip.decompress(REAL_FILE.read_bytes()))
    before = tables(store_path)

    with adopted(store_path) as store:
        assert values(store) == {"conversation_id": "conv_mhoo1bbq_jld3telx", "counter": 7}
        backup = store.outcome.backup

    assert tables(store_path) == {name: rows for name, rows in before.items() if name != "kv"}
    assert len(before) == 6
    assert {"interactions", "interaction_messages", "kv", "memories", "todos"} < before.keys()
    assert file_rows(store_path, REPAIRS) == []
    assert backup is not None
    assert backup.path.parent == store_path.parent / "backups"
    assert tables(backup.path) == before
    assert file_rows(backup.path, "PRAGMA integrity_check") == [("ok",)]
    assert (
        file_rows(backup.path, "SELECT 1 FROM sqlite_schema WHERE name LIKE 'stina_%' OR name = 'kv_entry'")
        == []
    )


def test_a_second_start_changes_nothing(store_path: Path) -> None:
    store_path.write_bytes(gzip.decompress(REAL_FILE.read_bytes()))
    with adopted(store_path) as store:
        store[KvRepository].set("conversation_id", "conv_new")
        store[KvRepository].delete("counter")
    backups = sorted((store_path.parent / "backups").iterdir())
    content = store_path.read_bytes()

    with adopted(store_path) as store:
        assert store.outcome.applied == []
        assert store.outcome.backup is None
        assert values(store) == {"conversation_id": "conv_new"}

    assert sorted((store_path.parent / "backups").iterdir()) == backups
    assert store_path.read_bytes() == content


def test_the_steps_are_those_that_were_released() -> None:
    steps = PLUGINS["kv"].steps

    assert {step.id: step.checksum for step in steps} == {
        "0001_initial": "2dbd2743fbdb5587",
        "0002_adopt": "b11c30c9a0b5957e",
    }
