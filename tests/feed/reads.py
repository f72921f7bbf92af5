"""A `read` for the tests of live queries, and how they wait for all that follows from a commit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from stina_core import Store

from .desk import DEADLINE


class Reads:
    """A `read` that counts how often it is asked, and can be made to wait or fail."""

    def __init__(self, answer: Callable[[], object]) -> None:
        self.count = 0
        self.threads: list[threading.Thread] = []
        self.error: Exception | None = None
        self.before: Callable[[], object] = lambda: None
        self.after: Callable[[], object] = lambda: None
        self._answer = answer

    def __call__(self) -> object:
        self.count += 1
        self.threads.append(threading.current_thread())
        self.before()
        if self.error is not None:
            raise self.error
        answer = self._answer()
        self.after()
        return answer


def settle(desk: Store) -> None:
    """Wait until everything that was committed has been passed on, and what follows from it is done."""
    feed = desk._feed
    assert feed._listener is not None
    end = time.monotonic() + DEADLINE
    assert feed._listener.reach(lambda: desk.cursor().seq, end)
    assert feed._delivery.drain(end) == []
