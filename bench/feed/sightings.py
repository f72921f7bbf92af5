"""When something happened to each row, in the process that saw it; saved for the one that compares.

`time.perf_counter_ns()` is one clock for all processes of a Linux machine.
"""

from __future__ import annotations

import threading
import time
from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import Any


class Sightings:
    """A time for each of the rows 1 to *expected*.

    Attributes:
        last: The greatest row so far.
    """

    def __init__(self, expected: int) -> None:
        self.last = 0
        self.times = array("q", bytes(8 * (expected + 1)))
        self._expected = expected
        self._all = threading.Event()

    @property
    def complete(self) -> bool:
        """Whether the last expected row was seen."""
        return self._all.is_set()

    def wait(self) -> None:
        """Wait for the last expected row, without using CPU."""
        self._all.wait()

    def see(self, rows: Iterable[Any]) -> None:
        """Note that *rows*, whose first column is their number, were read just now."""
        now = time.perf_counter_ns()
        for row in rows:
            self.last = int(row[0])
            self.times[self.last] = now
        if self.last >= self._expected:
            self._all.set()

    def save(self, path: str) -> None:
        """Write the times to the file *path*."""
        with Path(path).open("wb") as file:
            self.times.tofile(file)


def load(path: Path) -> array[int]:
    """Return the times that were saved to *path*; index 0 is no row."""
    times: array[int] = array("q")
    times.frombytes(path.read_bytes())
    return times
