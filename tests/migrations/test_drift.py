"""What a file has and models do not want, or the other way round, is reported: all of it, and nothing else.

`python -m bench.drift` tries the same 33 cases on playhouse too.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import apsw
import pytest

from bench.drift import OURS, PLAYHOUSE, Verdict, ours, outcome
from bench.drift_cases import CASES, Case, Folder, Note, Tag
from stina_core import IdField, Index, Model, TextField
from stina_core.backends.sqlite.ddl_text import schema_sql
from stina_core.backends.sqlite.snapshot import shapes, snapshot
from stina_core.migrations.drift import Difference, Kind, compare, harmful, of_plugin
from stina_core.shapes import Shapes
from stina_core.testing import file_rows

from ..declarations import declared, making, opened, stepping

QUIET = ["no change", "same with other quoting, spacing, comments", "python default only", "same FK"]

PLAYHOUSE_SEES = {
    *QUIET,
    *("new table", "unique column", "index only in the file", "renamed column", "added", "dropped"),
    *("partial index missing", "SQL index missing"),
}

each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)

NOTE = "CREATE TABLE notes_note (id TEXT NOT NULL, title TEXT NOT NULL{}, PRIMARY KEY (id){}) STRICT"


def wanted(*models: type[Model]) -> Shapes:
    """Return the schema that *models* want."""
    return shapes([made for table in declared(*models).tables for made in schema_sql(table)])


def found(*statements: str) -> Shapes:
    """Return the schema of a file in which *statements* were run."""
    connection = apsw.Connection(":memory:")
    for statement in statements:
        connection.execute(statement).fetchall()
    return snapshot(connection)


def brief(differences: Sequence[Difference]) -> list[tuple[str, str, str]]:
    return [(str(one.kind), one.what, one.name) for one in differences]


def note(column: str = "", *constraints: str) -> str:
    """Return the DDL of the table of `small_note()`, with more of it."""
    return NOTE.format(column, "".join(f", {constraint}" for constraint in constraints))


def small_note() -> type[Model]:
    class Note(Model):
        id = IdField()
        title = TextField()

    return Note


def test_list_has_33_cases_of_different_names() -> None:
    assert len(CASES) == len({case.name for case in CASES}) == 33
    assert [case.name for case in CASES if not case.differences] == QUIET


@each_case
def test_case_is_reported_exactly(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "case.db"
    case.make(path)

    judged = ours(case, path)

    assert judged.verdict is Verdict.RIGHT, judged.reported
    assert file_rows(path, "PRAGMA integrity_check") == [("ok",)]


def test_same_schema_is_written_in_no_way_like_ours(tmp_path: Path) -> None:
    plain, same = (case for case in CASES if case.name in QUIET[:2])
    texts = []
    for case in (plain, same):
        case.make(tmp_path / case.name)
        texts.append(
            set(file_rows(tmp_path / case.name, "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL"))
        )
    shadows = {sql for sql in texts[0] & texts[1] if "notes_note_search_" in sql[0]}

    assert len(texts[0]) == len(texts[1])
    assert texts[0] & texts[1] == shadows


@each_case
def test_comparison_that_sees_nothing_is_found_out(case: Case, tmp_path: Path) -> None:
    case.make(tmp_path / "case.db")

    judged = ours(case, tmp_path / "case.db", lambda wanted, found: [])

    assert judged.verdict is (Verdict.RIGHT if case.name in QUIET else Verdict.MISSED)


@each_case
def test_comparison_that_makes_things_up_is_found_out(case: Case, tmp_path: Path) -> None:
    case.make(tmp_path / "case.db")
    made_up = Difference(Kind.EXTRA, "notes_note", "index", "notes_note__rank")

    judged = ours(case, tmp_path / "case.db", lambda wanted, found: [*compare(wanted, found), made_up])

    assert judged.verdict is Verdict.FALSE_ALARM


def test_playhouse_sees_neither_more_nor_less_than_it_is_known_to() -> None:
    assert {
        case.name for case in CASES if outcome(case, PLAYHOUSE).verdict is Verdict.RIGHT
    } == PLAYHOUSE_SEES


def test_edit_of_a_text_that_is_not_there_is_refused(tmp_path: Path) -> None:
    case = Case("odd", edits=(("TEXT NOT NULL", "TEXT"),))

    with pytest.raises(ValueError, match="too many values"):
        case.make(tmp_path / "case.db")


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("mood TEXT", Kind.EXTRA),
        ("mood TEXT NOT NULL DEFAULT 'fine'", Kind.EXTRA),
        ("mood TEXT NOT NULL DEFAULT (lower('FINE'))", Kind.EXTRA),
        ("mood TEXT NOT NULL AS (title)", Kind.EXTRA),
        ("mood TEXT NOT NULL", Kind.DIFFERENT),
        ("mood TEXT NOT NULL DEFAULT NULL", Kind.DIFFERENT),
    ],
)
def test_extra_column_matters_if_rows_cannot_be_written_without_it(column: str, kind: Kind) -> None:
    file = note().replace(", PRIMARY", f", {column}, PRIMARY")
    connection = apsw.Connection(":memory:")
    connection.execute(file).fetchall()

    differences = compare(wanted(small_note()), snapshot(connection))

    assert brief(differences) == [(kind, "column", "notes_note.mood")]
    assert bool(harmful(differences)) is (kind is Kind.DIFFERENT)
    insert = "INSERT INTO notes_note (id, title) VALUES ('1', 'x')"
    if kind is Kind.EXTRA:
        connection.execute(insert).fetchall()
    else:
        with pytest.raises(apsw.ConstraintError, match="NOT NULL"):
            connection.execute(insert).fetchall()


def test_names_and_places_of_checks_do_not_count() -> None:
    class Note(Model):
        id = IdField()
        title = TextField(max_length=9)

    for file in (
        note(" CHECK (length(title) <= 9)"),
        note(" CONSTRAINT other CHECK (length(title) <= 9)"),
        note("", "CHECK (length(title) <= 9)"),
        note("", "CONSTRAINT [x y] CHECK (((length(title) <= 9)))", "CHECK (length(title) <= 9)"),
    ):
        assert compare(wanted(Note), found(file)) == []


def test_order_of_columns_does_not_count() -> None:
    file = "CREATE TABLE notes_note (title TEXT NOT NULL, id TEXT PRIMARY KEY NOT NULL) STRICT"

    assert compare(wanted(small_note()), found(file)) == []


def test_order_of_a_key_does_count() -> None:
    file = "CREATE TABLE {} (a TEXT NOT NULL, b TEXT NOT NULL, PRIMARY KEY ({})) STRICT"

    differences = compare(found(file.format("t", "a, b")), found(file.format("t", "b, a")))

    assert brief(differences) == [("different", "primary key", "t")]


def test_letter_case_of_names_does_not_count() -> None:
    class Note(Model):
        id = IdField()
        title = TextField(index=True, collation="NOCASE")

        class Meta:
            indexes = (Index("lower(title)", where="title <> 'X'", name="low"),)

    file = found(
        "CREATE TABLE Notes_NOTE (ID Text NOT NULL, TITLE text NOT NULL COLLATE NoCase, PRIMARY KEY (Id)) STRICT",
        "CREATE INDEX Notes_Note__Title ON NOTES_NOTE (Title)",
        "CREATE INDEX NOTES_NOTE__LOW ON notes_note (LOWER(TITLE)) WHERE Title <> 'X'",
    )

    assert compare(wanted(Note), file) == []
    assert compare(wanted(Note), of_plugin("notes", file)) == []


def test_letter_case_of_a_text_does_count() -> None:
    one, other = (found(note("", f"CHECK (title <> '{text}')")) for text in ("open", "Open"))

    assert brief(compare(one, other)) == [("different", "check", "notes_note")] * 2


def test_unique_in_the_table_is_no_unique_index() -> None:
    class Note(Model):
        id = IdField()
        title = TextField(unique=True)

    index = ("missing", "index", "notes_note__title")

    assert (
        compare(wanted(Note), found(note(), "CREATE UNIQUE INDEX notes_note__title ON notes_note (title)"))
        == []
    )
    for file in (note(" UNIQUE"), note("", "UNIQUE (title)")):
        assert brief(compare(wanted(Note), found(file))) == [index, ("different", "unique", "notes_note")]


def test_unique_is_the_same_at_the_column_and_at_the_table() -> None:
    assert compare(found(note(" UNIQUE")), found(note("", "CONSTRAINT one UNIQUE ([title] ASC)"))) == []


def test_foreign_key_to_a_table_is_one_to_its_key() -> None:
    parent = "CREATE TABLE p (a TEXT, b TEXT, PRIMARY KEY (a, b))"
    child = "CREATE TABLE c (x TEXT, y TEXT, FOREIGN KEY (x, y) REFERENCES p{})"

    assert compare(found(parent, child.format("(a, b)")), found(child.format(""), parent)) == []
    assert (
        brief(compare(found(parent, child.format("(b, a)")), found(parent, child.format(""))))
        == [("different", "foreign key", "c")] * 2
    )


def test_tables_inside_a_full_text_index_are_never_reported() -> None:
    search = "CREATE VIRTUAL TABLE notes_find USING fts5 (title)"

    differences = compare(wanted(small_note()), of_plugin("notes", found(note(), search)))

    assert brief(differences) == [("extra", "full-text index", "notes_find")]


def test_full_text_index_with_other_options_is_reported() -> None:
    one, other = (
        found(f"CREATE VIRTUAL TABLE notes_find USING fts5 (title, tokenize = '{how}')")
        for how in ("unicode61", "porter")
    )

    assert brief(compare(one, other)) == [("different", "full-text index", "notes_find")]


def test_objects_of_others_are_kept_out() -> None:
    file = found(
        note(),
        "CREATE TABLE note (id TEXT)",
        "CREATE TABLE notesy_note (id TEXT)",
        "CREATE TABLE tasks_task (id TEXT REFERENCES notes_note)",
        "CREATE INDEX tasks_task__id ON tasks_task (id)",
        "CREATE VIRTUAL TABLE tasks_find USING fts5 (id)",
        "CREATE VIEW tasks_notes AS SELECT * FROM notes_note",
        "CREATE TRIGGER tasks_new AFTER INSERT ON tasks_task BEGIN DELETE FROM notes_note; END",
        "CREATE TRIGGER stina_capture_notes AFTER INSERT ON notes_note BEGIN SELECT 1; END",
    )

    assert compare(wanted(small_note()), of_plugin("notes", file)) == []
    assert len(compare(wanted(small_note()), file)) == 8


def test_what_others_hang_on_a_table_is_its_plugins_concern() -> None:
    file = found(
        note(),
        "CREATE TRIGGER tasks_new AFTER INSERT ON notes_note BEGIN SELECT 1; END",
        "CREATE INDEX by_title ON notes_note (title)",
    )

    assert brief(compare(wanted(small_note()), of_plugin("notes", file))) == [
        ("extra", "index", "by_title"),
        ("extra", "trigger", "tasks_new"),
    ]


def test_own_triggers_of_the_core_are_compared_for_the_core() -> None:
    trigger = "CREATE TRIGGER stina_x AFTER INSERT ON stina_y BEGIN SELECT 1; END"

    file = of_plugin("stina", found("CREATE TABLE stina_y (id)", trigger))

    assert list(file.triggers) == ["stina_x"]


def test_file_with_broken_views_and_triggers_is_compared() -> None:
    file = found(
        note(),
        "CREATE VIEW notes_gone AS SELECT no_column FROM no_table",
        "CREATE VIEW notes_circle AS SELECT * FROM notes_circle",
        "CREATE TRIGGER notes_broken AFTER INSERT ON notes_note BEGIN INSERT INTO no_table VALUES (new.no_column); END",
        "CREATE VIRTUAL TABLE notes_find USING fts5 (title)",
    )

    assert sorted(brief(compare(wanted(small_note()), file))) == [
        ("extra", "full-text index", "notes_find"),
        ("extra", "trigger", "notes_broken"),
        ("extra", "view", "notes_circle"),
        ("extra", "view", "notes_gone"),
    ]


def test_file_of_a_store_is_compared_while_it_is_open(tmp_path: Path) -> None:
    class Note(Model):
        id = IdField()
        title = TextField(default="")

    tables, path = declared(Note).tables, tmp_path / "stina.db"
    with opened(path, stepping("notes", making("note"), models=[Note]), strict=True) as store:
        ddl = store._backend.ddl

        assert compare(ddl.wanted(tables), of_plugin("notes", ddl.found())) == []

        file_rows(path, "ALTER TABLE notes_note ADD COLUMN mood TEXT")
        differences = compare(ddl.wanted(tables), of_plugin("notes", ddl.found()))

    assert brief(differences) == [("extra", "column", "notes_note.mood")]


def test_file_with_a_name_in_every_script_is_compared() -> None:
    file = "CREATE TABLE notes_x (Größe\xa0mm INT, \u0663 TEXT DEFAULT \u00e5)"

    assert compare(found(file), found(file.replace("Größe\xa0mm", "[Größe\xa0mm]"))) == []
    assert brief(compare(found(file), found(file.replace("\u00e5", "\u00e4")))) == [
        ("different", "column", "notes_x.\u0663")
    ]


def test_missing_comes_before_different_before_extra() -> None:
    file = found(note().replace(") STRICT", ")"), "CREATE TABLE aaa (id)")

    differences = compare(wanted(Folder, Note, Tag), file)

    kinds = [one.kind for one in differences]
    assert kinds == sorted(kinds, key=list(Kind).index)
    assert set(kinds) == set(Kind)


def test_every_difference_is_said_in_words() -> None:
    for case in CASES:
        for text in outcome(case, OURS).reported:
            assert text.startswith(tuple({what for _, what, _ in case.differences}))
            assert "Shape(" not in text
