"""Receivers that raise: logged, paused after a while, and then told of resets."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from stina_core import Changes, Store
from stina_core.feed import inbox
from stina_core.feed.delivery import Delivery, Errand
from stina_core.feed.inbox import Inbox

from .desk import Desk, Heard, short, until


class Failing:
    """A callback that raises while it is told to."""

    def __init__(self) -> None:
        self.broken = True
        self.heard = Heard(self._fail)

    def _fail(self, changes: Changes) -> None:
        if self.broken:
            raise LookupError("broken")


def test_error_is_logged_and_the_next_transaction_comes(
    desk: Store, logged: pytest.LogCaptureFixture
) -> None:
    failing, other = Failing(), Heard()

    with desk.subscribe(failing.heard), desk.subscribe(other):
        desk[Desk].add("a")
        failing.heard.wait(1)
        desk[Desk].add("b")
        failing.heard.wait(2)
        other.wait(2)

    assert logged.text.count("receiver.failed") == 2
    assert "broken" in logged.text


def test_receiver_that_fails_five_times_is_paused_and_then_reset(
    desk: Store, monkeypatch: pytest.MonkeyPatch, logged: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(inbox, "PAUSE", 0.05)
    failing, other = Failing(), Heard()

    with desk.subscribe(failing.heard), desk.subscribe(other):
        desk[Desk].tag("x")
        for _ in range(4):
            desk[Desk].add("a")
        failing.heard.wait(5)
        failing.broken = False
        reset = failing.heard.wait(6)[5]
        desk[Desk].add("again")
        again = failing.heard.wait(7)[6]
        other.wait(6)

    assert reset.resync == "paused"
    assert sorted(short(reset)) == [("desk_note", "reset", None), ("desk_tag", "reset", None)]
    assert (again.resync, len(again)) == ("", 1)
    assert "receiver.paused" in logged.text


def test_paused_receiver_hears_nothing_until_its_reset(desk: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "PAUSE", 3600.0)
    failing, other = Failing(), Heard()

    with desk.subscribe(failing.heard) as paused, desk.subscribe(other):
        for _ in range(5):
            desk[Desk].add("a")
        until(paused._inbox._is_paused)
        failing.broken = False
        desk[Desk].tag("while paused")
        other.wait(6)
        assert len(failing.heard.all) == 5
        paused._inbox._paused_until = 0.0
        paused._inbox._turn.want()
        reset = failing.heard.wait(6)[5]

    assert reset.tables == {"desk_note", "desk_tag"}
    assert reset.cursor == other.all[-1].cursor


def one_by_one(monkeypatch: pytest.MonkeyPatch) -> tuple[Delivery, list[Errand]]:
    """Return a delivery that runs nothing by itself, and the errands it was given."""
    put: list[Errand] = []
    delivery = Delivery("stina-test")
    monkeypatch.setattr(delivery, "put", put.append)
    return delivery, put


def test_each_pause_is_twice_as_long_up_to_an_end(desk: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    delivery, put = one_by_one(monkeypatch)
    now = [1000.0]
    monkeypatch.setattr(f"{inbox.__name__}.time", SimpleNamespace(monotonic=lambda: now[0]))
    failing = Failing()
    box = Inbox("test", failing.heard, delivery)
    desk[Desk].add("a")
    (changes,) = desk.changes()
    box.start(desk._feed.log.tail())
    pauses = []

    for _ in range(7):
        for _ in range(5):
            now[0] = max(now[0], box._paused_until)
            box.post(changes)
            box._turn.want()
            if put:
                put.pop().run()
        pauses.append(box._paused_until - now[0])

    assert pauses[:5] == [30, 60, 120, 240, 480]
    assert pauses[5:] == [600, 600]


def test_failures_that_are_not_in_a_row_do_not_pause(desk: Store) -> None:
    heard = Heard(lambda changes: 1 // (changes[0].key % 3))  # type: ignore[operator]

    with desk.subscribe(heard):
        for _ in range(30):
            desk[Desk].add("a")
        heard.wait(30)

    assert {changes.resync for changes in heard.all} == {""}


def test_transactions_it_does_not_want_do_not_count_as_successes(
    desk: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "PAUSE", 0.05)
    failing = Failing()

    with desk.subscribe(failing.heard, where=lambda change: change.table == "desk_note"):
        for number in range(5):
            desk[Desk].add("a")
            desk[Desk].tag(str(number))
        failing.heard.wait(5)
        failing.broken = False
        reset = failing.heard.wait(6)[5]

    assert reset.resync == "paused"


def test_reset_that_was_not_understood_is_repeated_after_the_next_pause(
    desk: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "PAUSE", 0.01)
    failing = Failing()

    with desk.subscribe(failing.heard):
        desk[Desk].tag("x")
        for count in range(2, 6):
            desk[Desk].add("a")
            failing.heard.wait(count)
        failing.heard.wait(6)  # the reset after the pause, which fails too
        for count in range(7, 11):
            desk[Desk].add("a")
            failing.heard.wait(count)
        failing.broken = False
        reset = failing.heard.wait(11)[10]

    assert reset.tables == {"desk_note", "desk_tag"}


def test_cursor_of_a_reset_is_where_the_last_of_what_it_stands_for_ended(
    desk: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery, put = one_by_one(monkeypatch)
    monkeypatch.setattr(inbox, "PAUSE", 0.0)
    failing = Failing()
    box = Inbox("test", failing.heard, delivery)
    for _ in range(8):
        desk[Desk].add("a")
    for changes in desk.changes():
        box.post(changes)
    box.start(desk._feed.log.tail())

    for _ in range(5):
        put.pop().run()
    failing.broken = False
    put.pop().run()

    assert failing.heard.all[-1].resync == "paused"
    assert failing.heard.all[-1].cursor == desk.cursor()
