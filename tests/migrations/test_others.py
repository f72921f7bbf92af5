"""What other programs left in a file, or do to it while steps run."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import apsw
import pytest

from stina_core import (
    DriftError,
    ForeignKeyField,
    IdField,
    IntegerField,
    LedgerConflictError,
    Operations,
    Plugins,
    PluginState,
    Progress,
    StoreConfig,
    TextField,
    load_plugins,
    open_store,
)
from stina_core.catalog import Value
from stina_core.maintenance import back_up
from stina_core.testing import file_rows

from ..declarations import backups, making, old_file, opened, states, stepping


def notes(op: Operations) -> None:
    op.create_table("note", id=IdField(), n=IntegerField(default=0))
    op.insert("note", [{"id": "a"}, {"id": "b"}])


def labels(op: Operations) -> None:
    op.create_table("tag", id=IdField(), note=ForeignKeyField("notes.note"))
    op.insert("tag", [{"id": "1", "note_id": "a"}, {"id": "2", "note_id": "b"}])


def add_column(op: Operations) -> None:
    op.add_column("note", more=TextField(null=True))


# References


def test_row_that_pointed_to_nothing_before_is_not_blamed_on_a_step(store_path: Path) -> None:
    tags = stepping("labels", labels, requires=("notes",))
    opened(store_path, stepping("notes", notes), tags).close()
    file_rows(store_path, "DELETE FROM notes_note WHERE id = 'a'")

    with opened(store_path, stepping("notes", notes, add_column), tags) as store:
        assert states(store) == {"labels": PluginState.ON, "notes": PluginState.ON}


def test_one_more_row_that_points_to_nothing_is(store_path: Path) -> None:
    def delete(op: Operations) -> None:
        op.unsafe_sql("DELETE FROM notes_note WHERE id = 'b'")

    tags = stepping("labels", labels, requires=("notes",))
    opened(store_path, stepping("notes", notes), tags).close()
    file_rows(store_path, "DELETE FROM notes_note WHERE id = 'a'")

    with opened(store_path, stepping("notes", notes, delete), tags) as store:
        assert "labels_tag" in str(store.outcome.failed["notes"])

    assert file_rows(store_path, "SELECT id FROM notes_note") == [("b",)]


def test_reference_in_other_letters_is_followed(store_path: Path) -> None:
    def report(op: Operations) -> None:
        op.unsafe_sql("CREATE TABLE notes_report (id TEXT PRIMARY KEY, note TEXT REFERENCES Notes_Note)")
        op.unsafe_sql("INSERT INTO notes_report VALUES ('1', 'a')")

    def delete(op: Operations) -> None:
        op.unsafe_sql("DELETE FROM notes_note WHERE id = 'a'")

    with opened(store_path, stepping("notes", notes, report, delete)) as store:
        assert "notes_report" in str(store.outcome.failed["notes"])


# Triggers, views and old files


def test_trigger_of_another_program_may_write_where_the_step_itself_may_not(store_path: Path) -> None:
    def fill(op: Operations) -> None:
        op.insert("note", [{"id": "c"}])

    opened(store_path, stepping("notes", notes), stepping("audit", making("log"))).close()
    file_rows(
        store_path,
        "CREATE TRIGGER watch AFTER INSERT ON notes_note BEGIN INSERT INTO audit_log (id) VALUES (NEW.id); END",
    )

    opened(store_path, stepping("notes", notes, fill), stepping("audit", making("log")), strict=True).close()

    assert file_rows(store_path, "SELECT id FROM audit_log") == [("c",)]


@pytest.mark.parametrize(
    ("kind", "made"),
    [
        ("view", "CREATE VIEW report AS SELECT count(*) FROM notes_note"),
        (
            "trigger",
            "CREATE TRIGGER report AFTER INSERT ON audit_log BEGIN DELETE FROM notes_note WHERE id = NEW.id; END",
        ),
    ],
)
def test_table_that_something_of_another_program_names_is_not_dropped(
    store_path: Path, kind: str, made: str
) -> None:
    def drop(op: Operations) -> None:
        op.drop_table("note")

    opened(store_path, stepping("notes", notes), stepping("audit", making("log"))).close()
    file_rows(store_path, made)

    with opened(store_path, stepping("notes", notes, drop), stepping("audit", making("log"))) as store:
        reason = str(store.outcome.failed["notes"])

    assert f"the {kind} report names notes_note; drop it first" in reason
    assert file_rows(store_path, "SELECT count(*) FROM notes_note") == [(2,)]


def test_old_file_in_utf16_is_read(store_path: Path) -> None:
    connection = apsw.Connection(str(store_path))
    connection.execute("PRAGMA encoding = 'UTF-16le'")
    connection.execute("CREATE TABLE kv (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
    connection.execute("INSERT INTO kv VALUES ('räksmörgås', '🎈')")
    connection.close()
    seen: list[tuple[Value, str | None]] = []

    def read(op: Operations) -> None:
        seen.extend((row.key, row.text("value")) for row in op.old_rows("kv", key="key"))

    opened(store_path, stepping("notes", read), strict=True).close()

    assert seen == [("räksmörgås", "🎈")]


def test_read_that_a_failing_step_left_open_does_not_stop_the_next_plugin(store_path: Path) -> None:
    old_file(store_path)
    kept = []

    def half(op: Operations) -> None:
        rows = op.old_rows("kv", key="key")
        kept.append(rows)
        next(rows)
        raise ValueError

    def drop(op: Operations) -> None:
        op.create_table("note", id=IdField())
        op.drop_table("note")

    with opened(store_path, stepping("alpha", half), stepping("beta", drop)) as store:
        assert set(store.outcome.failed) == {"alpha"}


def test_original_app_cannot_write_between_the_copy_of_its_file_and_its_adoption(
    store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_file(store_path, "wal")
    busy = []
    from stina_core.backends.sqlite.backend import SqliteBackend

    make = SqliteBackend.backup

    def copy_and_write(self: SqliteBackend, reason: str) -> object:
        made = make(self, reason)
        other = apsw.Connection(str(store_path))
        try:
            other.execute("INSERT INTO kv VALUES ('late', '1')")
        except apsw.BusyError:
            busy.append(reason)
        other.close()
        return made

    monkeypatch.setattr(SqliteBackend, "backup", copy_and_write)
    opened(store_path, stepping("notes", making("note"))).close()

    assert busy == ["adopt"]
    assert len(backups(store_path)) == 1


# The core's own tables


def test_core_table_changed_by_another_program_refuses_the_file_with_what_to_do(store_path: Path) -> None:
    opened(store_path, stepping("notes", notes)).close()
    file_rows(store_path, "ALTER TABLE stina_repair DROP COLUMN at")

    for _ in range(2):
        with pytest.raises(DriftError, match="another program changed the core's own tables") as caught:
            opened(store_path, stepping("notes", notes))
        assert "stina db restore FILE" in str(caught.value)


def test_core_table_emptied_by_another_program_is_an_error_that_says_so(store_path: Path) -> None:
    with open_store(store_path, plugins=Plugins([])) as store:
        file_rows(store_path, "DELETE FROM stina_feed")

        with pytest.raises(DriftError, match="stina_feed has 0 rows instead of one"):
            store.transaction().__enter__()


def test_lock_of_another_program_does_not_keep_a_current_file_from_opening(store_path: Path) -> None:
    opened(store_path, stepping("notes", notes)).close()
    file_rows(store_path, "CREATE TABLE report (id)")
    other = apsw.Connection(str(store_path))
    other.execute("BEGIN IMMEDIATE")

    config = StoreConfig(busy_timeout=0.05)
    plugins = load_plugins([stepping("notes", notes)], config)
    with open_store(store_path, config, plugins=plugins) as store:
        assert states(store) == {"notes": PluginState.ON}
    other.close()


# What a step may not do


@pytest.mark.parametrize("sql", ["\ufeffCOMMIT", "PRAGMA application_id = 7", "PRAGMA query_only = 1"])
def test_step_cannot_end_the_migration_or_change_the_file_for_everybody(store_path: Path, sql: str) -> None:
    def run(op: Operations) -> None:
        op.create_table("half", id=IdField())
        op.unsafe_sql(sql)

    with opened(store_path, stepping("bad", run), stepping("good", making("a"))) as store:
        assert states(store) == {"bad": PluginState.QUARANTINED, "good": PluginState.ON}

    assert file_rows(store_path, "SELECT count(*) FROM sqlite_schema WHERE name = 'bad_half'") == [(0,)]
    opened(store_path, stepping("good", making("a")), strict=True).close()


def test_rows_that_their_key_does_not_tell_apart_are_not_half_rewritten(store_path: Path) -> None:
    def make(op: Operations) -> None:
        op.unsafe_sql(
            "CREATE TABLE notes_word (id TEXT COLLATE NOCASE NOT NULL, n INTEGER, "
            "PRIMARY KEY (id COLLATE BINARY)) STRICT"
        )
        op.insert("word", [{"id": word, "n": 1} for word in ("a", "A", "b", "B")])

    def rewrite(op: Operations) -> None:
        op.update_rows("word", lambda row: {"n": 2}, "n", batch=1)

    with opened(store_path, stepping("notes", make, rewrite)) as store:
        assert "can be found by their key" in str(store.outcome.failed["notes"])

    opened(store_path, stepping("notes", make), strict=True).close()
    assert file_rows(store_path, "SELECT DISTINCT n FROM notes_word") == [(1,)]


def test_column_that_is_dropped_cannot_lend_its_name_in_the_same_block(store_path: Path) -> None:
    def swap(op: Operations) -> None:
        with op.alter_table("note") as note:
            note.drop_column("n")
            note.rename_column("n", "m")

    with opened(store_path, stepping("notes", notes, swap)) as store:
        assert "was changed in this block already" in str(store.outcome.failed["notes"])


# Progress


def test_whoever_follows_the_progress_can_stop_all_of_it(store_path: Path) -> None:
    class StopError(Exception):
        pass

    def many(op: Operations) -> None:
        op.update_rows("note", lambda row: {"n": 1}, "n", batch=1)

    def stop(progress: Progress) -> None:
        if progress.done == 1:
            raise StopError

    opened(store_path, stepping("notes", notes)).close()
    before = file_rows(store_path, "SELECT plugin, id FROM stina_ledger")
    plugins = load_plugins([stepping("ant", making("a")), stepping("notes", notes, many)], StoreConfig())

    with pytest.raises(StopError):
        open_store(store_path, plugins=plugins, progress=stop)

    assert file_rows(store_path, "SELECT plugin, id FROM stina_ledger") == before
    assert file_rows(store_path, "SELECT DISTINCT n FROM notes_note") == [(0,)]
    assert backups(store_path) == []


# Digests of compiled steps


def test_changed_default_argument_of_a_step_is_noticed(store_path: Path) -> None:
    def first(op: Operations, name: str = "a") -> None:
        op.create_table(name, id=IdField())

    def edited(op: Operations, name: str = "b") -> None:
        op.create_table(name, id=IdField())

    opened(store_path, stepping("notes", first)).close()

    with opened(store_path, stepping("notes", edited)) as store:
        assert isinstance(store.outcome.failed["notes"], LedgerConflictError)


# Names of others, and what outlives a step


def rename_over(op: Operations) -> None:
    op.create_table("spare", id=IdField())
    op.unsafe_sql("ALTER TABLE bad_spare RENAME TO good_spare")


@pytest.mark.parametrize(
    "sql",
    ["CREATE VIEW good_v AS SELECT 1", "CREATE TABLE GOOD_x (id)", "CREATE INDEX good_i ON bad_own (id)"],
)
def test_step_cannot_take_a_name_of_another_plugin(store_path: Path, sql: str) -> None:
    def take(op: Operations) -> None:
        op.create_table("own", id=IdField())
        op.unsafe_sql(sql)

    with opened(store_path, stepping("bad", take), stepping("good", making("a"))) as store:
        assert states(store) == {"bad": PluginState.QUARANTINED, "good": PluginState.ON}


def test_table_cannot_be_renamed_into_another_plugins_name(store_path: Path) -> None:
    with opened(store_path, stepping("bad", rename_over), stepping("good", making("a"))) as store:
        assert "good_spare, whose name is another plugin's" in str(store.outcome.failed["bad"])

    assert file_rows(store_path, "SELECT count(*) FROM sqlite_schema WHERE name = 'good_spare'") == [(0,)]


def test_step_cannot_hide_a_table_behind_a_temporary_one(store_path: Path) -> None:
    def hide(op: Operations) -> None:
        op.unsafe_sql("CREATE TEMP TABLE good_a (id)")

    with opened(store_path, stepping("bad", hide), stepping("good", making("a"))) as store:
        assert "may not make temporary objects" in str(store.outcome.failed["bad"])


def test_table_that_another_plugin_points_to_cannot_be_renamed(store_path: Path) -> None:
    def rename(op: Operations) -> None:
        op.rename_table("note", "memo")

    tags = stepping("labels", labels, requires=("notes",))
    opened(store_path, stepping("notes", notes), tags).close()

    with opened(store_path, stepping("notes", notes, rename), tags) as store:
        assert "labels_tag of another plugin points to notes_note" in str(store.outcome.failed["notes"])


def test_filling_a_column_fires_no_trigger(store_path: Path) -> None:
    def watched(op: Operations) -> None:
        op.create_table("log", id=IdField())
        op.unsafe_sql(
            "CREATE TRIGGER notes_watch AFTER UPDATE ON notes_note BEGIN INSERT INTO notes_log VALUES (NEW.id); END"
        )

    def fill(op: Operations) -> None:
        with op.alter_table("note") as note:
            note.add_column("place", TextField(), fill="home")

    opened(store_path, stepping("notes", notes, watched, fill), strict=True).close()

    assert file_rows(store_path, "SELECT DISTINCT place FROM notes_note") == [("home",)]
    assert file_rows(store_path, "SELECT count(*) FROM notes_log") == [(0,)]
    file_rows(store_path, "UPDATE notes_note SET n = 1 WHERE id = 'a'")
    assert file_rows(store_path, "SELECT id FROM notes_log") == [("a",)]


def test_reference_to_a_key_that_changes_in_the_same_block_has_its_new_type(store_path: Path) -> None:
    def tree(op: Operations) -> None:
        op.create_table("leaf", id=IntegerField(primary_key=True), up=ForeignKeyField("self", null=True))
        op.insert("leaf", [{"id": 1, "up_id": None}, {"id": 2, "up_id": 1}])

    def texts(op: Operations) -> None:
        with op.alter_table("leaf") as leaf:
            leaf.alter_column("up_id", ForeignKeyField("self", null=True))
            leaf.alter_column("id", IdField())

    opened(store_path, stepping("notes", tree, texts), strict=True).close()

    assert file_rows(store_path, "SELECT id, up_id FROM notes_leaf ORDER BY id") == [("1", None), ("2", "1")]


def test_whole_rows_may_be_answered(store_path: Path) -> None:
    def bump(op: Operations) -> None:
        assert op.update_rows("note", lambda row: {**row, "n": 5 if row["id"] == "a" else 0}) == 1

    opened(store_path, stepping("notes", notes, bump), strict=True).close()

    assert file_rows(store_path, "SELECT id, n FROM notes_note ORDER BY id") == [("a", 5), ("b", 0)]


# Files


def test_file_that_was_made_read_only_stays_that(store_path: Path) -> None:
    opened(store_path, stepping("notes", notes)).close()
    store_path.chmod(0o444)
    opened(store_path, stepping("notes", notes)).close()

    assert store_path.stat().st_mode & 0o777 == 0o400


def test_ledger_of_another_program_is_refused_by_name(store_path: Path) -> None:
    file_rows(store_path, "CREATE TABLE stina_ledger (what)")

    with pytest.raises(LedgerConflictError, match="a table stina_ledger that Stina did not make"):
        opened(store_path, stepping("notes", notes))


def test_copies_that_killed_restores_left_beside_the_store_go_with_the_next_backup(store_path: Path) -> None:
    opened(store_path, stepping("notes", notes)).close()
    left = store_path.with_name(".stina-old.tmp")
    left.write_bytes(b"x")
    os.utime(left, (0, 0))

    back_up(StoreConfig(path=str(store_path)))

    assert not left.exists()


def test_whoever_waits_for_another_program_is_told(store_path: Path) -> None:
    opened(store_path, stepping("notes", notes)).close()
    seen = []
    handle = os.open(f"{store_path}.lock", os.O_RDWR)
    fcntl.flock(handle, fcntl.LOCK_EX)

    def let_go(progress: Progress) -> None:
        seen.append((progress.plugin, progress.step))
        fcntl.flock(handle, fcntl.LOCK_UN)

    plugins = load_plugins([stepping("notes", notes)], StoreConfig())
    open_store(store_path, plugins=plugins, progress=let_go).close()
    os.close(handle)

    assert seen == [("", "")]
