"""What a migration must not lose: rows that others point to, and a copy of what was there before."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stina_core import (
    ConstraintError,
    ForeignKeyField,
    IdField,
    IntegerField,
    Model,
    Operations,
    StepFailedError,
    TextField,
)
from stina_core.backends.sqlite.backend import SqliteBackend
from stina_core.testing import file_rows, run_python

from .declarations import Run, backups, making, old_file, opened, stepping, tables


class Memo(Model):
    id = IdField()


# References


def parents(op: Operations) -> None:
    op.create_table("parent", id=IdField())
    op.create_table("child", id=IdField(), parent=ForeignKeyField("parent", null=True, on_delete="CASCADE"))
    op.insert("parent", [{"id": "a"}, {"id": "b"}])
    op.insert("child", [{"id": "1", "parent_id": "a"}, {"id": "2", "parent_id": None}])


def orphan_by_insert(op: Operations) -> None:
    op.insert("child", [{"id": "3", "parent_id": "nobody"}])


def orphan_by_delete(op: Operations) -> None:
    op.unsafe_sql("DELETE FROM notes_parent WHERE id = 'a'")


def orphan_by_drop(op: Operations) -> None:
    op.drop_table("parent")


ORPHANING = [orphan_by_insert, orphan_by_delete, orphan_by_drop]


@pytest.mark.parametrize("orphan", ORPHANING)
def test_step_that_leaves_rows_pointing_to_nothing_is_refused(store_path: Path, orphan: Run) -> None:
    opened(store_path, stepping("notes", parents)).close()

    with opened(store_path, stepping("notes", parents, orphan)) as store:
        error = store.outcome.failed["notes"]
        assert isinstance(error, StepFailedError)
        assert "notes_child" in str(error)
        assert "point to nothing" in str(error)

    assert file_rows(store_path, "SELECT id FROM notes_parent ORDER BY id") == [("a",), ("b",)]
    assert file_rows(store_path, "SELECT id, parent_id FROM notes_child ORDER BY id") == [
        ("1", "a"),
        ("2", None),
    ]


@pytest.mark.parametrize("orphan", ORPHANING)
def test_without_the_check_of_references_the_orphans_would_be_kept(
    store_path: Path, orphan: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SqliteBackend, "dangling", lambda self, tables, committed=False: {})

    opened(store_path, stepping("notes", parents, orphan), strict=True).close()

    assert file_rows(store_path, "SELECT count(*) > 0 FROM pragma_foreign_key_check('notes_child')") == [(1,)]


def test_parent_of_another_plugins_rows_cannot_be_dropped(store_path: Path) -> None:
    def child(op: Operations) -> None:
        op.create_table("child", id=IdField(), parent=ForeignKeyField("people.person"))
        op.insert("child", [{"id": "1", "parent_id": "a"}])

    def person(op: Operations) -> None:
        op.create_table("person", id=IdField())
        op.insert("person", [{"id": "a"}])

    def drop(op: Operations) -> None:
        op.drop_table("person")

    notes = stepping("notes", child, requires=("people",))
    opened(store_path, stepping("people", person), notes, strict=True).close()

    with opened(store_path, stepping("people", person, drop), notes) as store:
        assert "notes_child" in str(store.outcome.failed["people"])

    assert file_rows(store_path, "SELECT id FROM people_person") == [("a",)]


def test_rows_are_not_lost_by_cascade_while_their_parents_table_is_changed(store_path: Path) -> None:
    def rewrite(op: Operations) -> None:
        op.unsafe_sql("DELETE FROM notes_parent WHERE id = 'a'")
        op.insert("parent", [{"id": "a"}])

    opened(store_path, stepping("notes", parents, rewrite), strict=True).close()

    assert file_rows(store_path, "SELECT count(*) FROM notes_child") == [(2,)]


def test_references_are_enforced_again_after_a_migration(store_path: Path) -> None:
    with opened(store_path, stepping("notes", parents), stepping("bad", orphan_by_insert)) as store:
        with store.use(), pytest.raises(ConstraintError) as caught:
            Memo._meta.database.execute_sql("INSERT INTO notes_child VALUES ('9', 'nobody')")
        assert caught.value.kind == "foreign_key"


# Backups


def test_old_file_is_copied_before_anything_changes(store_path: Path) -> None:
    old_file(store_path)

    def adopt(op: Operations) -> None:
        op.create_table("note", id=IdField(), title=TextField(default=""))
        rows = [{"id": row.id(), "title": row.text("value")} for row in op.old_rows("kv", key="key")]
        op.insert("note", rows)
        op.unsafe_sql("DROP TABLE kv")

    with opened(store_path, stepping("notes", adopt), strict=True) as store:
        backup = store.outcome.backup
        assert backup is not None
        assert backup.reason == "adopt"
        assert backup.bytes == backup.path.stat().st_size

    assert file_rows(store_path, "SELECT id, title FROM notes_note") == [("counter", "7")]
    assert backups(store_path) == [backup.path.name]
    assert tables(backup.path) == {"kv"}
    assert file_rows(backup.path, "SELECT * FROM kv") == [("counter", "7")]
    assert backup.path.stat().st_mode & 0o777 == 0o600


def test_old_tables_stay_as_they_are_unless_a_step_says_otherwise(store_path: Path) -> None:
    old_file(store_path)

    opened(store_path, stepping("notes", making("note")), strict=True).close()

    assert file_rows(store_path, "SELECT key, value FROM kv") == [("counter", "7")]
    assert file_rows(store_path, "SELECT sql FROM sqlite_schema WHERE name = 'kv'") == [
        ("CREATE TABLE kv (key TEXT PRIMARY KEY, value TEXT NOT NULL)",)
    ]


def lose_column(op: Operations) -> None:
    op.drop_column("note", "title")


def lose_table(op: Operations) -> None:
    op.drop_table("note")


def run_sql(op: Operations) -> None:
    op.unsafe_sql("UPDATE notes_note SET title = ?", ("changed",))


@pytest.mark.parametrize("lose", [lose_column, lose_table, run_sql])
def test_step_that_may_lose_something_makes_one_backup_of_the_state_before(
    store_path: Path, lose: Run
) -> None:
    def fill(op: Operations) -> None:
        op.insert("note", [{"id": "a", "title": "before"}])

    def change(op: Operations) -> None:
        op.create_table("memo", id=IdField(), title=TextField(default=""))
        lose(op)
        op.drop_column("memo", "title")

    opened(store_path, stepping("notes", making("note"), fill), strict=True).close()

    with opened(store_path, stepping("notes", making("note"), fill, change), strict=True) as store:
        backup = store.outcome.backup
        assert backup is not None
        assert backup.reason == "migrate"

    assert backups(store_path) == [backup.path.name]
    assert file_rows(backup.path, "SELECT id, title FROM notes_note") == [("a", "before")]
    assert "notes_memo" not in tables(backup.path)


def test_steps_that_lose_nothing_make_no_backup(store_path: Path) -> None:
    def add(op: Operations) -> None:
        op.add_column("note", due=IntegerField(null=True))
        op.add_index("note", "due")
        op.rename_column("note", "due", "due_at")
        op.rename_table("note", "memo")
        op.drop_index("memo", "due_at")

    opened(store_path, stepping("notes", making("note"))).close()

    with opened(store_path, stepping("notes", making("note"), add), strict=True) as store:
        assert store.outcome.backup is None

    assert backups(store_path) == []


def many_rows(op: Operations) -> None:
    op.insert("note", [{"id": f"{number:05}", "title": "x" * 1000} for number in range(4000)])


def test_backup_in_the_middle_of_a_large_migration_holds_the_state_before(store_path: Path) -> None:
    opened(store_path, stepping("notes", making("note")), strict=True).close()

    with opened(store_path, stepping("notes", making("note"), many_rows, lose_column), strict=True) as store:
        backup = store.outcome.backup
        assert backup is not None

    assert file_rows(backup.path, "SELECT count(title) FROM notes_note") == [(0,)]
    assert file_rows(store_path, "SELECT count(*) FROM notes_note") == [(4000,)]


def test_fresh_file_that_runs_every_step_in_history_makes_no_backup(store_path: Path) -> None:
    with opened(
        store_path, stepping("notes", making("note"), many_rows, lose_column, lose_table), strict=True
    ) as store:
        assert store.outcome.backup is None

    assert backups(store_path) == []


def test_backup_of_a_step_that_failed_is_not_kept_and_pushes_no_other_out(store_path: Path) -> None:
    def fail(op: Operations) -> None:
        op.drop_column("note", "title")
        raise ZeroDivisionError

    opened(store_path, stepping("notes", making("note")), strict=True).close()
    with opened(store_path, stepping("notes", making("note"), lose_column), strict=True) as store:
        good = store.outcome.backup
        assert good is not None

    for _ in range(7):
        with opened(store_path, stepping("notes", making("note"), lose_column, fail)) as store:
            assert "notes" in store.outcome.failed
            assert store.outcome.backup is None

    assert backups(store_path) == [good.path.name]


def test_step_that_uses_a_live_model_fails_instead_of_depending_on_it(store_path: Path) -> None:
    def live(op: Operations) -> None:
        op.create_table("memo", id=IdField())
        Memo.create()

    with opened(store_path, stepping("notes", live)) as store:
        assert "no store is current here" in str(store.outcome.failed["notes"])


TOUCHING_OTHERS = [
    "DELETE FROM stina_ledger",
    "DROP TABLE stina_ledger",
    "DROP TABLE kv_entry",
    "DELETE FROM kv_entry",
    "UPDATE kv_entry SET title = 'x'",
    "ALTER TABLE kv_entry RENAME COLUMN title TO t",
    "ALTER TABLE kv_entry RENAME TO notes_entry",
    "CREATE INDEX notes_i ON kv_entry (title)",
    "CREATE TRIGGER notes_t AFTER INSERT ON kv_entry BEGIN SELECT 1; END",
    "CREATE TABLE kv_more (a)",
]


@pytest.mark.parametrize("sql", TOUCHING_OTHERS)
def test_step_that_touches_a_table_of_somebody_else_is_undone(store_path: Path, sql: str) -> None:
    def fill(op: Operations) -> None:
        making("entry")(op)
        op.insert("entry", [{"id": "1", "title": "kept"}])

    def touch(op: Operations) -> None:
        op.unsafe_sql(sql)

    kv = stepping("kv", fill)
    opened(store_path, kv, stepping("notes", making("note"))).close()
    before = file_rows(store_path, "SELECT sql FROM sqlite_schema WHERE tbl_name = 'kv_entry'")

    with opened(store_path, kv, stepping("notes", making("note"), touch)) as store:
        assert "which is not its own" in str(store.outcome.failed["notes"])

    assert file_rows(store_path, "SELECT sql FROM sqlite_schema WHERE tbl_name = 'kv_entry'") == before
    assert file_rows(store_path, "SELECT title FROM kv_entry") == [("kept",)]
    opened(store_path, kv, strict=True).close()


def test_failure_is_kept_in_the_file_until_the_steps_have_run(store_path: Path) -> None:
    def fail(op: Operations) -> None:
        raise ZeroDivisionError

    kept = "SELECT plugin, step FROM stina_failure"
    opened(store_path, stepping("notes", making("note"), fail)).close()
    assert file_rows(store_path, kept) == [("notes", "0002_step")]

    opened(store_path, stepping("notes", making("note"), lose_column)).close()
    assert file_rows(store_path, kept) == []


def lose_and_die(op: Operations) -> None:
    op.drop_column("note", "title")
    os._exit(0)


OPENING = """
from tests.test_migration_safety import lose_and_die, making, opened, stepping
opened(sys.argv[1], stepping("notes", making("note"), lose_and_die), strict=True)
raise SystemExit("it was not killed")
"""


def test_program_that_is_killed_in_a_step_makes_one_backup_however_often(store_path: Path) -> None:
    opened(store_path, stepping("notes", making("note")), strict=True).close()

    for _ in range(3):
        run_python(OPENING, store_path)

    (made,) = backups(store_path)
    with opened(store_path, stepping("notes", making("note"), lose_column), strict=True) as store:
        assert store.outcome.backup is not None
        assert store.outcome.backup.path.name == made
    assert backups(store_path) == [made]


def test_backup_that_was_there_already_is_not_discarded_with_a_failing_step(store_path: Path) -> None:
    def fail(op: Operations) -> None:
        op.drop_column("note", "title")
        raise ZeroDivisionError

    opened(store_path, stepping("notes", making("note")), strict=True).close()
    run_python(OPENING, store_path)
    (made,) = backups(store_path)

    opened(store_path, stepping("notes", making("note"), fail)).close()

    assert backups(store_path) == [made]
