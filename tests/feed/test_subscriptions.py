"""What a subscription is told of."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from stina_core import InvalidValueError, Op, Store, Subscription
from stina_core.testing import file_rows

from .desk import Desk, Heard, beside, feed_threads, open_desk, short, undo


def test_callback_is_told_of_each_transaction_in_order_on_another_thread(desk: Store) -> None:
    heard = Heard()
    desk[Desk].add("before")

    with desk.subscribe(heard):
        with desk.transaction("user"):
            desk[Desk].add("a")
            desk[Desk].tag("x")
        undo(desk, lambda: desk[Desk].add("undone"))
        desk[Desk].draft("nobody hears of it")
        desk[Desk].add("b")
        first, second = heard.wait(2)

    assert [short(first)[0][0], short(first)[1]] == ["desk_note", ("desk_tag", "insert", "x")]
    assert (first.actor, first.origin) == ("user", desk.origin)
    assert short(second) == [("desk_note", "insert", 3)]
    assert second.cursor == desk.cursor()
    assert threading.current_thread() not in heard.threads


def test_writers_of_other_programs_are_heard(file_desk: Store, store_path: Path) -> None:
    heard = Heard()

    with open_desk(store_path) as other, file_desk.subscribe(heard):
        other[Desk].add("a")
        heard.wait(1)
        file_rows(store_path, "INSERT INTO desk_note (text) VALUES ('b')")
        ours, outside = heard.wait(2)

        assert ours.origin == other.origin
    assert (outside.origin, short(outside)) == (None, [("desk_note", "insert", 2)])


def test_tables_choose_which_changes_are_told(desk: Store) -> None:
    tags, everything, nothing = Heard(), Heard(), Heard()

    with (
        desk.subscribe(tags, ["desk_tag"]),
        desk.subscribe(everything),
        desk.subscribe(nothing, []),
    ):
        desk[Desk].add("a")
        with desk.transaction():
            desk[Desk].add("b")
            desk[Desk].tag("x")
        everything.wait(2)
        (told,) = tags.wait(1)

    assert short(told) == [("desk_tag", "insert", "x")]
    assert told.cursor == everything.all[1].cursor
    assert nothing.all == []


@pytest.mark.parametrize("table", ["desk_draft", "desk_nothing", "stina_change"])
def test_table_without_changes_to_tell_is_refused(desk: Store, table: str) -> None:
    with pytest.raises(InvalidValueError, match=f"changes of {table} are not tracked"):
        desk.subscribe(Heard(), ["desk_note", table])

    assert feed_threads() == []


def test_where_leaves_out_changes_and_whole_transactions_but_never_a_reset(desk: Store) -> None:
    heard, everything = Heard(), Heard()

    with (
        desk.subscribe(heard, where=lambda change: change.op is Op.DELETE),
        desk.subscribe(everything),
    ):
        desk[Desk].add("a")
        with desk.transaction():
            desk[Desk].add("b")
            desk[Desk].remove(1)
        with desk.transaction():
            desk._backend.capture.reset(["desk_note"])
        everything.wait(3)
        heard.wait(2)

    assert [short(changes) for changes in heard.all] == [
        [("desk_note", "delete", 1)],
        [("desk_note", "reset", None)],
    ]


def test_where_that_raises_is_logged_and_the_next_is_told(
    desk: Store, logged: pytest.LogCaptureFixture
) -> None:
    heard = Heard()

    with desk.subscribe(heard, where=lambda change: 1 // (change.key != 1)):
        desk[Desk].add("a")
        desk[Desk].add("b")
        heard.wait(1)

    assert [change.key for changes in heard.all for change in changes] == [2]
    assert "receiver.failed" in logged.text


def test_closed_subscription_is_told_nothing_more(desk: Store) -> None:
    closed, other = Heard(), Heard()
    with desk.subscribe(other):
        subscription = desk.subscribe(closed)
        desk[Desk].add("a")
        closed.wait(1)

        subscription.close()
        subscription.close()
        desk[Desk].add("b")
        other.wait(2)

    assert len(closed.all) == 1


def test_callback_may_close_its_own_subscription(desk: Store) -> None:
    kept: list[Subscription] = []
    once, other = Heard(lambda changes: kept[0].close()), Heard()
    kept.append(desk.subscribe(once))

    with desk.subscribe(other):
        for _ in range(3):
            desk[Desk].add("a")
        other.wait(3)

    assert len(once.all) == 1


def test_subscription_inside_a_transaction_hears_of_it(desk: Store) -> None:
    heard = Heard()

    with desk.transaction():
        desk[Desk].add("a")
        subscription = desk.subscribe(heard)
        desk[Desk].add("b")
    (changes,) = heard.wait(1)
    subscription.close()

    assert len(changes) == 2


@pytest.mark.parametrize("others", [0, 3, 9])
def test_subscription_inside_a_transaction_that_is_undone_misses_nothing_after_it(
    desk: Store, others: int
) -> None:
    """The first listener begins there, so it must not count rows that are never committed."""
    heard = Heard()

    def work() -> None:
        for _ in range(5):
            desk[Desk].add("undone")
        desk.subscribe(heard)

    undo(desk, work)
    for _ in range(others):
        desk[Desk].add("a")
    desk[Desk].tag("last")
    heard.wait_for(lambda told: told and told[-1].tables == {"desk_tag"})

    assert [changes.resync for changes in heard.all] == [""] * (others + 1)


def test_many_subscriptions_come_and_go_while_others_write(desk: Store) -> None:
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            desk[Desk].add("a")

    with beside(write) as raised:
        for _ in range(20):
            heard = Heard()
            with desk.subscribe(heard):
                found = heard.wait(2)
            keys = [change.key for changes in found for change in changes]
            assert keys == list(range(keys[0], keys[0] + len(keys)))  # type: ignore[call-overload, operator]
        stop.set()

    assert raised == []
