"""Live queries: the answer now, and whenever it has become another one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from stina_core import Store, TransactionError
from stina_core.testing import file_rows

from .desk import DEADLINE, Desk, Heard, Values, beside, open_desk, until
from .reads import Reads, settle


def test_first_answer_comes_at_once_in_the_callers_thread(desk: Store) -> None:
    desk[Desk].add("a")
    values, reads = Values(), Reads(desk[Desk].notes)

    with desk.observe(reads, values) as observation:
        assert values.all == [{1: "a"}]
        assert reads.threads == [threading.current_thread()]
        assert observation.tables == {"desk_note"}


def test_only_other_answers_are_told(desk: Store) -> None:
    desk[Desk].add("a")
    values, reads = Values(), Reads(lambda: sorted(desk[Desk].notes().values()))

    with desk.observe(reads, values):
        desk[Desk].edit(1, "a")
        settle(desk)
        assert reads.count == 2
        desk[Desk].add("b")
        assert values.wait_for(["a", "b"]) == [["a"], ["a", "b"]]

    assert threading.current_thread() not in reads.threads[1:]


def test_error_of_the_first_read_is_raised_and_nothing_is_observed(desk: Store) -> None:
    reads = Reads(desk[Desk].count)
    reads.error = LookupError("first")

    with pytest.raises(LookupError, match="first"):
        desk.observe(reads, Values())
    desk[Desk].add("a")

    assert reads.count == 1
    assert len(desk._feed._router) == 0


def test_error_of_the_first_callback_is_raised(desk: Store) -> None:
    def fail(value: object) -> None:
        raise LookupError("first")

    with pytest.raises(LookupError, match="first"):
        desk.observe(desk[Desk].count, fail)
    assert len(desk._feed._router) == 0


def test_later_error_is_logged_and_any_change_has_it_read_again(
    desk: Store, logged: pytest.LogCaptureFixture
) -> None:
    values, reads = Values(), Reads(lambda: sum(desk[Desk].tags().values()) if desk[Desk].notes() else 0)

    with desk.observe(reads, values):
        reads.error = LookupError("later")
        desk[Desk].add("a")
        until(lambda: "observation.failed" in logged.text)
        settle(desk)
        reads.error = None
        desk[Desk].tag("x", 7)  # a table that it had not read before it failed
        values.wait_for(7)

    assert "later" in logged.text


def test_callback_that_raises_is_logged_and_told_the_next_answer(
    desk: Store, logged: pytest.LogCaptureFixture
) -> None:
    values = Values()

    def receive(value: int) -> None:
        values(value)
        if value == 1:
            raise LookupError("broken")

    with desk.observe(desk[Desk].count, receive):
        desk[Desk].add("a")
        values.wait_for(1)
        desk[Desk].add("b")
        values.wait_for(2)

    assert "observation.failed" in logged.text


def test_read_that_writes_is_refused(desk: Store) -> None:
    with pytest.raises(TransactionError, match="only reads"):
        desk.observe(lambda: desk[Desk].add("a"), Values())

    assert desk[Desk].count() == 0


def test_observing_in_a_transaction_is_refused(desk: Store) -> None:
    with desk.transaction(), pytest.raises(TransactionError, match="before you observe"):
        desk.observe(desk[Desk].count, Values())


def test_burst_while_it_reads_costs_one_more_read_and_the_last_answer_is_right(desk: Store) -> None:
    values, reads = Values(), Reads(desk[Desk].count)
    reached, go = threading.Event(), threading.Event()

    def wait() -> None:
        reached.set()
        go.wait(DEADLINE)

    with desk.observe(reads, values):
        if desk.path != ":memory:":
            reads.before = wait
        desk[Desk].add("first")
        if desk.path != ":memory:":
            assert reached.wait(DEADLINE)
        for _ in range(100):
            desk[Desk].add("a")
        go.set()
        values.wait_for(101)
        settle(desk)

    if desk.path != ":memory:":
        assert reads.count <= 5
    assert values.all == sorted(set(values.all))


def test_via_is_where_later_answers_are_told(desk: Store) -> None:
    calls: list[Callable[[], object]] = []
    values = Values()

    with desk.observe(desk[Desk].count, values, via=calls.append):
        assert values.all == [0]
        desk[Desk].add("a")
        until(lambda: calls)
        assert values.all == [0]
        calls[0]()

    assert values.all == [0, 1]


def test_closed_observation_reads_and_tells_nothing_more(desk: Store) -> None:
    values, reads, heard = Values(), Reads(desk[Desk].count), Heard()
    observation = desk.observe(reads, values)

    observation.close()
    observation.close()
    with desk.subscribe(heard):
        desk[Desk].add("a")
        heard.wait(1)
        settle(desk)

    assert (values.all, reads.count) == ([0], 1)


def test_other_programs_change_the_answer_too(file_desk: Store, store_path: Path) -> None:
    values = Values()

    with open_desk(store_path) as other, file_desk.observe(file_desk[Desk].notes, values):
        other[Desk].add("a")
        values.wait_for({1: "a"})
        file_rows(store_path, "UPDATE desk_note SET text = 'b'")
        values.wait_for({1: "b"})


def test_nothing_is_missed_between_the_first_read_and_the_rest(desk: Store) -> None:
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            desk[Desk].add("a")

    with beside(write):
        kept = [(desk.observe(desk[Desk].count, values), values) for values in (Values() for _ in range(10))]
        stop.set()

    for observation, values in kept:
        values.wait_for(desk[Desk].count())
        observation.close()
