"""Where and how the callback of a subscription runs."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from stina_core import Changes, Store, StoreClosedError

from .desk import Desk, Heard, beside, open_desk, until


def test_one_call_at_a_time(desk: Store) -> None:
    inside = threading.Lock()
    clashes = []

    def alone(changes: Changes) -> None:
        if not inside.acquire(blocking=False):
            clashes.append(changes)
            return
        threading.Event().wait(0.001)
        inside.release()

    heard = Heard(alone)
    with desk.subscribe(heard), beside(lambda: [desk[Desk].add("a") for _ in range(30)]):
        for _ in range(30):
            desk[Desk].add("b")
        heard.wait(60)

    assert clashes == []
    cursors = [changes.cursor for changes in heard.all]
    assert cursors == sorted(cursors)  # type: ignore[type-var]


def test_callback_runs_outside_any_transaction(desk: Store) -> None:
    open_there: list[object] = []
    heard = Heard(lambda changes: open_there.extend(desk._transactions.open))

    with desk.subscribe(heard):
        desk[Desk].add("a")
        heard.wait(1)

    assert open_there == []


def test_callback_reads_what_it_is_told_of(desk: Store) -> None:
    read: list[dict[int, str]] = []
    heard = Heard(lambda changes: read.append(desk[Desk].notes()))

    with desk.subscribe(heard):
        desk[Desk].add("a")
        until(lambda: read)

    assert read == [{1: "a"}]


def test_via_runs_the_callback_where_it_wants_to(desk: Store) -> None:
    calls: list[Callable[[], object]] = []
    heard = Heard()

    with desk.subscribe(heard, via=calls.append):
        desk[Desk].add("a")
        desk[Desk].add("b")
        until(lambda: calls)
        assert heard.all == []
        calls.pop()()
        until(lambda: calls)
        calls.pop()()

    assert [change.key for changes in heard.all for change in changes] == [1, 2]
    assert set(heard.threads) == {threading.current_thread()}


def test_error_of_a_callback_that_runs_elsewhere_is_logged(
    desk: Store, logged: pytest.LogCaptureFixture
) -> None:
    def fail(changes: Changes) -> None:
        raise LookupError("in the loop")

    heard = Heard(fail)
    with desk.subscribe(heard, via=lambda call: call()):
        desk[Desk].add("a")
        desk[Desk].add("b")
        heard.wait(2)

    assert "receiver.failed" in logged.text


def test_closed_store_takes_no_subscription(place: str) -> None:
    store = open_desk(place)
    store.close()

    with pytest.raises(StoreClosedError):
        store.subscribe(Heard())
