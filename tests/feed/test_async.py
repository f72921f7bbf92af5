"""The feed in asyncio: `async for`, callbacks on a loop, cancellation."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable

import pytest

from stina_core import Changes, Store, TransactionError

from .desk import DEADLINE, Desk, beside, open_desk, until


async def soon(waited: Awaitable[object]) -> object:
    return await asyncio.wait_for(waited, DEADLINE)


def test_async_for_reads_to_the_end(desk: Store) -> None:
    desk[Desk].add("a")
    desk[Desk].add("b")

    async def read() -> list[object]:
        return [change.key async for changes in desk.changes() for change in changes]

    assert asyncio.run(read()) == [1, 2]


def test_async_follower_waits_while_other_tasks_run(desk: Store) -> None:
    async def main() -> list[object]:
        stream = desk.changes(desk.cursor(), follow=True)
        first = asyncio.create_task(anext(stream))
        await asyncio.sleep(0)
        assert not first.done()
        await asyncio.to_thread(desk[Desk].add, "a")
        desk[Desk].add("b")
        found = [await soon(first), await soon(anext(stream))]
        stream.close()
        return [change.key for changes in found for change in changes]  # type: ignore[attr-defined]

    assert asyncio.run(main()) == [1, 2]


def test_cancelled_follower_has_lost_nothing(desk: Store) -> None:
    async def main() -> None:
        with desk.changes(desk.cursor(), follow=True) as stream:
            for key in range(1, 4):
                waiting = asyncio.create_task(anext(stream))
                await asyncio.sleep(0)
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
                desk[Desk].add("a")
                changes = await soon(anext(stream))
                assert [change.key for change in changes] == [key]  # type: ignore[attr-defined]

    asyncio.run(main())


def test_close_ends_async_for(desk: Store) -> None:
    async def main() -> list[Changes]:
        stream = desk.changes(desk.cursor(), follow=True)
        asyncio.get_running_loop().call_soon(stream.close)
        return [changes async for changes in stream]

    assert asyncio.run(main()) == []


def test_store_that_closes_ends_async_for(place: str) -> None:
    store = open_desk(place)

    async def main() -> list[Changes]:
        stream = store.changes(store.cursor(), follow=True)
        closing = asyncio.create_task(asyncio.to_thread(store.close))
        found = [changes async for changes in stream]
        await closing
        return found

    assert asyncio.run(main()) == []


def test_loops_of_two_threads_follow_one_store(desk: Store) -> None:
    start = desk.cursor()
    found: list[list[object]] = []

    async def read() -> None:
        with desk.changes(start, follow=True) as stream:
            found.append([(await soon(anext(stream))).cursor for _ in range(20)])  # type: ignore[attr-defined]

    with beside(lambda: asyncio.run(read())) as one, beside(lambda: asyncio.run(read())) as other:
        for _ in range(20):
            desk[Desk].add("a")

    assert one == other == []
    assert found[0] == found[1]
    assert found[0][-1] == desk.cursor()


def test_loop_that_is_gone_is_told_nothing(desk: Store) -> None:
    async def begin() -> None:
        stream = desk.changes(desk.cursor(), follow=True)
        waiting = asyncio.create_task(anext(stream))
        await asyncio.sleep(0)
        waiting.cancel()

    asyncio.run(begin())

    with desk.changes(desk.cursor(), follow=True) as stream:
        desk[Desk].add("a")
        assert len(next(stream)) == 1


def test_async_for_in_a_transaction_is_refused(desk: Store) -> None:
    async def main() -> None:
        stream = desk.changes()
        with desk.transaction(), pytest.raises(TransactionError):
            await anext(stream)

    asyncio.run(main())


def test_callback_runs_on_the_loop_it_was_given(desk: Store) -> None:
    async def main() -> list[object]:
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[Changes] = asyncio.Queue()
        threads = []

        def receive(changes: Changes) -> None:
            threads.append(threading.current_thread())
            queue.put_nowait(changes)

        with desk.subscribe(receive, via=loop.call_soon_threadsafe):
            for _ in range(5):
                desk[Desk].add("a")
            found = [await soon(queue.get()) for _ in range(5)]
        assert set(threads) == {threading.current_thread()}
        return [change.key for changes in found for change in changes]  # type: ignore[attr-defined]

    assert asyncio.run(main()) == [1, 2, 3, 4, 5]


def test_subscription_of_a_loop_that_is_gone_ends(desk: Store, logged: pytest.LogCaptureFixture) -> None:
    heard: list[Changes] = []

    async def begin() -> None:
        desk.subscribe(heard.append, via=asyncio.get_running_loop().call_soon_threadsafe)

    asyncio.run(begin())
    desk[Desk].add("a")
    until(lambda: "receiver.unreachable" in logged.text)
    desk[Desk].add("b")

    with desk.changes(desk.cursor(), follow=True) as stream:
        desk[Desk].add("c")
        next(stream)
    assert heard == []
    assert logged.text.count("receiver.unreachable") == 1
