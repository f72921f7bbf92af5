from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import apsw
import pytest

from stina_core import Store, StoreBusyError, TransactionError, open_store
from stina_core.backends.sqlite import connection as recipe
from stina_core.backends.sqlite.backend import SqliteBackend
from stina_core.testing import file_rows, running_python

from .notes_and_labels import CONFIG, FOREVER, PLUGINS, BlockError, NoteRepository


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, store_path: Path) -> Iterator[Store]:
    path = store_path if request.param == "file" else ":memory:"
    with open_store(path, CONFIG, plugins=PLUGINS) as opened:
        yield opened


@pytest.fixture
def file_store(store_path: Path) -> Iterator[Store]:
    with open_store(store_path, CONFIG, plugins=PLUGINS) as opened:
        yield opened


@pytest.fixture
def notes(store: Store) -> NoteRepository:
    return store[NoteRepository]


def test_snapshot_sees_one_state_while_another_process_commits(file_store: Store, store_path: Path) -> None:
    notes = file_store[NoteRepository]
    notes.add("before")
    script = """
import apsw
apsw.Connection(sys.argv[1]).execute("INSERT INTO notes_note (text) VALUES ('after')")
say("committed")
"""
    with file_store.snapshot(), running_python(script, store_path) as other:
        other.hear("committed")

        assert notes.texts() == ["before"]
        other.finish()
    assert notes.texts() == ["before", "after"]


def test_snapshot_reads_and_never_writes(store: Store, notes: NoteRepository) -> None:
    notes.add("one")
    with store.snapshot():
        acts: list[Callable[[], object]] = [
            lambda: notes.add("two"),
            lambda: notes.add_both("two", "three"),
            store.transaction().__enter__,
            lambda: store._backend.execute("DROP TABLE notes_note"),
            lambda: store._backend.execute_many("DELETE FROM notes_note WHERE id = ?", [[1]]),
            lambda: store._backend.execute("PRAGMA user_version = 7"),
            lambda: store._backend.read("DELETE FROM notes_note"),
        ]
        for act in acts:
            with pytest.raises(TransactionError, match="a snapshot only reads"):
                act()
        assert notes.texts() == ["one"]
    notes.add("two")
    assert notes.texts() == ["one", "two"]


def test_snapshot_tells_how_a_write_would_be_done(store: Store, notes: NoteRepository) -> None:
    notes.add("one")

    with store.snapshot():
        assert store._backend.execute("EXPLAIN DELETE FROM notes_note")
        assert store._backend.execute("EXPLAIN QUERY PLAN DELETE FROM notes_note WHERE id = 1")

    assert notes.texts() == ["one"]


def test_trace_of_somebody_else_goes_on_in_a_snapshot_and_after_it(store: Store) -> None:
    assert isinstance(store._backend, SqliteBackend)
    connection = store._backend.database.connection()
    seen: list[str] = []

    def note(cursor: apsw.Cursor, sql: str, values: object) -> bool:
        seen.append(sql)
        return True

    connection.exec_trace = note
    with store.snapshot():
        store._backend.execute("SELECT 2")

    assert connection.exec_trace is note
    assert seen == ["BEGIN", "SELECT 1 FROM sqlite_schema", "SELECT 2", "ROLLBACK"]


def test_snapshot_inside_another_block_joins_it(store: Store, notes: NoteRepository) -> None:
    with store.transaction():
        notes.add("one")
        with store.snapshot():
            assert notes.texts() == ["one"]
        notes.add("two")
    with store.snapshot(), store.snapshot():
        assert notes.texts() == ["one", "two"]
    with suppress(BlockError), store.transaction():
        notes.add("three")
        with store.snapshot():
            raise BlockError

    assert notes.texts() == ["one", "two"]


def test_long_statement_is_stopped_at_the_deadline_of_its_snapshot(
    store: Store, notes: NoteRepository
) -> None:
    with store.snapshot(deadline=0.05):
        with pytest.raises(StoreBusyError, match="longer than it may"):
            store._backend.execute(FOREVER)

    notes.add("one")
    assert store._backend.execute(FOREVER.replace("FROM n)", "FROM n WHERE i < 300000)"))


def test_snapshot_past_its_deadline_ends_cleanly(store: Store, notes: NoteRepository) -> None:
    with suppress(StoreBusyError), store.snapshot(deadline=0.0):
        for _ in range(100):
            store._backend.execute(FOREVER.replace("FROM n)", "FROM n WHERE i < 1000)"))

    assert not store._transactions.open
    notes.add("one")


def test_failing_block_of_a_snapshot_raises_its_own_error(store: Store, notes: NoteRepository) -> None:
    def fail() -> None:
        with store.snapshot():
            raise BlockError

    with pytest.raises(BlockError):
        fail()

    notes.add("one")


def test_snapshot_that_cannot_begin_leaves_the_connection_writable(
    store_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a write-ahead log a reader, too, can find the file locked."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"29 28 0:2 / {tmp_path} rw - nfs server:/ rw\n")
    monkeypatch.setattr(recipe, "_MOUNTS", mounts)
    with open_store(store_path, CONFIG, plugins=PLUGINS) as store:
        other = apsw.Connection(str(store_path))
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreBusyError):
            store.snapshot().__enter__()
        other.close()

        assert not store._transactions.open
        store[NoteRepository].add("one")
        assert store[NoteRepository].texts() == ["one"]


def test_open_snapshot_keeps_no_writer_out(file_store: Store, store_path: Path) -> None:
    with file_store.snapshot():
        file_rows(store_path, "INSERT INTO notes_note (text) VALUES ('other')")

        assert file_store[NoteRepository].texts() == []


def test_short_statement_after_the_deadline_fails_too(store: Store, notes: NoteRepository) -> None:
    notes.add("one")
    with store.snapshot(deadline=0), pytest.raises(StoreBusyError, match="deadline"):
        notes.texts()

    assert notes.texts() == ["one"]
