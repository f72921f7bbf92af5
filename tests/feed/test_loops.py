"""Callbacks that write: each write says what it was caused by, and a chain of them ends."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from stina_core import Changes, Store, TransactionError
from stina_core.feed.cause import MAX_DEPTH

from .desk import Desk, Heard, open_desk, until


def test_write_of_a_callback_says_what_it_was_caused_by(desk: Store) -> None:
    def answer(changes: Changes) -> None:
        if changes.tables == {"desk_note"}:
            desk[Desk].tag("answer")

    heard = Heard()
    with desk.subscribe(answer), desk.subscribe(heard):
        desk[Desk].add("a")
        first, second = heard.wait(2)
        desk[Desk].add("by hand")
        third = heard.wait(3)[2]

    assert (first.cause, first.depth) == (None, 0)
    assert (second.cause, second.depth) == (first.cursor, 1)
    assert (third.cause, third.depth) == (None, 0)


def test_chain_of_writes_ends_with_the_ninth_and_the_log_says_so(
    desk: Store, logged: pytest.LogCaptureFixture
) -> None:
    refused: list[TransactionError] = []

    def answer(changes: Changes) -> None:
        try:
            desk[Desk].add("again")
        except TransactionError as error:
            refused.append(error)
            raise

    heard = Heard()
    with desk.subscribe(answer), desk.subscribe(heard):
        desk[Desk].add("a")
        until(lambda: refused)
        found = heard.wait(1 + MAX_DEPTH)

    assert [changes.depth for changes in found] == list(range(MAX_DEPTH + 1))
    assert [changes.cause for changes in found[1:]] == [changes.cursor for changes in found[:-1]]
    assert desk_count(heard) == 1 + MAX_DEPTH
    assert len(refused) == 1
    assert "because of a write of a handler" in str(refused[0])
    assert "receiver.failed" in logged.text


def desk_count(heard: Heard) -> int:
    return sum(map(len, heard.all))


def test_chain_across_two_programs_ends_too(store_path: Path) -> None:
    with open_desk(store_path) as one, open_desk(store_path) as other:
        refused = threading.Semaphore(0)

        def answering(store: Store) -> Heard:
            def answer(changes: Changes) -> None:
                if changes.origin != store.origin:
                    try:
                        store[Desk].add("again")
                    except TransactionError:
                        refused.release()

            return Heard(answer)

        with one.subscribe(answering(one)), other.subscribe(answering(other)):
            one[Desk].add("a")
            assert refused.acquire(timeout=20)

        assert one[Desk].count() == 1 + MAX_DEPTH


def test_what_is_refused_is_undone_and_only_writes_that_are_told_are_refused(desk: Store) -> None:
    ends = threading.Event()

    def answer(changes: Changes) -> None:
        if changes.depth < MAX_DEPTH:
            desk[Desk].add("again")
            return
        desk[Desk].draft("nobody is told of it")
        with desk.transaction():
            desk[Desk].notes()
        with pytest.raises(TransactionError), desk.transaction():
            desk[Desk].add("refused")
        ends.set()

    with desk.subscribe(answer):
        desk[Desk].add("a")
        assert ends.wait(20)

    assert desk[Desk].drafts() == ["nobody is told of it"]
    assert "refused" not in desk[Desk].notes().values()


def test_callback_that_leaves_a_transaction_open_has_it_undone(
    desk: Store, logged: pytest.LogCaptureFixture
) -> None:
    def leave(changes: Changes) -> None:
        desk.transaction().__enter__()
        desk[Desk].tag("undone")

    heard = Heard()
    with desk.subscribe(leave, ["desk_note"]), desk.subscribe(heard):
        for text in "ab":
            desk[Desk].add(text)
        until(lambda: logged.text.count("receiver.left_open") == 2)
        desk[Desk].add("c")
        heard.wait(3)

    assert desk[Desk].tags() == {}
    assert [changes.tables for changes in heard.all] == [{"desk_note"}] * 3


def test_value_that_is_written_whenever_it_changes_ends_too(
    desk: Store, logged: pytest.LogCaptureFixture
) -> None:
    def write(count: int) -> None:
        if count:
            desk[Desk].add("again")

    with desk.observe(desk[Desk].count, write):
        desk[Desk].add("a")
        until(lambda: "because of a write of a handler" in logged.text)

    assert desk[Desk].count() == 1 + MAX_DEPTH


def test_observation_that_leaves_a_transaction_open_has_it_undone(
    desk: Store, logged: pytest.LogCaptureFixture
) -> None:
    def leave(count: int) -> None:
        if count:
            desk.transaction().__enter__()
            desk[Desk].tag("undone")

    with desk.observe(desk[Desk].count, leave):
        desk[Desk].add("a")
        until(lambda: "observation.left_open" in logged.text)
        desk[Desk].add("b")

    assert desk[Desk].tags() == {}


def test_consumers_writes_are_caused_by_what_it_processes_and_not_given_to_it(desk: Store) -> None:
    start = desk.cursor()
    consumer = desk.consumer("answers")
    consumer.start(start)
    desk[Desk].add("a")

    assert consumer.process(lambda changes: desk[Desk].add("again")) == 1
    assert consumer.process(lambda changes: desk[Desk].add("again")) == 0

    first, second = desk.changes(start)
    assert (second.cause, second.depth, second.consumer) == (first.cursor, 1, "answers")
    assert consumer.cursor == second.cursor


def test_consumers_that_answer_each_other_come_to_an_end(desk: Store) -> None:
    start = desk.cursor()
    consumers = [desk.consumer("one"), desk.consumer("other")]
    for consumer in consumers:
        consumer.start(start)
    desk[Desk].add("a")

    def answer_for_ever() -> None:
        while True:
            for consumer in consumers:
                consumer.process(lambda changes: desk[Desk].add("again"))

    with pytest.raises(TransactionError, match="because of a write of a handler"):
        answer_for_ever()

    assert max(changes.depth for changes in desk.changes(start)) == MAX_DEPTH


def test_write_into_another_store_has_no_cause_there_and_begins_a_chain(tmp_path: Path) -> None:
    with open_desk(tmp_path / "a.db") as one, open_desk(tmp_path / "b.db") as other:
        begin, heard = other.cursor(), Heard()
        with one.subscribe(lambda changes: other[Desk].tag("copied")), other.subscribe(heard):
            one[Desk].add("a")
            (told,) = heard.wait(1)
        (read,) = other.changes(begin)

    assert (told.cause, told.depth) == (read.cause, read.depth) == (None, 1)
    assert told.consumer is None


def test_consumer_that_writes_into_another_store_is_no_consumer_there(tmp_path: Path) -> None:
    with open_desk(tmp_path / "a.db") as one, open_desk(tmp_path / "b.db") as other:
        for store in (one, other):
            store.consumer("same").start(store.cursor())
        one[Desk].add("a")

        assert one.consumer("same").process(lambda changes: other[Desk].tag("copied")) == 1
        heard: list[Changes] = []
        assert other.consumer("same").process(heard.append) == 1

    assert [(changes.cause, changes.depth, changes.consumer) for changes in heard] == [(None, 1, None)]


def test_stores_that_copy_into_each_other_come_to_an_end(
    tmp_path: Path, logged: pytest.LogCaptureFixture
) -> None:
    with open_desk(tmp_path / "a.db") as one, open_desk(tmp_path / "b.db") as other:
        with (
            one.subscribe(lambda changes: other[Desk].add("again")),
            other.subscribe(lambda changes: one[Desk].add("again")),
        ):
            one[Desk].add("a")
            until(lambda: "because of a write of a handler" in logged.text)

        assert one[Desk].count() + other[Desk].count() == 1 + MAX_DEPTH
