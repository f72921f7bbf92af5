"""A store's bell and its listeners, over each way of waking."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from stina_core.backends.wake import MemoryWake, Reason, Waiter, Way, bell_of, waiter_of
from stina_core.testing import running_python

DEADLINE = 20.0

WAYS = {
    "doorbell": frozenset({Way.DOORBELL}),
    "loopback": frozenset({Way.LOOPBACK}),
    "watch": frozenset({Way.WATCH}),
    "all": frozenset(Way),
}

LISTENING = """
from stina_core.backends.wake import Way, bell_of, waiter_of
waiter = waiter_of(sys.argv[1], frozenset(map(Way, sys.argv[2:])) or None)
say("listening")
"""

_WRITING = """
import apsw
database = apsw.Connection(sys.argv[1])
database.execute("PRAGMA journal_mode = WAL")
database.execute("PRAGMA synchronous = OFF")
database.execute("CREATE TABLE IF NOT EXISTS t (a)")
say("ready")
for line in sys.stdin:
    for _ in range(int(line)):
        database.execute("INSERT INTO t VALUES (1)")
    say("written")
"""


class Rig:
    """What one way needs: `wake()` is what its writers do, *reason* what its listeners learn."""

    def __init__(self, reason: Reason, listen: Callable[[], Waiter], wake: Callable[[int], None]) -> None:
        self.reason = reason
        self.listen = listen
        self._wake = wake

    def wake(self, times: int = 1) -> None:
        self._wake(times)


@contextmanager
def rig_of(kind: str, path: Path) -> Iterator[Rig]:
    """Give the rig of *kind*: a key of WAYS, or `memory`. For `watch` another process writes with SQLite."""
    with ExitStack() as stack:

        def kept(waiter: Waiter) -> Waiter:
            stack.callback(waiter.close)
            return waiter

        if kind == "watch":
            writer = stack.enter_context(running_python(_WRITING, path))
            writer.hear("ready")

            def write(times: int) -> None:
                writer.say(str(times))
                writer.hear("written")

            yield Rig(Reason.FILE, lambda: kept(waiter_of(str(path), WAYS[kind])), write)
            return
        memory = MemoryWake()
        bell = memory if kind == "memory" else bell_of(str(path))
        stack.callback(bell.close)

        def ring(times: int) -> None:
            for _ in range(times):
                bell.ring()

        if kind == "memory":
            yield Rig(Reason.BELL, lambda: kept(memory.waiter()), ring)
        else:
            yield Rig(Reason.BELL, lambda: kept(waiter_of(str(path), WAYS[kind])), ring)


def place_of(path: Path) -> Path:
    """Return the directory in which the listeners of the database at *path* are found."""
    return path.with_name(f"{path.name}.wake")


def descriptors() -> int:
    """Count what this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def until(true: Callable[[], bool]) -> None:
    """Ask again until it is, or fail at the deadline."""
    end = time.monotonic() + DEADLINE
    while not true():
        assert time.monotonic() < end
