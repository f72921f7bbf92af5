"""Processes that wait for a row and read it with one select, each in the way of its library.

Every one says `ready` once it listens, and ends when it has read the last expected row.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import cast

from .plain import NEWER, ONE, connect
from .sightings import Sightings


def listen(kind: str, path: str, address: str, expected: str, out: str) -> None:
    """Listen in the way *kind* until row *expected* of the file *path* was read; save when to *out*.

    Args:
        address: The socket of the Redis server, for the one that needs it.
    """
    sightings = Sightings(int(expected))
    _KINDS[kind](path, address, sightings)
    sightings.save(out)


def _stina(path: str, _: str, sightings: Sightings, by_model: bool = False) -> None:
    from stina_core import Changes

    from .table import TABLE, Row, open_bench, ranks

    with open_bench(Path(path)) as store:

        def on_changes(changes: Changes) -> None:
            with store.use():
                for change in changes:
                    if by_model:
                        row = Row.get_by_id(change.key)
                        sightings.see([(row.id, row.rank)])
                    else:
                        sightings.see(ranks.list(cast(int, change.key)))

        subscription = store.subscribe(on_changes, tables=[TABLE])
        _say_ready()
        sightings.wait()
        subscription.close()


def _poll(path: str, _: str, sightings: Sightings, interval: float) -> None:
    with closing(connect(path)) as connection:
        cursor = connection.cursor()
        seen = None
        _say_ready()
        while not sightings.complete:
            version = cursor.execute("PRAGMA data_version").get
            if version != seen:
                seen = version
                sightings.see(cursor.execute(NEWER, (sightings.last,)).fetchall())
            time.sleep(interval)


def _watchfiles(path: str, _: str, sightings: Sightings, **options: int) -> None:
    watch = import_module("watchfiles").watch
    with closing(connect(path)) as connection:
        connection.execute(NEWER, (0,)).fetchall()
        _say_ready()
        # What was not visible yet when the kernel spoke is read at the next change, or at the time-out.
        for _ in watch(
            Path(path).parent, recursive=False, rust_timeout=5000, yield_on_timeout=True, **options
        ):
            sightings.see(connection.execute(NEWER, (sightings.last,)).fetchall())
            if sightings.complete:
                return


def _redis(path: str, address: str, sightings: Sightings) -> None:
    client = import_module("redis").Redis(unix_socket_path=address)
    with closing(connect(path)) as connection, closing(client), closing(client.pubsub()) as channel:
        channel.subscribe("bench")
        while channel.get_message(timeout=5) is None:
            pass  # the answer to subscribe()
        _say_ready()
        while not sightings.complete:
            message = channel.get_message(timeout=60)
            if message is not None:
                sightings.see(connection.execute(ONE, (int(message["data"]),)).fetchall())


def _honker(path: str, _: str, sightings: Sightings) -> None:
    database = import_module("honker").open(path)

    async def read_all() -> None:
        notifications = database.listen("bench")
        _say_ready()
        async for notification in notifications:
            rows = database.query(ONE, [int(notification.payload)])
            sightings.see((row["id"], row["rank"]) for row in rows)
            if sightings.complete:
                return

    asyncio.run(read_all())
    database.close()


def _say_ready() -> None:
    print("ready", flush=True)


_KINDS: dict[str, Callable[[str, str, Sightings], None]] = {
    "stina": _stina,
    "stina, by model": partial(_stina, by_model=True),
    "poll 1 ms": partial(_poll, interval=0.001),
    "poll 5 ms": partial(_poll, interval=0.005),
    "watchfiles 1 ms": partial(_watchfiles, debounce=1, step=1),
    "watchfiles": _watchfiles,
    "redis": _redis,
    "honker": _honker,
}
