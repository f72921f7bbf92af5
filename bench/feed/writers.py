"""Processes that commit one row at a time, and note when each commit began and when it had returned."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from .plain import INSERT, connect, values, write_row
from .sightings import Sightings

if TYPE_CHECKING:
    from stina_core.config import Synchronous

Write: TypeAlias = Callable[[int], int | None]
"""Commits a row; returns when that had returned (ns) if it has done something more since."""


def write(kind: str, path: str, address: str, events: str, seed: str, out: str) -> None:
    """Commit the rows 1 to *events* in the way *kind*, 1 to 5 ms apart; save the times to *out*.

    `<out>.begun` holds when each began, `<out>.done` when its commit had returned.
    """
    pause = random.Random(int(seed))
    begun, done = Sightings(int(events)), Sightings(int(events))
    with _KINDS[kind](path, address) as write_one:
        for number in range(1, int(events) + 1):
            time.sleep(pause.uniform(0.001, 0.005))
            begun.see([(number,)])
            returned = write_one(number)
            done.see([(number,)])
            if returned is not None:
                done.times[number] = returned
    begun.save(f"{out}.begun")
    done.save(f"{out}.done")


@contextmanager
def _stina(path: str, _: str, synchronous: Synchronous) -> Iterator[Write]:
    from .table import insert_row, open_bench

    with open_bench(Path(path), synchronous) as store:

        def write_one(number: int) -> None:
            with store.transaction():
                insert_row(*values(number))

        yield write_one


@contextmanager
def _plain(path: str, _: str, synchronous: str) -> Iterator[Write]:
    with closing(connect(path, synchronous)) as connection:
        yield partial(write_row, connection)


@contextmanager
def _redis(path: str, address: str) -> Iterator[Write]:
    client = import_module("redis").Redis(unix_socket_path=address)
    with closing(connect(path)) as connection, closing(client):

        def write_one(number: int) -> int:
            write_row(connection, number)
            returned = time.perf_counter_ns()
            client.publish("bench", number)
            return returned

        yield write_one


@contextmanager
def _honker(path: str, _: str) -> Iterator[Write]:
    database = import_module("honker").open(path)

    def write_one(number: int) -> None:
        with database.transaction() as transaction:
            transaction.execute(INSERT, list(values(number)))
            transaction.notify("bench", number)

    yield write_one
    database.close()


_KINDS: dict[str, Callable[[str, str], AbstractContextManager[Write]]] = {
    "stina NORMAL": partial(_stina, synchronous="NORMAL"),
    "stina FULL": partial(_stina, synchronous="FULL"),
    "plain NORMAL": partial(_plain, synchronous="NORMAL"),
    "plain FULL": partial(_plain, synchronous="FULL"),
    "redis": _redis,
    "honker": _honker,
}
