"""`stina`, `stina plugins` and `stina db status` look at a file and leave it as it is."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw
import pytest

from stina_core import StoreConfig, open_store
from stina_core.testing import file_rows, run_python

if TYPE_CHECKING:
    from tests.cli.conftest import Run, Site

LOOKING = [(), ("db", "status"), ("plugins",), ("doctor",), ("db", "path")]

OLD_TABLES = """
    CREATE TABLE kv (key TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE tasks (id TEXT PRIMARY KEY, title TEXT NOT NULL);
    INSERT INTO kv VALUES ('counter', '7');
    INSERT INTO tasks VALUES ('td_1', 'buy milk');
"""

OLD_APP = """
import os
import apsw
connection = apsw.Connection(sys.argv[1])
connection.pragma("journal_mode", "wal")
connection.execute(sys.argv[2])
connection.execute("BEGIN; INSERT INTO tasks VALUES ('td_2', 'in the log only'); COMMIT")
os._exit(0)  # as when it was killed: the log stays
"""


@pytest.fixture
def old_file(store_path: Path) -> Path:
    """A file as the original app leaves it: closed."""
    connection = apsw.Connection(str(store_path))
    connection.pragma("journal_mode", "wal")
    connection.execute(OLD_TABLES)
    connection.close()
    return store_path


@pytest.fixture
def old_file_with_log(store_path: Path) -> Path:
    """A file as the original app leaves it when it is killed: half of it in the log."""
    run_python(OLD_APP, store_path, OLD_TABLES)
    assert Path(f"{store_path}-wal").stat().st_size > 0
    return store_path


def fingerprints(path: Path) -> dict[str, str]:
    """Every file in the directory with what is in it, except the index that SQLite keeps of a log."""
    return {
        str(file.relative_to(path.parent)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(path.parent.rglob("*"))
        if file.is_file() and not file.name.endswith("-shm")
    }


@pytest.mark.parametrize("command", LOOKING)
def test_looking_makes_no_file_and_no_directory(command: tuple[str, ...], stina: Run, tmp_path: Path) -> None:
    place = tmp_path / "not" / "there" / "stina.db"

    result = stina("--db", place, *command)

    assert result.code == 0
    assert not (tmp_path / "not").exists()


@pytest.mark.parametrize("command", LOOKING)
def test_looking_leaves_an_old_file_and_its_directory_as_they_are(
    command: tuple[str, ...], old_file: Path, stina: Run
) -> None:
    before, times = fingerprints(old_file), old_file.stat()

    result = stina("--db", old_file, *command)

    assert result.code == 0
    assert fingerprints(old_file) == before
    assert (old_file.stat().st_mtime_ns, old_file.stat().st_mode) == (times.st_mtime_ns, times.st_mode)
    assert not Path(f"{old_file}-shm").exists()


@pytest.mark.parametrize("command", LOOKING)
def test_looking_leaves_a_log_that_was_left_behind_as_it_is(
    command: tuple[str, ...], old_file_with_log: Path, stina: Run
) -> None:
    before = fingerprints(old_file_with_log)

    result = stina("--db", old_file_with_log, *command)

    assert result.code == 0
    assert fingerprints(old_file_with_log) == before
    assert len(file_rows(old_file_with_log, "SELECT * FROM tasks")) == 2


def test_an_ordinary_connection_would_have_taken_the_log_away(old_file_with_log: Path) -> None:
    before = fingerprints(old_file_with_log)

    file_rows(old_file_with_log, "SELECT 1 FROM tasks")

    assert fingerprints(old_file_with_log) != before


def test_using_the_store_adopts_the_old_file_that_looking_left(old_file: Path, stina: Run) -> None:
    seen = stina("--db", old_file, "--json").document

    stina("--db", old_file, "kv", "list")
    after = stina("--db", old_file, "--json").document

    assert (seen["schema"]["state"], after["schema"]["state"]) == ("unadopted", "current")
    assert seen["schema"]["tables"] == ["kv", "tasks"]
    assert seen["pending"][0] == "stina/0001_core"
    assert (seen["backups"], len(after["backups"]), after["pending"]) == ([], 1, [])
    assert file_rows(old_file, "SELECT id FROM tasks") == [("td_1",)]


def test_overview_without_a_file_says_what_the_first_use_will_do(notes: Site, stina: Run) -> None:
    result = stina()

    assert result.code == 0
    assert "does not exist yet" in result.out
    assert "notes/0001_initial" in result.out
    assert "nothing was made yet" in result.out


def test_overview_of_an_old_file_says_that_a_backup_comes_first(old_file: Path, stina: Run) -> None:
    text = stina("--db", old_file).out

    assert "not adopted yet" in text
    assert "verified backup" in text
    assert "nothing was changed yet" in text


def test_overview_counts_the_rows_of_each_plugin(notes: Site, stina: Run) -> None:
    stina("notes", "add", "milk")
    stina("notes", "add", "bread")

    text, document = stina().out, stina("--json").document

    assert "notes_note 2 rows" in text
    assert document["rows"]["notes_note"] == 2


def test_status_has_the_documented_shape(notes: Site, script: Run) -> None:
    script("notes", "add", "milk")
    script("db", "backup")

    document: dict[str, Any] = script("db", "status", "--json").document

    assert {"path", "size", "schema", "pending", "backups", "repairs", "feed", "plugins"} <= set(document)
    assert document["path"].endswith("stina.db")
    assert document["size"] > 0
    assert document["schema"]["state"] == "current"
    assert document["schema"]["application_id"] == 0x53746E61
    assert document["schema"]["journal_mode"] == "wal"
    assert document["schema"]["sqlite_version"] == apsw.sqlite_lib_version()
    assert (document["pending"], document["repairs"]) == ([], [])
    assert {"epoch", "oldest", "newest", "rows", "bytes", "oldest_at", "consumers"} == set(document["feed"])
    (backup,) = document["backups"]
    assert set(backup) == {"path", "bytes", "reason", "at"}
    assert backup["reason"] == "manual"
    assert {"name", "distribution", "version", "state", "tables", "reason"} == set(document["plugins"][0])


def test_status_lists_repairs_by_column_and_never_what_was_there(stina: Run, store_path: Path) -> None:
    stina("--db", store_path, "kv", "list")
    insert = (
        'INSERT INTO stina_repair ("plugin", "table", "key", "column", "before", "reason", "at") '
        "VALUES ('kv', 'kv', ?, 'value', 'SECRET', 'was no number', 0)"
    )
    for key in ("secret-a", "secret-b"):
        file_rows(store_path, insert, (key,))

    result = stina("--db", store_path, "db", "status", "--json")

    assert result.document["repairs"] == [
        {"plugin": "kv", "table": "kv", "column": "value", "reason": "was no number", "count": 2}
    ]
    assert "secret" not in result.out.lower()
    assert "2 values of kv.value (kv): was no number" in stina("--db", store_path, "db", "status").out


def test_steps_of_a_new_plugin_are_pending(site: Site, stina: Run, store_path: Path) -> None:
    stina("--db", store_path, "kv", "list")
    site.add_notes()

    document = stina("--db", store_path, "--json").document

    assert document["schema"]["state"] == "pending"
    assert document["pending"] == ["notes/0001_initial"]


@pytest.fixture
def used(store_path: Path) -> Path:
    """A store that was used, and is closed."""
    with open_store(store_path, StoreConfig(strict=True)):
        pass
    return store_path


def test_file_of_a_newer_stina_is_reported_and_not_changed(used: Path, stina: Run) -> None:
    file_rows(used, "INSERT INTO stina_ledger VALUES ('stina', '9999_later', 'x', 0, 0, '', '', 1)")
    before = fingerprints(used)

    result = stina("--db", used, "--json")

    assert result.code == 1
    assert result.document["schema"]["state"] == "too_new"
    assert "newer version" in result.err
    assert fingerprints(used) == before


def test_file_with_another_past_is_reported(used: Path, stina: Run) -> None:
    file_rows(used, "UPDATE stina_ledger SET checksum = 'other' WHERE plugin = 'stina'")

    result = stina("--db", used, "--json")

    assert (result.code, result.document["schema"]["state"]) == (1, "conflict")
    assert len(result.err.splitlines()) == 1


def test_plugin_that_does_not_fit_the_file_is_quarantined_in_the_report(used: Path, stina: Run) -> None:
    file_rows(used, "UPDATE stina_ledger SET checksum = 'other' WHERE plugin = 'kv'")

    result = stina("--db", used, "plugins", "--json")

    (kv,) = [plugin for plugin in result.document if plugin["name"] == "kv"]
    assert result.code == 0
    assert kv["state"] == "quarantined"
    assert "was changed after it ran" in kv["reason"]


def test_plugin_that_needs_a_quarantined_one_is_blocked_in_the_report(
    site: Site, used: Path, stina: Run
) -> None:
    source = "from stina_core import hookimpl\n@hookimpl\ndef startup(store): ..."
    site.add("more", plugin=source, requires=["stina-kv"])
    file_rows(used, "UPDATE stina_ledger SET checksum = 'other' WHERE plugin = 'kv'")

    states = {one["name"]: one["state"] for one in stina("--db", used, "plugins", "--json").document}

    assert (states["kv"], states["more"]) == ("quarantined", "blocked")


def test_removed_plugin_with_data_is_named_as_orphaned(notes: Site, stina: Run, tmp_path: Path) -> None:
    stina("notes", "add", "milk")
    (notes.folder / "stina_notes-1.2.dist-info").rename(tmp_path / "gone")

    document = stina("--json").document

    assert document["orphaned"] == ["notes"]
    assert document["rows"]["notes_note"] == 1
    assert "not installed, but with data in the file: notes" in stina().out


def test_failed_plugin_is_not_called_orphaned(notes: Site, stina: Run) -> None:
    stina("notes", "add", "milk")
    sys.modules.pop("stina_notes.plugin")
    (notes.folder / "stina_notes" / "plugin.py").write_text("raise RuntimeError('broken')")

    document = stina("--json").document

    assert document["orphaned"] == []
    assert document["rows"]["notes_note"] == 1


def test_store_in_memory_has_an_overview_too(stina: Run) -> None:
    result = stina("--db", ":memory:", "--json")

    assert result.code == 0
    assert (result.document["path"], result.document["exists"]) == (":memory:", False)


@pytest.mark.skipif(os.getuid() != 0, reason="takes rights away from root; others have none to take")
@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_file_in_a_directory_that_may_not_be_written_can_be_looked_at(
    journal: str, old_file: Path, script: Run
) -> None:
    file_rows(old_file, f"PRAGMA journal_mode = {journal}")
    old_file.parent.chmod(0o500)
    old_file.chmod(0o400)
    before = fingerprints(old_file)

    try:
        result = script("--db", old_file, "--json", preexec_fn=_without_roots_rights)
    finally:
        old_file.parent.chmod(0o700)

    assert result.code == 0, result.err
    assert result.document["schema"]["tables"] == ["kv", "tasks"]
    assert fingerprints(old_file) == before


@pytest.mark.skipif(os.getuid() != 0, reason="takes rights away from root; others have none to take")
def test_file_that_may_not_be_read_is_one_clear_line(old_file: Path, script: Run) -> None:
    old_file.chmod(0o000)

    for command in LOOKING[:4]:
        result = script("--db", old_file, *command, preexec_fn=_without_roots_rights)

        assert f"{old_file} may not be read by this program" in result.err + result.out
        assert "Traceback" not in result.err


def _without_roots_rights() -> None:
    """In the child: give up root's right to pass over permissions, from the next program on."""
    import ctypes

    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP
