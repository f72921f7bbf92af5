from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import stina_core.backends.sqlite.backup
from stina_core import (
    Check,
    IdField,
    IntegerField,
    Model,
    Operations,
    Plugins,
    Store,
    StoreConfig,
    TextField,
    load_plugins,
)
from stina_core.backends.sqlite.session import SqliteSession
from stina_core.migrations import ledger
from stina_core.testing import MigrationSuite, file_rows, plugins_of, versions
from stina_core.testing.faults import Statement
from stina_core.testing.migrations import SWEEP
from stina_core.testing.script import Script
from stina_core.testing.sweeps import Sweep
from stina_core.testing.versions import Versions

from .declarations import Run, declaring, making, plugin, stepping
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


def of(*runs: Run, models: tuple[type[Model], ...] = (), **attributes: Any) -> MigrationSuite:
    """Return the suite of a plugin `notes` with the steps *runs*."""
    plugins = load_plugins([stepping("notes", *runs, models=models)], StoreConfig(strict=True))
    names = {"plugin": "notes", "plugins": lambda self: plugins, "thorough": True, **attributes}
    suite: MigrationSuite = type("Suite", (MigrationSuite,), names)()
    return suite


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

SWEEPS = [
    "test_exception_at_any_statement_leaves_all_or_nothing",
    "test_kill_at_any_statement_leaves_all_or_nothing",
]

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


def lose_column(op: Operations) -> None:
    op.drop_column("note", "title")


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


# Faults


def fill(op: Operations) -> None:
    op.insert("note", [{"id": "made by a step", "title": ""}])


def commit_halfway(op: Operations) -> None:
    op.insert("note", [{"id": "half", "title": ""}])
    op._backend.database.connection().authorizer = None  # type: ignore[no-untyped-call]
    for verb in ("COMMIT", "BEGIN IMMEDIATE", "SAVEPOINT stina_1"):
        op._backend.session._run(verb)  # type: ignore[attr-defined]
    op.insert("note", [{"id": "whole", "title": ""}])


@pytest.mark.parametrize("sweep", SWEEPS)
def test_step_that_commits_halfway_is_found(tmp_path: Path, sweep: str) -> None:
    with pytest.raises(
        AssertionError, match=r"notes_note(.|\n)*should not (have|be there)(.|\n)*at statement"
    ):
        getattr(of(making("note"), commit_halfway), sweep)(tmp_path)


def test_step_that_goes_on_after_an_error_is_found(tmp_path: Path) -> None:
    def swallow(op: Operations) -> None:
        try:
            fill(op)
        except Exception:  # noqa: BLE001  # what the test is about
            op.add_index("note", "title")

    with pytest.raises(AssertionError, match=r"notes_note lacks 1 rows(.|\n)*after an error at statement"):
        of(making("note"), swallow).test_exception_at_any_statement_leaves_all_or_nothing(tmp_path)


def test_step_that_does_something_new_in_every_run_has_to_be_stated(tmp_path: Path) -> None:
    def stamp(op: Operations) -> None:
        op.create_table("note", id=IntegerField(primary_key=True), made=TextField())
        op.unsafe_sql("INSERT INTO notes_note (made) VALUES (hex(randomblob(8)))")

    with pytest.raises(
        AssertionError, match=r"lacks 1 rows .* such as a new id .* write varying = {'note.made'}"
    ):
        of(stamp).test_exception_at_any_statement_leaves_all_or_nothing(tmp_path)

    of(stamp, varying={"note.made"}).test_exception_at_any_statement_leaves_all_or_nothing(tmp_path)


def keep_half(session: SqliteSession, name: str) -> None:
    """Undo nothing when a plugin's steps fail."""
    session.release_savepoint(name)


def test_engine_that_keeps_half_of_a_failed_step_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SqliteSession, "rollback_savepoint", keep_half)

    with pytest.raises(AssertionError, match="table notes_note should not be there") as caught:
        of(making("note"), fill).test_exception_at_any_statement_leaves_all_or_nothing(tmp_path)
    assert "in the next start" not in caught.value.__notes__


def clear(op: Operations) -> None:
    if op.has_table("state"):
        op.unsafe_sql("DELETE FROM state WHERE key = 'theme'")
        op.unsafe_sql("DELETE FROM state WHERE key = 'counter'")


def test_half_changed_table_of_the_original_app_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of(clear).test_exception_at_any_statement_leaves_all_or_nothing(tmp_path)
    monkeypatch.setattr(SqliteSession, "rollback_savepoint", keep_half)

    with pytest.raises(AssertionError, match="no plugin is half changed: state lacks 1 rows"):
        of(clear).test_exception_at_any_statement_leaves_all_or_nothing(tmp_path)


def test_failure_that_is_not_noted_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "record_failure", lambda backend, error, at: None)

    with pytest.raises(AssertionError, match=r"noted is a failure of \[\], not \['notes'\]"):
        of(making("note")).test_exception_at_any_statement_leaves_all_or_nothing(tmp_path)


def test_failure_that_stays_noted_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "clear_failure", lambda backend, plugin: None)

    with pytest.raises(AssertionError, match=r"a failure of notes is still noted(.|\n)*in the next start"):
        of(making("note")).test_exception_at_any_statement_leaves_all_or_nothing(tmp_path)


def test_unfinished_copy_that_stays_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stina_core.backends.sqlite.backup, "_remove", lambda file: None)

    with pytest.raises(AssertionError, match="unfinished copies stay"):
        of(making("note"), lose_column).test_exception_at_any_statement_leaves_all_or_nothing(tmp_path)


def fill_b(op: Operations) -> None:
    op.insert("b", [{"id": "1", "title": ""}, {"id": "2", "title": ""}])


def independent(op: Operations) -> None:
    making("d")(op)


def dependent(op: Operations) -> None:
    making("d" if op.has_table("bee_b") else "e")(op)


def demanding_another(op: Operations) -> None:
    making("d")(op)
    assert op.has_table("bee_b")


def beside(folder: Path, run: Run) -> Sweep:
    """Return the faults of three plugins, one of which requires another, and of `dog` with the step *run*."""
    candidates = [
        stepping("ant", making("a")),
        stepping("bee", making("b"), fill_b),
        stepping("cat", making("c"), requires=("bee",)),
        stepping("dog", run),
    ]
    plugins = load_plugins(candidates, StoreConfig(strict=True))
    return Sweep(Versions(plugins, "bee"), folder / "new.db", folder / "fault")


def test_error_in_a_step_leaves_the_other_plugins_on_and_any_other_error_refuses_the_start(
    tmp_path: Path,
) -> None:
    sweep = beside(tmp_path, independent)

    found = sweep.raise_at(sweep.script.every)

    assert found["off"] >= 6  # one for each statement of a step, of which two insert two rows
    assert found["refused"] > 20
    assert found["done"] == 0


def test_plugin_that_is_harmed_by_the_failure_of_another_is_found(tmp_path: Path) -> None:
    sweep, other = beside(tmp_path, dependent), beside(tmp_path, demanding_another)

    with pytest.raises(
        AssertionError, match=r"table dog_d is missing; table dog_e should not be there"
    ) as caught:
        sweep.raise_at(sweep.script.every)
    assert "in the next start" not in caught.value.__notes__

    with pytest.raises(AssertionError, match="one error switched bee and dog off; one needs the other"):
        other.raise_at(other.script.every)


def test_step_that_does_something_else_when_it_is_tried_again_is_found(tmp_path: Path) -> None:
    runs: list[int] = []

    def remember(op: Operations) -> None:
        making("note")(op)
        runs.append(op.now)
        op.insert("note", [{"id": str(len(runs)), "title": ""}])

    with pytest.raises(AssertionError, match=r"notes_note lacks 1 rows(.|\n)*in the next start"):
        of(remember).test_exception_at_any_statement_leaves_all_or_nothing(tmp_path)


# Processes


def forget(store: Store) -> None:
    """Undo the step, so that the next process runs it again."""
    file_rows(store.path, "DROP TABLE notes_note")
    file_rows(store.path, "DELETE FROM stina_ledger WHERE plugin = 'notes'")


def test_steps_that_run_in_more_than_one_process_are_found(tmp_path: Path) -> None:
    notes = plugin(migrate=declaring(making("note")), startup=forget)
    suite = of(making("note"), plugins=lambda self: plugins_of(notes=notes))

    with pytest.raises(AssertionError, match=r"they ran \[.*\] steps|processes failed; the first said"):
        suite.test_of_processes_that_start_at_once_one_runs_the_steps(tmp_path)


# Where and how much


def test_folder_for_faults_is_on_the_disk_where_memory_has_no_room_and_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "_ROOM", 1 << 62)

    with versions.quick_folder(tmp_path) as folder:
        (folder / "stina.db").touch()
        assert folder.parent == tmp_path

    assert list(tmp_path.iterdir()) == []


def starts(suite: MigrationSuite, folder: Path) -> list[str]:
    folder.mkdir()
    return [sweep.name for sweep in suite._sweeps(lambda newest: [1], folder)]


def planted_at(monkeypatch: pytest.MonkeyPatch, suite: MigrationSuite, folder: Path) -> dict[str, list[int]]:
    """Return by file and kind of fault where the faults of *suite* are planted, and plant none."""
    found: dict[str, list[int]] = {}
    for kind, method in (("raise", "raise_at"), ("kill", "kill_at")):

        def note(sweep: Sweep, places: Iterable[int], kind: str = kind) -> None:
            found[f"{kind} {sweep.name}"] = list(places)

        monkeypatch.setattr(Sweep, method, note)
    for test in SWEEPS:
        getattr(suite, test)(folder)
    return found


def adopt(op: Operations) -> None:
    if op.has_table("state"):
        op.insert("note", [{"id": "adopted", "title": ""}])


def test_faults_are_planted_where_there_is_something_to_find(tmp_path: Path) -> None:
    steps = (making("note"), fill, making("memo"))

    assert starts(of(*steps), tmp_path / "1") == ["new file", "version 1"]
    assert starts(of(*steps, start_versions=[0, 2]), tmp_path / "2") == ["new file", "version 0", "version 2"]
    assert starts(of(*steps, adopt), tmp_path / "3") == ["new file", "old file", "version 1"]


def test_long_sweep_plants_faults_after_every_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SWEEP, "1")

    found = starts(of(making("note"), fill, making("memo")), tmp_path / "long")

    assert found == ["new file", "version 0", "version 1", "version 2"]


def beside_others(thorough: bool = False) -> MigrationSuite:
    """Return the suite of `bee`, which requires one plugin and has another one beside it."""
    candidates = [
        stepping("ant", making("a"), making("b")),
        stepping("bee", making("a"), making("b"), making("c"), requires=("ant",)),
        stepping("cat", making("a")),
    ]
    plugins = load_plugins(candidates, StoreConfig(strict=True))
    return of(plugin="bee", plugins=lambda self: plugins, thorough=thorough)


def test_everyday_faults_are_those_of_the_plugins_own_statements(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = planted_at(monkeypatch, beside_others(), tmp_path)
    script = Sweep(beside_others()._versions(), tmp_path / "new.db", tmp_path / "copy").script

    assert list(found) == ["raise new file", "raise version 2", "kill new file", "kill version 2"]
    own = found["raise new file"]
    assert own == script.own
    texts = [script[place].sql for place in own]
    assert texts[0].startswith("SAVEPOINT")
    assert [text.split()[2] for text in texts if text.startswith("CREATE")] == [
        '"bee_a"',
        '"bee_b"',
        '"bee_c"',
    ]
    assert texts.index("COMMIT") > texts.index("RELEASE stina_1")
    assert own[-1] == len(script)  # until the file is ready for use
    assert set(own) < set(script.every)


def test_everyday_kills_are_a_sample_with_the_ends_and_the_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = planted_at(monkeypatch, beside_others(), tmp_path)
    script = Sweep(beside_others()._versions(), tmp_path / "new.db", tmp_path / "copy").script

    sample, own = found["kill new file"], found["raise new file"]
    assert {own[0], own[-1], script.commit} <= set(sample) < set(own)
    assert sample == sorted(set(sample))
    assert len(sample) <= len(own) / 3 + 3
    places = [own.index(place) for place in sample]
    assert max(later - earlier for earlier, later in pairwise(places)) <= 3


@pytest.mark.parametrize("long", [False, True])
def test_thorough_and_long_sweeps_take_every_statement_and_exceptions_after_every_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, long: bool
) -> None:
    monkeypatch.setenv(SWEEP, "1" if long else "0")

    found = planted_at(monkeypatch, beside_others(thorough=not long), tmp_path)
    script = Sweep(beside_others()._versions(), tmp_path / "new.db", tmp_path / "copy").script

    versions = ["version 0", "version 1", "version 2"]
    raised = [name.removeprefix("raise ") for name in found if name.startswith("raise")]
    killed = [name.removeprefix("kill ") for name in found if name.startswith("kill")]
    assert raised == ["new file", *versions]
    assert killed == ["new file", *(versions if long else versions[-1:])]
    assert found["raise new file"] == found["kill new file"] == script.every
    assert script[script.every[0]].sql.startswith("BEGIN")
    assert script.every == list(range(script.every[0], len(script) + 1))


def test_statements_of_a_backup_are_the_plugins_own(tmp_path: Path) -> None:
    suite = of(making("note"), lose_column)
    start = suite._filled(suite._versions(), 1, tmp_path / "filled.db")

    script = Sweep(suite._versions(), start, tmp_path / "copy").script

    assert {script[place].connection for place in script.own} == {1, 2, 3, 4}


def test_of_one_statement_for_many_rows_the_first_and_the_last_are_the_plugins_own() -> None:
    texts = ("BEGIN", "SAVEPOINT stina_1", *["INSERT"] * 5, "DELETE", "INSERT", "RELEASE stina_1", "COMMIT")
    script = Script([Statement(1, "", sql) for sql in texts], ["notes"], "notes")

    assert script.own == [2, 3, 7, 8, 9, 10, 11]
    assert script.every == list(range(1, 12))


def test_all_statements_are_taken_where_the_plugins_own_cannot_be_told() -> None:
    found = [Statement(1, "", sql) for sql in ("BEGIN", "SAVEPOINT stina_1", "RELEASE stina_1", "COMMIT")]

    assert Script(found, ["stina", "notes"], "notes").own == [1, 2, 3, 4]
    assert Script(found, ["notes"], "notes").own == [2, 3, 4]
