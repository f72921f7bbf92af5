"""An asyncio program follows with `async for` and with a callback, while another program writes."""

from __future__ import annotations

import asyncio
from pathlib import Path

from stina_core import Changes, Store

from .feed_heard import tokens_of
from .feed_programs import DEADLINE, writing
from .feed_shelf import ShelfRepository, open_shelf

TOKENS = [f"t{number}" for number in range(20)]


def test_tasks_follow_what_another_program_writes(store_path: Path) -> None:
    with open_shelf(store_path) as store, writing(store_path) as write:

        async def program() -> list[list[str]]:
            following = [asyncio.create_task(followed(store, len(TOKENS))) for _ in range(3)]
            await asyncio.sleep(0)  # all have begun
            for token in TOKENS:
                await asyncio.to_thread(write, token)
            return await asyncio.wait_for(asyncio.gather(*following), DEADLINE)

        assert asyncio.run(program()) == [TOKENS] * 3


async def followed(store: Store, number: int) -> list[str]:
    found: list[str] = []
    with store.changes(store.cursor(), follow=True) as stream:
        async for changes in stream:
            found += tokens_of(changes)
            if len(found) >= number:
                break
    return found


def test_callback_runs_on_the_loop(store_path: Path) -> None:
    with open_shelf(store_path) as store, writing(store_path) as write:

        async def program() -> list[str]:
            loop = asyncio.get_running_loop()
            found: list[str] = []
            all_came = asyncio.Event()

            def told(changes: Changes) -> None:
                assert asyncio.get_running_loop() is loop
                found.extend(tokens_of(changes))
                if len(found) == len(TOKENS):
                    all_came.set()

            with store.subscribe(told, via=loop.call_soon_threadsafe):
                for token in TOKENS:
                    await asyncio.to_thread(write, token)
                await asyncio.wait_for(all_came.wait(), DEADLINE)
            return found

        assert asyncio.run(program()) == TOKENS


def test_task_that_waits_lets_others_run_and_can_be_cancelled(store_path: Path) -> None:
    with open_shelf(store_path) as store, writing(store_path) as write:

        async def program() -> list[str]:
            waiting = asyncio.create_task(followed(store, 1))
            await asyncio.sleep(0)
            waiting.cancel()
            (ended,) = await asyncio.gather(waiting, return_exceptions=True)
            assert isinstance(ended, asyncio.CancelledError)
            again = asyncio.create_task(followed(store, 2))
            await asyncio.sleep(0)
            await asyncio.to_thread(store[ShelfRepository].add_pair, "own")
            await asyncio.to_thread(write, "other")
            return await asyncio.wait_for(again, DEADLINE)

        assert asyncio.run(program()) == ["own", "other"]


def test_stream_ends_with_the_store(store_path: Path) -> None:
    store = open_shelf(store_path)

    async def program() -> list[str]:
        waiting = asyncio.create_task(followed(store, 10))
        await asyncio.to_thread(store[ShelfRepository].add_pair, "only")
        await asyncio.to_thread(store.close)
        return await asyncio.wait_for(waiting, DEADLINE)

    assert asyncio.run(program()) in ([], ["only"])
