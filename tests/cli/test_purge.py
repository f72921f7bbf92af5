"""`stina db purge`: what a plugin that is gone left is deleted, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw
import pytest

from stina_core import ConfigError, ConstraintError, StoreConfig, StoreIOError, purging
from stina_core.migrations import ledger
from stina_core.plugins import Plugins
from stina_core.purging import purge
from stina_core.testing import file_rows, running_python
from tests.cli.tasks_plugin import MAKE, TITLE, files, install, uninstall
from tests.cli.test_backup_restore_reset import answered

if TYPE_CHECKING:
    from tests.cli.conftest import Run, Site

SEARCHED = f"{TITLE}\nclass Meta:\n    search = Search('title')"
SEARCH = 'op.create_search("todo", "title")'
NOBODY = Plugins([])

BY_HAND = """
    CREATE TABLE tasks (id TEXT PRIMARY KEY);
    CREATE TABLE tasksmore_one (id TEXT PRIMARY KEY);
    CREATE TABLE other_one (id TEXT PRIMARY KEY, title TEXT);
    CREATE INDEX tasks_of_other ON other_one (title);
    CREATE INDEX other_one__title ON other_one (title);
    CREATE TRIGGER tasks_watch AFTER INSERT ON other_one BEGIN DELETE FROM tasks_todo; END;
    CREATE TRIGGER watch_tasks AFTER INSERT ON tasks_todo BEGIN SELECT 1; END;
    CREATE VIEW tasks_short AS SELECT id FROM tasks_todo;
"""
"""Other objects that the plugin may have made, and some that only look like its own."""

NOTED = """
    INSERT INTO stina_repair ("plugin", "table", "column", "reason", "at") VALUES ('{0}', 't', 'c', 'r', 0);
    INSERT INTO stina_failure VALUES ('{0}', NULL, 'r', 0);
    INSERT INTO stina_cursor (name, plugin, epoch, seq, updated_at) VALUES ('{0}', '{0}', 'e', 0, 0);
"""


@pytest.fixture
def orphan(site: Site, stina: Run, store_path: Path) -> Path:
    """A store with two plugins and a row of each, in which `tasks` is not installed any more."""
    site.add_notes()
    install(site, SEARCHED, MAKE, SEARCH)
    assert stina("--db", store_path, "notes", "add", "kept").code == 0
    file_rows(store_path, "INSERT INTO tasks_todo VALUES ('1', 'buy milk')")
    uninstall(site)
    return store_path


@pytest.fixture
def config(store_path: Path) -> StoreConfig:
    return StoreConfig.from_env(store_path)


def objects(path: Path) -> set[str]:
    return {name for (name,) in file_rows(path, "SELECT name FROM sqlite_schema WHERE sql IS NOT NULL")}


def noted(path: Path, plugin: str) -> dict[str, int]:
    """How many rows of each of the core's tables speak of *plugin*."""
    tables = ("ledger", "catalog", "failure", "repair", "cursor")
    count = "SELECT count(*) FROM stina_{} WHERE plugin = ?"
    return {table: file_rows(path, count.format(table), (plugin,))[0][0] for table in tables}


def schema_epoch(path: Path) -> int:
    return int(file_rows(path, "SELECT schema_epoch FROM stina_feed")[0][0])


def backups(path: Path) -> list[str]:
    return sorted(one.name for one in (path.parent / "backups").glob("*"))


def contents(path: Path) -> list[Any]:
    """The schema of the file and the rows of every table, but for when the core last compared the two."""
    tables = file_rows(
        path,
        "SELECT name FROM pragma_table_list "
        "WHERE schema = 'main' AND name NOT IN ('sqlite_schema', 'stina_catalog') ORDER BY name",
    )
    return [
        file_rows(path, "SELECT type, name, sql FROM sqlite_schema ORDER BY type, name"),
        *((name, file_rows(path, f'SELECT * FROM "{name}"')) for (name,) in tables),
    ]


def test_purge_deletes_every_object_of_the_plugin_and_nothing_else(orphan: Path, stina: Run) -> None:
    connection = apsw.Connection(str(orphan))
    connection.execute(BY_HAND)
    connection.close()
    before = objects(orphan)
    mine = {name for name in before if name.startswith("tasks_")}
    assert {"tasks_todo", "tasks_todo_search", "tasks_todo_search_data", "tasks_watch", "tasks_short"} <= mine
    capture = {name for name in before if name.startswith("stina_capture_tasks_todo_")}
    assert len(capture) == 4

    result = stina("--db", orphan, "db", "purge", "tasks", "--yes", "--json")

    assert (result.code, result.err) == (0, "")
    assert objects(orphan) == before - mine - capture - {"watch_tasks"}
    assert result.document["tables"] == ["tasks_todo", "tasks_todo_search"]
    assert result.document["others"] == [
        "index tasks_of_other",
        "trigger tasks_watch",
        "trigger watch_tasks",
        "view tasks_short",
    ]
    assert result.document["plugin"] == "tasks"
    assert result.document["path"] == str(orphan)
    assert file_rows(orphan, "SELECT title FROM notes_note") == [("kept",)]
    assert file_rows(orphan, "PRAGMA integrity_check") == [("ok",)]


def test_what_the_core_noted_of_the_plugin_goes_and_of_others_stays(orphan: Path, stina: Run) -> None:
    connection = apsw.Connection(str(orphan))
    connection.execute(NOTED.format("tasks") + NOTED.format("notes"))
    connection.close()
    assert all(noted(orphan, "tasks").values())
    others = noted(orphan, "notes")

    stina("--db", orphan, "db", "purge", "tasks", "--yes")

    assert not any(noted(orphan, "tasks").values())
    assert noted(orphan, "notes") == others
    assert all(others.values())


def test_backup_holds_everything_that_was_there(orphan: Path, stina: Run) -> None:
    result = stina("--db", orphan, "db", "purge", "tasks", "--yes", "--json")

    backup = result.document["backup"]
    assert backup["reason"] == "purge"
    assert file_rows(backup["path"], "SELECT title FROM tasks_todo") == [("buy milk",)]
    assert noted(Path(backup["path"]), "tasks")["ledger"] == 2


def test_purge_says_what_is_gone_and_where_it_is_kept(orphan: Path, stina: Run) -> None:
    result = stina("--db", orphan, "db", "purge", "tasks", "--yes")

    (made,) = (orphan.parent / "backups").iterdir()
    assert result.out.splitlines() == [
        "deleted tasks_todo, tasks_todo_search of tasks",
        f"what was in the store before is kept in {made}",
    ]


def test_purged_plugin_starts_fresh_when_it_is_installed_again(site: Site, orphan: Path, stina: Run) -> None:
    stina("--db", orphan, "db", "purge", "tasks", "--yes")
    install(site, SEARCHED, MAKE, SEARCH)

    result = stina("--db", orphan, "db", "migrate", "--json")

    assert result.document["applied"] == ["tasks/0001_step", "tasks/0002_step"]
    assert file_rows(orphan, "SELECT * FROM tasks_todo") == []
    assert stina("--db", orphan, "db", "check").code == 0


def test_plugin_that_was_not_purged_is_adopted_again_with_its_rows(
    site: Site, orphan: Path, stina: Run
) -> None:
    install(site, SEARCHED, MAKE, SEARCH)

    result = stina("--db", orphan, "db", "migrate", "--json")

    assert (result.document["applied"], result.document["orphaned"]) == ([], [])
    assert file_rows(orphan, "SELECT title FROM tasks_todo") == [("buy milk",)]
    assert stina("--db", orphan, "db", "check").code == 0


@pytest.mark.parametrize("options", [(), ("--no-plugins",)])
def test_plugin_that_is_installed_is_refused_whatever_state_it_is_in(
    options: tuple[str, ...], site: Site, orphan: Path, stina: Run
) -> None:
    site.add("tasks", plugin="raise RuntimeError('broken')")
    before = files(orphan)

    for name in ("notes", "tasks"):
        result = stina("--db", orphan, "db", "purge", name, "--yes", *options)

        assert (result.code, result.out) == (1, "")
        assert result.err.startswith(f"stina: the plugin {name} is installed; uninstall its distribution")
    assert files(orphan) == before


def test_plugin_that_is_only_named_in_the_settings_may_be_purged(
    orphan: Path, stina: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STINA_PLUGINS", "kv,tasks")

    assert stina("--db", orphan, "db", "purge", "tasks", "--yes").code == 0


@pytest.mark.parametrize("name", ["stina", "nobody", "tasks_todo", ""])
def test_names_without_orphaned_data_are_refused_before_anybody_is_asked(
    name: str, orphan: Path, stina: Run
) -> None:
    before = files(orphan)

    result = stina("--db", orphan, "db", "purge", name)  # without --yes: it would be a usage error

    assert (result.code, result.out) == (1, "")
    assert ("is the core itself" if name == "stina" else "those that have are: tasks") in result.err
    assert files(orphan) == before


def test_purge_needs_yes_when_nobody_can_be_asked(orphan: Path, script: Run) -> None:
    before = files(orphan)

    result = script("--db", orphan, "db", "purge", "tasks")

    assert result.code == 2
    assert "add --yes" in result.err
    assert files(orphan) == before


def test_question_and_answer_name_everything_that_goes(orphan: Path, stina: Run) -> None:
    connection = apsw.Connection(str(orphan))
    connection.execute(BY_HAND)
    connection.close()
    everything = "index tasks_of_other, trigger tasks_watch, trigger watch_tasks, view tasks_short"

    _, _, asked = answered("n\n", "--db", orphan, "db", "purge", "tasks")
    done = stina("--db", orphan, "db", "purge", "tasks", "--yes")

    assert f"(tasks_todo 1 row, tasks_todo_search, {everything})?" in " ".join(asked.split())
    assert done.out.startswith(f"deleted tasks_todo, tasks_todo_search, {everything} of tasks\n")


def test_purge_that_is_not_possible_is_refused_before_anybody_is_asked(orphan: Path, script: Run) -> None:
    file_rows(orphan, "CREATE TABLE labels_label (id TEXT PRIMARY KEY, todo REFERENCES tasks_todo (id))")
    before = files(orphan)

    result = script("--db", orphan, "db", "purge", "tasks")

    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("stina: labels_label refers to tasks_todo of the plugin tasks")
    assert files(orphan) == before


def test_trigger_that_goes_does_not_take_a_table_of_its_name_along(orphan: Path, config: StoreConfig) -> None:
    file_rows(orphan, "CREATE TRIGGER shared AFTER INSERT ON tasks_todo BEGIN SELECT 1; END")
    file_rows(orphan, "CREATE TABLE shared (id TEXT PRIMARY KEY, todo REFERENCES tasks_todo (id))")

    with pytest.raises(ConstraintError, match="shared refers to tasks_todo"):
        purge(config, NOBODY, "tasks")


def test_person_at_a_terminal_is_told_what_is_there_and_no_is_taken(orphan: Path) -> None:
    before = files(orphan)

    code, out, err = answered("n\n", "--db", orphan, "db", "purge", "tasks")

    assert (code, out.strip()) == (1, "")
    assert (
        f"Delete what tasks left in {orphan} (tasks_todo 1 row, tasks_todo_search)? A backup is made first."
        in err
    )
    assert files(orphan) == before


@pytest.mark.parametrize("points", ["'1'", "NULL"], ids=["with a row that points there", "with none"])
def test_plugin_that_others_point_to_is_refused_and_nothing_changes(
    points: str, orphan: Path, config: StoreConfig, stina: Run
) -> None:
    file_rows(orphan, "CREATE TABLE labels_label (id TEXT PRIMARY KEY, todo REFERENCES tasks_todo (id))")
    file_rows(orphan, f"INSERT INTO labels_label VALUES ('a', {points})")
    before = contents(orphan)

    with pytest.raises(ConstraintError) as refused:
        purge(config, NOBODY, "tasks")
    result = stina("--db", orphan, "db", "purge", "tasks", "--yes")

    assert (refused.value.kind, refused.value.table) == ("foreign_key", "labels_label")
    assert (result.code, result.err) == (1, f"stina: {refused.value}\n")
    assert contents(orphan) == before
    assert backups(orphan) == []


def test_without_that_refusal_the_others_could_not_be_written_any_more(
    orphan: Path, config: StoreConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_rows(orphan, "CREATE TABLE labels_label (id TEXT PRIMARY KEY, todo REFERENCES tasks_todo (id))")
    monkeypatch.setattr(purging, "_users", lambda connection, stays, gone: [])

    purge(config, NOBODY, "tasks")

    connection = apsw.Connection(str(orphan))
    connection.execute("PRAGMA foreign_keys = 1")
    with pytest.raises(apsw.SQLError, match=r"no such table: main\.tasks_todo"):
        connection.execute("INSERT INTO labels_label VALUES ('a', NULL)")
    connection.close()


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TRIGGER notes_watch AFTER INSERT ON notes_note BEGIN DELETE FROM TASKS_todo; END",
        'CREATE VIEW notes_both AS SELECT t.id FROM notes_note JOIN "tasks_todo" AS t',
    ],
)
def test_trigger_or_view_of_others_that_uses_its_tables_is_a_refusal_too(
    sql: str, orphan: Path, config: StoreConfig
) -> None:
    file_rows(orphan, sql)
    before = contents(orphan)

    with pytest.raises(ConstraintError, match=r"notes_(watch|both) refers to tasks_todo of the plugin tasks"):
        purge(config, NOBODY, "tasks")

    assert contents(orphan) == before
    assert backups(orphan) == []


def test_tables_of_one_plugin_that_point_to_each_other_are_no_hindrance(
    orphan: Path, config: StoreConfig
) -> None:
    file_rows(orphan, "CREATE TABLE tasks_a (id TEXT PRIMARY KEY, todo REFERENCES tasks_todo (id))")
    file_rows(orphan, "INSERT INTO tasks_a VALUES ('a', '1')")

    assert purge(config, NOBODY, "tasks").tables == ("tasks_a", "tasks_todo", "tasks_todo_search")


def test_interrupted_purge_changes_nothing_and_keeps_no_backup(
    orphan: Path, stina: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(orphan)

    def interrupt(backend: object) -> None:
        assert len(backups(orphan)) == 1
        raise KeyboardInterrupt

    monkeypatch.setattr(ledger, "begin_epoch", interrupt)

    assert stina("--db", orphan, "db", "purge", "tasks", "--yes").code == 130
    assert contents(orphan) == before
    assert backups(orphan) == []


def test_steps_of_other_plugins_are_not_run(site: Site, orphan: Path, stina: Run) -> None:
    site.add("shelf", plugin=(site.folder / "stina_notes" / "plugin.py").read_text())

    assert stina("--db", orphan, "db", "purge", "tasks", "--yes").code == 0

    assert "shelf_note" not in objects(orphan)
    assert stina("--db", orphan, "--json").document["pending"] == ["shelf/0001_initial"]


def test_purge_raises_the_schema_epoch_once(orphan: Path, stina: Run) -> None:
    before = schema_epoch(orphan)

    stina("--db", orphan, "db", "purge", "tasks", "--yes")

    assert schema_epoch(orphan) == before + 1


WITH_STORE = """
from stina_core import open_store
from stina_notes.plugin import NoteRepository

with open_store(sys.argv[1]) as store:
    say("open")
    for line in sys.stdin:
        store[NoteRepository].add(line.strip())
        say("added")
"""


def test_program_that_has_the_store_open_goes_on(orphan: Path, stina: Run) -> None:
    with running_python(WITH_STORE, orphan) as program:
        program.hear("open")

        assert stina("--db", orphan, "db", "purge", "tasks", "--yes").code == 0
        program.say("after")
        program.hear("added")
        program.finish()

    titles = file_rows(orphan, "SELECT title FROM notes_note ORDER BY id")
    assert titles == [("kept",), ("after",)]


def test_five_automatic_backups_of_purges_are_kept(
    site: Site, orphan: Path, config: StoreConfig, stina: Run
) -> None:
    for number in range(7):
        install(site, TITLE, MAKE, name=f"p{number}")
        stina("--db", orphan, "db", "migrate")
        uninstall(site, f"p{number}")
        purge(config, NOBODY, f"p{number}")

    assert len(backups(orphan)) == 5


def test_store_in_memory_and_one_that_is_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a store in memory"):
        purge(StoreConfig.from_env(":memory:"), NOBODY, "tasks")
    with pytest.raises(StoreIOError, match="does not exist"):
        purge(StoreConfig.from_env(tmp_path / "not" / "there.db"), NOBODY, "tasks")

    assert not (tmp_path / "not").exists()


def test_file_of_the_original_app_has_nothing_to_purge(store_path: Path, stina: Run) -> None:
    file_rows(store_path, "CREATE TABLE tasks_old (id TEXT)")
    before = files(store_path)

    result = stina("--db", store_path, "db", "purge", "tasks", "--yes")

    assert (result.code, result.out) == (1, "")
    assert "no plugin 'tasks' that is gone has data in this store" in result.err
    assert files(store_path) == before


def test_doctor_and_status_say_what_an_orphan_keeps_and_how_it_is_deleted(orphan: Path, stina: Run) -> None:
    file_rows(orphan, "CREATE TABLE tasks (id TEXT)")  # the original app's; not the plugin's

    status = stina("--db", orphan, "db", "status")
    findings = stina("--db", orphan, "doctor", "--json").document

    (line,) = [line for line in status.out.splitlines() if line.startswith("orphaned")]
    assert line.split(maxsplit=1)[1] == "tasks: tasks_todo 1 row; `stina db purge tasks` deletes that"
    (finding,) = [one for one in findings if (one["subject"], one["severity"]) == ("tasks", "warning")]
    assert finding["message"].endswith("tasks_todo 1 row")
    assert finding["remedy"].endswith("stina db purge tasks")
