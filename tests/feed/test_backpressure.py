"""Receivers that do not keep up."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from stina_core import Changes, Store
from stina_core.feed import inbox

from .desk import DEADLINE, Desk, Heard, Replica, short, until


class Gate:
    """A callback that waits at its first call until it is opened."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.open = threading.Event()
        self.heard = Heard(self._wait)

    def _wait(self, changes: Changes) -> None:
        self.reached.set()
        self.open.wait(DEADLINE)


def fall_behind(desk: Store, gate: Gate, work: Callable[[], object]) -> list[Changes]:
    """Do *work* while the callback is at its first transaction; return what else heard of it."""
    quick = Heard()
    with desk.subscribe(quick):
        desk[Desk].add("first")
        assert gate.reached.wait(DEADLINE)
        work()
        head = desk.cursor()
        quick.wait_for(lambda told: told and told[-1].cursor == head)
        gate.open.set()
    return quick.all


def test_too_many_transactions_become_one_reset_and_then_single_changes_come_again(
    desk: Store, monkeypatch: pytest.MonkeyPatch, logged: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(inbox, "MOST", 3)
    gate = Gate()

    def work() -> None:
        for _ in range(3):
            desk[Desk].add("a")
        desk[Desk].tag("x")
        desk[Desk].add("b")

    with desk.subscribe(gate.heard):
        quick = fall_behind(desk, gate, work)
        gate.heard.wait(2)
        desk[Desk].add("again")
        first, reset, again = gate.heard.wait(3)

    assert (first.resync, short(first)) == ("", [("desk_note", "insert", 1)])
    assert reset.resync == "slow"
    assert sorted(short(reset)) == [("desk_note", "reset", None), ("desk_tag", "reset", None)]
    assert reset.cursor == quick[-1].cursor
    assert (again.resync, len(again)) == ("", 1)
    assert "receiver.slow" in logged.text


def test_just_as_many_transactions_as_are_kept_are_told_one_by_one(
    desk: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "MOST", 3)
    gate = Gate()

    with desk.subscribe(gate.heard):
        fall_behind(desk, gate, lambda: [desk[Desk].add("a") for _ in range(3)])
        found = gate.heard.wait(4)

    assert [changes.resync for changes in found] == [""] * 4


def test_too_many_changes_become_a_reset(desk: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "MOST_CHANGES", 5)
    gate = Gate()

    def work() -> None:
        desk[Desk].add_many("abc")
        desk[Desk].add_many("def")

    with desk.subscribe(gate.heard):
        fall_behind(desk, gate, work)
        _, reset = gate.heard.wait(2)

    assert (reset.resync, short(reset)) == ("slow", [("desk_note", "reset", None)])


def test_slow_receiver_is_reset_only_for_the_tables_it_wants(
    desk: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "MOST", 1)
    gate = Gate()

    def work() -> None:
        for name in "abc":
            desk[Desk].tag(name)
            desk[Desk].add(name)

    with desk.subscribe(gate.heard, ["desk_note"], where=lambda change: change.key == 1):
        fall_behind(desk, gate, work)
        _, reset = gate.heard.wait(2)

    assert short(reset) == [("desk_note", "reset", None)]


def test_replica_of_a_slow_receiver_is_right_in_the_end(desk: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "MOST", 2)
    replica = Replica(lambda table: desk[Desk].notes(), ["desk_note"])
    slow = Heard(lambda changes: threading.Event().wait(0.002))

    def receive(changes: Changes) -> None:
        replica.take(changes)
        slow(changes)

    with desk.subscribe(receive):
        for key in range(1, 80):
            desk[Desk].add("a")
            if key % 3 == 0:
                desk[Desk].remove(key)
        until(lambda: replica.keys["desk_note"] == set(desk[Desk].notes()))

    assert "slow" in {changes.resync for changes in slow.all}
