from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import apsw
import pytest
from hypothesis import given, settings

from stina_core.testing.rows import Taken, edge_rows, put_in, rows_for
from stina_core.testing.tables import Table, tables_of

CASES = {
    "plain": "id TEXT PRIMARY KEY, n INTEGER NOT NULL, r REAL, b BLOB, x ANY) STRICT",
    "enum": "id TEXT PRIMARY KEY, s TEXT NOT NULL CHECK (s IN ('open', 'it''s, (done)')))",
    "boolean": 'id TEXT NOT NULL PRIMARY KEY, done INTEGER NOT NULL CHECK ("done" IN (0, 1))) STRICT',
    "json": "id INTEGER PRIMARY KEY, d TEXT NOT NULL CHECK (json_valid(d))) STRICT",
    "json object": "id INTEGER PRIMARY KEY, d TEXT CHECK (json_valid(d) AND json_type(d) = 'object'))",
    "lengths": "id TEXT PRIMARY KEY CHECK (length(id) = 26), t TEXT NOT NULL CHECK (length(t) BETWEEN 3 AND 5))",
    "length of bytes": "id INTEGER PRIMARY KEY, b BLOB NOT NULL CHECK (length(b) = 32)) STRICT",
    "bounds": "id INTEGER PRIMARY KEY, n INTEGER NOT NULL CHECK (n > 99 AND n < 0x66), r REAL CHECK (r = 0.25))",
    "single row": "id INTEGER PRIMARY KEY CHECK (id = 1), n INTEGER NOT NULL)",
    "pattern": "id TEXT PRIMARY KEY, m TEXT NOT NULL CHECK (m LIKE '%@%'), g TEXT NOT NULL CHECK (g GLOB '[a-z]*'))",
    "never empty": "id TEXT PRIMARY KEY, t TEXT NOT NULL CHECK (trim(t) <> '')) WITHOUT ROWID",
    "two columns": "id TEXT PRIMARY KEY, a_at INTEGER NOT NULL, b_at INTEGER, CHECK (b_at IS NULL OR a_at <= b_at))",
    "unique": "id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT NOT NULL UNIQUE, b INTEGER, UNIQUE (a, b))",
    "computed": "id INTEGER PRIMARY KEY, a TEXT NOT NULL, u TEXT AS (upper(a)) STORED, v TEXT AS (lower(a)))",
    "loose types": 'id VARCHAR(20) PRIMARY KEY, a, b DATETIME, c DOUBLE, [d e] "LONG INT")',
    "composite key": "a TEXT, b INTEGER NOT NULL, PRIMARY KEY (a, b))",
    "itself": "id TEXT PRIMARY KEY, up TEXT NOT NULL REFERENCES notes_a (id) ON DELETE CASCADE)",
    "only a key": "id INTEGER PRIMARY KEY)",
}
"""Tables by what is special in them, without `CREATE TABLE notes_a (`."""


def made(*schema: str) -> apsw.Connection:
    connection = apsw.Connection(":memory:")
    connection.execute("PRAGMA foreign_keys = 1")
    for sql in schema:
        connection.execute(sql)
    return connection


def tables(connection: apsw.Connection) -> list[Table]:
    return tables_of(connection, "notes")


def count(connection: apsw.Connection, table: str) -> int:
    rows: list[Any] = connection.execute(f"SELECT count(*) FROM {table}").fetchall()
    return int(rows[0][0])


@pytest.mark.parametrize("case", CASES)
def test_table_takes_rows_of_both_kinds(case: str) -> None:
    schema = f"CREATE TABLE notes_a ({CASES[case]}"
    connection = made(schema)
    telling, drawn = Taken(), Taken()

    put_in(connection, tables(connection), edge_rows(tables(connection)), telling)

    @settings(max_examples=20, derandomize=True)
    @given(rows_for(tables(connection)))
    def draw(rows: dict[str, Any]) -> None:
        fresh = made(schema)
        put_in(fresh, tables(fresh), rows, drawn)
        assert fresh.execute("PRAGMA foreign_key_check").fetchall() == []

    draw()
    assert telling.rows["notes_a"] == count(connection, "notes_a") > 0
    assert drawn.rows["notes_a"] >= 10, drawn.refusals


def test_parents_come_first_and_children_point_to_them() -> None:
    connection = made(
        "CREATE TABLE notes_a (id TEXT PRIMARY KEY, b INTEGER NOT NULL REFERENCES notes_b ON DELETE CASCADE)",
        "CREATE TABLE notes_b (id INTEGER PRIMARY KEY, t TEXT REFERENCES tags_tag (name))",
        "CREATE TABLE notes_pair (a TEXT, b TEXT, PRIMARY KEY (a, b))",
        "CREATE TABLE notes_of_pair (id INTEGER PRIMARY KEY, x TEXT NOT NULL, y TEXT NOT NULL, "
        "FOREIGN KEY (x, y) REFERENCES notes_pair (a, b))",
        "CREATE TABLE tags_tag (name TEXT PRIMARY KEY)",
        "CREATE TABLE tags_other (name TEXT PRIMARY KEY)",
    )
    taken = Taken()

    put_in(connection, tables(connection), edge_rows(tables(connection)), taken)

    names = [table.name for table in tables(connection)]
    assert sorted(names) == ["notes_a", "notes_b", "notes_of_pair", "notes_pair", "tags_tag"]
    assert names.index("tags_tag") < names.index("notes_b") < names.index("notes_a")
    assert all(taken.rows[name] > 2 for name in names), taken
    assert count(connection, "notes_b WHERE t IS NULL") > 0
    assert count(connection, "notes_b WHERE t IS NOT NULL") > 0


def test_tables_that_point_to_each_other_are_filled_where_one_may_point_to_nothing() -> None:
    connection = made(
        "CREATE TABLE notes_a (id TEXT PRIMARY KEY, b TEXT REFERENCES notes_b (id))",
        "CREATE TABLE notes_b (id TEXT PRIMARY KEY, a TEXT NOT NULL REFERENCES notes_a (id))",
    )
    taken = Taken()

    put_in(connection, tables(connection), edge_rows(tables(connection)), taken)

    assert all(taken.rows[name] for name in ("notes_a", "notes_b")), taken


def test_search_indexes_and_their_inner_tables_are_left_alone() -> None:
    connection = made(
        "CREATE TABLE notes_a (id INTEGER PRIMARY KEY, t TEXT)",
        "CREATE VIRTUAL TABLE notes_search USING fts5 (t, content=notes_a, content_rowid=id)",
    )

    assert [table.name for table in tables(connection)] == ["notes_a"]


def values(connection: apsw.Connection, column: str) -> Sequence[Any]:
    put_in(connection, tables(connection), edge_rows(tables(connection)), Taken())
    return [value for (value,) in connection.execute(f"SELECT {column} FROM notes_a")]


def test_telling_rows_have_null_empty_and_awkward_values() -> None:
    connection = made(
        "CREATE TABLE notes_a (id TEXT PRIMARY KEY, t TEXT, n INTEGER, d TEXT CHECK (json_valid(d)))"
    )

    texts = values(connection, "t")
    numbers = values(connection, "n")
    documents = values(connection, "d")

    assert {None, "", "007", " spaced ", "🍓"} <= set(texts)
    assert {None, 0, -1, (1 << 63) - 1, -(1 << 63)} <= set(numbers)
    assert [] in [json.loads(one) for one in documents if one is not None]


def test_times_are_times() -> None:
    connection = made("CREATE TABLE notes_a (id TEXT PRIMARY KEY, made_at INTEGER NOT NULL)")

    found = values(connection, "made_at")

    assert min(found) == -62_135_596_800_000
    assert max(found) == 253_402_300_799_999


def test_row_that_is_refused_is_left_out_and_the_reason_kept() -> None:
    connection = made("CREATE TABLE notes_a (id TEXT PRIMARY KEY, a INTEGER NOT NULL, CHECK (a = id))")
    taken = Taken()

    put_in(connection, tables(connection), {"notes_a": [{"id": "7", "a": 7}, {"id": "x", "a": 7}]}, taken)

    assert connection.execute("SELECT id, a FROM notes_a").fetchall() == [("7", 7)]
    assert taken.rows == {"notes_a": 1}
    assert taken.refusals == {"notes_a": "CHECK constraint failed: a = id"}
