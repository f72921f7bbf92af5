"""Compiled queries and the store: transactions, snapshots, the change feed, and stores that are not there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from peewee import ModelInsert, ModelSelect

from stina_core import ConstraintError, Op, Store, StoreClosedError, TransactionError, query, returning, write
from stina_core.config import MEMORY
from stina_core.model import current, nowhere

from ..feed.desk import DEADLINE, beside, undo
from .library import Author, fill, open_library
from .test_updates import add_pages, remove, rename
from .values import AuthorName


@write
def add(id: str, name: str) -> ModelInsert:
    return Author.insert(id=id, name=name)


@query(AuthorName)
def authors() -> ModelSelect[Author]:
    return Author.select().order_by(Author.id)


def names() -> list[str]:
    return [author.name for author in authors.list()]


def batches(store: Store) -> list[list[tuple[str, Op, object]]]:
    """Return table, op and key of each change, by transaction."""
    return [[(one.table, one.op, one.key) for one in changes] for changes in store.changes()]


def test_write_outside_a_transaction_is_one_of_its_own(shelf: Store) -> None:
    before = len(batches(shelf))

    add_pages(1, "Kris")
    rename("Kris", "Crisis")
    add("new", "New")
    remove("Crisis")

    assert batches(shelf)[before:] == [
        [("library_book", Op.UPDATE, 2), ("library_book", Op.UPDATE, 3)],
        [("library_book", Op.UPDATE, 2), ("library_book", Op.UPDATE, 3)],
        [("library_author", Op.INSERT, "new")],
        [("library_book", Op.DELETE, 2), ("library_book", Op.DELETE, 3)],
    ]


def test_writes_in_a_transaction_are_one_batch(shelf: Store) -> None:
    before = len(batches(shelf))

    with shelf.transaction():
        add("new", "New")
        remove("Jerusalem")

    assert batches(shelf)[before:] == [[("library_author", Op.INSERT, "new"), ("library_book", Op.DELETE, 4)]]


def test_write_that_writes_nothing_is_told_to_nobody(shelf: Store) -> None:
    before = len(batches(shelf))

    assert remove("nobody's") == 0
    assert rename("nobody's", "x") == []

    assert len(batches(shelf)) == before


def test_failed_transaction_undoes_compiled_writes(shelf: Store) -> None:
    def fail() -> None:
        with shelf.transaction():
            add("new", "New")
            assert "New" in names()
            raise LookupError("on purpose")

    with pytest.raises(LookupError, match="on purpose"):
        fail()

    assert "New" not in names()


def test_failed_write_leaves_the_transaction_around_it_usable(shelf: Store) -> None:
    with shelf.transaction():
        add("first", "First")
        with pytest.raises(ConstraintError):
            add("first", "Again")
        add("second", "Second")

    assert names() == ["First", "Karin", "Second", "Selma", "Unread"]


def test_nested_block_undoes_its_own_writes_only(shelf: Store) -> None:
    def fail_inside() -> None:
        with shelf.transaction():
            add("inner", "Inner")
            raise LookupError("on purpose")

    with shelf.transaction():
        add("outer", "Outer")
        with pytest.raises(LookupError):
            fail_inside()

    assert names() == ["Karin", "Outer", "Selma", "Unread"]


def test_other_threads_do_not_see_in_a_file_what_is_not_committed(store_path: Path) -> None:
    seen: list[list[str]] = []

    with open_library(store_path) as store, store.use():
        fill(store)

        def look() -> None:
            with store.use():
                seen.append(names())

        with store.transaction():
            add("new", "New")
            with beside(look) as raised:
                pass
        look()

    assert raised == []
    assert seen == [["Karin", "Selma", "Unread"], ["Karin", "New", "Selma", "Unread"]]


def test_read_of_another_thread_in_memory_waits_for_the_end_of_the_transaction() -> None:
    """There all threads share one connection, which would show them what may still be undone."""
    seen: list[list[str]] = []
    started = threading.Event()

    with open_library() as store, store.use():
        fill(store)

        def look() -> None:
            with store.use():
                started.set()
                seen.append(names())

        thread = threading.Thread(target=look)

        def write_and_read() -> None:
            add("new", "New")
            thread.start()
            assert started.wait(DEADLINE)
            for _ in range(500):  # so that it would get its turn, if it could
                assert "New" in names()

        undo(store, write_and_read)
        thread.join(DEADLINE)

    assert not thread.is_alive()
    assert seen == [["Karin", "Selma", "Unread"]]


def test_snapshot_sees_one_state_and_takes_no_write(store_path: Path) -> None:
    with open_library(store_path) as store, store.use():
        fill(store)

        def write_beside() -> None:
            with store.use():
                add("new", "New")

        with store.snapshot():
            assert names() == ["Karin", "Selma", "Unread"]
            with beside(write_beside) as raised:
                pass
            assert raised == []
            assert names() == ["Karin", "Selma", "Unread"]
            for refused in (lambda: add("x", "X"), lambda: rename("Kris", "x"), lambda: remove("Kris")):
                with pytest.raises(TransactionError, match="snapshot"):
                    refused()
        assert names() == ["Karin", "New", "Selma", "Unread"]


EVERY: dict[str, Callable[[], object]] = {
    "list": authors.list,
    "get": authors.get,
    "find": authors.find,
    "exists": authors.exists,
    "count": authors.count,
    "sql": authors.sql,
    "write": lambda: add("x", "X"),
    "returning": lambda: rename("Kris", "x"),
}


@pytest.mark.parametrize("how", EVERY)
def test_without_a_store_everything_is_refused(shelf: Store, how: str) -> None:
    with nowhere(), pytest.raises(StoreClosedError, match="no store is current"):
        EVERY[how]()
    EVERY[how]()


@pytest.mark.parametrize("how", [how for how in EVERY if how != "sql"])
@pytest.mark.parametrize("place", ["file", "memory"])
def test_after_the_store_was_closed_everything_is_refused(store_path: Path, place: str, how: str) -> None:
    store = open_library(MEMORY if place == "memory" else store_path)
    with store.use():
        fill(store)
        assert EVERY[how]() is not None
        store.close()

        with pytest.raises(StoreClosedError, match="the store is closed"):
            EVERY[how]()


def test_store_that_another_thread_has_made_current_is_not_current_here(shelf: Store) -> None:
    with beside(lambda: authors.list()) as raised:  # noqa: PLW0108  # looked up in the thread
        pass

    assert [type(error) for error in raised] == [StoreClosedError]
    assert current() is not None


def test_transaction_that_sqlite_ended_takes_no_further_query(shelf: Store) -> None:
    @write
    def add_or_undo_all(id: str) -> ModelInsert:
        return Author.insert(id=id, name="x").on_conflict("ROLLBACK")

    @returning(AuthorName)
    def put(id: str) -> ModelInsert:
        return Author.insert(id=id, name="x").returning(Author)

    def fail() -> None:
        with shelf.transaction():
            add("new", "New")
            with pytest.raises(ConstraintError):
                add_or_undo_all("new")
            for refused in (authors.list, authors.exists, lambda: add("x", "X"), lambda: put("y")):
                with pytest.raises(TransactionError, match="ended the transaction"):
                    refused()

    with pytest.raises(TransactionError):
        fail()
    assert names() == ["Karin", "Selma", "Unread"]
