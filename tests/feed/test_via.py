"""Callbacks that run elsewhere, such as on the loop of asyncio: closing waits for none, and they miss nothing."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable

import pytest

from stina_core import Store
from stina_core.feed import delivery, feed

from .desk import Desk, Heard, Values, beside, open_desk, until
from .reads import settle

Call = Callable[[], object]


class Elsewhere:
    """A `via` that keeps what it is given, until the test runs it: an event loop that is blocked."""

    def __init__(self) -> None:
        self.calls: deque[Call] = deque()

    def __call__(self, call: Call) -> None:
        self.calls.append(call)

    def run(self) -> int:
        """Run what was given, and what is given meanwhile; return how many."""
        count = 0
        while self.calls:
            self.calls.popleft()()
            count += 1
        return count


def test_loop_that_closes_the_store_is_told_its_own_commits_afterwards(place: str) -> None:
    told: list[object] = []

    async def main() -> float:
        loop = asyncio.get_running_loop()
        store = open_desk(place)
        store.subscribe(
            lambda changes: told.append(changes[0].key), ["desk_note"], via=loop.call_soon_threadsafe
        )
        for number in range(20):
            store[Desk].add(str(number))
        begin = time.monotonic()
        store.close()
        took = time.monotonic() - begin
        end = time.monotonic() + 10
        while len(told) < 20 and time.monotonic() < end:
            await asyncio.sleep(0)
        return took

    took = asyncio.run(main())

    assert told == list(range(1, 21))
    assert took < 1.5


def test_blocked_loop_gets_one_call_at_a_time(desk: Store) -> None:
    elsewhere, heard, values = Elsewhere(), Heard(), Values()

    with desk.subscribe(heard, via=elsewhere), desk.observe(desk[Desk].count, values, via=elsewhere):
        for _ in range(50):
            desk[Desk].add("a")
        settle(desk)
        until(lambda: len(elsewhere.calls) == 2)
        settle(desk)
        assert len(elsewhere.calls) == 2

        until(lambda: elsewhere.run() == 0 and len(heard.all) == 50 and values.all[-1] == 50)

    assert [changes[0].key for changes in heard.all] == list(range(1, 51))
    assert len(values.all) <= 4


def test_value_that_was_handed_over_is_not_told_once_the_observation_is_closed(desk: Store) -> None:
    elsewhere, values = Elsewhere(), Values()

    with desk.observe(desk[Desk].count, values, via=elsewhere):
        desk[Desk].add("a")
        until(lambda: elsewhere.calls)
    elsewhere.run()

    assert values.all == [0]


def test_change_that_was_handed_over_is_not_told_once_the_subscription_is_closed(desk: Store) -> None:
    elsewhere, heard = Elsewhere(), Heard()

    with desk.subscribe(heard, via=elsewhere):
        desk[Desk].add("a")
        until(lambda: elsewhere.calls)
    elsewhere.run()

    assert heard.all == []


def test_who_waits_behind_a_stuck_callback_is_told_after_the_store_was_closed(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "MOST", 1)
    monkeypatch.setattr(feed, "CLOSING", 0.2)
    store = open_desk(place)
    go, elsewhere, heard = threading.Event(), Elsewhere(), Heard()
    stuck = Heard(lambda changes: go.wait(20))
    store.subscribe(stuck)
    store.subscribe(heard, via=elsewhere)
    for text in "abc":
        store[Desk].add(text)
    stuck.wait(1)

    store.close()
    assert elsewhere.calls == deque()
    go.set()
    until(lambda: elsewhere.run() == 0 and len(heard.all) == 3)

    assert [changes[0].key for changes in heard.all] == [1, 2, 3]


def test_who_runs_where_it_is_called_is_told_hundreds_after_the_store_was_closed(place: str) -> None:
    store = open_desk(place)
    go = threading.Event()
    heard = Heard(lambda changes: go.wait(20))
    store.subscribe(heard, via=lambda call: call())
    for _ in range(600):
        store[Desk].add("a")
    heard.wait(1)
    settled = store._feed._listener
    assert settled is not None
    assert settled.reach(lambda: 1200, time.monotonic() + 20)

    with beside(store.close) as raised:
        pass
    go.set()

    assert raised == []
    assert [changes[0].key for changes in heard.wait(600)] == list(range(1, 601))
