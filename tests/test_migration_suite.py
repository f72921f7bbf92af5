from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stina_core import (
    Check,
    IdField,
    IntegerField,
    Model,
    Operations,
    Plugins,
    TextField,
)
from stina_core.testing import MigrationSuite, plugins_of

from .declarations import Run, making
from .suites import SWEEPS, lose_column, of
from .tasks import Tasks


class TestCore(MigrationSuite):
    plugin = "stina"
    thorough = True


class TestSixSteps(MigrationSuite):
    plugin = "tasks"
    thorough = True
    rewritten = {"list.colour", "task.position"}  # noqa: RUF012  # as authors write it

    def plugins(self) -> Plugins:
        return plugins_of(tasks=Tasks())


# Use


def test_three_lines_are_a_suite_and_the_import_alone_is_none(tmp_path: Path) -> None:
    (tmp_path / "test_migrations.py").write_text(
        "from stina_core.testing import MigrationSuite\nclass TestMigrations(MigrationSuite):\n    plugin = 'kv'\n"
    )

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--collect-only", "-p", "no:cacheprovider", tmp_path],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    found = [line.partition("::")[2] for line in done.stdout.splitlines() if "::" in line]
    tests = [name for name in dir(MigrationSuite) if name.startswith("test_")]
    assert sorted(found) == sorted(f"TestMigrations::{name}" for name in tests)


def test_plugin_that_is_not_there_is_named(tmp_path: Path) -> None:
    class Suite(MigrationSuite):
        plugin = "nobody"

    with pytest.raises(AssertionError, match=r"no plugin 'nobody' is installed; there are .*kv"):
        Suite().test_every_version_becomes_what_a_new_file_is(tmp_path)


# Schema


def test_step_that_leaves_out_a_column_where_there_are_rows_is_found(tmp_path: Path) -> None:
    def forget(op: Operations) -> None:
        if not op.unsafe_sql("SELECT 1 FROM notes_note LIMIT 1"):
            op.add_column("note", due=IntegerField(null=True))

    with pytest.raises(AssertionError, match="schema is not that of a new file: table notes_note should be"):
        of(making("note"), forget).test_rows_of_every_version_survive(tmp_path)


def test_step_that_does_more_when_all_run_together_is_found(tmp_path: Path) -> None:
    before: list[int] = []

    def first(op: Operations) -> None:
        making("note")(op)
        before.append(op.now)

    def second(op: Operations) -> None:
        if len(before) == 1:  # what a module variable makes of it
            op.add_index("note", "title")

    with pytest.raises(AssertionError, match="index notes_note__title is missing"):
        of(first, second).test_every_version_becomes_what_a_new_file_is(tmp_path)


def test_step_that_forgets_the_old_file_is_found(tmp_path: Path) -> None:
    def adopt(op: Operations) -> None:
        making("state" if op.has_table("state") else "note")(op)

    with pytest.raises(AssertionError, match="table notes_note is missing; table notes_state should not be"):
        of(adopt).test_file_of_the_original_app_gets_the_schema_of_a_new_file(tmp_path)


class Note(Model):
    id = IdField()
    title = TextField(default="")
    due = IntegerField(null=True)


def test_column_of_the_model_that_no_step_makes_is_found(tmp_path: Path) -> None:
    suite = of(making("note"), models=(Note,))

    with pytest.raises(AssertionError, match="due"):
        suite.test_every_version_becomes_what_a_new_file_is(tmp_path)


# Rows


USING_WHAT_IS_STATED = [
    "test_every_version_becomes_what_a_new_file_is",
    "test_rows_of_every_version_survive",
    *SWEEPS,
]


def lose_rows(op: Operations) -> None:
    op.unsafe_sql("DELETE FROM notes_note WHERE title = ''")


def lose_spaces(op: Operations) -> None:
    op.unsafe_sql("UPDATE notes_note SET title = trim(title)")


def lose_type(op: Operations) -> None:
    op.create_table("memo", id=IdField(), title=IntegerField())
    op.unsafe_sql("INSERT INTO notes_memo SELECT id, CAST(title AS INTEGER) FROM notes_note")
    op.drop_table("note")


def lose_name(op: Operations) -> None:
    op.rename_table("note", "memo")
    op.rename_column("memo", "title", "heading")


def lose_name_by_sql(op: Operations) -> None:
    op.unsafe_sql("ALTER TABLE notes_note RENAME COLUMN title TO heading")
    op.unsafe_sql("ALTER TABLE notes_note RENAME TO notes_memo")


LOSSES: list[tuple[Run, dict[str, Any], str]] = [
    (lose_rows, {}, r"notes_note had \d+ rows and notes_note has \d+; .* write rewritten = {'note'}"),
    (lose_spaces, {}, "not what they were, such as .*' spaced '.* write rewritten = {'note.title'}"),
    (lose_type, {"renamed_tables": {"note": "memo"}}, "rows of notes_note are not what they were"),
    (lose_name_by_sql, {}, r"the table notes_note is gone; .* {'note'}, or renamed_tables = {'note': "),
    (
        lose_name_by_sql,
        {"renamed_tables": {"note": "memo"}},
        "column notes_note.title is gone; .* {'note.title'}, or renamed_columns = {'note.title': ",
    ),
    (lose_column, {}, "the column notes_note.title is gone; if that is meant, write rewritten = {'note.ti"),
]


@pytest.mark.parametrize(("lose", "stated", "message"), LOSSES)
def test_step_that_loses_something_is_found(
    tmp_path: Path, lose: Run, stated: dict[str, Any], message: str
) -> None:
    with pytest.raises(AssertionError, match=message):
        of(making("note"), lose, **stated).test_rows_of_every_version_survive(tmp_path)


STATED: list[tuple[Run, dict[str, Any]]] = [
    (lose_rows, {"rewritten": {"note"}}),
    (lose_spaces, {"rewritten": ["notes_note.title"]}),
    (lose_type, {"rewritten": {"note"}}),
    (lose_name, {}),
    (lose_name, {"renamed_tables": {"note": "memo"}, "renamed_columns": {"memo.title": "memo.heading"}}),
    (
        lose_name_by_sql,
        {"renamed_tables": {"note": "memo"}, "renamed_columns": {"note.title": "memo.heading"}},
    ),
    (
        lose_name_by_sql,
        {"renamed_tables": {"notes_note": "memo"}, "renamed_columns": {"note.title": "notes_note.heading"}},
    ),
    (lose_column, {"rewritten": {"note.title"}}),
]


@pytest.mark.parametrize(("lose", "stated"), STATED)
def test_what_the_author_states_is_no_loss(tmp_path: Path, lose: Run, stated: dict[str, Any]) -> None:
    of(making("note"), lose, **stated).test_rows_of_every_version_survive(tmp_path)


def add_title(op: Operations) -> None:
    op.add_column("note", title=TextField(null=True))


def free_title(op: Operations) -> None:
    op.rename_column("note", "title", "heading")


def free_title_by_sql(op: Operations) -> None:
    op.unsafe_sql("ALTER TABLE notes_note RENAME COLUMN title TO heading")


@pytest.mark.parametrize(
    ("free", "stated"),
    [
        (free_title, {}),
        (free_title, {"renamed_columns": {"note.title": "note.heading"}}),
        (free_title_by_sql, {"renamed_columns": {"note.title": "note.heading"}}),
    ],
)
def test_name_that_is_used_again_after_a_rename_is_another_column(
    tmp_path: Path, free: Run, stated: dict[str, Any]
) -> None:
    of(making("note"), free, add_title, **stated).test_rows_of_every_version_survive(tmp_path)


def test_value_lost_after_its_name_is_used_again_is_found(tmp_path: Path) -> None:
    def lose(op: Operations) -> None:
        op.unsafe_sql("UPDATE notes_note SET heading = trim(heading)")

    with pytest.raises(AssertionError, match=r"from version 1: \d+ rows .* write rewritten = {'note.title'}"):
        of(making("note"), free_title, add_title, lose).test_rows_of_every_version_survive(tmp_path)


def swap(op: Operations) -> None:
    with op.alter_table("pair") as pair:
        pair.rename_column("one", "spare")
        pair.rename_column("two", "one")
        pair.rename_column("spare", "two")


def swap_values(op: Operations) -> None:
    op.unsafe_sql("UPDATE notes_pair SET one = two, two = one")


def test_columns_that_change_names_keep_their_values(tmp_path: Path) -> None:
    def two(op: Operations) -> None:
        op.create_table("pair", id=IdField(), one=TextField(null=True), two=TextField(null=True))

    of(two, swap).test_rows_of_every_version_survive(tmp_path)
    with pytest.raises(AssertionError, match=r"write rewritten = {'pair.one', 'pair.two'}"):
        of(two, swap_values).test_rows_of_every_version_survive(tmp_path)


def rename_table_by_sql(op: Operations) -> None:
    op.unsafe_sql("ALTER TABLE notes_note RENAME TO notes_memo")


def rename_memo(op: Operations) -> None:
    op.rename_column("memo", "title", "heading")


@pytest.mark.parametrize("steps", [(rename_table_by_sql, rename_memo), (free_title, rename_table_by_sql)])
def test_renames_by_sql_and_by_operations_go_together(tmp_path: Path, steps: tuple[Run, ...]) -> None:
    suite = of(making("note"), *steps, making("note"), renamed_tables={"note": "memo"})

    suite.test_rows_of_every_version_survive(tmp_path)


def test_rename_that_was_undone_is_none(tmp_path: Path) -> None:
    def change_mind(op: Operations) -> None:
        try:
            with op.alter_table("note") as note:
                note.rename_column("title", "heading")
                raise LookupError
        except LookupError:
            op.add_column("note", heading=TextField(null=True))

    of(making("note"), change_mind).test_rows_of_every_version_survive(tmp_path)


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        (
            {"rewritten": {"note.titel"}},
            "rewritten says 'note.titel', .* at no version; there are memo, .*note.title",
        ),
        ({"rewritten": "note.title"}, "rewritten is 'note.title', .* write {'note.title'}"),
        (
            {"varying": {"note"}},
            r"varying says 'note', .* there are memo.heading, memo.id, note.id, note.title",
        ),
        ({"varying": "note.id"}, "varying is 'note.id'"),
        ({"renamed_tables": {"notes": "memo"}}, "renamed_tables says 'notes', .* there are memo, note$"),
        ({"renamed_tables": {"note"}}, "renamed_tables is {'note'}; write {'old': 'new'}"),
        ({"renamed_columns": {"note.title": "heading"}}, "renamed_columns says 'heading'"),
        ({"renamed_columns": {"title": "memo.heading"}}, "renamed_columns says 'title'"),
    ],
)
def test_stated_name_that_is_there_at_no_version_is_refused(
    tmp_path: Path, stated: dict[str, Any], message: str
) -> None:
    suite = of(making("note"), lose_name, **stated)

    for place, test in enumerate(USING_WHAT_IS_STATED):
        (tmp_path / str(place)).mkdir()
        with pytest.raises(AssertionError, match=message):
            getattr(suite, test)(tmp_path / str(place))


def demanding(op: Operations) -> None:
    op.create_table(
        "span",
        Check("until = since * 7 + 1", name="week"),
        id=IdField(),
        since=IntegerField(),
        until=IntegerField(),
    )


def test_table_that_takes_no_made_row_asks_for_rows_by_hand(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"for notes_span at version 1 .*Give rows by hand: def rows\("):
        of(demanding).test_rows_of_every_version_survive(tmp_path)


def spans(self: MigrationSuite, version: int, table: str) -> list[dict[str, int | str]] | None:
    return [{"id": "a", "since": version, "until": 7 * version + 1}] if table == "span" else None


def double(op: Operations) -> None:
    op.unsafe_sql("UPDATE notes_span SET since = 2, until = 15")


def test_rows_given_by_hand_take_part(tmp_path: Path) -> None:
    of(demanding, making("note"), rows=spans).test_rows_of_every_version_survive(tmp_path)

    with pytest.raises(AssertionError, match=r"rows of notes_span are not what they were.*since = 1"):
        of(demanding, double, rows=spans).test_rows_of_every_version_survive(tmp_path)


def test_row_given_by_hand_that_does_not_fit_is_named(tmp_path: Path) -> None:
    def wrong(self: MigrationSuite, version: int, table: str) -> list[dict[str, int | str]]:
        return [*(spans(self, 1, "span") or ()), {"id": "b", "since": 1, "until": 1}]

    with pytest.raises(
        AssertionError, match="row 2 given for notes_span was refused: CHECK constraint failed"
    ):
        of(demanding, rows=wrong).test_rows_of_every_version_survive(tmp_path)
