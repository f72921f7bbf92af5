from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import apsw
import pytest

import stina_kv.plugin
from stina_core import JsonValue, Store, StoreConfig, open_store
from stina_core.testing import file_rows, plugins_of
from stina_kv import KvRepository
from stina_kv.checks import findings

PLUGINS = plugins_of(kv=stina_kv.plugin)
REAL_FILE = Path(__file__).parent / "data" / "108b028-small.db.gz"

KV = "CREATE TABLE kv (key TEXT PRIMARY KEY, value TEXT NOT NULL)"
STATE = 'CREATE TABLE "state" ("key" TEXT PRIMARY KEY, "value" TEXT NOT NULL, "updatedAt" INTEGER NOT NULL)'
REPAIRS = 'SELECT "table", "key", "column", "before", "reason" FROM stina_repair ORDER BY id'


def old_file(path: Path, *statements: str) -> None:
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode = WAL")
    for statement in statements:
        connection.execute(statement)
    connection.close()


def adopted(path: Path) -> Store:
    return open_store(path, StoreConfig(strict=True), plugins=PLUGINS)


def values(store: Store) -> dict[str, JsonValue]:
    return {entry.key: entry.value for entry in store[KvRepository].list()}


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


def test_a_time_that_is_none_becomes_the_time_of_adoption_and_is_listed(store_path: Path) -> None:
    old_file(
        store_path,
        STATE,
        "INSERT INTO state VALUES ('a', '1', 1e18), ('b', '2', 'soon'), ('c', '3', 253402300799999), "
        "('d', '4', 253402300800000), ('e', '5', -62135596800000)",
    )

    with adopted(store_path) as store:
        times = {entry.key: entry.updated_at for entry in store[KvRepository].list()}

    assert times["c"] == datetime(9999, 12, 31, 23, 59, 59, 999000, UTC)
    assert times["e"] == datetime(1, 1, 1, tzinfo=UTC)
    assert times["a"] == times["b"] == times["d"]
    assert [row[:4] for row in file_rows(store_path, REPAIRS)] == [
        ("state", "a", "updatedAt", 10**18),
        ("state", "b", "updatedAt", "soon"),
        ("state", "d", "updatedAt", 253402300800000),
    ]


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
        ("kv", "theme", "value", "light", reason),
        ("kv", "counter", "value", "NaN", reason),
    ]


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
    assert [row[:4] for row in file_rows(store_path, REPAIRS)] == [
        ("kv", None, "value", "a"),
        ("kv", None, "value", "b"),
        ("kv", "", "value", "c"),
        ("kv", long, "value", "d"),
        ("kv", b"k", "value", "e"),
        ("kv", "line\nbreak", "value", "f"),
        ("kv", "k\x00", "value", "g"),
    ]


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
        ("kv", "k\ufffd", "value", "y"),
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
    ["CREATE TABLE kv (k TEXT, v TEXT)", "CREATE TABLE kv (key TEXT)", "CREATE TABLE kv (value TEXT, other)"],
)
def test_another_programs_table_of_that_name_is_left_alone(store_path: Path, table: str) -> None:
    old_file(store_path, table, "INSERT INTO kv DEFAULT VALUES")

    with adopted(store_path) as store:
        assert values(store) == {}
    assert file_rows(store_path, REPAIRS) == []


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

    assert tables(store_path) == before
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
        "0002_adopt": "d55059a3dc1236b3",
    }
