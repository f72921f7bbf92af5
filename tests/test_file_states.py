from __future__ import annotations

from pathlib import Path

import pytest

from stina_core.testing.explaining import explained
from stina_core.testing.states import State, difference, opened, owner, owner_of, read


def made(path: Path, *statements: str) -> State:
    """Return the state of the file at *path*, made by *statements*."""
    with opened(path) as connection:
        for sql in statements:
            connection.execute(sql)
    return read(path)


NOTE = "CREATE TABLE notes_note (id ANY PRIMARY KEY, title ANY) STRICT"


@pytest.mark.parametrize(
    ("one", "other"),
    [("1", "'1'"), ("1", "1.0"), ("'a'", "x'61'"), ("NULL", "''"), ("'a\u030a'", "'å'"), ("'a'", "'A'")],
)
def test_values_are_the_same_only_with_their_type_and_every_byte(
    tmp_path: Path, one: str, other: str
) -> None:
    first = made(tmp_path / "1.db", NOTE, f"INSERT INTO notes_note VALUES (1, {one})")
    same = made(tmp_path / "2.db", NOTE, f"INSERT INTO notes_note VALUES (1, {one})")
    second = made(tmp_path / "3.db", NOTE, f"INSERT INTO notes_note VALUES (1, {other})")

    assert difference(first, same) == ""
    assert "notes_note lacks 1 rows" in difference(first, second)
    assert "notes_note should not have 1 rows" in difference(first, second)


def test_order_of_rows_and_columns_and_layout_of_the_schema_do_not_count(tmp_path: Path) -> None:
    first = made(tmp_path / "1.db", NOTE, "INSERT INTO notes_note VALUES (1, 'a'), (2, 'b')")
    second = made(
        tmp_path / "2.db",
        'CREATE TABLE "notes_note" (title ANY, -- first\n id ANY PRIMARY KEY) STRICT',
        "INSERT INTO notes_note VALUES ('b', 2), ('a', 1)",
    )

    assert difference(first, second) == ""


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("CREATE INDEX notes_i ON notes_note (title)", "index notes_i should not be there"),
        ("ALTER TABLE notes_note ADD COLUMN due ANY", "table notes_note should be"),
        (
            "CREATE TRIGGER notes_t AFTER INSERT ON notes_note BEGIN SELECT 1; END",
            "trigger notes_t should not",
        ),
        ("CREATE VIEW notes_v AS SELECT 1", "view notes_v should not be there"),
        ("CREATE VIRTUAL TABLE notes_f USING fts5 (t)", "virtual table notes_f should not be there"),
        ("DROP TABLE notes_note", "table notes_note is missing"),
    ],
)
def test_every_object_of_the_schema_counts(tmp_path: Path, sql: str, said: str) -> None:
    assert said in difference(made(tmp_path / "1.db", NOTE), made(tmp_path / "2.db", NOTE, sql))


def test_text_that_is_not_utf8_is_read_too(tmp_path: Path) -> None:
    file = made(tmp_path / "1.db", NOTE, "INSERT INTO notes_note VALUES (1, CAST(x'ff00' AS TEXT))")

    assert r"title = b'\xff\x00'" in difference(file, State(file.objects))


def test_only_the_owners_asked_for_are_compared(tmp_path: Path) -> None:
    ledger = "CREATE TABLE stina_ledger (plugin TEXT, id TEXT)"
    first = made(tmp_path / "1.db", ledger, "INSERT INTO stina_ledger VALUES ('notes', 'a'), ('kv', 'b')")
    second = made(tmp_path / "2.db", ledger, "INSERT INTO stina_ledger VALUES ('notes', 'a')")

    assert difference(first, second, {"notes", "stina"}) == ""
    assert "stina_ledger lacks 1 rows" in difference(first, second, {"kv"})
    assert first.owners == {"notes", "kv", "stina"}


def test_owner_is_the_prefix_and_of_the_cores_notes_whom_they_are_about() -> None:
    assert (owner("notes_note"), owner("state")) == ("notes", "")
    assert owner_of("notes_note", (("plugin", "text", b"kv"),)) == "notes"
    assert owner_of("stina_repair", (("plugin", "text", b"kv"), ("table", "text", b"state"))) == "kv"
    assert owner_of("stina_change", (("table", "text", b"kv_entry"),)) == "kv"
    assert owner_of("stina_cursor", (("plugin", "null", None),)) == "stina"
    assert owner_of("sqlite_sequence", (("name", "text", b"kv_entry"),)) == "kv"


def test_columns_that_vary_are_left_out(tmp_path: Path) -> None:
    made(tmp_path / "1.db", NOTE, "INSERT INTO notes_note VALUES (1, 'a')")
    made(tmp_path / "2.db", NOTE, "INSERT INTO notes_note VALUES (1, 'b')")

    first, second = (read(tmp_path / name, {"notes_note.title"}) for name in ("1.db", "2.db"))

    assert difference(first, second) == ""


TAGS = "CREATE TABLE notes_tag (note ANY, name ANY) STRICT"


def test_columns_that_may_just_vary_are_named(tmp_path: Path) -> None:
    def tagged(id: int) -> State:
        rows = f"INSERT INTO notes_note VALUES ({id}, 'a')", f"INSERT INTO notes_tag VALUES ({id}, 'red')"
        return made(tmp_path / f"{id}.db", NOTE, TAGS, *rows)

    first, second = tagged(1), tagged(2)

    assert explained(first, second, "notes").endswith("write varying = {'note.id', 'tag.note'}")
    assert explained(first, second, "kv") == difference(first, second)
    assert explained(first, first, "notes") == ""


@pytest.mark.parametrize("rows", ["(1, 'a')", "(1, 'b'), (2, 'a')"])
def test_rows_that_are_fewer_or_mixed_up_do_not_just_vary(tmp_path: Path, rows: str) -> None:
    first = made(tmp_path / "1.db", NOTE, "INSERT INTO notes_note VALUES (1, 'a'), (2, 'b')")
    second = made(tmp_path / "2.db", NOTE, f"INSERT INTO notes_note VALUES {rows}")

    assert explained(first, second, "notes") == difference(first, second) != ""


def test_file_that_is_not_there_is_empty_and_not_made(tmp_path: Path) -> None:
    assert read(tmp_path / "none.db") == State()
    assert list(tmp_path.iterdir()) == []


def test_row_that_points_to_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"foreign_key_check of 1\.db found"):
        made(
            tmp_path / "1.db",
            "CREATE TABLE notes_a (id TEXT PRIMARY KEY)",
            "CREATE TABLE notes_b (a TEXT REFERENCES notes_a)",
            "PRAGMA foreign_keys = 0",
            "INSERT INTO notes_b VALUES ('nobody')",
        )


def test_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "1.db"
    made(path, NOTE, "CREATE INDEX notes_i ON notes_note (title)", "INSERT INTO notes_note VALUES (1, 'a')")
    with opened(path) as connection:
        roots = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'notes_i'").fetchall()
    page, size = int(str(roots[0][0])), 4096
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(bytes([10, 0, 0, 0, 0]) + size.to_bytes(2) + b"\0")  # an index without entries

    with pytest.raises(AssertionError, match=r"integrity_check of 1\.db found .*missing from index notes_i"):
        read(path)
