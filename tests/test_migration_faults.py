from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import pytest

import stina_core.backends.sqlite.backup
from stina_core import (
    IntegerField,
    Operations,
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
from .suites import SWEEPS, lose_column, of

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
        '"stina_change_guard"',  # capture is seen to after all steps
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
