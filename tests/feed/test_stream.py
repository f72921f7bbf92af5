"""Reading the feed with `for`."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from stina_core import Changes, Store, StoreClosedError, TransactionError

from .desk import DEADLINE, Desk, beside, feed_threads, open_desk, until


def texts(found: list[Changes]) -> list[object]:
    return [change.key for changes in found for change in changes]


def is_waiting(store: Store) -> bool:
    """Whether somebody follows the feed and has had all of it."""
    assert store._followed is not None
    return bool(store._followed._followers)


def test_stream_without_a_cursor_has_everything_that_is_kept(desk: Store) -> None:
    desk[Desk].add("a")
    desk[Desk].add("b")

    assert texts(list(desk.changes())) == [1, 2]


def test_stream_ends_at_the_end_and_goes_on_when_asked_again(desk: Store) -> None:
    stream = desk.changes(desk.cursor())
    assert list(stream) == []

    desk[Desk].add("a")
    assert texts(list(stream)) == [1]

    desk[Desk].add("b")
    assert texts(list(stream)) == [2]
    assert stream.cursor == desk.cursor()


def test_reading_needs_no_thread(desk: Store) -> None:
    desk[Desk].add("a")

    list(desk.changes())

    assert feed_threads() == []


def test_follower_gets_what_is_there_and_then_what_comes(desk: Store) -> None:
    start = desk.cursor()
    desk[Desk].add("a")

    with desk.changes(start, follow=True) as stream:
        assert texts([next(stream)]) == [1]
        with beside(lambda: desk[Desk].add("b")):
            assert texts([next(stream)]) == [2]


def test_several_followers_each_get_everything(desk: Store) -> None:
    streams = [desk.changes(desk.cursor(), follow=True) for _ in range(5)]

    with beside(lambda: [desk[Desk].add("a") for _ in range(10)]):
        found = [[next(stream) for _ in range(10)] for stream in streams]

    assert [texts(one) for one in found] == [list(range(1, 11))] * 5
    for stream in streams:
        stream.close()


def test_writer_of_another_store_is_followed(store_path: Path) -> None:
    with open_desk(store_path) as one, open_desk(store_path) as other:
        with one.changes(one.cursor(), follow=True) as stream, beside(lambda: other[Desk].add("a")):
            assert next(stream).origin == other.origin


def test_close_from_another_thread_ends_the_wait(desk: Store) -> None:
    stream = desk.changes(desk.cursor(), follow=True)

    def close() -> None:
        until(lambda: is_waiting(desk))
        stream.close()

    with beside(close):
        assert list(stream) == []

    stream.close()
    desk[Desk].add("a")
    assert list(stream) == []


def test_stream_that_was_closed_before_it_began_is_empty(desk: Store) -> None:
    desk[Desk].add("a")
    stream = desk.changes(follow=True)

    stream.close()

    assert list(stream) == []


def test_store_that_closes_ends_the_wait(place: str) -> None:
    store = open_desk(place)
    found: list[Changes] = []

    with beside(lambda: found.extend(store.changes(store.cursor(), follow=True))) as raised:
        until(lambda: store._followed is not None and is_waiting(store))
        store[Desk].add("a")
        until(lambda: found)
        store.close()

    assert (raised, len(found)) == ([], 1)


def test_follower_that_is_busy_while_the_store_closes_just_ends(place: str) -> None:
    store = open_desk(place)
    stream = store.changes(store.cursor(), follow=True)
    store[Desk].add("a")
    assert len(next(stream)) == 1

    store.close()

    assert list(stream) == []


def test_stream_that_does_not_follow_says_that_the_store_is_closed(place: str) -> None:
    store = open_desk(place)
    store[Desk].add("a")
    stream = store.changes()

    store.close()

    with pytest.raises(StoreClosedError):
        next(stream)
    with pytest.raises(StoreClosedError):
        store.changes()


def test_reading_in_a_transaction_is_refused(desk: Store) -> None:
    for follow in (False, True):
        with desk.changes(follow=follow) as stream:
            with desk.transaction(), pytest.raises(TransactionError, match="leave the transaction"):
                next(stream)


def test_slow_reader_holds_up_neither_writers_nor_other_readers(desk: Store) -> None:
    slow, quick = (desk.changes(desk.cursor(), follow=True) for _ in range(2))
    desk[Desk].add("a")
    next(slow)

    begin = time.monotonic()
    for _ in range(50):
        desk[Desk].add("b")
    assert texts([next(quick) for _ in range(51)])[-1] == 51
    assert time.monotonic() - begin < DEADLINE / 2

    assert texts([next(slow) for _ in range(50)])[-1] == 51
    slow.close()
    quick.close()


def test_stream_leaves_its_block_closed(desk: Store) -> None:
    with desk.changes(desk.cursor(), follow=True) as stream:
        desk[Desk].add("a")
        next(stream)
        assert is_waiting(desk)

    assert not is_waiting(desk)
    assert list(stream) == []


def test_follower_that_closes_while_it_starts_does_not_wait(desk: Store) -> None:
    stream = desk.changes(desk.cursor(), follow=True)
    followed = desk._feed._follow

    def close_first(tell: object) -> object:
        stream.close()
        return followed(tell)  # type: ignore[arg-type]

    stream._follow = close_first  # type: ignore[assignment]

    assert list(stream) == []
    assert not is_waiting(desk)


def test_nothing_is_lost_between_the_last_look_and_the_wait(desk: Store) -> None:
    """A follower reads while another thread commits without a pause."""
    start = desk.cursor()

    def write() -> None:
        for _ in range(100):
            desk[Desk].add("a")

    with desk.changes(start, follow=True) as stream, beside(write):
        assert texts([next(stream) for _ in range(100)]) == list(range(1, 101))


def test_stream_is_its_own_iterator(desk: Store) -> None:
    stream = desk.changes()

    assert iter(stream) is stream
