"""Streams that are left, in whatever way: no follower stays behind, and nothing is lost."""

from __future__ import annotations

import asyncio
import gc
import inspect
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any

import pytest

from stina_core import Changes, Cursor, Store
from stina_core.feed import stream as module
from stina_core.feed.stream import ChangeStream

from .desk import Desk, until


def followers(desk: Store) -> int:
    gc.collect()
    return len(desk._feed._followers)


def test_loop_that_is_left_by_break_leaves_no_follower(desk: Store) -> None:
    desk[Desk].add("a")

    for _ in range(5):
        for changes in desk.changes(follow=True):
            assert len(changes) == 1
            break

    assert followers(desk) == 0


def test_loop_that_is_left_by_an_error_leaves_no_follower(desk: Store) -> None:
    desk[Desk].add("a")

    def fail() -> None:
        for _ in desk.changes(follow=True):
            raise LookupError

    for _ in range(5):
        with pytest.raises(LookupError):
            fail()

    assert followers(desk) == 0


def test_async_loop_that_is_left_leaves_no_follower(desk: Store) -> None:
    desk[Desk].add("a")

    async def main() -> int:
        async for _ in desk.changes(follow=True):
            break
        async with desk.changes(follow=True) as stream:
            async for _ in stream:
                break
            inside = followers(desk)
        assert [changes async for changes in stream] == []
        return inside

    assert asyncio.run(main()) == 1
    assert followers(desk) == 0


def test_aclose_ends_an_async_stream(desk: Store) -> None:
    async def main() -> list[Changes]:
        stream = desk.changes(desk.cursor(), follow=True)
        waiting = asyncio.create_task(anext(stream, None))
        await asyncio.sleep(0)
        await stream.aclose()
        assert await asyncio.wait_for(waiting, 20) is None
        return [changes async for changes in stream]

    assert asyncio.run(main()) == []
    assert followers(desk) == 0


def test_one_stream_is_read_by_one_loop_after_the_other(desk: Store) -> None:
    begin = desk.cursor()
    stream = desk.changes(begin, follow=True)
    keys: list[object] = []

    async def read(text: str) -> None:
        waiting = asyncio.create_task(anext(stream))
        await asyncio.sleep(0)
        await asyncio.to_thread(desk[Desk].add, text)
        keys.append((await asyncio.wait_for(waiting, 20))[0].key)

    for text in "abcd":
        asyncio.run(read(text))

    assert keys == [1, 2, 3, 4]
    assert followers(desk) == 1
    stream.close()
    assert followers(desk) == 0


def test_follower_ends_with_its_store_also_if_it_was_left(desk: Store) -> None:
    stream = desk.changes(follow=True)
    desk[Desk].add("a")
    next(stream)
    desk.close()

    assert list(stream) == []
    del stream
    until(lambda: followers(desk) == 0)


class Interrupter:
    """Raises KeyboardInterrupt at the *turn*-th line that runs in the module of the streams."""

    def __init__(self, turn: int) -> None:
        self.left = turn
        self.fired = False

    def trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename != module.__file__:
            return None
        if event == "line" and not self.fired:
            self.left -= 1
            if self.left == 0:
                self.fired = True
                raise KeyboardInterrupt
        return self.trace


def interrupted(turn: int, work: Callable[[], object]) -> bool:
    """Run *work*; whether it was interrupted."""
    interrupter = Interrupter(turn)
    before = sys.gettrace()
    sys.settrace(interrupter.trace)
    try:
        work()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


@pytest.mark.parametrize("resume", ["next", "cursor"])
@pytest.mark.parametrize("follow", [False, True])
def test_interrupt_at_any_line_loses_nothing(desk: Store, resume: str, follow: bool) -> None:
    begin = desk.cursor()
    for text in "abc":
        desk[Desk].add(text)
    wanted = [changes.cursor for changes in desk.changes(begin)]

    def read_all(turn: int) -> bool:
        given: list[Cursor | None] = []
        stream = desk.changes(begin, follow=follow)

        def read() -> None:
            while len(given) < 3:
                given.append(next(stream).cursor)

        fired = interrupted(turn, read)
        rest = stream if resume == "next" else desk.changes(stream.cursor)
        while len(given) < 3:
            given.append(next(rest).cursor)
        assert given == wanted, turn
        assert stream.cursor == wanted[-1] or resume == "cursor"
        stream.close()
        return fired

    def interrupt_everywhere() -> int:
        turn = 1
        while read_all(turn):
            turn += 1
        return turn

    with ThreadPoolExecutor(1) as thread:  # what a trace function raises stays behind in its thread's state
        assert thread.submit(interrupt_everywhere).result() > 15


def test_interrupts_reach_the_line_that_gives(desk: Store) -> None:
    """The test above is of some use: a stream that took first and gave afterwards would lose one."""
    lines = inspect.getsource(ChangeStream.__next__)

    assert "return self._ready.popleft()" in lines
    assert interrupted(1, lambda: next(iter(desk.changes()), None))
