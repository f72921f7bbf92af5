"""Callbacks that do not come back, and what happens at the end."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from stina_core import Changes, Store
from stina_core.feed import delivery, feed
from stina_core.testing import run_python

from .desk import DEADLINE, Desk, Heard, descriptors, feed_threads, open_desk, until


class Stuck:
    """A callback that does not come back before it is let go."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.go = threading.Event()
        self.heard = Heard(self._wait)

    def _wait(self, changes: Changes) -> None:
        self.began.set()
        self.go.wait(DEADLINE)


def test_callback_that_never_returns_holds_up_no_other(desk: Store) -> None:
    stuck, heard = Stuck(), Heard()

    with desk.subscribe(stuck.heard), desk.subscribe(heard):
        for _ in range(5):
            desk[Desk].add("a")
        heard.wait(5)
        assert len(stuck.heard.all) == 1
        stuck.go.set()
        stuck.heard.wait(5)

    assert [changes.cursor for changes in stuck.heard.all] == [changes.cursor for changes in heard.all]


def test_some_stuck_callbacks_each_get_a_thread_and_one_stays_for_the_others(
    desk: Store, logged: pytest.LogCaptureFixture
) -> None:
    stuck, heard = [Stuck() for _ in range(3)], Heard()
    for one in stuck:
        desk.subscribe(one.heard)
    desk.subscribe(heard)

    for count in range(1, 21):
        desk[Desk].add("a")
        heard.wait(count)

    assert logged.text.count("callback.slow") == 3
    assert len([name for name in feed_threads() if "delivery" in name]) == 4
    for one in stuck:
        one.go.set()
        one.heard.wait(20)
    until(lambda: len([name for name in feed_threads() if "delivery" in name]) == 1)


def test_there_is_an_end_to_the_threads(desk: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "MOST", 2)
    stuck, heard = [Stuck(), Stuck()], Heard()
    for one in stuck:
        desk.subscribe(one.heard)
    desk.subscribe(heard)

    desk[Desk].add("a")
    for one in stuck:
        assert one.began.wait(DEADLINE)
    assert len([name for name in feed_threads() if "delivery" in name]) == 2

    for one in stuck:
        one.go.set()
    heard.wait(1)


def test_errand_that_is_put_while_a_thread_leaves_is_still_run() -> None:
    """Two threads that both find nothing to do must not both go."""
    runs = threading.Semaphore(0)

    class Errand:
        name = "errand"
        is_waited_for = False

        def run(self) -> None:
            runs.release()

    pool = delivery.Delivery("stina-test")
    pool._lock.acquire()
    pool._start()
    pool._start()
    pool._lock.release()
    for _ in range(500):
        pool.put(Errand())
        pool.put(Errand())
        assert runs.acquire(timeout=DEADLINE)
        assert runs.acquire(timeout=DEADLINE)
    until(lambda: pool._threads == 1)
    assert pool.drain(time.monotonic() + DEADLINE) == []
    pool.stop()


def test_own_commits_are_delivered_before_the_store_is_closed(place: str) -> None:
    for _ in range(5):
        heard = Heard()
        with open_desk(place) as store:
            store.subscribe(heard)
            for _ in range(20):
                store[Desk].add("a")
        assert len(heard.all) == 20


def test_short_program_hears_of_its_own_commit(store_path: Path) -> None:
    open_desk(store_path).close()
    script = """
import sys
from stina_core import StoreConfig
from tests.feed.desk import Desk, open_desk
with open_desk(sys.argv[1]) as store:
    store.subscribe(lambda changes: print(changes[0].key, flush=True))
    store[Desk].add("a")
"""

    assert run_python(script, store_path) == "1\n"


def test_callback_may_still_use_the_store_while_it_closes(place: str) -> None:
    read: list[int] = []
    with open_desk(place) as store:
        store.subscribe(lambda changes: read.append(store[Desk].count()))
        store[Desk].add("a")

    assert read == [1]


def test_closing_waits_for_a_stuck_callback_only_for_a_while(
    place: str, monkeypatch: pytest.MonkeyPatch, logged: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(feed, "CLOSING", 0.1)
    store = open_desk(place)
    stuck = Stuck()
    store.subscribe(stuck.heard)
    store[Desk].add("a")
    assert stuck.began.wait(DEADLINE)

    begin = time.monotonic()
    store.close()

    assert 0.1 <= time.monotonic() - begin < DEADLINE / 2
    assert "feed.undelivered" in logged.text
    stuck.go.set()


def test_callback_may_close_the_store(place: str) -> None:
    store = open_desk(place)
    closed = threading.Event()

    def close(changes: Changes) -> None:
        store.close()
        closed.set()

    store.subscribe(close)
    store[Desk].add("a")

    assert closed.wait(DEADLINE)
    assert store.closed
    until(lambda: not feed_threads())


def test_closing_without_a_listener_waits_for_nothing(place: str) -> None:
    store = open_desk(place)
    store[Desk].add("a")
    store.cursor()

    begin = time.monotonic()
    store.close()
    store.close()

    assert time.monotonic() - begin < 1


def test_closed_store_leaves_no_thread_and_no_descriptor(store_path: Path) -> None:
    def use() -> None:
        with open_desk(store_path) as store:
            heard = Heard()
            store.subscribe(heard)
            store.observe(store[Desk].count, lambda count: None)
            stream = store.changes(follow=True)
            store[Desk].add("a")
            next(stream)
            heard.wait(1)
        until(lambda: not feed_threads())
        gc.collect()

    use()
    before = descriptors()
    for _ in range(3):
        use()

    assert descriptors() == before


def test_threads_that_came_for_a_while_leave_no_connection(
    store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "PATIENCE", 0.001)
    with open_desk(store_path) as store:
        stuck, heard = Stuck(), Heard(lambda changes: store[Desk].count())
        with store.subscribe(stuck.heard), store.subscribe(heard):
            store[Desk].add("a")
            heard.wait(1)
            before = len(descriptors())
            for count in range(2, 30):
                store[Desk].add("a")
                heard.wait(count)
            assert len(descriptors()) <= before + 3
            stuck.go.set()


def test_nothing_is_told_after_the_end(place: str) -> None:
    heard = Heard()
    later: list[Callable[[], object]] = []
    with open_desk(place) as store:
        store.subscribe(heard)
        store.subscribe(lambda changes: None, via=later.append)
        store[Desk].add("a")
        until(lambda: later)

    later[0]()
    assert len(heard.all) == 1
