from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import apsw
import pytest

from stina_core import (
    ConfigError,
    Cursor,
    SchemaTooNewError,
    StoreBusyError,
    StoreConfig,
    StoreCorruptError,
    StoreIOError,
    maintenance,
    now,
)
from stina_core.backends.sqlite import backup as copies
from stina_core.backends.sqlite.lock import file_lock
from stina_core.maintenance import back_up, reset, restore
from stina_core.plugins import Plugins, load_plugins
from stina_core.testing import file_rows

if TYPE_CHECKING:
    from tests.cli.conftest import Run, Site

SCRIPT = str(Path(sys.executable).with_name("stina"))


def titles(path: Path) -> list[str]:
    return [title for (title,) in file_rows(path, "SELECT title FROM notes_note ORDER BY id")]


def epoch(path: Path) -> str:
    return str(file_rows(path, "SELECT epoch FROM stina_feed")[0][0])


@pytest.fixture
def used(notes: Site, stina: Run, store_path: Path) -> Path:
    """A store with one note in it."""
    assert stina("--db", store_path, "notes", "add", "before").code == 0
    return store_path


@pytest.fixture
def config(store_path: Path) -> StoreConfig:
    return StoreConfig.from_env(store_path)


def test_backup_is_a_whole_store_that_only_its_owner_can_read(used: Path, stina: Run) -> None:
    result = stina("--db", used, "db", "backup", "--json")

    made = Path(result.document["path"])
    assert titles(made) == ["before"]
    assert made.parent == used.parent / "backups"
    assert re.fullmatch(r"stina\.db-\d{8}T\d{9}Z-manual\.db", made.name)
    assert (made.stat().st_mode & 0o777, made.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert result.document["bytes"] == made.stat().st_size
    assert sorted(made.parent.iterdir()) == [made]


def test_backup_does_not_change_the_store(used: Path, stina: Run) -> None:
    before = used.read_bytes()

    stina("--db", used, "db", "backup")

    assert used.read_bytes() == before


def test_two_backups_in_one_millisecond_are_two_files(
    used: Path, config: StoreConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = now()
    monkeypatch.setattr(copies, "now", lambda: moment)

    first, second = back_up(config), back_up(config)

    assert first.path != second.path
    assert [one.path for one in copies.listed(str(used))] == [first.path, second.path]


def test_manual_backups_stay_and_automatic_ones_are_kept_by_number(used: Path, stina: Run) -> None:
    first = stina("--db", used, "db", "backup", "--json").document["path"]

    for _ in range(7):
        stina("--db", used, "db", "restore", first, "--yes")

    reasons = [one.reason for one in copies.listed(str(used))]
    assert (reasons.count("manual"), reasons.count("restore")) == (1, 5)


def test_other_files_among_the_backups_are_no_backups(used: Path) -> None:
    folder = used.parent / "backups"
    folder.mkdir()
    for name in (
        "notes.txt",
        "stina.db-99999999T999999999Z-manual.db",
        "other.db-20260101T000000000Z-manual.db",
        "stina-20260101T000000000Z-manual.db",
    ):
        (folder / name).touch()

    assert copies.listed(str(used)) == []


def test_stores_whose_names_differ_in_the_ending_only_leave_each_others_backups_alone(
    notes: Site, stina: Run, tmp_path: Path
) -> None:
    stores = [tmp_path / "stina", tmp_path / "stina.db"]
    for store in stores:
        stina("--db", store, "notes", "add", store.name)
        stina("--db", store, "db", "reset", "--yes")
    [kept] = copies.listed(str(stores[0]))

    for _ in range(7):
        stina("--db", stores[1], "db", "reset", "--yes")

    assert copies.listed(str(stores[0])) == [kept]
    assert titles(kept.path) == ["stina"]
    assert len(copies.listed(str(stores[1]))) == 5


def test_store_of_any_name_finds_its_own_backups_again(notes: Site, stina: Run, tmp_path: Path) -> None:
    for name in ("a.db", "a.sqlite", "two\nlines.db", "20260101T000000000Z-manual.db"):
        file = tmp_path / "names" / name
        stina("--db", file, "notes", "add", name)

        made = stina("--db", file, "db", "backup", "--json").document

        listed = stina("--db", file, "db", "status", "--json").document["backups"]
        assert listed == [made]


def test_restore_brings_back_what_the_backup_holds_and_keeps_what_was_there(used: Path, stina: Run) -> None:
    made = stina("--db", used, "db", "backup", "--json").document["path"]
    stina("--db", used, "notes", "add", "after")

    result = stina("--db", used, "db", "restore", made, "--yes", "--json")

    assert result.code == 0
    assert titles(used) == ["before"]
    assert result.document["path"] == str(used)
    assert result.document["restored"] == made
    assert result.document["backup"]["reason"] == "restore"
    assert titles(Path(result.document["backup"]["path"])) == ["before", "after"]
    assert not list(used.parent.glob(".stina-*"))


def test_restore_gives_the_feed_a_new_epoch_so_that_old_cursors_are_refused(used: Path, stina: Run) -> None:
    old = epoch(used)
    made = stina("--db", used, "db", "backup", "--json").document["path"]

    stina("--db", used, "db", "restore", made, "--yes")

    assert epoch(used) != old
    assert epoch(Path(made)) == old
    assert Cursor.parse(f"{epoch(used)}:0").epoch == epoch(used)


def test_restore_of_another_page_size_fits_the_store(used: Path, stina: Run, tmp_path: Path) -> None:
    made = Path(stina("--db", used, "db", "backup", "--json").document["path"])
    connection = apsw.Connection(str(made))
    connection.pragma("page_size", 8192)
    connection.execute("VACUUM")
    connection.close()

    result = stina("--db", used, "db", "restore", made, "--yes")

    assert result.code == 0
    assert file_rows(made, "PRAGMA page_size") == [(8192,)]
    assert file_rows(used, "PRAGMA page_size") == [(4096,)]
    assert titles(used) == ["before"]


@pytest.mark.parametrize("damaged", [False, True])
def test_restore_through_a_link_keeps_the_link(damaged: bool, used: Path, stina: Run, tmp_path: Path) -> None:
    link = tmp_path / "elsewhere" / "link.db"
    link.parent.mkdir()
    link.symlink_to(used)
    made = stina("--db", link, "db", "backup", "--json").document["path"]
    if damaged:
        used.write_bytes(b"garbage " * 1000)
    else:
        stina("--db", link, "notes", "add", "after")

    result = stina("--db", link, "db", "restore", made, "--yes", "--json")

    assert result.code == 0
    assert link.readlink() == used
    assert titles(used) == ["before"]
    assert Path(made).parent == Path(result.document["backup"]["path"]).parent == used.parent / "backups"
    assert list(link.parent.iterdir()) == [link]


def test_maintenance_of_a_link_waits_for_the_lock_of_the_real_file(
    used: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(used)
    monkeypatch.setattr(maintenance, "LOCK_TIMEOUT", 0.05)

    with file_lock(str(used), 1), pytest.raises(StoreBusyError):
        reset(StoreConfig(path=str(link)), Plugins([]))

    assert titles(used) == ["before"]


def test_restore_into_a_place_without_a_store_makes_one(used: Path, stina: Run, tmp_path: Path) -> None:
    made = stina("--db", used, "db", "backup", "--json").document["path"]
    place = tmp_path / "new" / "place.db"

    result = stina("--db", place, "db", "restore", made, "--yes", "--json")

    assert result.document["backup"] is None
    assert titles(place) == ["before"]
    assert place.stat().st_mode & 0o777 == 0o600


def test_restore_of_an_old_apps_file_is_adopted_by_the_next_command(
    used: Path, stina: Run, tmp_path: Path
) -> None:
    old = tmp_path / "old.db"
    file_rows(old, "CREATE TABLE kv (key TEXT PRIMARY KEY, value TEXT NOT NULL)")

    stina("--db", used, "db", "restore", old, "--yes")

    assert stina("--db", used, "--json").document["schema"]["state"] == "unadopted"
    assert stina("--db", used, "kv", "list").code == 0
    assert stina("--db", used, "--json").document["schema"]["state"] == "current"


def test_restore_leaves_its_source_as_it_was(used: Path, stina: Run, tmp_path: Path) -> None:
    source = tmp_path / "source.db"
    connection = apsw.Connection(str(source))
    connection.pragma("journal_mode", "wal")
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.execute("CREATE TABLE t (a); INSERT INTO t VALUES (1)")
    connection.close()
    log = Path(f"{source}-wal")
    before = source.read_bytes(), log.read_bytes()

    result = stina("--db", used, "db", "restore", source, "--yes")

    assert result.code == 0
    assert (source.read_bytes(), log.read_bytes()) == before
    assert file_rows(used, "SELECT a FROM t") == [(1,)]


def _state(path: Path) -> tuple[bytes, list[str]]:
    return path.read_bytes(), sorted(
        file.name for file in path.parent.rglob("*") if file.name != "stina.db.lock"
    )


def test_source_that_cannot_be_restored_is_refused_before_anything_changes(
    used: Path, config: StoreConfig, tmp_path: Path, stina: Run
) -> None:
    newer, foreign, empty, garbage, cut = (tmp_path / f"{name}.db" for name in ("n", "f", "e", "g", "c"))
    for file in (newer, cut):
        file.write_bytes(used.read_bytes())
    file_rows(newer, "INSERT INTO stina_ledger VALUES ('stina', '9999_later', 'x', 0, 0, '', '', 1)")
    file_rows(foreign, "CREATE TABLE t (a)")
    file_rows(foreign, "PRAGMA application_id = 12345")
    empty.touch()
    garbage.write_bytes(b"garbage " * 1000)
    file_rows(cut, "INSERT INTO notes_note VALUES ('x', ?)", ("x" * 100_000,))
    cut.write_bytes(cut.read_bytes()[:60_000])
    before = _state(used)

    for source, error in (
        (newer, SchemaTooNewError),
        (foreign, ConfigError),
        (empty, StoreIOError),
        (garbage, StoreCorruptError),
        (cut, StoreCorruptError),
        (used, StoreIOError),
        (tmp_path / "missing.db", StoreIOError),
        (tmp_path, StoreIOError),
    ):
        with pytest.raises(error) as refused:
            restore(config, source)

        assert str(source) in str(refused.value) or source == newer
        assert _state(used) == before


def test_reset_leaves_an_empty_store_with_every_table_and_keeps_what_was_there(
    used: Path, stina: Run
) -> None:
    old = epoch(used)

    result = stina("--db", used, "db", "reset", "--yes", "--json")

    assert result.code == 0
    assert titles(used) == []
    assert epoch(used) != old
    assert stina("--db", used, "--json").document["schema"]["state"] == "current"
    assert result.document["backup"]["reason"] == "reset"
    assert titles(Path(result.document["backup"]["path"])) == ["before"]
    assert not list(used.parent.glob(".stina-*"))


def test_reset_without_a_store_makes_an_empty_one(notes: Site, stina: Run, store_path: Path) -> None:
    result = stina("--db", store_path, "db", "reset", "--yes", "--json")

    assert result.document == {"path": str(store_path), "backup": None}
    assert titles(store_path) == []


def test_reset_changes_nothing_where_a_plugins_steps_fail(used: Path, site: Site, stina: Run) -> None:
    site.add("bad", plugin=FAILING_STEP)
    before = _state(used)

    result = stina("--db", used, "db", "reset", "--yes")

    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("stina: step 0001_initial of bad failed and was undone")
    assert len(result.err.splitlines()) == 1
    assert _state(used) == before
    assert stina("--db", used, "db", "reset", "--yes", "--no-plugins").code == 0


FAILING_STEP = """
    from stina_core import Migrations, Operations, hookimpl

    @hookimpl
    def migrate(migrations: Migrations) -> None:
        @migrations.step("0001_initial")
        def initial(op: Operations) -> None:
            raise RuntimeError("no")
"""


def test_reset_runs_no_startup_on_the_store_it_builds(
    site: Site, config: StoreConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stina_core import hookimpl, local_plugin

    class Curious:
        started = 0

        @hookimpl
        def startup(self, store: object) -> None:
            self.started += 1

    plugin = Curious()

    reset(config, load_plugins([local_plugin("curious", plugin)], config))

    assert plugin.started == 0


@pytest.mark.parametrize("verb", ["restore", "reset", "backup"])
def test_another_programs_file_is_never_replaced(verb: str, stina: Run, used: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.db"
    file_rows(foreign, "CREATE TABLE t (a)")
    file_rows(foreign, "PRAGMA application_id = 12345")
    before = foreign.read_bytes()
    arguments = {"restore": (str(used), "--yes"), "reset": ("--yes",), "backup": ()}[verb]

    result = stina("--db", foreign, "db", verb, *arguments)

    assert result.code == 1
    assert "belongs to another program" in result.err
    assert foreign.read_bytes() == before


@pytest.mark.parametrize("verb", ["restore", "reset", "backup"])
def test_store_in_memory_is_refused(verb: str, stina: Run, used: Path) -> None:
    arguments = {"restore": (str(used), "--yes"), "reset": ("--yes",), "backup": ()}[verb]

    result = stina("--db", ":memory:", "db", verb, *arguments)

    assert result.code == 1
    assert "a store in memory has no file" in result.err


def test_destructive_commands_need_yes_when_nobody_can_be_asked(used: Path, script: Run) -> None:
    for arguments in (("reset",), ("restore", str(used))):
        result = script("--db", used, "db", *arguments)

        assert result.code == 2
        assert "add --yes" in result.err
    assert titles(used) == ["before"]


def answered(answer: str, *arguments: object) -> tuple[int, str, str]:
    """Run the command with *answer* typed at a terminal."""
    parent, child = pty.openpty()
    try:
        process = subprocess.Popen(
            [SCRIPT, *map(str, arguments)],
            stdin=child,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        os.write(parent, answer.encode())
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err
    finally:
        os.close(parent)
        os.close(child)


def test_person_at_a_terminal_is_asked_and_no_is_taken(used: Path) -> None:
    code, out, err = answered("n\n", "--db", used, "db", "reset", "--json")

    assert (code, out.strip()) == (1, "")  # before 8.5 click writes a space of the prompt there
    assert f"Delete everything in {used}?" in err
    assert "nothing was changed" in err
    assert titles(used) == ["before"]


def test_person_at_a_terminal_who_agrees_gets_one_document_on_stdout(used: Path) -> None:
    import json

    code, out, _ = answered("y\n", "--db", used, "db", "reset", "--json")

    assert code == 0
    assert json.loads(out)["backup"]["reason"] == "reset"
    assert titles(used) == []


def test_person_at_a_terminal_who_does_not_answer_changes_nothing(used: Path) -> None:
    code, out, err = answered("\x04", "--db", used, "db", "reset")

    assert (code, out.strip()) == (1, "")  # before 8.5 click writes a space of the prompt there
    assert "stopped: there was no answer" in err
    assert titles(used) == ["before"]


def test_unfinished_copies_of_yesterday_are_removed_and_those_of_today_are_not(
    used: Path, config: StoreConfig
) -> None:
    folder = used.parent / "backups"
    folder.mkdir(mode=0o700)
    old, new = folder / ".stina-old.tmp", folder / ".stina-new.tmp"
    for file in (old, new):
        file.touch()
    os.utime(old, (0, 0))

    back_up(config)

    assert (old.exists(), new.exists()) == (False, True)


def test_unfinished_copy_that_cannot_be_removed_is_logged_and_stops_nothing(
    used: Path, config: StoreConfig, stina: Run
) -> None:
    left = used.parent / ".stina-old.tmp"
    left.mkdir()
    os.utime(left, (0, 0))

    result = stina("--db", used, "db", "reset", "--yes")

    assert (result.code, titles(used)) == (0, [])
    assert left.is_dir()
    assert f"event='copy.kept' path='{left}'" in result.err
    assert len(result.err.splitlines()) <= 3  # it is looked for at each copy


def test_core_functions_need_no_plugin(store_path: Path, config: StoreConfig) -> None:
    reset(config, Plugins([]))
    made = back_up(config)

    done = restore(config, made.path)

    assert done.before is not None
    assert file_rows(store_path, "SELECT DISTINCT plugin FROM stina_ledger") == [("stina",)]


def test_restore_waits_for_the_stores_lock_and_gives_up_without_a_change(
    used: Path, config: StoreConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = back_up(config)
    monkeypatch.setattr(maintenance, "LOCK_TIMEOUT", 0.05)
    before = _state(used)

    with file_lock(str(used), 1), pytest.raises(StoreBusyError):
        restore(config, made.path)

    assert _state(used) == before


def test_restore_gives_up_on_a_writer_that_does_not_end(used: Path, config: StoreConfig) -> None:
    made = back_up(config)
    writer = apsw.Connection(str(used))
    writer.execute("BEGIN IMMEDIATE; DELETE FROM notes_note")

    with pytest.raises(StoreBusyError):
        restore(replace(config, busy_timeout=0.05), made.path)

    writer.execute("ROLLBACK")
    writer.close()
    assert titles(used) == ["before"]
    assert epoch(used) == epoch(made.path)
    restore(config, made.path)


def test_reader_keeps_the_contents_it_began_with_while_others_are_restored(
    used: Path, config: StoreConfig, stina: Run
) -> None:
    made = back_up(config)
    stina("--db", used, "notes", "add", "after")
    reader = apsw.Connection(str(used))
    reader.execute("BEGIN")
    query = "SELECT title FROM notes_note ORDER BY id"
    begun = reader.execute(query).fetchall()

    restore(config, made.path)

    still = reader.execute(query).fetchall()
    reader.execute("COMMIT")
    now_there = reader.execute(query).fetchall()
    reader.close()
    assert begun == still == [("before",), ("after",)]
    assert now_there == [("before",)]
