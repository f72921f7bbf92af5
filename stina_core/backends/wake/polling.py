"""Which descriptors have something to read.

The system's own poll(), without the layer of `selectors` above it: that costs a
wake as much again as the call. Windows has select() only.
"""

from __future__ import annotations

import select
import sys
from typing import Protocol


class Poll(Protocol):
    """A set of descriptors."""

    def register(self, fd: int, eventmask: int, /) -> object:
        """Add a descriptor."""

    def poll(self, timeout: int, /) -> list[tuple[int, int]]:
        """Wait at most *timeout* ms for any of them, and return each that has something, with what it has."""


class Select:
    """The same by select(): there everything is something to read."""

    def __init__(self) -> None:
        self._descriptors: list[int] = []

    def register(self, fd: int, eventmask: int, /) -> None:
        """Add a descriptor."""
        self._descriptors.append(fd)

    def poll(self, timeout: int, /) -> list[tuple[int, int]]:
        """Wait at most *timeout* ms for any of them."""
        return [(fd, READ) for fd in select.select(self._descriptors, (), (), timeout / 1000)[0]]


if sys.platform == "win32":
    READ = 1

    def new_poll() -> Poll:
        """Return an empty set."""
        return Select()

else:
    READ = select.POLLIN

    def new_poll() -> Poll:
        """Return an empty set."""
        return select.poll()
