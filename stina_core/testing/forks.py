"""Children of this process for tests: cheaper than new interpreters, and they have what is loaded here."""

from __future__ import annotations

import os
import select
import signal
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from .processes import DEADLINE

_CHUNK = 65536


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended.

    Attributes:
        code: 0; 1 if its work raised; the number of the signal that killed it, negative.
        said: What its work returned, or the traceback of what it raised.
    """

    code: int
    said: str


def forked(*works: Callable[[], str], deadline: float = DEADLINE) -> list[Ended]:
    """Call each of *works* in a child of this process, all released at the same moment.

    A child never comes back into the test: it ends with its work, and no fixture
    and no `atexit` function runs in it. A store that is open here is not for its use.

    Raises:
        AssertionError: one did not end within *deadline* seconds; all were killed.
    """
    gate, release = os.pipe()
    children: list[_Child] = []
    try:
        try:
            children += [_Child(work, gate, release) for work in works]
        finally:
            os.close(gate)
            os.close(release)  # the last hand on it: every child reads the end of the pipe, and begins
        end = time.monotonic() + deadline
        return [child.wait(end) for child in children]
    finally:
        for child in children:
            child.kill()


class _Child:
    """One process; *gate* and *release* are the two ends of the pipe it waits at."""

    def __init__(self, work: Callable[[], str], gate: int, release: int) -> None:
        self._output, says = os.pipe()
        self._ended = False
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: pytest may have threads
            self.pid = os.fork()
        if self.pid == 0:
            _work(work, gate, release, says)
        os.close(says)

    def wait(self, end: float) -> Ended:
        """Return how it ended; AssertionError if it has not at the time *end*."""
        said = b""
        while True:
            ready = select.select([self._output], [], [], max(0.0, end - time.monotonic()))[0]
            assert ready, f"a child process did not end in time; it said {said.decode(errors='replace')!r}"
            more = os.read(self._output, _CHUNK)
            if not more:
                return Ended(self._reap(), said.decode())
            said += more

    def kill(self) -> None:
        """End it, if it has not ended."""
        if not self._ended:
            os.kill(self.pid, signal.SIGKILL)
            self._reap()

    def _reap(self) -> int:
        self._ended = True
        os.close(self._output)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def _work(work: Callable[[], str], gate: int, release: int, says: int) -> NoReturn:
    code = 1
    try:
        os.close(release)
        os.read(gate, 1)
        try:
            said = work()
            code = 0
        except BaseException:  # noqa: BLE001  # it is told to the parent, and ends this process
            said = traceback.format_exc()
        os.write(says, said.encode())
    finally:
        os._exit(code)
