from __future__ import annotations

import fcntl
import gc
import multiprocessing
import os
import select
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import apsw
import pytest

from stina_core import (
    Plugins,
    Store,
    StoreClosedError,
    StoreConfig,
    TransactionError,
    open_store,
)
from stina_core.backends.sqlite import forking, inspection, open_connections
from stina_core.backends.sqlite.backend import SqliteBackend
from stina_core.backends.sqlite.lock import file_lock
from stina_core.testing import file_rows, run_python

from .library import in_thread

DEADLINE = 20.0

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


def in_child(work: Callable[[], object]) -> None:
    """Run *work* in a child made by fork(); what fails there fails here."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException:  # noqa: BLE001, nothing of the test run may go on in the child
            traceback.print_exc(file=sys.__stderr__)
            os._exit(1)
        os._exit(0)
    ended = os.pidfd_open(pid)
    try:
        if not select.select([ended], [], [], DEADLINE)[0]:
            os.kill(pid, signal.SIGKILL)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    finally:
        os.close(ended)


def until(true: Callable[[], object]) -> bool:
    """Ask again until it is, or the deadline is over; whether it was."""
    end = time.monotonic() + DEADLINE
    while not true():
        if time.monotonic() >= end:
            return False
        time.sleep(0.001)
    return True


@pytest.fixture
def store(store_path: Path) -> Iterator[Store]:
    with open_store(store_path, StoreConfig(busy_timeout=0.05), plugins=Plugins([])) as opened:
        opened._backend.execute("CREATE TABLE t (a TEXT) STRICT")
        yield opened


def add(store: Store, text: str) -> None:
    store._backend.execute("INSERT INTO t VALUES (?)", [text])


def texts(store: Store) -> list[str]:
    return [row[0] for row in store._backend.execute("SELECT a FROM t ORDER BY rowid")]


def connection_of(store: Store) -> apsw.Connection:
    assert isinstance(store._backend, SqliteBackend)
    return store._backend.database.connection()


def handles_on(path: Path) -> int:
    count = 0
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            count += str(link.readlink()) in (str(path), f"{path}-wal", f"{path}-shm")
    return count


def lock_is_held(path: Path) -> bool:
    """Ask another process, which shares nothing with this one."""
    script = """
import apsw
try:
    apsw.Connection(sys.argv[1]).execute("BEGIN IMMEDIATE")
except apsw.BusyError:
    print("held")
"""
    return run_python(script, path) == "held\n"


def test_child_works_with_a_connection_of_its_own(store: Store) -> None:
    add(store, "parent")
    inherited = connection_of(store)

    def work() -> None:
        assert connection_of(store) is not inherited
        assert texts(store) == ["parent"]
        with store.transaction():
            add(store, "child")

    in_child(work)

    add(store, "parent again")
    assert texts(store) == ["parent", "child", "parent again"]


def test_process_of_multiprocessing_works_too(store: Store) -> None:
    process = multiprocessing.get_context("fork").Process(target=add, args=(store, "child"))
    process.start()
    process.join(DEADLINE)

    assert process.exitcode == 0
    assert texts(store) == ["child"]


def refused(act: Callable[[], object]) -> None:
    with pytest.raises(StoreClosedError, match="when it forked; fork while no transaction is open"):
        act()


def test_file_in_a_transaction_of_the_forking_thread_is_refused_in_the_child(
    store: Store, store_path: Path
) -> None:
    link = store_path.with_name("link.db")
    link.symlink_to(store_path)

    def work() -> None:
        refused(lambda: texts(store))
        refused(lambda: add(store, "child"))
        for name in (store_path, link):
            refused(lambda name=name: open_store(name, plugins=Plugins([])))  # type: ignore[misc]
        refused(lambda: inspection.integrity_check(str(store_path)))
        in_child(lambda: refused(lambda: texts(store)))
        with open_store(store_path.with_name("other.db"), plugins=Plugins([])) as other:
            assert other._backend.execute("SELECT 1") == [(1,)]

    with store.transaction():
        add(store, "parent")
        begun = time.monotonic()
        in_child(work)
        assert time.monotonic() - begun < forking.PATIENCE / 2
        assert lock_is_held(store_path)
        add(store, "parent again")

    in_child(lambda: add(store, "child"))
    assert texts(store) == ["parent", "parent again", "child"]


def test_block_entered_before_the_fork_cannot_be_left_in_the_child(store: Store) -> None:
    transaction = store.transaction()
    snapshot = store.snapshot()

    def work() -> None:
        with pytest.raises(TransactionError, match="another thread or process"):
            transaction.__exit__(None, None, None)

    def look() -> None:
        with pytest.raises(TransactionError, match="another thread or process"):
            snapshot.__exit__(None, None, None)
        refused(lambda: texts(store))

    with transaction:
        add(store, "parent")
        in_child(work)
    with snapshot:
        in_child(look)
        assert texts(store) == ["parent"]


def test_transaction_of_another_thread_may_end_before_the_fork(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forking, "LAST_MOMENT", DEADLINE)
    inside = threading.Event()

    def write() -> None:
        with store.transaction():
            add(store, "first")
            inside.set()
            assert until(lambda: forking.draining)
            add(store, "second")

    with in_thread(write):
        assert inside.wait(DEADLINE)
        in_child(lambda: add(store, "child"))

    assert texts(store) == ["first", "second", "child"]


def test_writer_that_waits_for_the_forking_thread_does_not_hold_up_the_fork(store_path: Path) -> None:
    with open_store(store_path, StoreConfig(busy_timeout=DEADLINE), plugins=Plugins([])) as store:
        store._backend.execute("CREATE TABLE t (a TEXT) STRICT")
        with store.transaction():
            add(store, "parent")
            with_thread = threading.Thread(target=add, args=(store, "thread"))
            with_thread.start()
            assert until(lambda: is_in(with_thread, "wait"))
            begun = time.monotonic()
            for _ in range(3):
                in_child(lambda: refused(lambda: texts(store)))
            assert time.monotonic() - begun < forking.PATIENCE / 2
        with_thread.join(DEADLINE)

        assert texts(store) == ["parent", "thread"]


def is_in(thread: threading.Thread, function: str) -> bool:
    frame = sys._current_frames().get(thread.ident or 0)
    return frame is not None and frame.f_code.co_name == function


def test_statement_that_does_not_end_in_time_makes_the_child_refuse_every_file(
    store: Store, store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forking, "PATIENCE", 0.05)
    running, release = threading.Event(), threading.Event()

    def block(*nothing: object) -> int:
        running.set()
        release.wait(DEADLINE)
        return 1

    def read() -> None:
        connection_of(store).create_scalar_function("block", block)
        assert store._backend.execute("SELECT block()") == [(1,)]

    def work() -> None:
        for name in (str(store_path), str(store_path.with_name("other.db")), ":memory:"):
            with pytest.raises(StoreClosedError, match="was still running when the parent process forked"):
                open_store(name, plugins=Plugins([]))

    with in_thread(read):
        assert running.wait(DEADLINE)
        in_child(work)
        release.set()


def test_fork_in_a_callback_of_sqlite_is_survived_and_the_child_refuses(store: Store) -> None:
    def work() -> None:
        with pytest.raises(StoreClosedError, match="was still running"):
            texts(store)

    def fork(*nothing: object) -> int:
        in_child(work)
        return 1

    connection_of(store).create_scalar_function("forking", fork)

    assert store._backend.execute("SELECT forking()") == [(1,)]
    in_child(lambda: add(store, "child"))
    assert texts(store) == ["child"]


def test_connection_that_differs_from_the_recipe_is_not_closed(store: Store) -> None:
    store._backend.foreign_keys(on=False)
    before = connection_of(store)
    in_child(lambda: refused(lambda: texts(store)))
    assert connection_of(store) is before

    store._backend.foreign_keys(on=True)
    in_child(lambda: add(store, "child"))

    assert connection_of(store) is not before
    assert texts(store) == ["child"]


def test_file_that_was_replaced_meanwhile_is_not_opened_by_the_parent(store: Store, store_path: Path) -> None:
    add(store, "old")
    for suffix in ("", "-wal", "-shm"):
        Path(f"{store_path}{suffix}").rename(f"{store_path}.moved{suffix}")
    with open_store(store_path, plugins=Plugins([])):
        in_child(lambda: None)

        assert texts(store) == ["old"]


def test_reader_of_the_forking_thread_makes_its_file_unclean(store: Store, store_path: Path) -> None:
    with inspection.opened(str(store_path)) as reader:
        in_child(lambda: refused(lambda: texts(store)))
        assert reader.execute("SELECT 1").fetchall() == [(1,)]


def test_subprocess_with_a_preexec_function_loses_nothing(store: Store, store_path: Path) -> None:
    add(store, "before")
    script = "import apsw, sys; apsw.Connection(sys.argv[1]).execute(\"INSERT INTO t VALUES ('program')\")"

    subprocess.run([sys.executable, "-c", script, store_path], preexec_fn=os.getpid, check=True)

    add(store, "after")
    assert texts(store) == ["before", "program", "after"]


def test_store_in_memory_goes_on_in_all_threads_of_the_parent() -> None:
    done = threading.Event()
    with open_store(":memory:", plugins=Plugins([])) as store:
        store._backend.execute("CREATE TABLE t (a TEXT) STRICT")
        written: list[str] = []

        def work() -> None:
            with pytest.raises(StoreClosedError):
                texts(store)

        def write() -> None:
            while not done.is_set():
                add(store, str(len(written)))
                written.append(str(len(written)))

        with in_thread(write):
            for _ in range(20):
                in_child(work)
            done.set()

        assert texts(store) == written


@pytest.mark.parametrize("act", ["close", "collect", "nothing"])
def test_whatever_the_child_does_the_parent_keeps_its_lock(store: Store, store_path: Path, act: str) -> None:
    def work() -> None:
        if act == "close":
            store.close()
            with pytest.raises(StoreClosedError):
                texts(store)
        elif act == "collect":
            gc.collect()

    with store.transaction():
        add(store, "parent")
        in_child(work)
        assert lock_is_held(store_path)

    assert texts(store) == ["parent"]
    assert file_rows(store_path, "PRAGMA integrity_check") == [("ok",)]


@pytest.mark.parametrize("kept", [True, False])
def test_connections_of_other_threads_are_not_closed_in_the_child(
    store: Store, store_path: Path, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    """Python ends the other threads of a child and frees what is theirs, before any hook of ours runs there."""
    if not kept:  # the control: if the threads' leases ended in the child as they do in the parent
        monkeypatch.setattr(open_connections, "_is_this", lambda process: True)
    inside, done = threading.Event(), threading.Event()

    def write() -> None:
        with store.transaction():
            add(store, "thread")
            inside.set()
            done.wait(DEADLINE)

    thread = threading.Thread(target=write)
    thread.start()
    assert inside.wait(DEADLINE)
    store._backend.database.close()  # a fork does it anyway
    before = handles_on(store_path)

    def work() -> None:
        assert (handles_on(store_path) == before) is kept

    in_child(work)
    assert lock_is_held(store_path)
    done.set()
    thread.join(DEADLINE)
    assert texts(store) == ["thread"]


def test_child_may_fork_and_thread_again(store: Store) -> None:
    def grandchild() -> None:
        add(store, "grandchild")

    def work() -> None:
        add(store, "child")
        thread = threading.Thread(target=lambda: add(store, "thread of the child"))
        thread.start()
        thread.join(DEADLINE)
        in_child(grandchild)

    in_child(work)

    assert texts(store) == ["child", "thread of the child", "grandchild"]


def test_store_opened_in_the_child_is_its_own(store: Store, store_path: Path) -> None:
    def work() -> None:
        with open_store(store_path, plugins=Plugins([])) as other:
            add(other, "child")

    in_child(work)

    assert texts(store) == ["child"]


def test_memory_store_is_closed_for_the_child_alone() -> None:
    with open_store(":memory:", plugins=Plugins([])) as store:
        store._backend.execute("CREATE TABLE t (a TEXT) STRICT")

        def work() -> None:
            for act in (lambda: texts(store), lambda: add(store, "child"), store.snapshot().__enter__):
                with pytest.raises(StoreClosedError, match="belongs to the process that opened it"):
                    act()
            store.close()

        with store.transaction():  # a child must not wait for the turn of a thread that it does not have
            in_child(work)
            add(store, "parent")

        assert texts(store) == ["parent"]


def test_child_that_ends_normally_leaves_the_parent_alone(store_path: Path) -> None:
    """At a normal exit Python frees everything, also the connections that must never be closed there."""
    script = """
import os
from stina_core import Plugins, open_store
store = open_store(sys.argv[1], plugins=Plugins([]))
execute = store._backend.execute
execute("CREATE TABLE t (a TEXT) STRICT")
with store.transaction():
    execute("INSERT INTO t VALUES ('before')")
    child = os.fork()
    if child == 0:
        del store, execute
        sys.exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    other = os.fork()
    if other == 0:
        import apsw
        try:
            apsw.Connection(sys.argv[1]).execute("BEGIN IMMEDIATE")
        except apsw.BusyError:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(other, 0)[1]) == 7
    execute("INSERT INTO t VALUES ('after')")
print(execute("SELECT count(*) FROM t"))
"""

    assert run_python(script, store_path) == "[(2,)]\n"


def test_lock_for_opening_is_given_back_though_a_child_lives(store_path: Path) -> None:
    release, wait = os.pipe()
    with file_lock(str(store_path), 0.1):
        child = os.fork()
        if child == 0:  # holds a copy of the lock's handle
            os.close(wait)
            os.read(release, 1)
            os._exit(0)
    try:
        with file_lock(str(store_path), 0.1):
            pass
        handle = os.open(f"{store_path}.lock", os.O_RDWR)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(handle)
    finally:
        os.close(wait)
        os.close(release)
        os.waitpid(child, 0)
