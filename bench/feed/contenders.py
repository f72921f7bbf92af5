"""Ways to hear of a write in another process: who writes, who listens, what it needs."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from stina_core import Store
from stina_core.testing.processes import Running, running_python

from . import redis_server
from .table import make

_DEADLINE = 120.0

_LISTEN = "from bench.feed.listeners import listen; listen(*sys.argv[1:])"
_WRITE = "from bench.feed.writers import write; write(*sys.argv[1:])"


@dataclass(frozen=True)
class Contender:
    """One way.

    Attributes:
        writer: One of the kinds of `writers`,
        listener: and of `listeners`.
        library: What must be installed for it.
        p50, p99: Goals, in ms.
    """

    name: str
    writer: str
    listener: str
    library: str = ""
    p50: float | None = None
    p99: float | None = None

    @property
    def is_ours(self) -> bool:
        """Whether the change feed listens."""
        return self.listener.startswith("stina")

    @property
    def label(self) -> str:
        """Its name, with the version of its library."""
        return f"{self.name} {version(self.library)}" if self.library else self.name

    def make(self, folder: Path) -> Path:
        """Make a file for it in *folder*; without capture for the peers."""
        return make(folder, self.name.replace(" ", "-").replace(",", ""), captured=self.is_ours)

    def listen(
        self, path: Path, expected: int, out: Path, address: str = ""
    ) -> AbstractContextManager[Running]:
        """Start its listener, which says `ready`, and ends when it has read row *expected*."""
        return running_python(_LISTEN, self.listener, path, address, expected, out, deadline=_DEADLINE)

    def write(
        self, path: Path, events: int, seed: int, out: Path, address: str = ""
    ) -> AbstractContextManager[Running]:
        """Start its writer, which ends when it has committed the rows 1 to *events*."""
        return running_python(_WRITE, self.writer, path, address, events, seed, out, deadline=_DEADLINE)


def missing(contender: Contender) -> str:
    """Return why *contender* cannot take part here; nothing if it can."""
    if contender.is_ours and not hasattr(Store, "subscribe"):
        return "this store has no change feed"
    if contender.library:
        reason = _why_not_importable(contender.library)
        if reason:
            return reason
    if contender.library == "redis" and not redis_server.PROGRAM.exists():
        return f"{redis_server.PROGRAM} is not installed"
    return ""


@cache
def _why_not_importable(library: str) -> str:
    try:
        import_module(library)
    except ImportError as error:  # also a wheel whose C library asks for a newer system
        return str(error).partition("\n")[0]
    return ""


CONTENDERS = (
    Contender("stina NORMAL", "stina NORMAL", "stina", p50=0.3, p99=3),
    Contender("stina FULL", "stina FULL", "stina", p50=0.3, p99=3),
    Contender("stina NORMAL, by model", "stina NORMAL", "stina, by model"),
    Contender("foreign NORMAL", "plain NORMAL", "stina"),
    Contender("foreign FULL", "plain FULL", "stina", p50=1.5),
    Contender("data_version 1 ms", "plain NORMAL", "poll 1 ms"),
    Contender("data_version 5 ms", "plain NORMAL", "poll 5 ms"),
    Contender("watchfiles 1 ms", "plain NORMAL", "watchfiles 1 ms", "watchfiles"),
    Contender("watchfiles default", "plain NORMAL", "watchfiles", "watchfiles"),
    Contender("redis, redis-py", "redis", "redis", "redis"),
    Contender("honker", "honker", "honker", "honker"),
)
