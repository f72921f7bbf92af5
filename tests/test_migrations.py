from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import apsw
import pytest

from stina_core import (
    DriftError,
    IdField,
    LedgerConflictError,
    Migrations,
    Model,
    Operations,
    PluginState,
    PluginUnavailableError,
    Repository,
    SchemaTooNewError,
    StepFailedError,
    TextField,
    local_plugin,
)
from stina_core.migrations.core_steps import core_steps
from stina_core.migrations.steps import PluginSteps
from stina_core.testing import file_rows, memory_store, plugins_of, run_python

from .declarations import Run, backups, declaring, making, old_file, opened, plugin, states, stepping, tables


class PlantedError(Exception):
    """What a step of these tests raises; its text is a secret."""


def failing(op: Operations) -> None:
    op.create_table("half", id=IdField())
    op.insert("half", [{"id": "a"}])
    raise PlantedError("secret words")


def ran(path: Path) -> list[tuple[str, str]]:
    return file_rows(path, "SELECT plugin, id FROM stina_ledger WHERE plugin <> 'stina' ORDER BY rowid")


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# Once


def test_each_step_runs_once_and_is_in_the_ledger_with_all_its_columns(store_path: Path) -> None:
    count = []

    def counted(op: Operations) -> None:
        count.append(op.now)
        op.create_table("note", id=IdField())

    candidate = stepping("notes", counted, making("memo"))
    with opened(store_path, candidate) as store:
        assert [str(step) for step in store.outcome.applied][-2:] == ["notes/0001_step", "notes/0002_step"]
    with opened(store_path, candidate) as store:
        assert store.outcome.applied == []

    assert len(count) == 1
    rows = file_rows(
        store_path,
        "SELECT plugin, id, length(checksum), applied_at, ms, sqlite_version, version FROM stina_ledger "
        "WHERE plugin = 'notes'",
    )
    assert [row[:3] for row in rows] == [("notes", "0001_step", 16), ("notes", "0002_step", 16)]
    assert all(count[0] <= row[3] < count[0] + 60_000 and row[4] >= 0 for row in rows)
    assert {row[5:] for row in rows} == {(apsw.sqlite_lib_version(), "1.2.3")}


def test_new_step_of_a_later_version_runs_alone(store_path: Path) -> None:
    opened(store_path, stepping("notes", making("note"))).close()

    with opened(store_path, stepping("notes", making("note"), making("memo"))) as store:
        assert [str(step) for step in store.outcome.applied] == ["notes/0002_step"]

    assert {"notes_note", "notes_memo"} <= tables(store_path)


def test_opening_an_up_to_date_file_writes_nothing(store_path: Path) -> None:
    candidate = stepping("notes", making("note"))
    opened(store_path, candidate).close()
    before = digest(store_path)
    other = apsw.Connection(str(store_path))
    version = other.pragma("data_version")

    opened(store_path, candidate).close()

    assert other.pragma("data_version") == version
    other.close()
    assert digest(store_path) == before
    assert backups(store_path) == []


def test_required_plugins_steps_run_first_as_whole_blocks(store_path: Path) -> None:
    first, second = (
        stepping("zebra", making("a"), making("b")),
        stepping("ant", making("c"), requires=("zebra",)),
    )

    opened(store_path, second, first).close()

    assert ran(store_path) == [("zebra", "0001_step"), ("zebra", "0002_step"), ("ant", "0001_step")]


def test_every_core_table_is_there_from_the_start(store_path: Path) -> None:
    opened(store_path).close()

    assert tables(store_path) == {
        "stina_catalog",
        "stina_change",
        "stina_conflict",
        "stina_ledger",
        "stina_failure",
        "stina_feed",
        "stina_cursor",
        "stina_repair",
        "stina_search",
    }
    ((epoch, oldest),) = file_rows(store_path, "SELECT epoch, oldest FROM stina_feed")
    assert len(epoch) == 12
    assert oldest == 0


def test_memory_store_runs_the_same_steps() -> None:
    with memory_store(plugins_of(notes=plugin(migrate=declaring(making("note"))))) as store:
        assert [str(step) for step in store.outcome.applied] == [
            "stina/0001_core",
            "stina/0002_catalog",
            "stina/0003_feed",
            "notes/0001_step",
        ]


# Failure


class Memo(Model):
    id = IdField()
    title = TextField(default="")


class MemoRepository(Repository):
    def add(self, title: str) -> str:
        return Memo.create(title=title).id


def test_failing_plugin_is_quarantined_its_dependents_blocked_and_the_others_work(store_path: Path) -> None:
    memos = local_plugin(
        "memos",
        plugin(Memo, repository=MemoRepository, migrate=declaring(making("memo"))),
    )
    candidates = [
        stepping("bad", making("first"), failing),
        stepping("child", making("note"), requires=("bad",)),
        stepping("grandchild", making("note"), requires=("child",)),
        memos,
    ]

    with opened(store_path, *candidates) as store:
        assert states(store) == {
            "bad": PluginState.QUARANTINED,
            "child": PluginState.BLOCKED,
            "grandchild": PluginState.BLOCKED,
            "memos": PluginState.ON,
        }
        reasons = {status.name: status.reason for status in store.plugins}
        assert (
            reasons["bad"]
            == "step 0002_step of bad failed and was undone: PlantedError at test_migrations.py:39"
        )
        assert reasons["child"] == "needs the plugin 'bad', which is quarantined"
        assert reasons["grandchild"] == "needs the plugin 'child', which is blocked"
        assert store[MemoRepository].add("works")
        error = store.outcome.failed["bad"]
        assert isinstance(error, StepFailedError)
        assert (error.plugin, error.step) == ("bad", "0002_step")
        assert isinstance(error.__cause__, PlantedError)
        assert set(store.outcome.failed) == {"bad"}

    assert {name for name in tables(store_path) if not name.startswith("stina_")} == {"memos_memo"}
    assert ran(store_path) == [("memos", "0001_step")]


def test_quarantined_plugin_runs_once_its_step_is_mended(store_path: Path) -> None:
    opened(store_path, stepping("notes", making("note"), failing)).close()

    with opened(store_path, stepping("notes", making("note"), making("memo"))) as store:
        assert states(store) == {"notes": PluginState.ON}

    assert {"notes_note", "notes_memo"} <= tables(store_path)


def test_what_a_plugin_had_before_stays_when_its_next_step_fails(store_path: Path) -> None:
    def fill(op: Operations) -> None:
        op.insert("note", [{"id": "kept"}])

    def destroy(op: Operations) -> None:
        op.unsafe_sql("DELETE FROM notes_note")
        op.drop_column("note", "title")
        op.rename_table("note", "gone")
        raise PlantedError

    opened(store_path, stepping("notes", making("note"), fill)).close()
    before = file_rows(store_path, "SELECT sql FROM sqlite_schema ORDER BY name")

    with opened(store_path, stepping("notes", making("note"), fill, destroy)) as store:
        assert states(store) == {"notes": PluginState.QUARANTINED}

    assert file_rows(store_path, "SELECT id FROM notes_note") == [("kept",)]
    assert file_rows(store_path, "SELECT sql FROM sqlite_schema ORDER BY name") == before


def test_strict_store_raises_the_failure_and_leaves_the_file_closed(store_path: Path) -> None:
    with pytest.raises(StepFailedError, match="0001_step of bad"):
        opened(store_path, stepping("bad", failing), strict=True)

    store_path.read_bytes()  # nobody guards the file any more


def test_step_that_ends_the_program_is_a_failed_step(store_path: Path) -> None:
    def leave(op: Operations) -> None:
        raise SystemExit(3)

    with opened(store_path, stepping("bad", leave)) as store:
        assert "failed and was undone: SystemExit" in store.plugins[0].reason


def test_interrupted_migration_leaves_nothing_behind(store_path: Path) -> None:
    def interrupt(op: Operations) -> None:
        op.create_table("note", id=IdField())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        opened(store_path, stepping("good", making("note")), stepping("slow", interrupt))

    assert tables(store_path) == set()


def test_step_for_which_sqlite_undoes_everything_is_left_out_of_a_second_try(store_path: Path) -> None:
    def conflict(op: Operations) -> None:
        op.create_table("note", id=IdField())
        op.insert("note", [{"id": "a"}])
        op.unsafe_sql("INSERT OR ROLLBACK INTO bad_note (id) VALUES ('a')")

    opened(store_path).close()

    with opened(
        store_path,
        stepping("bad", conflict),
        stepping("later", making("note")),
        stepping("ant", making("note")),
        stepping("needs", making("note"), requires=("bad",)),
    ) as store:
        assert [str(step) for step in store.outcome.applied] == ["ant/0001_step", "later/0001_step"]
        assert isinstance(store.outcome.failed["bad"], StepFailedError)
        assert states(store)["needs"] is PluginState.BLOCKED

    assert ran(store_path) == [("ant", "0001_step"), ("later", "0001_step")]
    assert "bad_note" not in tables(store_path)
    ((reason,),) = file_rows(store_path, "SELECT reason FROM stina_failure WHERE plugin = 'bad'")
    assert "step 0001_step of bad failed and was undone" in reason


@pytest.mark.parametrize(
    "sql",
    [
        "COMMIT",
        "  rollback",
        "-- over\nEND",
        "/* and\nout */ BEGIN",
        "SAVEPOINT x",
        "release stina_1",
        "Begin Immediate",
    ],
)
def test_step_cannot_begin_or_end_a_transaction(store_path: Path, sql: str) -> None:
    with opened(store_path, stepping("bad", running(sql)), stepping("good", making("note"))) as store:
        assert "cannot begin or end" in store.plugins[0].reason
        assert states(store)["good"] is PluginState.ON

    assert ran(store_path) == [("good", "0001_step")]


def running(sql: str) -> Run:
    def run(op: Operations) -> None:
        op.create_table("note", id=IdField(), title=TextField(default=""))
        op.unsafe_sql(sql)

    return run


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO bad_note (id) VALUES ('a'); COMMIT",
        "SELECT ';'; ROLLBACK",
        "; COMMIT",
        "SELECT 1 /* ; */; -- ;\n END",
        "CREATE TRIGGER bad_t AFTER INSERT ON bad_note BEGIN SELECT 1; END; COMMIT",
    ],
)
def test_second_statement_that_could_end_the_transaction_is_refused(store_path: Path, sql: str) -> None:
    with opened(store_path, stepping("bad", running(sql)), stepping("good", making("note"))) as store:
        assert "one statement" in store.plugins[0].reason

    assert "bad_note" not in tables(store_path)
    assert ran(store_path) == [("good", "0001_step")]


@pytest.mark.parametrize(
    "sql",
    ["SELECT 1;", "SELECT ';' -- ;", "SELECT 1 ; ; /* over; */ -- out", "SELECT '-- ;'';' AS \";\"", ""],
)
def test_semicolons_in_texts_comments_and_at_the_end_are_no_second_statement(
    store_path: Path, sql: str
) -> None:
    opened(store_path, stepping("good", running(sql)), strict=True).close()

    assert ran(store_path) == [("good", "0001_step")]


def test_trigger_with_begin_and_end_inside_may_be_made(store_path: Path) -> None:
    def make(op: Operations) -> None:
        op.create_table("note", id=IdField(), title=TextField(default=""))
        op.unsafe_sql(
            "CREATE TRIGGER notes_loud AFTER INSERT ON notes_note BEGIN "
            "UPDATE notes_note SET title = upper(title) WHERE id = new.id; END"
        )

    opened(store_path, stepping("notes", make), strict=True).close()
    file_rows(store_path, "INSERT INTO notes_note VALUES ('a', 'quiet')")

    assert file_rows(store_path, "SELECT title FROM notes_note") == [("QUIET",)]


# The core's own steps


@pytest.fixture
def failing_core(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(version: str) -> PluginSteps:
        migrations = Migrations("stina")

        @migrations.step("0001_core")
        def core(op: Operations) -> None:
            op.create_table("ledger", id=IdField())
            raise PlantedError

        return PluginSteps("stina", version, frozenset(), migrations.steps)

    monkeypatch.setattr("stina_core.opening.core_steps", broken)


@pytest.mark.usefixtures("failing_core")
@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_failing_core_step_leaves_the_same_bytes(store_path: Path, journal: str) -> None:
    old_file(store_path, journal)
    before = digest(store_path)

    with pytest.raises(StepFailedError) as caught:
        opened(store_path, stepping("notes", making("note")))

    assert caught.value.plugin == "stina"
    assert digest(store_path) == before


KILLED = """
import os, apsw
connection = apsw.Connection(sys.argv[1])
connection.execute("PRAGMA journal_mode = wal").fetchall()
connection.execute("CREATE TABLE kv (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
connection.execute("INSERT INTO kv VALUES ('counter', '7')")
os._exit(0)
"""

LOOK = """
import apsw
connection = apsw.Connection(sys.argv[1])
print(connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall())
print(connection.execute("SELECT * FROM kv").fetchall())
print(connection.pragma("application_id"), connection.pragma("integrity_check"))
"""


@pytest.mark.usefixtures("failing_core")
def test_failing_core_step_leaves_what_is_only_in_a_log_as_another_process_sees_it(tmp_path: Path) -> None:
    left, same = tmp_path / "left.db", tmp_path / "same.db"
    for path in (left, same):
        run_python(KILLED, path)
    assert (tmp_path / "left.db-wal").stat().st_size > 0

    with pytest.raises(StepFailedError):
        opened(left, stepping("notes", making("note")))

    assert run_python(LOOK, left) == run_python(LOOK, same)
    assert "counter" in run_python(LOOK, left)


@pytest.mark.usefixtures("failing_core")
def test_failing_core_step_leaves_a_new_file_empty(store_path: Path) -> None:
    with pytest.raises(StepFailedError):
        opened(store_path)

    assert store_path.read_bytes() == b""


def newer_core(version: str) -> PluginSteps:
    migrations = Migrations("stina")
    migrations.steps += core_steps(version).steps

    @migrations.step("0004_later")
    def later(op: Operations) -> None:
        op.create_table("later", id=IdField())

    return PluginSteps("stina", version, frozenset(), migrations.steps)


def test_file_of_a_newer_core_is_refused_and_not_touched(
    store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as newer:
        newer.setattr("stina_core.opening.core_steps", newer_core)
        opened(store_path, stepping("notes", making("note"))).close()
    before = digest(store_path)

    with pytest.raises(SchemaTooNewError) as caught:
        opened(store_path, stepping("notes", making("note"), making("memo")))

    assert caught.value.step == "0004_later"
    assert "newer version of stina" in str(caught.value)
    assert digest(store_path) == before
    assert backups(store_path) == []


def test_file_whose_core_steps_were_others_is_refused_and_not_touched(store_path: Path) -> None:
    opened(store_path).close()
    file_rows(store_path, "UPDATE stina_ledger SET checksum = 'other' WHERE plugin = 'stina'")
    before = digest(store_path)

    with pytest.raises(LedgerConflictError, match="0001_core of stina was changed"):
        opened(store_path, stepping("notes", making("note")))

    assert digest(store_path) == before


# Files a plugin does not fit


def test_file_of_a_newer_plugin_switches_only_that_plugin_off(store_path: Path) -> None:
    opened(store_path, stepping("notes", making("note"), making("memo"))).close()
    before = file_rows(store_path, "SELECT sql FROM sqlite_schema WHERE name LIKE 'notes%' ORDER BY name")

    with opened(
        store_path,
        stepping("notes", making("note")),
        stepping("child", making("a"), requires=("notes",)),
        stepping("good", making("b")),
    ) as store:
        assert states(store) == {
            "notes": PluginState.QUARANTINED,
            "child": PluginState.BLOCKED,
            "good": PluginState.ON,
        }
        assert isinstance(store.outcome.failed["notes"], SchemaTooNewError)

    assert (
        file_rows(store_path, "SELECT sql FROM sqlite_schema WHERE name LIKE 'notes%' ORDER BY name")
        == before
    )
    with opened(store_path, stepping("notes", making("note"), making("memo"))) as store:
        assert states(store) == {"notes": PluginState.ON}


def test_plugin_whose_applied_step_was_edited_is_quarantined(store_path: Path) -> None:
    def edited(op: Operations) -> None:
        op.create_table("note", id=IdField(), title=TextField())

    opened(store_path, stepping("notes", making("note"))).close()

    with opened(store_path, stepping("notes", edited)) as store:
        assert isinstance(store.outcome.failed["notes"], LedgerConflictError)
        assert states(store) == {"notes": PluginState.QUARANTINED}


def test_repository_of_a_quarantined_plugin_says_why_it_cannot_be_had(store_path: Path) -> None:
    found = plugin(Memo, repository=MemoRepository, migrate=declaring(failing))

    with opened(store_path, local_plugin("memos", found)) as store:
        with pytest.raises(
            PluginUnavailableError, match="quarantined: step 0001_step of memos failed"
        ) as caught:
            _ = store[MemoRepository]
        assert isinstance(caught.value.__cause__, StepFailedError)


def test_removed_plugins_tables_stay_and_it_is_reported(store_path: Path) -> None:
    opened(store_path, stepping("gone", making("note"))).close()

    with opened(store_path, stepping("notes", making("note"))) as store:
        assert store.outcome.orphaned == {"gone"}

    assert "gone_note" in tables(store_path)
    with opened(store_path, stepping("gone", making("note"))) as store:
        assert store.outcome.applied == []
        assert states(store) == {"gone": PluginState.ON}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "column memos_memo.title is missing"),
        (
            {"title": TextField(default=""), "due": TextField()},
            "column memos_memo.due is not as it should be",
        ),
        ({"headline": TextField(null=True)}, "column memos_memo.title is missing"),
        ({"title": TextField(default="", max_length=5)}, "check memos_memo is not as it should be"),
        (None, "table memos_memo is missing"),
    ],
)
def test_steps_that_make_other_tables_than_the_models_want_are_drift(
    store_path: Path, fields: dict[str, Any] | None, message: str
) -> None:
    def make(op: Operations) -> None:
        op.create_table("memo" if fields is not None else "other", id=IdField(), **(fields or {}))

    with opened(store_path, local_plugin("memos", plugin(Memo, migrate=declaring(make)))) as store:
        error = store.outcome.failed["memos"]
        assert isinstance(error, DriftError)
        assert message in str(error)
        assert "memos_memo" in str(error)

    assert {name for name in tables(store_path) if not name.startswith("stina_")} == set()


def test_step_after_one_that_ran_runs_and_after_one_that_did_not_is_refused(store_path: Path) -> None:
    chat = stepping("chat", making("message"))
    good = stepping("good", making("a"), requires=("chat",), after=("chat/0001_step",))
    bad = stepping("bad", making("a"), requires=("chat",), after=("chat/0002_step",))

    with opened(store_path, chat, good, bad) as store:
        assert states(store) == {
            "bad": PluginState.QUARANTINED,
            "chat": PluginState.ON,
            "good": PluginState.ON,
        }
        assert "must run after chat/0002_step" in str(store.outcome.failed["bad"])
