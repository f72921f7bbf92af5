from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import apsw
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from stina_core import (
    AutoIdField,
    ConstraintError,
    ForeignKeyField,
    Migrations,
    Model,
    Operations,
    ReadOnlyError,
    Repository,
    Schema,
    Store,
    StoreBusyError,
    StoreConfig,
    TextField,
    Transaction,
    TransactionError,
    hookimpl,
    load_plugins,
    local_plugin,
    open_store,
)
from stina_core import transactions as module
from stina_core.backends.sqlite import connection as recipe
from stina_core.backends.sqlite import database, gate, session
from stina_core.testing import file_rows, running_python


class Note(Model):
    id = AutoIdField()
    text = TextField(unique=True)


class NoteRepository(Repository):
    def add(self, text: str) -> None:
        Note.create(text=text)

    def add_both(self, first: str, second: str) -> None:
        with self.transaction():
            self.add(first)
            self.add(second)

    def add_or_undo_all(self, text: str) -> None:
        """SQLite then ends the transaction by itself."""
        Note.insert(text=text).on_conflict("ROLLBACK").execute()

    def clear(self) -> None:
        Note.delete().execute()

    def texts(self) -> list[str]:
        return [note.text for note in Note.select().order_by(Note.id)]


class Label(Model):
    id = AutoIdField()
    word = TextField()
    note = ForeignKeyField(Note, deferrable=True)


class LabelRepository(Repository):
    def add(self, word: str, note: int) -> None:
        Label.create(word=word, note=note)

    def words(self) -> list[str]:
        return [label.word for label in Label.select().order_by(Label.id)]


class NotesPlugin:
    @hookimpl
    def register_schema(self, schema: Schema) -> None:
        schema.add(Note, repository=NoteRepository)

    @hookimpl
    def migrate(self, migrations: Migrations) -> None:
        @migrations.step("0001_initial")
        def initial(op: Operations) -> None:
            op.create_table("note", id=AutoIdField(), text=TextField(unique=True))


class LabelsPlugin:
    @hookimpl
    def register_schema(self, schema: Schema) -> None:
        schema.add(Label, repository=LabelRepository)

    @hookimpl
    def migrate(self, migrations: Migrations) -> None:
        @migrations.step("0001_initial")
        def initial(op: Operations) -> None:
            op.create_table(
                "label",
                id=AutoIdField(),
                word=TextField(),
                note=ForeignKeyField("notes.note", deferrable=True),
            )


PLUGINS = load_plugins(
    [local_plugin("notes", NotesPlugin()), local_plugin("labels", LabelsPlugin(), requires=["notes"])],
    StoreConfig(strict=True),
)
CONFIG = StoreConfig(strict=True, busy_timeout=0.1)
DEADLINE = 20.0
FOREVER = "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT sum(i) FROM n"


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


def stored(path: Path) -> list[str]:
    return [row[0] for row in file_rows(path, "SELECT text FROM notes_note ORDER BY id")]


class BlockError(Exception):
    """What a block fails with."""


# All or nothing


def test_writes_of_a_block_are_kept_together(store: Store, notes: NoteRepository) -> None:
    with store.transaction():
        notes.add("one")
        notes.add("two")

    assert notes.texts() == ["one", "two"]


def test_failing_block_leaves_nothing_and_raises_its_own_error(store: Store, notes: NoteRepository) -> None:
    def fail() -> None:
        with store.transaction():
            notes.add("one")
            notes.add("two")
            raise BlockError

    with pytest.raises(BlockError):
        fail()

    assert notes.texts() == []


def test_nobody_else_sees_a_block_before_its_end(file_store: Store, store_path: Path) -> None:
    with file_store.transaction():
        file_store[NoteRepository].add("one")

        assert stored(store_path) == []
    assert stored(store_path) == ["one"]


def test_transaction_holds_the_write_lock_before_its_first_write(file_store: Store, store_path: Path) -> None:
    with file_store.transaction():
        assert file_store[NoteRepository].texts() == []
        other = apsw.Connection(str(store_path))

        with pytest.raises(apsw.BusyError):
            other.execute("BEGIN IMMEDIATE")

        other.close()


@pytest.mark.parametrize("immediate", [True, False])
def test_transaction_that_reads_first_can_still_write(
    file_store: Store, store_path: Path, monkeypatch: pytest.MonkeyPatch, immediate: bool
) -> None:
    """With a plain BEGIN whoever read before somebody else wrote is refused, whatever its timeout."""
    if not immediate:
        monkeypatch.setattr(session.SqliteSession, "begin", lambda self: self._run("BEGIN"))
    notes = file_store[NoteRepository]
    other = apsw.Connection(str(store_path))

    with suppress(StoreBusyError), file_store.transaction():
        assert notes.texts() == []
        with suppress(apsw.BusyError):
            other.execute("INSERT INTO notes_note (text) VALUES ('other')")
        notes.add("mine")
    other.close()

    assert notes.texts() == (["mine"] if immediate else ["other"])


def test_single_write_needs_no_block(store: Store, notes: NoteRepository) -> None:
    notes.add("one")
    with pytest.raises(ConstraintError):
        notes.add("one")

    assert notes.texts() == ["one"]
    assert not store._transactions.open


def test_method_of_several_writes_undoes_all_of_them(notes: NoteRepository) -> None:
    notes.add("two")

    with pytest.raises(ConstraintError):
        notes.add_both("one", "two")

    assert notes.texts() == ["two"]


def test_nested_transaction_rolls_back_to_its_savepoint(store: Store, notes: NoteRepository) -> None:
    with store.transaction():
        notes.add("before")
        with suppress(BlockError), store.transaction():
            notes.add("lost")
            with store.transaction():
                notes.add("lost too")
            raise BlockError
        notes.add("after")

    assert notes.texts() == ["before", "after"]


def test_kept_savepoint_goes_with_the_block_around_it(store: Store, notes: NoteRepository) -> None:
    with suppress(BlockError), store.transaction():
        with store.transaction():
            notes.add("lost")
        raise BlockError

    assert notes.texts() == []


@pytest.mark.parametrize("fails", [False, True])
def test_repositories_of_two_plugins_share_one_transaction(store: Store, fails: bool) -> None:
    with suppress(BlockError), store.transaction():
        store[NoteRepository].add_both("one", "two")
        store[LabelRepository].add("red", 1)
        if fails:
            raise BlockError

    assert store[NoteRepository].texts() == ([] if fails else ["one", "two"])
    assert store[LabelRepository].words() == ([] if fails else ["red"])


def test_statement_that_fails_inside_undoes_only_itself(store: Store, notes: NoteRepository) -> None:
    with store.transaction():
        notes.add("one")
        with pytest.raises(ConstraintError):
            notes.add("one")
        notes.add("two")

    assert notes.texts() == ["one", "two"]


def test_transactions_of_two_stores_do_not_mix(tmp_path: Path) -> None:
    with (
        open_store(tmp_path / "a.db", CONFIG, plugins=PLUGINS) as first,
        open_store(tmp_path / "b.db", CONFIG, plugins=PLUGINS) as second,
        first.transaction(),
    ):
        Note.create(text="in a")
        with suppress(BlockError), second.transaction():
            Note.create(text="lost")
            raise BlockError
        with second.transaction():
            Note.create(text="in b")
        Note.create(text="in a again")

    assert (stored(tmp_path / "a.db"), stored(tmp_path / "b.db")) == (["in a", "in a again"], ["in b"])


def test_reference_that_is_broken_at_the_end_undoes_the_block(store: Store) -> None:
    fired: list[str] = []

    def commit() -> None:
        with store.transaction() as transaction:
            transaction.after_commit(lambda: fired.append("committed"))
            store[NoteRepository].add("one")
            store[LabelRepository].add("red", 99)

    with pytest.raises(ConstraintError) as caught:
        commit()

    assert caught.value.kind == "foreign_key"
    assert fired == []
    assert store[NoteRepository].texts() == []
    store[NoteRepository].add("two")


def test_reference_that_is_mended_before_the_end_is_fine(store: Store) -> None:
    with store.transaction():
        store[LabelRepository].add("red", 1)
        store[NoteRepository].add("one")

    assert store[LabelRepository].words() == ["red"]


# After the commit


def test_callbacks_run_after_the_outermost_commit_in_order(store: Store, notes: NoteRepository) -> None:
    fired: list[str] = []

    def note(name: str) -> Callable[[], None]:
        return lambda: fired.append(f"{name} {len(notes.texts())} {store._transactions.open}")

    with store.transaction() as outer:
        outer.after_commit(note("first"))
        with store.transaction() as inner:
            inner.after_commit(note("second"))
            notes.add("one")
        outer.after_commit(note("third"))
        assert fired == []

    assert fired == ["first 1 []", "second 1 []", "third 1 []"]


def test_callbacks_of_undone_blocks_never_run(store: Store) -> None:
    fired: list[str] = []
    with store.transaction() as outer:
        outer.after_commit(lambda: fired.append("outer"))
        with suppress(BlockError), store.transaction() as lost:
            lost.after_commit(lambda: fired.append("lost"))
            with store.transaction() as inner:
                inner.after_commit(lambda: fired.append("inside lost"))
            raise BlockError
    with suppress(BlockError), store.transaction() as failed:
        failed.after_commit(lambda: fired.append("failed"))
        raise BlockError

    assert fired == ["outer"]


def test_raising_callback_reaches_nobody_and_the_next_still_runs(
    store: Store, notes: NoteRepository, caplog: pytest.LogCaptureFixture
) -> None:
    fired: list[str] = []

    def broken() -> None:
        raise BlockError("of no interest")

    def leaving() -> None:
        sys.exit(3)

    with caplog.at_level(logging.ERROR, logger="stina"), store.transaction() as transaction:
        for callback in (broken, leaving, lambda: fired.append("ran")):
            transaction.after_commit(callback)
        notes.add("one")

    assert fired == ["ran"]
    assert notes.texts() == ["one"]
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]
    assert "callback.failed" in caplog.text
    assert "broken" in caplog.text


def test_callback_may_write_and_its_own_callbacks_run_too(store: Store, notes: NoteRepository) -> None:
    fired: list[str] = []

    def follow_up() -> None:
        with store.transaction() as transaction:
            transaction.after_commit(lambda: fired.append("of the follow-up"))
            notes.add("two")
        fired.append("follow-up")

    with store.transaction() as transaction:
        transaction.after_commit(follow_up)
        transaction.after_commit(lambda: fired.append("next"))
        notes.add("one")

    assert notes.texts() == ["one", "two"]
    assert fired == ["of the follow-up", "follow-up", "next"]


def test_failing_callback_does_not_undo_the_commit_before_it(store: Store, notes: NoteRepository) -> None:
    def follow_up() -> None:
        with store.transaction():
            notes.add("lost")
            raise BlockError

    with store.transaction() as transaction:
        transaction.after_commit(follow_up)
        notes.add("one")

    assert notes.texts() == ["one"]


def test_callback_that_starts_itself_again_for_ever_harms_nobody(store: Store, notes: NoteRepository) -> None:
    runs: list[int] = []

    def again() -> None:
        runs.append(len(runs))
        with store.transaction() as transaction:
            transaction.after_commit(again)
            notes.add(f"{len(runs)}")

    with store.transaction() as transaction:
        transaction.after_commit(again)
        notes.add("first")

    assert len(runs) > 5
    assert notes.texts() == ["first", *map(str, range(1, len(notes.texts())))]
    notes.add("last")
    assert not store._transactions.open


@pytest.mark.parametrize("entered", [False, True])
def test_callback_outside_the_block_is_refused(store: Store, entered: bool) -> None:
    transaction = store.transaction()
    if entered:
        with transaction:
            pass

    with pytest.raises(TransactionError, match="inside the transaction's with-block"):
        transaction.after_commit(lambda: None)


def test_callback_of_another_thread_is_refused(store: Store) -> None:
    raised: list[type[BaseException]] = []

    def register(transaction: Transaction) -> None:
        try:
            transaction.after_commit(lambda: None)
        except TransactionError as error:
            raised.append(type(error))

    with store.transaction() as transaction:
        thread = threading.Thread(target=register, args=[transaction])
        thread.start()
        thread.join(DEADLINE)

    assert raised == [TransactionError]


def test_actor_is_inherited_unless_a_block_names_its_own(store: Store) -> None:
    with store.transaction(actor="user") as outer:
        with store.transaction() as inner, store.transaction(actor="tool") as named:
            with store[NoteRepository].transaction() as innermost:
                pass

            assert (outer.actor, inner.actor, named.actor, innermost.actor) == (
                "user",
                "user",
                "tool",
                "tool",
            )
    with store.transaction() as next_one:
        assert next_one.actor is None


# When SQLite ends the transaction by itself


def ended(notes: NoteRepository) -> None:
    notes.add("one")
    with pytest.raises(ConstraintError):
        notes.add_or_undo_all("one")


def nothing_more(store: Store, notes: NoteRepository) -> None:
    ended(notes)


def another_write(store: Store, notes: NoteRepository) -> None:
    ended(notes)
    notes.add("half")


def a_read(store: Store, notes: NoteRepository) -> None:
    ended(notes)
    notes.texts()


def another_block(store: Store, notes: NoteRepository) -> None:
    ended(notes)
    with store.transaction():
        notes.add("half")


def writes_in_between(store: Store, notes: NoteRepository) -> None:
    with store.transaction():
        ended(notes)
    notes.add("half")


def swallowed_twice(store: Store, notes: NoteRepository) -> None:
    ended(notes)
    for _ in range(2):
        with suppress(TransactionError), store.transaction():
            notes.add("half")
        with suppress(TransactionError):
            notes.add("half")


def many_rows(store: Store, notes: NoteRepository) -> None:
    ended(notes)
    with suppress(TransactionError):
        store._backend.execute_many("INSERT INTO notes_note (text) VALUES (?)", [["half"], ["more"]])


def new_table(store: Store, notes: NoteRepository) -> None:
    ended(notes)
    with suppress(TransactionError):
        store._backend.ddl.drop_table("labels_label")


@pytest.mark.parametrize(
    "act",
    [
        nothing_more,
        another_write,
        a_read,
        another_block,
        writes_in_between,
        swallowed_twice,
        many_rows,
        new_table,
    ],
)
def test_nothing_half_written_is_kept_when_sqlite_undoes_the_block(
    store: Store, notes: NoteRepository, act: Callable[[Store, NoteRepository], None]
) -> None:
    fired: list[str] = []

    def block() -> None:
        with store.transaction() as transaction:
            transaction.after_commit(lambda: fired.append("committed"))
            act(store, notes)

    with pytest.raises(TransactionError, match=r"undid the whole transaction|everything in it was undone"):
        block()

    assert fired == []
    assert notes.texts() == []
    assert store[LabelRepository].words() == []
    notes.add("next")
    assert notes.texts() == ["next"]


def test_error_that_made_sqlite_undo_the_block_is_what_is_raised(store: Store, notes: NoteRepository) -> None:
    def block() -> None:
        with store.transaction(), store.transaction():
            notes.add("one")
            notes.add_or_undo_all("one")

    with pytest.raises(ConstraintError):
        block()

    assert notes.texts() == []


def test_trigger_that_undoes_everything_is_noticed(store: Store, notes: NoteRepository) -> None:
    store._backend.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON notes_note WHEN new.text = 'no' "
        "BEGIN SELECT RAISE(ROLLBACK, 'not that'); END"
    )

    def block() -> None:
        with store.transaction():
            notes.add("one")
            with suppress(ConstraintError):
                notes.add("no")

    with pytest.raises(TransactionError):
        block()

    assert notes.texts() == []


# Used in a wrong way


def test_transaction_is_used_once(store: Store) -> None:
    for block in (store.transaction(), store.snapshot()):
        with block:
            pass

        with pytest.raises(TransactionError, match="is used once"):
            block.__enter__()


def test_transaction_that_is_open_cannot_be_entered_again(store: Store, notes: NoteRepository) -> None:
    with store.transaction() as transaction:
        notes.add("one")
        with pytest.raises(TransactionError, match="is used once"):
            transaction.__enter__()

    assert notes.texts() == ["one"]


def test_outer_block_that_ends_first_undoes_both(store: Store, notes: NoteRepository) -> None:
    outer, inner = store.transaction(), store.transaction()
    outer.__enter__()
    notes.add("one")
    inner.__enter__()
    notes.add("two")

    with pytest.raises(TransactionError, match="ended before one inside it"):
        outer.__exit__(None, None, None)
    with pytest.raises(TransactionError, match="ended where it is not open"):
        inner.__exit__(None, None, None)

    assert not store._transactions.open
    assert notes.texts() == []
    notes.add("next")


def test_middle_block_that_ends_first_undoes_what_is_inside_it(store: Store, notes: NoteRepository) -> None:
    with store.transaction():
        notes.add("kept")
        middle, inner = store.transaction(), store.transaction()
        middle.__enter__()
        notes.add("two")
        inner.__enter__()
        notes.add("three")
        with pytest.raises(TransactionError):
            middle.__exit__(None, None, None)
        with pytest.raises(TransactionError):
            inner.__exit__(None, None, None)

    assert notes.texts() == ["kept"]


def test_block_left_in_another_thread_says_so(store: Store, notes: NoteRepository) -> None:
    raised: list[type[BaseException]] = []

    def leave(block: AbstractContextManager[object]) -> None:
        try:
            block.__exit__(None, None, None)
        except TransactionError as error:
            raised.append(type(error))

    for block in (store.transaction(), store.snapshot()):
        with block:
            thread = threading.Thread(target=leave, args=[block])
            thread.start()
            thread.join(DEADLINE)

    assert raised == [TransactionError, TransactionError]
    notes.add("next")


def test_block_left_in_another_context_still_ends(
    store: Store, notes: NoteRepository, caplog: pytest.LogCaptureFixture
) -> None:
    transaction = store.transaction()
    contextvars.copy_context().run(transaction.__enter__)
    notes.add("one")

    with caplog.at_level(logging.WARNING, logger="stina"):
        transaction.__exit__(None, None, None)

    assert "context.changed" in caplog.text
    assert not store._transactions.open
    assert notes.texts() == ["one"]


def test_store_is_not_closed_inside_a_transaction(store: Store, notes: NoteRepository) -> None:
    with store.transaction():
        notes.add("one")
        with pytest.raises(TransactionError, match="before you close"):
            store.close()

    assert notes.texts() == ["one"]


# Asyncio


def test_second_task_may_not_use_a_transaction_that_awaits(store: Store, notes: NoteRepository) -> None:
    refused: list[str] = []

    async def first(inside: asyncio.Event, tried: asyncio.Event) -> None:
        with store.transaction():
            notes.add("one")
            inside.set()
            await tried.wait()
            notes.add("two")

    async def second(inside: asyncio.Event, tried: asyncio.Event) -> None:
        await inside.wait()
        acts: list[Callable[[], object]] = [
            lambda: notes.add("other"),
            notes.texts,
            store.transaction().__enter__,
            store.snapshot().__enter__,
        ]
        for act in acts:
            try:
                act()
            except TransactionError as error:
                refused.append(str(error))
        tried.set()

    async def main() -> None:
        inside, tried = asyncio.Event(), asyncio.Event()
        await asyncio.gather(first(inside, tried), second(inside, tried))

    asyncio.run(main())

    assert len(refused) == 4
    assert all("another asyncio task" in text for text in refused)
    assert notes.texts() == ["one", "two"]


def test_callback_of_the_event_loop_may_not_use_it_either(store: Store, notes: NoteRepository) -> None:
    refused: list[type[BaseException]] = []

    def tick() -> None:
        try:
            notes.add("other")
        except TransactionError as error:
            refused.append(type(error))

    async def main() -> None:
        with store.transaction():
            notes.add("one")
            asyncio.get_running_loop().call_soon(tick)
            await asyncio.sleep(0)

    asyncio.run(main())

    assert refused == [TransactionError]
    assert notes.texts() == ["one"]


def test_tasks_that_do_not_await_inside_take_turns(store: Store, notes: NoteRepository) -> None:
    async def work(name: str) -> None:
        for number in range(3):
            with store.transaction():
                notes.add_both(f"{name}{number}", f"{name}{number}!")
            await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(work("a"), work("b"))

    asyncio.run(main())

    assert len(notes.texts()) == 12


def test_work_in_threads_of_an_asyncio_program_is_kept_apart(file_store: Store) -> None:
    notes = file_store[NoteRepository]

    async def main() -> None:
        await asyncio.gather(*(asyncio.to_thread(notes.add_both, f"{n}", f"{n}!") for n in range(6)))

    asyncio.run(main())

    assert len(notes.texts()) == 12


# Snapshots


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
        ]
        for act in acts:
            with pytest.raises(TransactionError, match="a snapshot only reads"):
                act()
        with pytest.raises(ReadOnlyError):
            store._backend.execute("PRAGMA user_version = 7")

        assert notes.texts() == ["one"]
    notes.add("two")
    assert notes.texts() == ["one", "two"]


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


# Interrupts


def lines_of_an_open_block(owner: type[Transaction | module.Snapshot]) -> set[tuple[str, int]]:
    """The first lines of `__exit__`: an interrupt there cannot be told from one inside the block."""
    lines, first = inspect.getsourcelines(owner.__exit__)
    last = next(number for number, line in enumerate(lines) if "del stack" in line or "stack.remove" in line)
    return {(module.__file__, first + number) for number in range(last + 1)}


class Interrupter:
    """Raises KeyboardInterrupt at the *turn*-th line that runs in the modules of a transaction."""

    FILES = frozenset(one.__file__ for one in (module, session, database, gate))
    FREE = frozenset(lines_of_an_open_block(Transaction) | lines_of_an_open_block(module.Snapshot))

    def __init__(self, turn: int) -> None:
        self.left = turn
        self.fired = False

    def trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        code = frame.f_code
        if code.co_filename not in self.FILES or code.co_name == "open":
            return None
        if event == "line" and not self.fired and (code.co_filename, frame.f_lineno) not in self.FREE:
            self.left -= 1
            if self.left == 0:
                self.fired = True
                raise KeyboardInterrupt
        return self.trace


def interrupted(turn: int, work: Callable[[], object]) -> bool:
    """Run *work*; whether it was interrupted at all."""
    interrupter = Interrupter(turn)
    before = sys.gettrace()
    sys.settrace(interrupter.trace)
    try:
        work()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    return interrupter.fired


@pytest.fixture(params=["file", "memory"])
def quick_store(request: pytest.FixtureRequest, store_path: Path) -> Iterator[Store]:
    path = store_path if request.param == "file" else ":memory:"
    with open_store(path, replace(CONFIG, synchronous="NORMAL"), plugins=PLUGINS) as opened:
        yield opened


def test_interrupt_at_any_line_leaves_all_or_nothing_and_a_usable_store(quick_store: Store) -> None:
    store, notes = quick_store, quick_store[NoteRepository]

    def block(name: str) -> None:
        with store.transaction():
            notes.add(f"{name} one")
            with store.transaction():
                notes.add(f"{name} two")
        with store.snapshot():
            notes.texts()

    for turn in range(1, 1000):
        fired = interrupted(turn, lambda: block(f"{turn}"))  # noqa: B023, it is called at once
        assert not store._transactions.open
        notes.add(f"{turn} after")
        mine = [text.split()[1] for text in notes.texts()]
        assert mine in (["after"], ["one", "two", "after"])
        seen: list[int] = []
        reader = threading.Thread(target=lambda: seen.append(len(notes.texts())))  # noqa: B023
        reader.start()
        reader.join(DEADLINE)
        assert seen == [len(mine)]
        notes.clear()
        if not fired:
            break

    assert turn > 100
    assert mine == ["one", "two", "after"]


# A model of it


class Frame:
    def __init__(self, transaction: Transaction) -> None:
        self.transaction = transaction
        self.texts: list[str] = []
        self.callbacks: list[int] = []


class TransactionMachine(RuleBasedStateMachine):
    """Random nesting, failures and callbacks against plain lists."""

    path = ":memory:"

    @initialize()
    def open(self) -> None:
        self.closing = ExitStack()
        path = self.make_path()
        self.store = self.closing.enter_context(
            open_store(path, StoreConfig(strict=True, synchronous="NORMAL"), plugins=PLUGINS)
        )
        self.notes = self.store[NoteRepository]
        self.committed: list[str] = []
        self.due: list[int] = []
        self.fired: list[int] = []
        self.frames: list[Frame] = []
        self.undone = False  # SQLite ended the transaction, and the blocks are still to be left
        self.count = 0

    def make_path(self) -> str | Path:
        return self.path

    def next(self) -> int:
        self.count += 1
        return self.count

    @rule()
    def write(self) -> None:
        text = f"note {self.next()}"
        if self.undone:
            with pytest.raises(TransactionError):
                self.notes.add(text)
            return
        self.notes.add(text)
        (self.frames[-1].texts if self.frames else self.committed).append(text)

    @rule()
    def write_both_in_a_method(self) -> None:
        first, second = f"note {self.next()}", f"note {self.next()}"
        if self.undone:
            with pytest.raises(TransactionError):
                self.notes.add_both(first, second)
            return
        self.notes.add_both(first, second)
        (self.frames[-1].texts if self.frames else self.committed).extend([first, second])

    @precondition(lambda self: self.visible() and not self.undone)
    @rule()
    def write_what_is_there(self) -> None:
        with pytest.raises(ConstraintError):
            self.notes.add_both(f"note {self.next()}", self.visible()[0])

    @precondition(lambda self: self.visible() and self.frames and not self.undone)
    @rule()
    def make_sqlite_undo_everything(self) -> None:
        with pytest.raises(ConstraintError):
            self.notes.add_or_undo_all(self.visible()[0])
        self.undone = True

    @rule()
    def begin(self) -> None:
        transaction = self.store.transaction()
        if self.undone:
            with pytest.raises(TransactionError):
                transaction.__enter__()
            return
        transaction.__enter__()
        self.frames.append(Frame(transaction))

    @precondition(lambda self: self.frames)
    @rule()
    def call_back(self) -> None:
        number = self.next()
        self.frames[-1].transaction.after_commit(lambda: self.fired.append(number))
        self.frames[-1].callbacks.append(number)

    @precondition(lambda self: self.frames)
    @rule()
    def keep(self) -> None:
        frame = self.frames.pop()
        if self.undone:
            with pytest.raises(TransactionError):
                frame.transaction.__exit__(None, None, None)
        else:
            frame.transaction.__exit__(None, None, None)
            if self.frames:
                self.frames[-1].texts += frame.texts
                self.frames[-1].callbacks += frame.callbacks
            else:
                self.committed += frame.texts
                self.due += frame.callbacks
        self.undone = self.undone and bool(self.frames)

    @precondition(lambda self: self.frames)
    @rule()
    def fail(self) -> None:
        frame = self.frames.pop()
        frame.transaction.__exit__(BlockError, BlockError(), None)
        self.undone = self.undone and bool(self.frames)

    @precondition(lambda self: len(self.frames) > 1)
    @rule()
    def end_the_outermost_first(self) -> None:
        outer, *inner = self.frames
        self.frames, self.undone = [], False
        with pytest.raises(TransactionError):
            outer.transaction.__exit__(None, None, None)
        for frame in reversed(inner):
            with pytest.raises(TransactionError):
                frame.transaction.__exit__(None, None, None)

    def visible(self) -> list[str]:
        return self.committed + [text for frame in self.frames for text in frame.texts]

    @invariant()
    def rows_are_those_of_the_model(self) -> None:
        if not self.undone:
            assert sorted(self.notes.texts()) == sorted(self.visible())

    @invariant()
    def callbacks_are_those_of_the_model(self) -> None:
        assert self.fired == self.due

    def teardown(self) -> None:
        while self.frames:
            self.fail()
        assert sorted(self.notes.texts()) == sorted(self.committed)
        self.closing.close()


class FileTransactionMachine(TransactionMachine):
    """The same on a file, where another program can look on."""

    def make_path(self) -> str | Path:
        import tempfile

        self.file = Path(self.closing.enter_context(tempfile.TemporaryDirectory())) / "stina.db"
        return self.file

    @invariant()
    def others_see_what_is_committed(self) -> None:
        assert sorted(stored(self.file)) == sorted(self.committed)


TestTransactionsInMemory = TransactionMachine.TestCase
TestTransactionsInMemory.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestTransactionsInFile = FileTransactionMachine.TestCase
TestTransactionsInFile.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
