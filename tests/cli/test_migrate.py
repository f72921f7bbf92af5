"""`stina db migrate`: runs what is pending, says what it did, and leaves nothing when it is interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stina_core.testing import file_rows
from tests.cli.tasks_plugin import MAKE, TITLE, files, install, uninstall

if TYPE_CHECKING:
    from tests.cli.conftest import Run, Site

COMMAND = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a shell, also where tests run in the background
from stina_core.cli.main import main
sys.exit(main())
"""

RANKED = f"{TITLE}\nrank = IntegerField(default=0)"
RANK = 'op.add_column("todo", rank=IntegerField(default=0))'
REWRITE = 'op.update_rows("todo", lambda row: {"title": row["title"].upper()})'


@pytest.fixture
def used(site: Site, stina: Run, store_path: Path) -> Path:
    """A store with the plugin's table and one row."""
    install(site)
    assert stina("--db", store_path, "db", "migrate").code == 0
    file_rows(store_path, "INSERT INTO tasks_todo VALUES ('1', 'buy milk')")
    return store_path


def test_migrate_makes_a_new_store_and_names_every_step(site: Site, stina: Run, store_path: Path) -> None:
    install(site)

    result = stina("--db", store_path, "db", "migrate")

    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0] == "applied stina/0001_core"
    assert "applied tasks/0001_step" in lines[1:]
    assert file_rows(store_path, "SELECT count(*) FROM tasks_todo") == [(0,)]


def test_nothing_pending_is_said(used: Path, stina: Run) -> None:
    text, document = stina("--db", used, "db", "migrate"), stina("--db", used, "db", "migrate", "--json")

    assert (text.code, text.out, text.err) == (0, "nothing was pending\n", "")
    assert document.document == {"applied": [], "backup": None, "failed": {}, "orphaned": [], "drift": {}}


def test_backup_that_was_made_first_is_named(site: Site, used: Path, stina: Run) -> None:
    install(site, TITLE, MAKE, REWRITE)

    result = stina("--db", used, "db", "migrate", "--json")

    assert result.document["applied"] == ["tasks/0002_step"]
    backup = result.document["backup"]
    assert backup["reason"] == "migrate"
    assert file_rows(backup["path"], "SELECT title FROM tasks_todo") == [("buy milk",)]
    assert file_rows(used, "SELECT title FROM tasks_todo") == [("BUY MILK",)]


def test_backup_is_named_in_words_too(site: Site, used: Path, stina: Run) -> None:
    install(site, TITLE, MAKE, REWRITE)

    lines = stina("--db", used, "db", "migrate").out.splitlines()

    (made,) = (used.parent / "backups").iterdir()
    assert lines == ["applied tasks/0002_step", f"what was there before is kept in {made}"]


def test_plugin_that_fails_ends_with_1_and_the_others_are_migrated(
    notes: Site, stina: Run, store_path: Path
) -> None:
    install(notes, TITLE, f"{MAKE}\nraise RuntimeError('a secret')")

    result = stina("--db", store_path, "db", "migrate", "--json")
    again = stina("--db", store_path, "db", "migrate")

    assert (result.code, again.code) == (1, 1)
    assert "notes/0001_initial" in result.document["applied"]
    assert list(result.document["failed"]) == ["tasks"]
    assert result.document["failed"]["tasks"].startswith("step 0001_step of tasks failed and was undone")
    assert again.out == "nothing was applied\n"
    for one in (result, again):
        assert len(one.err.splitlines()) == 1
        assert one.err.startswith("stina: the plugin tasks is off (quarantined)")
        assert "secret" not in one.out + one.err


def test_plugins_that_are_gone_are_named(site: Site, used: Path, stina: Run) -> None:
    uninstall(site)

    assert stina("--db", used, "db", "migrate", "--json").document["orphaned"] == ["tasks"]


def test_what_is_only_in_the_file_is_part_of_the_document(used: Path, stina: Run) -> None:
    file_rows(used, "ALTER TABLE tasks_todo ADD COLUMN colour TEXT")

    result = stina("--db", used, "db", "migrate", "--json")

    (found,) = result.document["drift"]["tasks"]
    assert (result.code, found["kind"], found["name"]) == (0, "extra", "tasks_todo.colour")
    assert found.keys() == {"plugin", "kind", "table", "object", "name", "detail"}


def test_what_a_step_prints_is_no_part_of_the_document(site: Site, used: Path, stina: Run) -> None:
    install(site, RANKED, MAKE, f"print('noise')\n{RANK}")

    result = stina("--db", used, "db", "migrate", "--json")

    assert result.document["applied"] == ["tasks/0002_step"]
    assert "noise" in result.err


ENDLESS = (
    'op.unsafe_sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n")'
)
ENDLESS_ROWS = 'op.update_rows("todo", lambda row: [None for _ in iter(int, 1)])'


@pytest.mark.parametrize("endless", [ENDLESS, ENDLESS_ROWS], ids=["in a statement", "in the step's own code"])
@pytest.mark.parametrize("command", [("db", "migrate", "--json"), ("kv", "list", "--json")])
def test_ctrl_c_in_a_step_leaves_the_file_as_it_was(
    command: tuple[str, ...], endless: str, site: Site, used: Path, stina: Run
) -> None:
    begun = "import sys; sys.stderr.write('begun\\n'); sys.stderr.flush()"
    install(site, RANKED, MAKE, REWRITE, f"{RANK}\n{begun}\n{endless}")
    before = files(used)

    code, out, err = interrupted("--db", used, *command)

    assert (code, out) == (130, "")
    assert err.splitlines()[-1] == "stina: interrupted"
    assert "Traceback" not in err
    assert files(used) == before
    assert file_rows(used, "SELECT id FROM stina_ledger WHERE plugin = 'tasks'") == [("0001_step",)]


def test_interrupted_migration_is_made_up_for_by_the_next(site: Site, used: Path, script: Run) -> None:
    stopping = "if not (HERE / 'again').exists():\n    raise KeyboardInterrupt"
    install(site, RANKED, MAKE, REWRITE, f"{RANK}\n{stopping}")

    stopped = script("--db", used, "db", "migrate", "--json")
    (site.folder / "stina_tasks" / "again").touch()
    result = script("--db", used, "db", "migrate", "--json")

    assert (stopped.code, stopped.out) == (130, "")
    assert result.document["applied"] == ["tasks/0002_step", "tasks/0003_step"]
    assert file_rows(used, "SELECT title, rank FROM tasks_todo") == [("BUY MILK", 0)]


def interrupted(*arguments: object) -> tuple[int, str, str]:
    """Run the command, press Ctrl-C once its step says that it has begun, and return how it ended."""
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            first = process.stderr.readline()
            assert first == "begun\n", first + process.stderr.read()
            os.kill(process.pid, signal.SIGINT)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    return process.returncode, out, first + err
