"""The threads that run callbacks: one, and another one for each callback that does not come back.

The listener's own thread runs no code but the core's, so it always hears the next
commit, and notices here that a callback holds up the others.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Protocol

from ..log import get_logger

log = get_logger(__name__)

PATIENCE = 0.05
"""Seconds a callback may take before another thread goes on with the others."""

MOST = 32
"""Threads. With so many callbacks stuck at once, the others wait."""


class Errand(Protocol):
    """Something to be run by one of the threads."""

    @property
    def name(self) -> str:
        """What the log calls it."""

    @property
    def is_waited_for(self) -> bool:
        """Whether `drain()` waits until it left."""

    def run(self) -> None:
        """Do one piece of it, and call `leave()` when that is over. Raises nothing."""


class Delivery:
    """Runs errands in the order they were put."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._ready: SimpleQueue[Errand | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._left = threading.Condition(self._lock)
        self._outstanding: dict[Errand, None] = {}  # put, waited for, and not over
        self._busy: dict[object, float] = {}  # by thread, since when it runs an errand
        self._later: list[tuple[float, Callable[[], object]]] = []
        self._threads = 0
        self._stopped = False
        self._own = threading.local()

    def put(self, errand: Errand) -> bool:
        """Have *errand* run soon, which is not put again before it left; False after `stop()`. Never waits."""
        with self._lock:
            if self._stopped:
                return False
            if errand.is_waited_for:
                self._outstanding[errand] = None
            self._ready.put(errand)
            if not self._threads:
                self._try_to_start()
        return True

    def leave(self, errand: Errand) -> None:
        """That run of *errand* is over."""
        with self._lock:
            self._outstanding.pop(errand, None)
            if not self._outstanding:
                self._left.notify_all()

    def later(self, when: float, call: Callable[[], object]) -> None:
        """Have the listener call *call* once *when* (`time.monotonic`) has come."""
        with self._lock:
            self._later.append((when, call))

    def patience(self) -> float:
        """Seconds after which `relieve()` is to be called; infinite while nothing waits."""
        return PATIENCE if not self._ready.empty() else float("inf")

    def relieve(self) -> None:
        """If errands wait for threads that are all held up, start another one; call what is due."""
        if self._later:
            self._call_due()
        if self._ready.empty():
            return
        with self._lock:
            now = time.monotonic()
            stuck = len(self._busy) == self._threads and all(
                now - since >= PATIENCE for since in self._busy.values()
            )
            if stuck and self._threads < MOST and not self._stopped:
                log.warning("callback.slow", threads=self._threads + 1)
                self._try_to_start()

    def drain(self, deadline: float) -> list[str]:
        """Wait until nothing is outstanding, until *deadline* (`time.monotonic`); returns the names of what is."""
        while True:
            with self._lock:
                left = deadline - time.monotonic()
                if self._left.wait_for(lambda: not self._outstanding, max(0.0, min(left, PATIENCE))):
                    return []
                if left <= 0:
                    return sorted(errand.name for errand in self._outstanding)
            self.relieve()  # the listener, which does it otherwise, may have ended

    def stop(self) -> None:
        """Start nothing any more that `drain()` waits for. A callback that is running comes to its end by itself."""
        with self._lock:
            self._stopped = True
            for _ in range(self._threads):
                self._ready.put(None)

    @property
    def is_stopped(self) -> bool:
        """Whether `stop()` was called."""
        return self._stopped

    @property
    def is_own_thread(self) -> bool:
        """Whether this is one of its threads."""
        return bool(getattr(self._own, "is_one", False))

    def _call_due(self) -> None:
        now = time.monotonic()
        with self._lock:
            due = [call for when, call in self._later if when <= now]
            self._later = [entry for entry in self._later if entry[0] > now]
        for call in due:
            call()

    def _try_to_start(self) -> None:
        try:
            self._start()
        except RuntimeError as error:  # what waits is kept, and `relieve()` tries again
            log.warning("callback.no_thread", error=str(error))

    def _start(self) -> None:
        thread = threading.Thread(target=self._work, name=f"{self._name}-{self._threads + 1}", daemon=True)
        self._threads += 1
        try:
            thread.start()
        except BaseException:
            self._threads -= 1
            raise

    def _work(self) -> None:
        self._own.is_one = True
        me = object()  # a thread's number is given to another one when it ends
        while True:
            errand = self._ready.get()
            with self._lock:
                if errand is None:
                    self._threads -= 1
                    return
                if self._stopped and errand.is_waited_for:
                    continue  # others' callbacks run elsewhere, where they are told the rest
                self._busy[me] = time.monotonic()
            try:
                errand.run()
            finally:
                with self._lock:
                    del self._busy[me]
            with self._lock:
                if self._threads - len(self._busy) > 1 and self._ready.empty():
                    self._threads -= 1  # another one is free, too
                    return
