from __future__ import annotations

import gc
import threading
from contextlib import suppress
from pathlib import Path

import apsw
import pytest
from peewee import ModelInsert

from stina_core import (
    ConstraintError,
    Store,
    StoreBusyError,
    StoreClosedError,
    StoreConfig,
    UnsafeOpenError,
    open_store,
    write,
)
from stina_core.backends.sqlite import open_connections
from stina_core.backends.sqlite.database import StoreDatabase
from stina_core.testing import file_rows

from .library import DEADLINE, FOREVER, PLUGINS, Visit, database_of, files_open, in_thread

# Threads


def test_each_thread_has_its_own_connection_and_leaves_none(store: Store, store_path: Path) -> None:
    database = database_of(store)
    with store.use():
        Visit.create(door="main")
    seen: set[int] = {id(database.connection())}
    before = files_open(store_path)

    for number in range(5):

        def work(door: str = f"{number}") -> None:
            with store.use():
                Visit.create(door=door)
            seen.add(id(database.connection()))
            assert database.open_connections == 2

        with in_thread(work) as raised:
            pass
        assert raised == []

    assert id(database.connection()) in seen
    assert len(seen) > 1
    assert database.open_connections == 1
    assert files_open(store_path) <= before + 1  # SQLite keeps one handle for the next connection


def test_threads_write_and_read_at_the_same_time(either: Store) -> None:
    """Each transaction writes two rows, so whoever counts an odd number has seen half of one."""
    odd: list[int] = []
    start = threading.Barrier(5)

    def write(name: str) -> None:
        start.wait(DEADLINE)
        for number in range(15):
            while True:
                with suppress(StoreBusyError), either.transaction():
                    Visit.create(door=f"{name} {number} in")
                    Visit.create(door=f"{name} {number} out")
                    break

    def read() -> None:
        start.wait(DEADLINE)
        with either.use():
            while (count := Visit.select().count()) < 60:
                if count % 2:
                    odd.append(count)

    with (
        in_thread(read) as a,
        in_thread(read) as b,
        in_thread(lambda: write("x")) as c,
        in_thread(lambda: write("y")) as d,
    ):
        start.wait(DEADLINE)

    assert (a, b, c, d) == ([], [], [], [])
    assert odd == []


def test_reader_of_a_memory_store_waits_for_the_writer(memory: Store) -> None:
    asking, answered = threading.Event(), threading.Event()
    counts: list[int] = []

    def read() -> None:
        with memory.use():
            asking.set()
            counts.append(Visit.select().count())
            answered.set()

    reader = threading.Thread(target=read)
    with memory.transaction():
        Visit.create(door="front")
        reader.start()
        assert asking.wait(DEADLINE)
        assert not answered.wait(0.03)
        Visit.create(door="back")
    reader.join(DEADLINE)

    assert counts == [2]


def test_memory_store_kept_too_long_is_busy_like_a_file(memory: Store) -> None:
    def read() -> None:
        with memory.use():
            Visit.select().count()

    def write() -> None:
        with memory.transaction():
            Visit.create(door="back")

    with memory.transaction():
        Visit.create(door="front")
        with in_thread(read) as reading, in_thread(write) as writing:
            pass

    assert [type(error) for error in reading + writing] == [StoreBusyError, StoreBusyError]
    with memory.use():
        assert [visit.door for visit in Visit.select()] == ["front"]


def test_turn_that_an_interrupt_kept_is_given_back_later(memory: Store) -> None:
    gate = database_of(memory).gate
    assert gate is not None
    gate.__enter__()  # and never left

    with memory.use():
        Visit.create(door="front")

    def read() -> None:
        with memory.use():
            assert Visit.select().count() == 1

    with in_thread(read) as raised:
        pass
    assert raised == []


# Closing


def test_error_that_somebody_keeps_keeps_no_connection(store: Store) -> None:
    def fail() -> None:
        with store.use(), store.transaction():
            create(door="front")
            create(door="front")

    @write
    def create(door: str) -> ModelInsert:
        return Visit.insert(door=door)

    with store.use():
        Visit.delete().execute()
    before = database_of(store).open_connections
    with in_thread(fail) as raised:
        pass

    assert [type(error) for error in raised] == [ConstraintError]
    assert database_of(store).open_connections == before


def test_statement_asked_from_inside_another_has_a_cursor_of_its_own(either: Store) -> None:
    """As a signal's handler does, which may run while a statement waits for another writer."""
    database = database_of(either)
    answers: list[object] = []

    def ask() -> bool:
        if not answers:
            answers.append(None)
            answers.append(database.query("SELECT 2"))
        return False

    connection = database.connection()
    connection.set_progress_handler(ask, 100)
    outer = database.query(FOREVER.replace("FROM n)", "FROM n WHERE i < 1000)"))
    connection.set_progress_handler(None)

    assert outer == [(500500,)]
    assert answers == [None, [(2,)]]
    assert database.query("SELECT 3") == [(3,)]


def test_closed_store_refuses_everything(either: Store) -> None:
    database = database_of(either)
    either.close()

    for act in (database.connection, database.connect, lambda: database.execute_sql("SELECT 1")):
        with pytest.raises(StoreClosedError, match="open it again"):
            act()
    with pytest.raises(StoreClosedError):
        either.transaction()
    assert database.open_connections == 0


def test_close_closes_the_connections_of_other_threads(store: Store, store_path: Path) -> None:
    used, closed = threading.Event(), threading.Event()

    def work() -> None:
        with store.use():
            Visit.create(door="front")
            used.set()
            closed.wait(DEADLINE)
            Visit.create(door="back")

    with in_thread(work) as raised:
        assert used.wait(DEADLINE)
        store.close()
        assert files_open(store_path) == 0
        closed.set()

    assert [type(error) for error in raised] == [StoreClosedError]


def test_close_stops_a_statement_of_another_thread(either: Store) -> None:
    running = threading.Event()

    def work() -> None:
        connection = database_of(either).connection()
        connection.set_progress_handler(lambda: bool(running.set()), 1000)  # type: ignore[func-returns-value]
        database_of(either).execute_sql(FOREVER)

    with in_thread(work) as raised:
        assert running.wait(DEADLINE)
        either.close()

    assert [type(error) for error in raised] == [StoreClosedError]


def test_close_stops_a_thread_that_waits_for_the_lock(store_path: Path) -> None:
    holder = apsw.Connection(str(store_path))
    with open_store(store_path, StoreConfig(busy_timeout=3600), plugins=PLUGINS) as store:
        holder.execute("BEGIN IMMEDIATE")
        waiting = threading.Event()
        database = database_of(store)

        def work() -> None:
            database.connection()
            waiting.set()
            with store.use():
                Visit.create(door="front")

        with in_thread(work) as raised:
            assert waiting.wait(DEADLINE)
            store.close()
    holder.close()

    assert [type(error) for error in raised] == [StoreClosedError]


def test_close_undoes_the_transaction_of_another_thread(store: Store, store_path: Path) -> None:
    inside, closed = threading.Event(), threading.Event()
    fired: list[str] = []

    def work() -> None:
        with store.transaction() as transaction:
            transaction.after_commit(lambda: fired.append("committed"))
            Visit.create(door="front")
            inside.set()
            closed.wait(DEADLINE)

    with in_thread(work) as raised:
        assert inside.wait(DEADLINE)
        store.close()
        closed.set()

    assert [type(error) for error in raised] == [StoreClosedError]
    assert fired == []
    assert file_rows(store_path, "SELECT count(*) FROM library_visit") == [(0,)]


def test_close_says_so_when_a_thread_does_not_stop(
    store: Store, store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_connections, "_PATIENCE", 0.05)
    running, release = threading.Event(), threading.Event()
    used = threading.Event()

    def block(*nothing: object) -> int:
        running.set()
        release.wait(DEADLINE)
        return 1

    def work() -> None:
        database_of(store).connection().create_scalar_function("block", block)
        database_of(store).execute_sql("SELECT block()")

    def idle() -> None:
        database_of(store).connection()
        used.set()
        release.wait(DEADLINE)

    with in_thread(work), in_thread(idle):
        assert running.wait(DEADLINE)
        assert used.wait(DEADLINE)
        before = files_open(store_path)
        with pytest.raises(StoreBusyError, match="does not stop"):
            store.close()

        assert store.closed
        assert 0 < files_open(store_path) < before
        with pytest.raises(UnsafeOpenError):  # its locks are still needed
            store_path.read_bytes()
        release.set()

    gc.collect()  # the error that ended the thread knows its frames, and they the connection
    assert files_open(store_path) == 0


def test_connection_opened_while_the_store_closes_is_closed_again(store_path: Path) -> None:
    made: list[apsw.Connection] = []

    def opener() -> apsw.Connection:
        made.append(apsw.Connection(str(store_path)))
        if len(made) == 2:
            database.end()
        return made[-1]

    database = StoreDatabase(str(store_path), opener)
    database.execute_sql("SELECT 1")

    with in_thread(database.connection) as raised:
        pass

    assert [type(error) for error in raised] == [StoreClosedError]
    assert files_open(store_path) == 0


def test_error_of_a_block_survives_the_close_of_its_store(store: Store) -> None:
    def work() -> None:
        with store.transaction():
            Visit.create(door="front")
            database_of(store).end()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
