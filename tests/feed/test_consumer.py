"""A position in the feed that is kept in the file with what was done up to there."""

from __future__ import annotations

from pathlib import Path

import pytest

from stina_core import Changes, Cursor, InvalidValueError, ResyncRequiredError, Store, TransactionError
from stina_core.feed import retention
from stina_core.feed.retention import Retention

from .desk import Desk, Heard, UndoneError, beside, open_desk


def process(store: Store, name: str = "copy") -> list[Changes]:
    heard = Heard()
    assert store.consumer(name).process(heard) == len(heard.all)
    return heard.all


def test_each_transaction_is_processed_once_and_whole(desk: Store) -> None:
    desk.consumer("copy").start(desk.cursor())
    with desk.transaction("tool"):
        desk[Desk].add("a")
        desk[Desk].add("b")
    desk[Desk].add("c")

    found = process(desk)

    assert [len(changes) for changes in found] == [2, 1]
    assert found[0].actor == "tool"
    assert process(desk) == []
    assert desk.consumer("copy").cursor == desk.cursor()


def test_start_is_done_once(desk: Store) -> None:
    consumer = desk.consumer("copy")
    assert consumer.cursor is None
    begin = desk.cursor()

    consumer.start(begin)
    desk[Desk].add("a")
    consumer.start(desk.cursor())

    assert consumer.cursor == begin


def test_effect_that_raises_is_undone_and_comes_again(desk: Store) -> None:
    desk.consumer("copy").start(desk.cursor())
    for text in "abc":
        desk[Desk].add(text)
    fail = [True]

    def effect(changes: Changes) -> None:
        desk[Desk].draft(str(changes[0].key))
        if changes[0].key == 2 and fail[0]:
            raise UndoneError

    with pytest.raises(UndoneError):
        desk.consumer("copy").process(effect)
    assert desk[Desk].drafts() == ["1"]
    fail[0] = False

    assert desk.consumer("copy").process(effect) == 2
    assert desk[Desk].drafts() == ["1", "2", "3"]


def test_position_outlives_the_program(store_path: Path) -> None:
    with open_desk(store_path) as store:
        store.consumer("copy").start(store.cursor())
        store[Desk].add("a")
        assert len(process(store)) == 1
        store[Desk].add("b")

    with open_desk(store_path) as store:
        assert [changes[0].key for changes in process(store)] == [2]


def test_threads_and_stores_that_share_a_consumer_process_each_transaction_once(store_path: Path) -> None:
    with open_desk(store_path) as one, open_desk(store_path) as other:
        one.consumer("copy").start(one.cursor())
        for _ in range(40):
            one[Desk].add("a")
        counts = []

        def work(store: Store) -> None:
            counts.append(
                store.consumer("copy").process(lambda changes: store[Desk].draft(str(changes[0].key)))
            )

        with beside(lambda: work(one)) as first, beside(lambda: work(one)) as second:
            work(other)

        assert first == second == []
        assert sum(counts) == 40
        assert one[Desk].drafts() == [str(key) for key in range(1, 41)]


def test_threads_share_a_consumer_in_memory(desk: Store) -> None:
    desk.consumer("copy").start(desk.cursor())
    for _ in range(20):
        desk[Desk].add("a")
    seen: list[object] = []

    def work() -> None:
        desk.consumer("copy").process(lambda changes: seen.append(changes[0].key))

    with beside(work) as first, beside(work) as second:
        work()

    assert first == second == []
    assert seen == list(range(1, 21))


def test_consumers_have_positions_of_their_own(desk: Store) -> None:
    for name in ("one", "other"):
        desk.consumer(name).start(desk.cursor())
    desk[Desk].add("a")

    assert len(process(desk, "one")) == 1
    assert len(process(desk, "other")) == 1


def test_consumer_that_comes_too_late_reads_anew_and_moves_on(
    desk: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "KEPT_ROWS", 2)
    monkeypatch.setattr(retention, "KEPT_MS", -1000)
    consumer = desk.consumer("copy")
    consumer.start(desk.cursor())
    for text in "abcdef":
        desk[Desk].add(text)
    assert Retention(desk._backend, desk._transactions).prune(1000) > 0

    with pytest.raises(ResyncRequiredError) as caught:
        process(desk)
    assert caught.value.reason == "pruned"
    with desk.transaction():
        for text in desk[Desk].notes().values():
            desk[Desk].draft(text)
        consumer.move_to(desk.cursor())
    desk[Desk].add("g")

    assert desk[Desk].drafts() == list("abcdef")
    assert [changes[0].key for changes in process(desk)] == [7]


def test_move_to_is_undone_with_the_transaction_around_it(desk: Store) -> None:
    consumer = desk.consumer("copy")
    begin = desk.cursor()
    consumer.start(begin)

    def move() -> None:
        with desk.transaction():
            consumer.move_to(Cursor(begin.epoch, 99))
            raise UndoneError

    with pytest.raises(UndoneError):
        move()

    assert consumer.cursor == begin


def test_forgotten_consumer_was_never_started(desk: Store) -> None:
    consumer = desk.consumer("copy")
    consumer.start(desk.cursor())

    consumer.forget()
    consumer.forget()

    assert consumer.cursor is None
    with pytest.raises(TransactionError, match="never started"):
        process(desk)


def test_consumer_that_is_forgotten_while_it_works_stops_with_an_error(desk: Store) -> None:
    consumer = desk.consumer("copy")
    consumer.start(desk.cursor())
    desk[Desk].add("a")
    desk[Desk].add("b")
    seen: list[Changes] = []
    real = consumer._position

    def forgotten() -> Cursor:
        if len(seen) == 1:
            consumer.forget()
        return real()

    consumer._position = forgotten  # type: ignore[method-assign]
    with pytest.raises(TransactionError, match="never started"):
        consumer.process(seen.append)

    assert len(seen) == 1


@pytest.mark.parametrize("name", ["", "x" * 201, "a\nb", "\x00", "\u200b"])
def test_names_that_cannot_be_seen_are_refused(desk: Store, name: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        desk.consumer(name)

    assert caught.value.field == "name"


@pytest.mark.parametrize("name", ["x", "x" * 200, "to do: é 漢", "'; DROP TABLE desk_note"])
def test_names_that_can_be_seen_are_taken(desk: Store, name: str) -> None:
    desk.consumer(name).start(desk.cursor())

    assert desk.consumer(name).cursor == desk.cursor()


def test_processing_inside_a_transaction_or_a_snapshot_is_refused(desk: Store) -> None:
    desk.consumer("copy").start(desk.cursor())

    with desk.transaction(), pytest.raises(TransactionError, match="leave yours"):
        process(desk)
    with desk.snapshot(), pytest.raises(TransactionError, match="leave yours"):
        process(desk)


def test_position_is_no_change_of_the_feed(desk: Store) -> None:
    consumer = desk.consumer("copy")
    consumer.start(desk.cursor())
    desk[Desk].add("a")
    head = desk.cursor()

    process(desk)
    consumer.forget()

    assert desk.cursor() == head
