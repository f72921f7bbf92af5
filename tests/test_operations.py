from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from stina_core import (
    BooleanField,
    Check,
    CompositeKey,
    EnumField,
    ForeignKeyField,
    IdField,
    IntegerField,
    JsonField,
    Model,
    Operations,
    StepFailedError,
    TextField,
    TimestampField,
    now,
)
from stina_core.testing import file_rows

from .declarations import Run, making, opened, stepping, tables

RunSteps = Callable[..., dict[str, str]]


class Memo(Model):
    id = IdField()


@pytest.fixture
def run_steps(store_path: Path) -> RunSteps:
    """Run steps of the plugin `notes` on one file and return the SQL of its tables and indexes."""

    def run(*runs: Run) -> dict[str, str]:
        opened(store_path, stepping("notes", *runs), strict=True).close()
        return dict(file_rows(store_path, "SELECT name, sql FROM sqlite_schema WHERE name LIKE 'notes_%'"))

    return run


def family(op: Operations) -> None:
    op.create_table("parent", id=IdField())
    op.create_table("child", id=IdField(), parent=ForeignKeyField("parent", null=True))
    op.insert("parent", [{"id": "a"}])
    op.insert("child", [{"id": "1", "parent_id": "a"}, {"id": "2", "parent_id": None}])


def test_create_table_makes_columns_indexes_checks_and_a_composite_key(run_steps: RunSteps) -> None:
    def make(op: Operations) -> None:
        op.create_table(
            "pair",
            CompositeKey("left", "right"),
            Check("left <> right", name="different"),
            left=TextField(),
            right=TextField(index=True),
            without_rowid=True,
        )

    assert run_steps(make) == {
        "notes_pair": 'CREATE TABLE "notes_pair" (\n  "left" TEXT NOT NULL,\n  "right" TEXT NOT NULL,\n'
        '  PRIMARY KEY ("left", "right"),\n  CONSTRAINT "different" CHECK (left <> right)\n) STRICT, WITHOUT ROWID',
        "notes_pair__right": 'CREATE INDEX "notes_pair__right" ON "notes_pair" ("right")',
    }


def test_add_column_fills_old_rows_with_its_default(run_steps: RunSteps, store_path: Path) -> None:
    def fill(op: Operations) -> None:
        op.insert("note", [{"id": "old"}])

    def add(op: Operations) -> None:
        op.add_column(
            "note",
            stars=IntegerField(default=3),
            due=IntegerField(null=True, index=True),
            color=TextField(default="red", max_length=5),
            parent=ForeignKeyField("self", null=True, on_delete="SET NULL"),
        )

    found = run_steps(making("note"), fill, add)

    assert file_rows(store_path, "SELECT * FROM notes_note") == [("old", "", 3, None, "red", None)]
    assert {"notes_note__due", "notes_note__parent_id"} <= found.keys()
    with pytest.raises(apsw.ConstraintError, match="color_length"):
        file_rows(store_path, "UPDATE notes_note SET color = 'purple'")
    assert 'REFERENCES "notes_note" ("id") ON DELETE SET NULL' in found["notes_note"]


def test_rename_and_drop_of_columns_and_indexes(run_steps: RunSteps, store_path: Path) -> None:
    def change(op: Operations) -> None:
        op.add_index("note", "title DESC", unique=True, where="title <> ''")
        op.rename_column("note", "title", "headline")

    def drop(op: Operations) -> None:
        op.drop_index("note", "headline")
        op.drop_column("note", "headline")

    found = run_steps(making("note"), change)
    assert (
        'UNIQUE INDEX "notes_note__headline" ON "notes_note" ("headline" DESC)'
        in found["notes_note__headline"]
    )
    assert '"headline"' in found["notes_note"]

    found = run_steps(making("note"), change, drop)
    assert set(found) == {"notes_note"}
    assert file_rows(store_path, "SELECT name FROM pragma_table_info('notes_note')") == [("id",)]


def test_columns_with_rules_of_their_own_can_be_dropped(run_steps: RunSteps, store_path: Path) -> None:
    def make(op: Operations) -> None:
        op.create_table("owner", id=IdField())
        op.create_table(
            "note",
            id=IdField(),
            done=BooleanField(default=False),
            color=EnumField(["red"]),
            info=JsonField(),
            short=TextField(max_length=3),
            owner=ForeignKeyField("owner"),
        )

    def drop(op: Operations) -> None:
        op.drop_index("note", "owner_id")
        for column in ("done", "color", "info", "short", "owner_id"):
            op.drop_column("note", column)

    run_steps(make, drop)

    assert file_rows(store_path, "SELECT name FROM pragma_table_info('notes_note')") == [("id",)]


def test_rename_table_takes_its_rows_indexes_and_references_along(
    run_steps: RunSteps, store_path: Path
) -> None:
    def rename(op: Operations) -> None:
        op.rename_table("parent", "person")
        op.rename_table("child", "kid")

    found = run_steps(family, rename)

    assert set(found) == {"notes_person", "notes_kid", "notes_kid__parent_id"}
    assert 'REFERENCES "notes_person"' in found["notes_kid"]
    assert 'ON "notes_kid"' in found["notes_kid__parent_id"]
    assert file_rows(store_path, "SELECT id, parent_id FROM notes_kid ORDER BY id") == [
        ("1", "a"),
        ("2", None),
    ]
    with pytest.raises(apsw.SQLError):
        file_rows(store_path, "SELECT * FROM notes_parent")


def test_unsafe_sql_returns_its_rows(store_path: Path) -> None:
    found: list[Any] = []

    def read(op: Operations) -> None:
        op.insert("note", [{"id": "a", "title": "x"}, {"id": "b", "title": "y"}])
        op.insert("note", [])
        found.extend(op.unsafe_sql("SELECT id FROM notes_note WHERE title = ?", ("y",)))

    opened(store_path, stepping("notes", making("note"), read), strict=True).close()

    assert found == [("b",)]


def test_has_table_sees_tables_of_anybody(store_path: Path) -> None:
    file_rows(store_path, "CREATE TABLE kv (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
    found: list[bool] = []

    def look(op: Operations) -> None:
        found.extend(map(op.has_table, ("kv", "stina_ledger", "notes_note", "note", "nothing")))

    opened(store_path, stepping("notes", making("note"), look), strict=True).close()

    assert found == [True, True, True, False, False]


def test_repair_keeps_the_value_before_as_it_was(store_path: Path) -> None:
    values: list[Any] = [None, 7, 1.5, "text", b"\xff"]

    def note(op: Operations) -> None:
        for value in values:
            op.repair("kv", value, "value", value, "it was wrong")

    opened(store_path, stepping("notes", note), strict=True).close()

    rows = file_rows(store_path, 'SELECT "key", "before" FROM stina_repair ORDER BY id')
    assert rows == [(value, value) for value in values]


WRONG: list[tuple[Callable[[Operations], object], str]] = [
    (lambda op: op.create_table("Note", id=IdField()), "cannot name a table"),
    (lambda op: op.create_table("note"), "no primary key"),
    (lambda op: op.create_table("note", id=str), "builtins.str"),
    (lambda op: op.create_table("note", "id", id=IdField()), "no Index, Check"),  # type: ignore[arg-type]
    (lambda op: op.create_table("note", id=IdField(), x=ForeignKeyField("nothing")), "notes_nothing"),
    (lambda op: op.create_table("note", id=IdField(), x=ForeignKeyField("kv.entry")), "does not require"),
    (lambda op: op.create_table("note", id=IdField(), x=ForeignKeyField(Memo)), "model class Memo"),
    (lambda op: op.drop_table("nothing"), "no such table"),
    (lambda op: op.add_column("there", x=TextField()), "no plain default"),
    (lambda op: op.add_column("there", x=IntegerField(primary_key=True)), "primary key"),
    (lambda op: op.add_column("there", x=IdField()), "primary key"),
    (lambda op: op.drop_column("there", "nothing"), "has no column"),
    (lambda op: op.rename_column("there", "title", "Bad Name"), "cannot name a column"),
    (lambda op: op.rename_table("there", "a__b"), "cannot name a table"),
    (lambda op: op.add_index("there", "nothing"), "nothing"),
    (lambda op: op.drop_index("there", "nothing"), "no such index"),
    (lambda op: op.insert("there", [{"id": "a"}, {"title": "b"}]), "same columns"),
    (lambda op: op.insert("there", [{'id") --': "a"}]), "cannot name a column"),
    (lambda op: list(op.old_rows("nothing")), "no table 'nothing'"),
    (lambda op: list(op.old_rows("notes_there", key="key")), "with a column 'key'"),
    (lambda op: op.unsafe_sql("SELEC 1"), "syntax error"),
]


@pytest.mark.parametrize(("wrong", "message"), WRONG, ids=[message for _, message in WRONG])
def test_wrong_operation_fails_its_step_with_the_reason(
    store_path: Path, wrong: Callable[[Operations], object], message: str
) -> None:
    def run(op: Operations) -> None:
        op.create_table("there", id=IdField(), title=TextField(default=""))
        wrong(op)

    with opened(store_path, stepping("notes", run)) as store:
        reason = store.plugins[0].reason

    assert reason.startswith("step 0001_step of notes failed and was undone: ")
    assert message in reason
    assert "notes_there" not in tables(store_path)


def test_time_of_now_cannot_be_given_to_old_rows(store_path: Path) -> None:
    def add(op: Operations) -> None:
        op.add_column("note", made_at=TimestampField(default=now))

    with opened(store_path, stepping("notes", making("note"), add)) as store:
        assert "default=now" in store.plugins[0].reason


@pytest.mark.parametrize("target", ["notes_note", "nobody", "kv.entry"])
def test_foreign_key_to_a_table_that_is_not_there_says_how_one_is_named(
    run_steps: RunSteps, target: str
) -> None:
    def refer(op: Operations) -> None:
        op.create_table("comment", id=IdField(), note=ForeignKeyField(target))

    with pytest.raises(StepFailedError, match=r'"chat\.message"|does not require'):
        run_steps(making("note"), refer)
