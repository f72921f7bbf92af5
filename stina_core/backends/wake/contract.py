"""What a bell and a waiter promise, whatever carries the wake."""

from __future__ import annotations

import sys
from enum import Flag, StrEnum, auto
from typing import Protocol

WATCHED_INTERVAL = 0.5
"""Seconds between two safety polls where every writer is noticed: what they find was lost by accident."""

UNWATCHED_INTERVAL = 0.05
"""Seconds between two polls where a writer outside Stina is noticed by them alone.

A poll costs 4 us: 0.28 % of a processor at this pace (measured).
"""


class Reason(Flag):
    """Why a wait ended; several can come together, and none is a timeout."""

    BELL = auto()
    """A bell was rung, or could not have been heard for a while."""

    FILE = auto()
    """The database or a file that belongs to it changed, or could have unseen."""

    INTERRUPT = auto()
    """`Waiter.interrupt()` was called."""


NOTHING = Reason(0)
"""A timeout. Told by `is`: an operator of a Flag runs a dozen lines of Python, and each one delays a wake."""


class Way(StrEnum):
    """What carries a wake to a listener of a file."""

    DOORBELL = "doorbell"
    """A Unix datagram socket beside the file."""

    LOOPBACK = "loopback"
    """A UDP socket on 127.0.0.1, for systems without the former."""

    WATCH = "watch"
    """The kernel's word on the file's directory (Linux); the only way to notice writers outside Stina."""


class Bell(Protocol):
    """The writers' side, one for each open store. Used from any thread."""

    def ring(self) -> None:
        """Wake every listener of the store in all processes; call it after a commit.

        Never blocks and never raises. After a fork() the child's copy works too.
        """

    def close(self) -> None:
        """Let go of its descriptors. Later rings do nothing; closing twice is fine."""


class Waiter(Protocol):
    """The listener's side. `wait()` and `close()` belong to one thread."""

    @property
    def interval(self) -> float:
        """Seconds between two safety polls the owner should make now; changes as ways come and go."""

    def wait(self, timeout: float) -> Reason:
        """Wait for a wake for at most *timeout* seconds.

        A wake that came since the last wait ends this one at once; what the kernel
        told together with a bell within a millisecond. All that came by then count as one.

        Raises:
            StoreClosedError: it was closed, or belongs to the process this one was forked from.
        """

    def interrupt(self) -> None:
        """Let the present or the next wait return INTERRUPT. From any thread, or a signal handler."""

    def close(self) -> None:
        """Stop listening and take its traces off the disk. Closing twice is fine."""


def default_ways(platform: str = sys.platform) -> frozenset[Way]:
    """Return the ways a listener uses on *platform*, a value of `sys.platform`."""
    if platform == "linux":
        return frozenset({Way.DOORBELL, Way.WATCH})
    if platform == "win32":
        return frozenset({Way.LOOPBACK})
    import socket  # only where it has to be asked

    return frozenset({Way.DOORBELL}) if hasattr(socket, "AF_UNIX") else frozenset()
