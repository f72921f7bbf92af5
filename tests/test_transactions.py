from __future__ import annotations

import asyncio
import contextvars
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import ModuleType

import apsw
import pytest

from stina_core import (
    ConstraintError,
    InvalidValueError,
    Store,
    StoreBusyError,
    Transaction,
    TransactionError,
    open_store,
)
from stina_core.backends.sqlite import session

from .notes_and_labels import (
    CONFIG,
    DEADLINE,
    PLUGINS,
    BlockError,
    LabelRepository,
    Note,
    NoteRepository,
    stored,
)


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


def test_transaction_begins_while_another_thread_imports_asyncio(
    store: Store, notes: NoteRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "asyncio", ModuleType("asyncio"))  # as it is before its first line ran

    with store.transaction():
        notes.add("one")

    assert notes.texts() == ["one"]


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


def test_actor_that_is_none_of_the_known_is_refused(store: Store) -> None:
    with pytest.raises(InvalidValueError, match="assistant, plugin, tool, user"):
        store.transaction(actor="usr")  # type: ignore[arg-type]
