"""What a program does when the schema of a file that it has open is another one; two stores play two programs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import apsw
import pytest

from stina_core import (
    DriftError,
    IntegerField,
    LedgerConflictError,
    Operations,
    PluginState,
    SchemaTooNewError,
    StinaError,
    Store,
    StoreConfig,
    load_plugins,
    maintenance,
    open_store,
    purging,
)
from stina_core.backends.sqlite import backend
from stina_core.backends.sqlite.backend import SqliteBackend
from stina_core.migrations import ledger, watch
from stina_core.plugins import Candidate
from stina_core.testing import file_rows

from .declarations import Run, making, opened, states, stepping
from .test_interrupts import Interrupter

NOTES = stepping("notes", making("note"))
ON = PluginState.ON


def adding(op: Operations) -> None:
    op.add_column("note", pages=IntegerField(default=1))


def renaming(op: Operations) -> None:
    op.rename_column("note", "title", "heading")


def failing(op: Operations) -> None:
    raise ZeroDivisionError


@pytest.fixture
def store(store_path: Path) -> Iterator[Store]:
    with opened(store_path, NOTES) as store:
        yield store


def migrate(path: Path, *candidates: Candidate) -> None:
    opened(path, *candidates, strict=True).close()


def change(path: Path, *statements: str) -> None:
    """Change the file past Stina, at once or not at all."""
    connection = apsw.Connection(str(path))
    try:
        connection.pragma("synchronous", "OFF")
        for statement in statements:
            connection.execute(statement)
    finally:
        connection.close()


NEW_EPOCH = "UPDATE stina_feed SET schema_epoch = schema_epoch + 1"


def refusal(store: Store) -> StinaError | None:
    """Why *store* does not write; None if it does."""
    log = "SELECT op FROM stina_change ORDER BY seq"
    before = store._backend.execute(log)
    try:
        with store.transaction():
            store._backend.execute("INSERT INTO stina_change (\"table\", op) VALUES ('notes_note', 'test')")
    except StinaError as error:
        assert store._backend.execute(log) == before
        return error
    assert store._backend.execute(log) == [*before, ("test",), ("T",)]
    return None


# Whose steps count


def test_breaking_step_of_any_plugin_in_use_ends_writing(store_path: Path) -> None:
    labels = stepping("labels", making("note"))
    with opened(store_path, NOTES, labels) as store:
        migrate(store_path, NOTES, stepping("labels", making("note"), renaming))

        error = refusal(store)

    assert isinstance(error, SchemaTooNewError)
    assert (error.plugin, error.step) == ("labels", "0002_step")


@pytest.mark.parametrize("state", [None, PluginState.OFF, PluginState.QUARANTINED, PluginState.BLOCKED])
def test_breaking_step_of_a_plugin_that_is_not_in_use_does_not_count(
    store_path: Path, state: PluginState | None
) -> None:
    base = stepping("base", making("root"))
    newer = stepping("labels", making("note"), renaming, requires=["base"])
    here = [base, stepping("labels", making("note"), requires=["base"])]
    migrate(store_path, NOTES, *here)
    if state is None:
        here = [base]
    elif state is PluginState.QUARANTINED:
        here = [base, stepping("labels", making("note"), failing, requires=["base"])]
    elif state is PluginState.BLOCKED:
        here = [stepping("base", making("root"), failing), here[1]]
    config = StoreConfig(plugins=frozenset({"notes"}) if state is PluginState.OFF else None)
    with open_store(store_path, config, plugins=load_plugins([NOTES, *here], config)) as store:
        assert (states(store)["notes"], states(store).get("labels")) == (ON, state)

        migrate(store_path, NOTES, base, newer)

        assert refusal(store) is None


def test_steps_that_only_add_do_not_count_and_a_breaking_one_after_them_does(
    store: Store, store_path: Path
) -> None:
    migrate(store_path, stepping("notes", making("note"), adding))
    first = refusal(store)
    migrate(store_path, stepping("notes", making("note"), adding, renaming))
    second = refusal(store)

    assert first is None
    assert isinstance(second, SchemaTooNewError)
    assert second.step == "0003_step"


@pytest.mark.parametrize("breaking", [0, 1])
def test_step_of_a_newer_core_counts_as_any_other(store: Store, store_path: Path, breaking: int) -> None:
    row = f"'stina', '0099_future', 'x', 0, 0, '', '99', {breaking}"
    change(store_path, f"INSERT INTO stina_ledger VALUES ({row})", NEW_EPOCH)

    error = refusal(store)

    assert isinstance(error, SchemaTooNewError) is bool(breaking)
    assert error is None or "tables of stina in this file (step 0099_future)" in str(error)


def test_without_the_watch_older_code_would_write_what_a_step_has_just_done_away_with(
    store: Store, store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_empty_titles(op: Operations) -> None:
        op.update_rows("note", lambda row: {"title": row["title"] or "untitled"}, "title")

    write = "INSERT INTO notes_note (id, title) VALUES (?, '')"
    store._backend.execute(write, ["early"])
    migrate(store_path, stepping("notes", making("note"), no_empty_titles))
    with pytest.raises(SchemaTooNewError):
        store._backend.execute(write, ["refused"])

    monkeypatch.setattr(watch.SchemaWatch, "check", lambda self, epoch: None)
    store._backend.execute(write, ["late"])

    assert file_rows(store_path, "SELECT id, title FROM notes_note") == [("early", "untitled"), ("late", "")]


# Other files


def test_program_that_was_refused_writes_again_once_the_file_fits_its_code(
    store: Store, store_path: Path
) -> None:
    config = StoreConfig(path=str(store_path))
    backup = maintenance.back_up(config).path
    migrate(store_path, stepping("notes", making("note"), renaming))
    refused = refusal(store)

    maintenance.restore(config, backup)

    assert isinstance(refused, SchemaTooNewError)
    assert refusal(store) is None


def test_epoch_that_changes_with_an_equal_ledger_does_not_count(store: Store, store_path: Path) -> None:
    change(store_path, NEW_EPOCH)
    again = refusal(store)
    change(store_path, "UPDATE stina_feed SET epoch = 'other'")
    restored = refusal(store)

    assert (again, restored) == (None, None)


def test_plugin_not_in_use_may_vanish_from_the_ledger(store_path: Path) -> None:
    migrate(store_path, NOTES, stepping("labels", making("note")))
    with opened(store_path, NOTES) as store:
        change(
            store_path,
            "DROP TABLE labels_note",
            "DELETE FROM stina_ledger WHERE plugin = 'labels'",
            NEW_EPOCH,
        )

        assert refusal(store) is None


@pytest.mark.parametrize("writer", ["notes", "labels"])
def test_plugin_in_use_that_was_purged_is_named_to_everybody_who_writes(
    store_path: Path, writer: str
) -> None:
    labels = stepping("labels", making("note"))
    with opened(store_path, NOTES, labels) as store:
        purging.purge(StoreConfig(path=str(store_path)), load_plugins([NOTES], StoreConfig()), "labels")

        with pytest.raises(DriftError) as refused:
            store._backend.execute(f"INSERT INTO {writer}_note (id, title) VALUES ('1', '')")

    assert (refused.value.plugin, refused.value.step) == ("labels", "0001_step")
    assert "the plugin labels was removed from this file by another program (stina db purge)" in str(
        refused.value
    )
    assert "close the store and open it again" in str(refused.value)
    with opened(store_path, NOTES, labels) as store:
        assert refusal(store) is None


def test_backup_from_before_a_plugin_is_called_older_and_not_purged(store_path: Path) -> None:
    config = StoreConfig(path=str(store_path))
    migrate(store_path, NOTES)
    backup = maintenance.back_up(config).path
    with opened(store_path, NOTES, stepping("labels", making("note"))) as store:
        maintenance.restore(config, backup)

        error = refusal(store)

    assert isinstance(error, DriftError)
    assert "replaced by an older one, which lacks step 0001_step of labels" in str(error)


def other_adding(op: Operations) -> None:
    op.add_column("note", lines=IntegerField(default=1))


@pytest.mark.parametrize(
    ("steps", "sql"),
    [
        ([other_adding], ""),
        ([other_adding], "UPDATE stina_ledger SET id = '0002_lines' WHERE id = '0002_step'"),
        ([adding, renaming], "DELETE FROM stina_ledger WHERE plugin = 'notes' AND id = '0001_step'"),
    ],
    ids=["another step of that name", "another step of that number", "a gap"],
)
def test_file_with_another_past_is_refused(
    store_path: Path, tmp_path: Path, steps: list[Run], sql: str
) -> None:
    source = tmp_path / "other.db"
    migrate(source, stepping("notes", making("note"), *steps))
    change(source, *filter(None, [sql]))
    with opened(store_path, stepping("notes", making("note"), adding)) as store:
        maintenance.restore(StoreConfig(path=str(store_path)), source)

        error = refusal_of_begin(store)

    assert isinstance(error, LedgerConflictError)
    assert error.plugin == "notes"
    assert "another past, which differs in step" in str(error)


def refusal_of_begin(store: Store) -> StinaError | None:
    try:
        with store.transaction():
            return None
    except StinaError as error:
        return error


BEFORE_THE_FEED = [
    "DROP TRIGGER stina_change_guard",
    "DROP TABLE stina_conflict",
    "DROP TABLE stina_search",
    "DELETE FROM stina_ledger WHERE id = '0003_feed'",
]
BEFORE_THE_CATALOG = [
    *BEFORE_THE_FEED,
    "ALTER TABLE stina_ledger DROP COLUMN breaking",
    "DROP TABLE stina_catalog",
    "DELETE FROM stina_ledger WHERE id = '0002_catalog'",
]
BEFORE_ANY_STEP = [
    *BEFORE_THE_CATALOG,
    *(f"DROP TABLE stina_{name}" for name in ("ledger", "change", "feed", "cursor", "repair", "failure")),
]


@pytest.mark.parametrize(
    ("statements", "step"),
    [
        (BEFORE_THE_FEED, "0003_feed"),
        (BEFORE_THE_CATALOG, "0002_catalog"),
        (BEFORE_ANY_STEP, "0001_core"),
    ],
    ids=["feed", "catalog", "all"],
)
def test_file_that_lacks_steps_of_the_core_itself_is_called_older(
    store: Store, store_path: Path, tmp_path: Path, statements: list[str], step: str
) -> None:
    source = tmp_path / "older.db"
    migrate(source, NOTES)
    change(source, *statements)
    maintenance.restore(StoreConfig(path=str(store_path)), source)

    error = refusal_of_begin(store)

    assert isinstance(error, DriftError)
    assert (error.plugin, error.step) == ("stina", step)


# What it costs, and what it leaves


@contextmanager
def statements_of(store: Store) -> Iterator[list[str]]:
    """Every statement this thread runs in the block."""
    assert isinstance(store._backend, SqliteBackend)
    connection = store._backend.database.connection()
    seen: list[str] = []

    def note(cursor: apsw.Cursor, sql: str, values: Any) -> bool:
        seen.append(sql)
        return True

    connection.set_exec_trace(note)
    yield seen
    connection.set_exec_trace(None)


LOOK = "SELECT epoch, schema_epoch, oldest, (SELECT max(seq) FROM stina_change) FROM stina_feed"
END = "SELECT max(seq) FROM stina_change"  # whether there is anything to mark


def test_transaction_looks_once_however_deep_it_is_and_reads_never_do(store: Store) -> None:
    with statements_of(store) as writing, store.transaction(), store.transaction():
        store._backend.execute("SELECT 1")
    with statements_of(store) as reading:
        store._backend.execute("SELECT 1")
        with store.snapshot():
            store._backend.execute("SELECT 1")

    assert writing == [
        "BEGIN IMMEDIATE",
        LOOK,
        "SAVEPOINT stina_1",
        "SELECT 1",
        "RELEASE stina_1",
        END,
        "COMMIT",
    ]
    assert LOOK not in reading


def test_ledger_is_compared_once_after_a_change(store: Store, store_path: Path) -> None:
    change(store_path, NEW_EPOCH)

    with statements_of(store) as first, store.transaction():
        pass
    with statements_of(store) as second, store.transaction():
        pass

    assert len(first) > 3
    assert second == ["BEGIN IMMEDIATE", LOOK, END, "COMMIT"]


def test_transaction_of_a_store_in_memory_looks_once_too() -> None:
    plugins = load_plugins([NOTES], StoreConfig())
    with open_store(":memory:", plugins=plugins) as store:
        with statements_of(store) as seen, store.transaction():
            pass

    assert seen == ["BEGIN IMMEDIATE", LOOK, END, "COMMIT"]


def test_refused_transaction_leaves_no_lock_and_runs_nothing_of_its_block(
    store: Store, store_path: Path
) -> None:
    migrate(store_path, stepping("notes", making("note"), renaming))
    ran: list[str] = []

    def write() -> None:
        with store.transaction() as transaction:
            transaction.after_commit(lambda: ran.append("callback"))
            ran.append("block")

    with pytest.raises(SchemaTooNewError):
        write()

    assert ran == []
    assert not store._transactions.open
    assert not store._backend.session.in_transaction()
    change(store_path, "BEGIN IMMEDIATE")


def interrupted_looks(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Interrupt the look at the begin of the next transaction, each time a line later, until one comes through."""
    more = frozenset(str(module.__file__) for module in (watch, ledger, backend))
    monkeypatch.setattr(Interrupter, "FILES", Interrupter.FILES | more)
    session = store._backend.session
    look = session.on_begin
    turn = 1
    interrupter = Interrupter(turn)

    def traced() -> object:
        monkeypatch.setattr(session, "on_begin", look)
        before = sys.gettrace()
        sys.settrace(interrupter.trace)
        try:
            return look()
        finally:
            sys.settrace(before)

    while True:
        monkeypatch.setattr(session, "on_begin", traced)
        yield
        if not interrupter.fired:
            assert turn > 60
            return
        turn += 1
        interrupter = Interrupter(turn)


@pytest.mark.parametrize("step", [adding, renaming])
def test_interrupt_anywhere_in_the_look_leaves_nothing_open_and_nothing_unseen(
    store: Store, store_path: Path, monkeypatch: pytest.MonkeyPatch, step: Run
) -> None:
    migrate(store_path, stepping("notes", making("note"), step))

    def interrupt_everywhere() -> None:
        for _ in interrupted_looks(store, monkeypatch):
            with suppress(KeyboardInterrupt, SchemaTooNewError), store.transaction():
                pass

            assert not store._transactions.open
            change(store_path, NEW_EPOCH)  # at once, so nobody holds the lock
            assert isinstance(refusal_of_begin(store), SchemaTooNewError) is (step is renaming)
            change(store_path, NEW_EPOCH)

    with ThreadPoolExecutor(1) as thread:  # what a trace function raises stays behind in its thread's state
        thread.submit(interrupt_everywhere).result()
