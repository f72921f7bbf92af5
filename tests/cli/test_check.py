"""`stina db check`: the file against its plugins, and what the other looking commands say of the same."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stina_core import checking
from stina_core.migrations.core_tables import TABLES
from stina_core.shapes import Shapes
from stina_core.testing import file_rows, run_python
from tests.cli.tasks_plugin import MAKE, TITLE, files, install, uninstall

if TYPE_CHECKING:
    from tests.cli.conftest import Run, Site

CHANGED = "somebody else changed the tables of"


@pytest.fixture
def used(site: Site, stina: Run, store_path: Path) -> Path:
    """A store with the plugin's table and one row."""
    install(site)
    assert stina("--db", store_path, "db", "migrate").code == 0
    file_rows(store_path, "INSERT INTO tasks_todo VALUES ('1', 'buy milk')")
    return store_path


def harmful(document: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    return [
        (one["plugin"], one["kind"], one["object"], one["name"])
        for one in document["differences"]
        if one["kind"] != "extra"
    ]


def test_sound_store_passes(used: Path, stina: Run) -> None:
    text, document = stina("--db", used, "db", "check"), stina("--db", used, "db", "check", "--json")

    assert (text.code, text.err) == (document.code, document.err) == (0, "")
    assert "as the plugins want it" in text.out
    assert document.document == {
        "path": str(used),
        "state": "current",
        "differences": [],
        "foreign_keys": {},
        "integrity": "ok",
        "orphaned": [],
        "unowned": [],
        "pending": [],
        "skipped": {},
        "advice": {},
        "faults": [],
    }


def test_column_that_somebody_took_away_is_missing_and_a_backup_is_the_answer(used: Path, stina: Run) -> None:
    file_rows(used, "ALTER TABLE tasks_todo DROP COLUMN title")

    result = stina("--db", used, "db", "check", "--json")
    text = stina("--db", used, "db", "check")

    assert result.code == text.code == 1
    assert result.document["differences"] == [
        {
            "plugin": "tasks",
            "kind": "missing",
            "table": "tasks_todo",
            "object": "column",
            "name": "tasks_todo.title",
            "detail": "",
        }
    ]
    (advice,) = result.document["advice"]["tasks"]
    assert advice.startswith(f"{CHANGED} tasks")
    assert "`stina db restore FILE`" in advice
    assert result.err == text.err == "stina: 1 object of tasks not as wanted\n"
    assert "column tasks_todo.title is missing" in text.out
    assert advice in text.out


def test_model_that_was_changed_without_a_step_is_told_to_make_one(
    site: Site, used: Path, stina: Run
) -> None:
    install(site, f"{TITLE}\nrank = IntegerField(default=0)")

    result = stina("--db", used, "db", "check", "--json")

    assert result.code == 1
    assert harmful(result.document) == [("tasks", "missing", "column", "tasks_todo.rank")]
    (advice,) = result.document["advice"]["tasks"]
    assert advice.endswith("write the step with `stina db make tasks`")


def test_both_causes_of_a_difference_are_told_apart(site: Site, used: Path, stina: Run) -> None:
    install(site, f"{TITLE}\nrank = IntegerField(default=0)")
    file_rows(used, "ALTER TABLE tasks_todo DROP COLUMN title")

    result = stina("--db", used, "db", "check", "--json")

    make, restore = result.document["advice"]["tasks"]
    assert "db make tasks" in make
    assert restore.startswith(CHANGED)


def test_what_is_only_in_the_file_is_listed_and_passes(used: Path, stina: Run) -> None:
    file_rows(used, "ALTER TABLE tasks_todo ADD COLUMN colour TEXT")
    file_rows(used, "CREATE INDEX tasks_by_hand ON tasks_todo (title)")

    result = stina("--db", used, "db", "check", "--json")
    text = stina("--db", used, "db", "check").out

    assert (result.code, result.err) == (0, "")
    extra = {(one["kind"], one["object"], one["name"]) for one in result.document["differences"]}
    assert extra == {("extra", "column", "tasks_todo.colour"), ("extra", "index", "tasks_by_hand")}
    assert result.document["advice"] == {"tasks": []}
    assert "column tasks_todo.colour is only in the file" in text


def test_plugin_with_pending_steps_is_not_compared(site: Site, used: Path, stina: Run) -> None:
    rank = 'op.add_column("todo", rank=IntegerField(default=0))'
    install(site, f"{TITLE}\nrank = IntegerField(default=0)", MAKE, rank)

    result = stina("--db", used, "db", "check", "--json")
    text = stina("--db", used, "db", "check").out

    assert result.code == 0
    assert result.document["pending"] == ["tasks/0002_step"]
    assert result.document["differences"] == []
    assert result.document["skipped"] == {"tasks": "its steps have to run first"}
    assert "tasks: its steps have to run first" in text


def test_plugin_whose_past_is_another_one_is_not_compared_and_does_not_pass(used: Path, stina: Run) -> None:
    file_rows(used, "UPDATE stina_ledger SET checksum = 'other' WHERE plugin = 'tasks'")
    file_rows(used, "DELETE FROM stina_catalog")

    result = stina("--db", used, "db", "check", "--json")

    assert result.code == 1
    assert "0001_step of tasks was changed" in result.document["skipped"]["tasks"]
    assert result.err == "stina: tasks does not fit the file\n"


def test_plugin_that_cannot_be_imported_does_not_pass(site: Site, used: Path, stina: Run) -> None:
    site.add("broken", plugin="raise RuntimeError('no luck')")

    result = stina("--db", used, "db", "check", "--json")

    assert result.code == 1
    assert "no luck" in result.document["skipped"]["broken"]
    assert result.document["faults"] == ["broken is off (failed)"]


def test_plugin_that_was_switched_off_passes(
    site: Site, used: Path, stina: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.add("broken", plugin="raise RuntimeError('no luck')")
    monkeypatch.setenv("STINA_PLUGINS", "kv,tasks")

    assert stina("--db", used, "db", "check").code == 0


def test_plugin_that_is_named_in_the_settings_and_missing_does_not_pass(
    used: Path, stina: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STINA_PLUGINS", "kv,tasks,gone")

    result = stina("--db", used, "db", "check", "--json")

    assert (result.code, result.document["faults"]) == (1, ["gone is off (missing)"])


def test_plugin_whose_step_failed_at_the_last_start_does_not_pass(site: Site, used: Path, stina: Run) -> None:
    install(site, TITLE, MAKE, "raise RuntimeError")
    stina("--db", used, "db", "migrate")

    result = stina("--db", used, "db", "check", "--json")

    assert (result.code, result.document["faults"]) == (1, ["tasks is off (quarantined)"])
    assert "step 0002_step of tasks failed" in result.document["skipped"]["tasks"]


@pytest.mark.parametrize("old", [False, True], ids=["no file", "the original app's file"])
@pytest.mark.parametrize(
    ("step", "reason"),
    [
        ("pass", "write the step with `stina db make tasks`"),
        ("raise RuntimeError", "step 0001_step of tasks failed"),
    ],
    ids=["makes nothing", "fails"],
)
def test_plugin_that_the_first_use_would_put_off_does_not_pass(
    old: bool, step: str, reason: str, site: Site, stina: Run, store_path: Path
) -> None:
    if old:
        file_rows(store_path, "CREATE TABLE kv (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
    install(site, TITLE, step)
    before = files(store_path)

    result = stina("--db", store_path, "db", "check", "--json")

    assert (result.code, result.document["faults"]) == (1, ["tasks would be off"])
    assert reason in result.document["skipped"]["tasks"]
    assert files(store_path) == before


def test_models_without_any_step_do_not_pass_on_a_new_file(site: Site, stina: Run, store_path: Path) -> None:
    site.add("bare", plugin=WITHOUT_STEPS)

    result = stina("--db", store_path, "db", "check", "--json")

    assert (result.code, result.document["faults"]) == (1, ["bare would be off"])
    assert result.document["skipped"]["bare"].endswith("write the step with `stina db make bare`")


WITHOUT_STEPS = """
    from stina_core import IdField, Model, hookimpl

    class Thing(Model):
        id = IdField()

    @hookimpl
    def register_schema(schema):
        schema.add(Thing)
"""


def test_pending_steps_that_do_not_make_what_the_models_want_do_not_pass(
    site: Site, used: Path, stina: Run
) -> None:
    install(site, f"{TITLE}\nrank = IntegerField(default=0)", MAKE, "pass")

    result = stina("--db", used, "db", "check", "--json")

    assert (result.code, result.document["faults"]) == (1, ["tasks would be off"])
    assert "db make tasks" in result.document["skipped"]["tasks"]


BY_STEP = """
op.unsafe_sql("CREATE INDEX tasks_more ON tasks_todo (title)")
op.unsafe_sql("CREATE VIEW tasks_short AS SELECT id FROM tasks_todo")
op.unsafe_sql("CREATE TRIGGER tasks_watch AFTER INSERT ON tasks_todo BEGIN SELECT 1; END")
"""


def test_what_a_step_makes_beside_the_models_passes_and_brings_no_advice(
    site: Site, stina: Run, store_path: Path
) -> None:
    install(site, TITLE, MAKE, BY_STEP)
    assert stina("--db", store_path, "db", "migrate").code == 0

    result = stina("--db", store_path, "db", "check", "--json")

    assert {one["name"] for one in result.document["differences"]} == {
        "tasks_more",
        "tasks_short",
        "tasks_watch",
    }
    assert (result.code, result.err, result.document["advice"]) == (0, "", {"tasks": []})


OPENING = [("kv", "list"), ("db", "migrate")]
EVERYWHERE = [("db", "check"), ("db", "status"), ("doctor",), (), *OPENING]


@pytest.mark.parametrize("command", EVERYWHERE, ids=" ".join)
@pytest.mark.parametrize("table", ["ledger", "feed", "cursor", "catalog"])
def test_store_that_lost_a_table_of_the_core_is_refused_and_a_backup_is_the_answer(
    table: str, command: tuple[str, ...], used: Path, stina: Run
) -> None:
    file_rows(used, f"DROP TABLE stina_{table}")

    result = stina("--db", used, *command)

    said = " ".join((result.out + result.err).split())
    assert result.code == 1
    assert "another program changed the core's own tables" in said
    assert f"stina_{table} is missing" in said or (table == "cursor" and command in OPENING)
    assert "'stina db restore FILE' brings back a backup" in said
    assert "not adopted yet" not in said


@pytest.mark.parametrize("table", ["ledger", "catalog"])
def test_restore_heals_a_store_that_lost_a_table_of_the_core(table: str, used: Path, stina: Run) -> None:
    backup = stina("--db", used, "db", "backup").out.strip()
    file_rows(used, f"DROP TABLE stina_{table}")

    assert stina("--db", used, "db", "restore", backup, "--yes").code == 0

    assert stina("--db", used, "db", "check").code == 0
    assert file_rows(used, "SELECT title FROM tasks_todo") == [("buy milk",)]


def test_ledger_that_was_emptied_is_no_new_store(used: Path, stina: Run) -> None:
    file_rows(used, "DELETE FROM stina_ledger")

    for command in EVERYWHERE:
        result = stina("--db", used, *command)

        assert result.code == 1
        assert "stina_ledger has lost its rows" in result.out + result.err


def test_column_that_the_ledger_lost_is_said_with_the_remedy(used: Path, stina: Run) -> None:
    file_rows(used, "ALTER TABLE stina_feed DROP COLUMN schema_epoch")

    result = stina("--db", used, "kv", "list")

    assert result.code == 1
    assert "'stina db restore FILE' brings back a backup" in result.err


@pytest.mark.parametrize("command", EVERYWHERE, ids=" ".join)
def test_old_file_with_a_table_called_as_one_of_the_cores_is_refused_and_left_as_it_was(
    command: tuple[str, ...], site: Site, stina: Run, store_path: Path
) -> None:
    file_rows(store_path, "CREATE TABLE stina_change (amount INTEGER)")
    before = store_path.read_bytes()

    result = stina("--db", store_path, *command)

    said = " ".join((result.out + result.err).split())
    assert result.code == 1
    assert "stina_change in this file is another program's" in said
    assert "the first use" not in said
    assert store_path.read_bytes() == before


def test_old_file_with_another_table_whose_name_begins_as_the_cores_is_adopted(
    stina: Run, store_path: Path
) -> None:
    file_rows(store_path, "CREATE TABLE stina_songs (title TEXT)")

    assert stina("--db", store_path, "db", "check").code == 0
    assert stina("--db", store_path, "kv", "list").code == 0


def test_tables_the_core_makes_are_those_whose_absence_is_noticed(used: Path) -> None:
    rows = file_rows(
        used, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'stina\\_%' ESCAPE '\\'"
    )

    assert {name for (name,) in rows} == {name for made in TABLES.values() for name in made}


CHANGED_BY_ANOTHER = "Another program changed them: 'stina db check' lists all, and 'stina db restore FILE'"


def test_reason_blames_another_program_where_the_models_are_as_they_were(used: Path, stina: Run) -> None:
    file_rows(used, "ALTER TABLE tasks_todo DROP COLUMN title")

    for command in (("plugins",), ("doctor",), ("kv", "list")):
        result = stina("--db", used, *command)
        said = " ".join((result.out + result.err).split())

        assert CHANGED_BY_ANOTHER in said
        assert "db make" not in said


def test_reason_advises_a_step_where_the_models_were_changed(site: Site, used: Path, stina: Run) -> None:
    install(site, f"{TITLE}\nrank = IntegerField(default=0)")

    for command in (("plugins",), ("doctor",), ("kv", "list")):
        result = stina("--db", used, *command)
        said = " ".join((result.out + result.err).split())

        assert "'stina db make tasks' writes the step" in said
        assert "restore" not in said


def test_tables_of_the_core_are_compared_with_what_its_steps_make(used: Path, stina: Run) -> None:
    file_rows(used, "DROP INDEX stina_repair__plugin")
    file_rows(used, "ALTER TABLE stina_cursor DROP COLUMN lease_until")

    result = stina("--db", used, "db", "check", "--json")

    assert result.code == 1
    assert harmful(result.document) == [
        ("stina", "missing", "column", "stina_cursor.lease_until"),
        ("stina", "missing", "index", "stina_repair__plugin"),
    ]
    assert result.document["advice"]["stina"][0].startswith(f"{CHANGED} stina")


CHILD = (
    "CREATE TABLE labels_label (id TEXT PRIMARY KEY, todo TEXT REFERENCES tasks_todo (id)); "
    "INSERT INTO labels_label VALUES ('a', 'gone'), ('b', 'gone'), ('c', '1')"
)


def test_rows_that_point_to_nothing_are_counted_and_do_not_pass(used: Path, stina: Run) -> None:
    file_rows(used, CHILD)

    result = stina("--db", used, "db", "check", "--json")
    text = stina("--db", used, "db", "check").out

    assert (result.code, result.document["foreign_keys"]) == (1, {"labels_label": 2})
    assert result.err == "stina: rows of labels_label point to nothing\n"
    assert "2 rows of labels_label point to rows that are not there" in text


def test_reference_that_sqlite_cannot_follow_does_not_pass(used: Path, stina: Run) -> None:
    file_rows(used, "CREATE TABLE labels_label (title TEXT REFERENCES tasks_todo (title))")

    result = stina("--db", used, "db", "check", "--json")

    assert result.code == 1
    assert result.document["integrity"].startswith("references cannot be checked")


def test_damaged_file_does_not_pass(used: Path, stina: Run) -> None:
    with used.open("r+b") as file:
        file.seek(36)  # how many free pages there are, says sqlite.org/fileformat.html
        file.write(b"\0\0\0\5")

    result = stina("--db", used, "db", "check", "--json")

    assert result.code == 1
    assert result.document["integrity"] != "ok"
    assert result.err == "stina: the file is damaged\n"


def test_file_that_is_no_database_is_one_clear_line(stina: Run, store_path: Path) -> None:
    store_path.write_bytes(b"garbage " * 1000)

    result = stina("--db", store_path, "db", "check", "--json")

    assert (result.code, result.document["state"], result.document["integrity"]) == (1, "damaged", None)
    assert len(result.err.splitlines()) == 1


def test_objects_of_nobody_are_named_and_pass(used: Path, stina: Run) -> None:
    file_rows(used, "CREATE TABLE kv (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
    file_rows(used, "CREATE VIRTUAL TABLE papers USING fts5 (text)")
    file_rows(used, "CREATE VIEW recent AS SELECT * FROM tasks_todo")

    result = stina("--db", used, "db", "check", "--json")

    assert (result.code, result.document["unowned"]) == (0, ["kv", "papers", "recent"])


def test_orphaned_plugin_is_named_with_the_command_that_deletes_its_tables(
    site: Site, used: Path, stina: Run
) -> None:
    uninstall(site)

    result = stina("--db", used, "db", "check", "--json")

    assert (result.code, result.document["orphaned"], result.document["unowned"]) == (0, ["tasks"], [])
    assert "`stina db purge tasks`" in stina("--db", used, "db", "check").out


LEFT_OPEN = """
import os, sys
import apsw
connection = apsw.Connection(sys.argv[1])
connection.execute("ALTER TABLE tasks_todo RENAME COLUMN title TO name")
os._exit(0)  # as when it was killed: the log stays
"""


def test_check_reads_the_log_and_changes_nothing(used: Path, stina: Run) -> None:
    run_python(LEFT_OPEN, used)
    before = files(used)

    result = stina("--db", used, "db", "check", "--json")

    assert ("tasks", "missing", "column", "tasks_todo.title") in harmful(result.document)
    assert files(used) == before


def test_check_of_a_store_that_is_not_there_makes_nothing(site: Site, stina: Run, tmp_path: Path) -> None:
    install(site)

    result = stina("--db", tmp_path / "not" / "there.db", "db", "check", "--json")

    assert (result.code, result.document["state"], result.document["integrity"]) == (0, "new", None)
    assert not (tmp_path / "not").exists()


def test_store_of_a_newer_stina_is_refused_with_the_reason(used: Path, stina: Run) -> None:
    file_rows(
        used,
        "INSERT INTO stina_ledger (plugin, id, checksum, applied_at, ms, sqlite_version, version, breaking) "
        "VALUES ('stina', '9999_later', 'x', 0, 0, '', '', 1)",
    )

    result = stina("--db", used, "db", "check", "--json")

    assert (result.code, result.document["state"]) == (1, "too_new")
    assert "newer version" in result.err


def test_plugin_whose_steps_fail_on_an_empty_store_is_compared_without_advice(
    site: Site, used: Path, stina: Run
) -> None:
    install(site, TITLE, f"{MAKE}\nassert not (HERE / 'broken').exists()", name="parts")
    stina("--db", used, "db", "migrate")
    file_rows(used, "ALTER TABLE parts_todo DROP COLUMN title")
    (site.folder / "stina_parts" / "broken").touch()

    result = stina("--db", used, "db", "check", "--json")

    assert harmful(result.document) == [("parts", "missing", "column", "parts_todo.title")]
    assert result.document["advice"] == {}


def test_plugin_that_the_file_does_not_fit_is_quarantined_in_every_report(used: Path, stina: Run) -> None:
    file_rows(used, "ALTER TABLE tasks_todo DROP COLUMN title")

    listed = stina("--db", used, "plugins", "--json").document
    status = stina("--db", used, "db", "status")
    doctor = stina("--db", used, "doctor", "--json")

    (tasks,) = [one for one in listed if one["name"] == "tasks"]
    assert tasks["state"] == "quarantined"
    assert "column tasks_todo.title is missing" in tasks["reason"]
    assert "quarantined: the tables of tasks" in status.out
    (error,) = [one for one in doctor.document if one["severity"] == "error"]
    assert (doctor.code, error["subject"], error["remedy"]) == (1, "tasks", "stina db check")
    assert "column tasks_todo.title is missing" in error["message"]


def test_doctor_and_status_name_what_is_only_in_the_file(used: Path, stina: Run) -> None:
    file_rows(used, "CREATE INDEX tasks_by_hand ON tasks_todo (title)")

    doctor = stina("--db", used, "doctor", "--json")
    status = stina("--db", used, "db", "status")

    (found,) = [one for one in doctor.document if one["subject"] == "tasks"]
    assert (doctor.code, found["severity"]) == (0, "info")
    assert found["message"] == "index tasks_by_hand is only in the file"
    assert "tasks: index tasks_by_hand is only in the file" in status.out


def test_extra_column_is_not_logged_at_every_command(used: Path, stina: Run) -> None:
    file_rows(used, "ALTER TABLE tasks_todo ADD COLUMN colour TEXT")

    quiet, verbose = stina("--db", used, "kv", "list"), stina("--db", used, "kv", "list", "-v")

    assert (quiet.code, quiet.err) == (0, "")
    assert "schema.drift" in verbose.err


def test_failed_step_has_its_command_in_doctor(site: Site, used: Path, stina: Run) -> None:
    install(site, TITLE, MAKE, "raise RuntimeError")
    stina("--db", used, "db", "migrate")

    findings = stina("--db", used, "doctor", "--json").document

    (error,) = [one for one in findings if one["severity"] == "error"]
    assert error["subject"] == "tasks"
    assert error["remedy"].startswith("stina db migrate -v")


def test_without_the_replay_of_the_steps_nobody_could_say_where_a_difference_comes_from(
    used: Path, stina: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(made: checking._Made, *arguments: object) -> None:
        made.shapes, made.by = Shapes(), set()

    file_rows(used, "ALTER TABLE tasks_todo DROP COLUMN title")
    monkeypatch.setattr(checking._Made, "__init__", nothing)

    result = stina("--db", used, "db", "check", "--json")

    assert result.code == 1
    assert "tasks" not in result.document["advice"]
