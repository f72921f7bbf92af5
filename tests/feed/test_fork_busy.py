"""Children forked while the threads of the feed are at work: nothing of the parent's holds them up."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from stina_core import Store, StoreClosedError
from stina_core.testing import forked

from .desk import Desk, Heard, beside

FORKS = 12


@contextmanager
def busy(desk: Store) -> Iterator[None]:
    """Have another thread write as fast as it can beside the block."""
    enough = threading.Event()

    def write() -> None:
        number = 0
        while not enough.is_set():
            number += 1
            desk[Desk].tag(str(number % 50), number)

    with beside(write) as raised:
        try:
            yield
        finally:
            enough.set()
    assert raised == []


def test_what_a_child_closes_never_blocks_it(file_desk: Store) -> None:
    heard = Heard()
    with (
        file_desk.subscribe(heard) as subscription,
        file_desk.subscribe(lambda changes: file_desk[Desk].count()) as other,
        file_desk.observe(file_desk[Desk].tags, lambda tags: None) as observation,
        busy(file_desk),
    ):
        heard.wait(1)

        def work() -> str:
            subscription.close()
            other.close()
            observation.close()
            return "closed"

        for _ in range(FORKS):
            (child,) = forked(work, deadline=20)
            assert child.said == "closed"
        count = len(heard.all)
        heard.wait(count + 1)


def test_streams_of_the_parent_are_closed_and_let_go_in_a_child_without_blocking_it(file_desk: Store) -> None:
    streams = [file_desk.changes(file_desk.cursor(), follow=True) for _ in range(5)]
    with busy(file_desk):
        for stream in streams:
            next(stream)

        def work() -> str:
            for stream in streams[::2]:
                stream.close()
            streams.clear()
            gc.collect()
            return "let go"

        for _ in range(FORKS):
            (child,) = forked(work, deadline=20)
            assert child.said == "let go"
    for stream in streams:
        stream.close()


def test_closing_a_stream_in_a_child_touches_nothing_that_a_thread_of_the_parent_may_hold(
    file_desk: Store,
) -> None:
    begin = file_desk.cursor()
    file_desk[Desk].add("a")
    with file_desk.changes(begin, follow=True) as stream:
        next(stream)

        def work() -> str:
            stream.close()
            return f"told: {not stream._news.empty()}"

        (child,) = forked(work, deadline=20)

    assert child.said == "told: False"


@pytest.mark.parametrize("began", [True, False])
def test_following_stream_of_the_parent_says_so_in_a_child(file_desk: Store, began: bool) -> None:
    begin = file_desk.cursor()
    file_desk[Desk].add("a")
    with file_desk.changes(begin, follow=True) as stream, file_desk.changes(begin, follow=True) as tasks:
        if began:
            next(stream)

        def work() -> str:
            with pytest.raises(StoreClosedError, match="parent"):
                next(stream)
            with pytest.raises(StoreClosedError, match="parent"):
                asyncio.run(_first(tasks))
            with file_desk.changes(begin, follow=True) as own:
                return str(next(own)[0].key)

        (child,) = forked(work, deadline=20)
        assert child.said == "1"
        if not began:
            next(stream)


async def _first(stream: object) -> object:
    return await anext(stream)  # type: ignore[call-overload]
