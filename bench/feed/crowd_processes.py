"""The processes of the crowd: writers and followers of one file, each of which may be killed at any moment."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

from stina_core import Changes, Cursor

from .crowd_logs import Delivered, Log, delivered
from .table import Mark, open_bench

END = "end:0:0:1"
"""The key of the row that ends all followers."""

_TABLE = "bench_mark"
_MOST_ROWS = 4
_PER_LIFE = 1_000_000  # more transactions than one writer commits before it is killed
_DEADLINE = 60.0  # seconds

_forks = get_context("forkserver")  # a process that has imported all this is forked in some ms
_forks.set_forkserver_preload([__name__])


@dataclass(frozen=True)
class Place:
    """Where the crowd works.

    Attributes:
        path: The store's file; everything else lies beside it.
        pause: Seconds that a writer rests after each commit.
        start: The cursor that followers begin at.
    """

    path: Path
    pause: float
    start: str

    @property
    def stop(self) -> Path:
        """The file whose existence ends the writers."""
        return self.path.with_name("stop")

    def log(self, kind: str, number: int) -> Path:
        """The file in which the process *kind* *number* keeps its log, across its lives."""
        return self.path.with_name(f"{kind}-{number}.log")


def write(place: Place, writer: int, life: int) -> None:
    """Commit transactions of 1 to 4 rows, and note each once its commit has returned."""
    choice = random.Random(writer * _PER_LIFE + life)
    number = life * _PER_LIFE
    with closing(Log(place.log("writer", writer))) as log, open_bench(place.path) as store:
        while not place.stop.exists():
            number += 1
            rows = choice.randint(1, _MOST_ROWS)
            with store.transaction():
                for row in range(rows):
                    Mark.create(key=f"{writer}:{number}:{row}:{rows}")
            log.add((number, time.perf_counter_ns()))
            if place.pause:
                time.sleep(place.pause)


def follow(place: Place, follower: int, life: int) -> None:
    """Note every transaction, from where the log of an earlier life ends, until the row `END` comes."""
    start = Cursor.parse(place.start)
    before = delivered(place.log("follower", follower))
    since = Cursor(start.epoch, before[-1].last) if before else start
    with closing(Log(place.log("follower", follower))) as log, open_bench(place.path) as store:
        for changes in store.changes(since=since, follow=True):
            if changes[0].key == END:
                return
            log.add(_noted(changes))


def _noted(changes: Changes) -> Delivered:
    now = time.perf_counter_ns()
    assert changes.cursor is not None
    writer, number, _, rows = str(changes[0].key).split(":")
    whole = [f"{writer}:{number}:{row}:{rows}" for row in range(int(rows))]
    first = changes[0].seq
    is_whole = [change.key for change in changes] == whole and [change.seq for change in changes] == list(
        range(first, first + len(changes))
    )
    return Delivered(int(writer), int(number), first, changes.cursor.seq, int(is_whole), now)


class Member:
    """A writer or follower that is started again after it was killed."""

    def __init__(self, place: Place, kind: str, number: int) -> None:
        self._place = place
        self._target: Callable[[Place, int, int], None] = write if kind == "writer" else follow
        self._log = place.log(kind, number)
        self._number = number
        self._life = 0
        self._size = 0
        self._process: BaseProcess | None = None

    def start(self) -> None:
        """Start it; it goes on where its log ends."""
        self._life += 1
        self._size = self._logged()
        self._process = _forks.Process(target=self._target, args=(self._place, self._number, self._life))
        self._process.start()

    def await_work(self) -> None:
        """Wait until it has noted something in its present life.

        Raises:
            RuntimeError: it does not.
        """
        end = time.monotonic() + _DEADLINE
        while self._logged() == self._size:
            if self._process is None or not self._process.is_alive() or time.monotonic() > end:
                raise RuntimeError(f"{self._log.stem} does nothing")
            time.sleep(0.001)

    def kill(self) -> None:
        """Send it SIGKILL, and wait until it is gone.

        Raises:
            RuntimeError: it had ended by itself.
        """
        assert self._process is not None
        self._process.kill()
        self._end(-signal.SIGKILL)

    def finish(self) -> None:
        """Wait until it has ended.

        Raises:
            RuntimeError: it does not, or not well.
        """
        self._end(0)

    def stop(self) -> None:
        """Kill it if it still runs."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process.close()

    def _end(self, wanted: int) -> None:
        assert self._process is not None
        self._process.join(_DEADLINE)
        if self._process.exitcode != wanted:
            raise RuntimeError(
                f"{self._log.stem} did not end as it should (exit code {self._process.exitcode})"
            )
        self._process.close()
        self._process = None

    def _logged(self) -> int:
        return self._log.stat().st_size if self._log.exists() else 0


@contextmanager
def crowd_at(place: Place, writers: int, followers: int) -> Iterator[tuple[list[Member], list[Member]]]:
    """Start *writers* and *followers*; when the block ends, so do they: writers first, followers at the last commit.

    Whatever goes wrong, none of them runs afterwards.
    """
    kinds = {"writer": writers, "follower": followers}
    members = {
        kind: [Member(place, kind, number) for number in range(count)] for kind, count in kinds.items()
    }
    every = members["writer"] + members["follower"]
    try:
        for member in every:
            member.start()
        for member in every:
            member.await_work()
        yield members["writer"], members["follower"]
        place.stop.touch()
        for member in members["writer"]:
            member.finish()
        with open_bench(place.path) as store, store.transaction():
            Mark.create(key=END)
        for member in members["follower"]:
            member.finish()
    finally:
        for member in every:
            member.stop()
