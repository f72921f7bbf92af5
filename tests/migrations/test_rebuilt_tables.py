"""Tables of every kind, as any program may have made them, come through a rebuild."""

from __future__ import annotations

from pathlib import Path

import pytest

from stina_core import IntegerField, Operations, TextField
from stina_core.alterations import Alteration, TableChange
from stina_core.catalog import Column
from stina_core.testing import file_rows

from .changed import assert_sound, made_by, refusal, root_page, run, values


def text_x(op: Operations) -> None:
    op.alter_column("t", "x", TextField(default="d", null=True))


WIDE = ", ".join(f"c{number} INTEGER DEFAULT {number}" for number in range(99))
KINDS: dict[str, tuple[str, ...]] = {
    "no rows": ("CREATE TABLE notes_t (id INTEGER PRIMARY KEY, x TEXT)",),
    "no key": ("CREATE TABLE notes_t (x TEXT)", "INSERT INTO notes_t (rowid, x) VALUES (5, 'a'), (-3, NULL)"),
    "text key and gaps": (
        "CREATE TABLE notes_t (id TEXT PRIMARY KEY, x TEXT)",
        "INSERT INTO notes_t (rowid, id, x) VALUES (9, 'b', 'x'), (2, 'a', ''), (-7, NULL, NULL), (8, NULL, 'n')",
    ),
    "columns called rowid and oid": (
        "CREATE TABLE notes_t (rowid TEXT PRIMARY KEY, oid TEXT, x TEXT)",
        "INSERT INTO notes_t (_rowid_, rowid, oid, x) VALUES (7, 'b', 'o', 'x'), (3, 'a', NULL, '')",
    ),
    "key called rowid beside the other names": (
        "CREATE TABLE notes_t (rowid INTEGER PRIMARY KEY, oid TEXT, _rowid_ TEXT, x TEXT)",
        "INSERT INTO notes_t VALUES (7, 'o', '_', 'x'), (3, NULL, NULL, '')",
    ),
    "WITHOUT ROWID with a key of two columns": (
        "CREATE TABLE notes_t (a TEXT COLLATE NOCASE, b INTEGER, x TEXT, PRIMARY KEY (b DESC, a)) WITHOUT ROWID",
        "INSERT INTO notes_t VALUES ('A', 1, 'x'), ('a', 2, NULL), ('B', 1, '')",
    ),
    "key without regard to case": (
        "CREATE TABLE notes_t (id TEXT COLLATE NOCASE PRIMARY KEY, x TEXT)",
        "INSERT INTO notes_t VALUES ('Ab', 'x'), ('aC', 'X')",
    ),
    "generated columns": (
        (
            "CREATE TABLE notes_t (id INTEGER PRIMARY KEY, x TEXT, v AS (upper(x)), "
            "s TEXT GENERATED ALWAYS AS (x || id) STORED, n AS (typeof(x)))"
        ),
        "INSERT INTO notes_t (x) VALUES ('a'), (NULL)",
    ),
    "AUTOINCREMENT whose newest row is gone": (
        "CREATE TABLE notes_t (id INTEGER PRIMARY KEY AUTOINCREMENT, x TEXT)",
        "INSERT INTO notes_t (x) VALUES ('a'), ('b'), ('c')",
        "DELETE FROM notes_t WHERE id > 1",
    ),
    "AUTOINCREMENT never used": ("CREATE TABLE notes_t (id INTEGER PRIMARY KEY AUTOINCREMENT, x TEXT)",),
    "a hundred columns": (
        f"CREATE TABLE notes_t (x TEXT, {WIDE})",
        "INSERT INTO notes_t (x) VALUES ('a'), (NULL)",
    ),
    "large values": (
        "CREATE TABLE notes_t (id INTEGER PRIMARY KEY, x TEXT, raw BLOB)",
        "INSERT INTO notes_t VALUES (1, printf('%.*c', 3000000, 'ä'), zeroblob(3000000)), (2, '', randomblob(70000))",
    ),
    "self reference": (
        "CREATE TABLE notes_t (id TEXT PRIMARY KEY, x TEXT REFERENCES notes_t ON DELETE CASCADE)",
        "INSERT INTO notes_t VALUES ('a', 'a'), ('b', 'a'), ('c', NULL)",
    ),
    "two tables that point to each other": (
        "CREATE TABLE notes_t (id INTEGER PRIMARY KEY, x TEXT, u INTEGER REFERENCES notes_u (id) ON DELETE CASCADE)",
        "CREATE TABLE notes_u (id INTEGER PRIMARY KEY, t INTEGER REFERENCES notes_t (id) ON DELETE CASCADE)",
        "INSERT INTO notes_t VALUES (1, 'a', 1), (2, 'b', NULL)",
        "INSERT INTO notes_u VALUES (1, 1), (2, 2), (3, 2)",
    ),
    "statistics": (
        "CREATE TABLE notes_t (id TEXT PRIMARY KEY, x TEXT)",
        "CREATE INDEX notes_t__x ON notes_t (x)",
        "INSERT INTO notes_t VALUES ('a', 'x'), ('b', 'x'), ('c', 'y')",
        "ANALYZE",
    ),
    "full-text index of the table's own text": (
        "CREATE TABLE notes_t (id INTEGER PRIMARY KEY, x TEXT)",
        "CREATE VIRTUAL TABLE notes_f USING fts5 (x, content = 'notes_t', content_rowid = 'id')",
        (
            "CREATE TRIGGER notes_i AFTER INSERT ON notes_t "
            "BEGIN INSERT INTO notes_f (rowid, x) VALUES (NEW.id, NEW.x); END"
        ),
        "INSERT INTO notes_t VALUES (3, 'some words'), (8, 'other words')",
    ),
    "conflict clauses": (
        "CREATE TABLE notes_t (id TEXT PRIMARY KEY ON CONFLICT REPLACE, x TEXT, n TEXT UNIQUE ON CONFLICT IGNORE)",
        "INSERT INTO notes_t VALUES ('a', 'x', '1'), ('b', 'y', '2'), (NULL, 'z', NULL), (NULL, NULL, NULL)",
    ),
}


def everything(path: Path) -> dict[str, list[str]]:
    """Every row of every table, with its row id where no column hides it, and what there is beside them."""
    found = {"": values(path, "SELECT type, name, tbl_name FROM sqlite_schema ORDER BY type, name")}
    for (name,) in file_rows(
        path, "SELECT name FROM pragma_table_list WHERE type IN ('table', 'virtual') AND name LIKE 'notes%'"
    ):
        (without,) = file_rows(path, "SELECT wr FROM pragma_table_list WHERE name = ?", (name,))
        number = "" if without[0] else "_rowid_, "
        found[name] = sorted(values(path, f"SELECT {number}* FROM {name}"))
    for name in ("sqlite_sequence", "sqlite_stat1"):
        if file_rows(path, "SELECT 1 FROM sqlite_schema WHERE name = ?", (name,)):
            found[name] = sorted(values(path, f"SELECT * FROM {name}"))
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_rows_row_ids_objects_and_counters_of_the_table_come_along(store_path: Path, kind: str) -> None:
    make = made_by(KINDS[kind])
    run(store_path, make)
    before, page = everything(store_path), root_page(store_path, "notes_t")

    run(store_path, make, text_x)

    assert root_page(store_path, "notes_t") != page
    assert everything(store_path) == before
    assert_sound(store_path)


def test_full_text_index_of_a_rebuilt_table_finds_old_and_new_rows(store_path: Path) -> None:
    run(store_path, made_by(KINDS["full-text index of the table's own text"]), text_x)

    file_rows(store_path, "INSERT INTO notes_t VALUES (9, 'new words')")

    assert file_rows(store_path, "SELECT rowid, x FROM notes_f ('words') ORDER BY rowid") == [
        (3, "some words"),
        (8, "other words"),
        (9, "new words"),
    ]
    assert file_rows(store_path, "INSERT INTO notes_f (notes_f) VALUES ('integrity-check')") == []


@pytest.mark.parametrize("name", ["my table", 'weird"name', "select", "a'b", "[x]", "ÄÖ", "x;y--"])
def test_table_of_any_name_is_rebuilt(store_path: Path, name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'

    def make(op: Operations) -> None:
        op.unsafe_sql(f"CREATE TABLE {quoted} (id INTEGER PRIMARY KEY, x TEXT)")
        op.unsafe_sql(f"CREATE INDEX notes_i ON {quoted} (x)")
        op.unsafe_sql(f"INSERT INTO {quoted} VALUES (4, 'a'), (7, NULL)")

    def rebuild(op: Operations) -> None:
        op._ddl.change_table(
            TableChange(name, alter=[Alteration(Column("x", "text", True, "'d'"))]), lambda: None
        )

    run(store_path, make)
    page = root_page(store_path, name)
    run(store_path, make, rebuild)

    assert root_page(store_path, name) != page
    assert values(store_path, f"SELECT * FROM {quoted}") == ["(4, 'a')", "(7, None)"]
    assert file_rows(store_path, "SELECT tbl_name FROM sqlite_schema WHERE name = 'notes_i'") == [(name,)]


def test_table_that_has_taken_every_name_of_the_row_id_is_refused(store_path: Path) -> None:
    make = made_by(("CREATE TABLE notes_t (rowid TEXT, oid TEXT, _rowid_ TEXT, x TEXT)",))

    assert "rename one first" in refusal(store_path, make, text_x)


def test_computed_columns_follow_what_using_makes_of_their_source(store_path: Path) -> None:
    def alter(op: Operations) -> None:
        op.alter_column("t", "x", TextField(default="d"), using="x || x", fill="none")

    run(store_path, made_by(KINDS["generated columns"]), alter)

    assert values(store_path, "SELECT x, v, s FROM notes_t") == [
        "('aa', 'AA', 'aa1')",
        "('none', 'NONE', 'none2')",
    ]


def test_computed_column_itself_cannot_be_altered(store_path: Path) -> None:
    def alter(op: Operations) -> None:
        op.alter_column("t", "v", TextField())

    reason = refusal(store_path, made_by(KINDS["generated columns"]), alter)

    assert reason == "notes_t.v is computed by SQLite and cannot be altered"


def test_column_is_found_in_whatever_case_another_program_wrote_it(store_path: Path) -> None:
    def alter(op: Operations) -> None:
        with op.alter_table("t") as t:
            t.alter_column("title", TextField(default="d"), using="Title || '!'", fill="none")
            t.alter_column("count", IntegerField(), fill=3)

    make = made_by(
        (
            "CREATE TABLE notes_t (id TEXT PRIMARY KEY, Title TEXT, COUNT TEXT)",
            "INSERT INTO notes_t VALUES ('a', 'x', '1'), ('b', NULL, NULL)",
        )
    )
    run(store_path, make, alter)

    assert values(store_path, "SELECT * FROM notes_t") == ["('a', 'x!', 1)", "('b', 'none', 3)"]
