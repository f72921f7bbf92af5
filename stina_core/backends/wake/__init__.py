"""How a listener learns, in any process, that something may have been committed.

A wake is a hint and carries no data: it may come late, twice, for nothing or not at
all. What is true stands in the file, so whoever listens also looks by itself every
`Waiter.interval` seconds. Nothing here knows SQLite.

    contract    what a bell and a waiter promise; the ways
    place       the directory beside the file in which listeners are found
    mailbox     a socket with a file in that place; doorbell and loopback open one
    watch       the kernel's word on changes in the file's directory
    polling     which of several descriptors have something to read
    bell        the writers' side
    waiter      the listener's side, over any of the ways
    memory      both sides inside one process
    forks       what a child of fork() must let go of
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .contract import Bell, Reason, Waiter, Way, default_ways
    from .memory import MemoryWake
    from .place import is_place

_HOMES = {
    "Bell": ".contract",
    "MemoryWake": ".memory",
    "Reason": ".contract",
    "Waiter": ".contract",
    "Way": ".contract",
    "default_ways": ".contract",
    "is_place": ".place",
}

__all__ = [
    "Bell",
    "MemoryWake",
    "Reason",
    "Waiter",
    "Way",
    "bell_of",
    "default_ways",
    "is_place",
    "waiter_of",
]


def bell_of(path: str) -> Bell:
    """Return a bell for the writers of the database at *path*, which need not be there yet.

    Holds no descriptor until somebody listens.
    """
    from .bell import PlaceBell
    from .place import Place

    return PlaceBell(Place(path))


def waiter_of(path: str, ways: frozenset[Way] | None = None) -> Waiter:
    """Start to listen to the writers of the database at *path*.

    Every ring after the return is noticed. A way that cannot be had is logged
    and tried again during later waits; that alone raises nothing.

    Args:
        ways: None for `default_ways()`.

    Raises:
        OSError: the process has no descriptors left for a waiter.
    """
    from .contract import default_ways
    from .place import Place
    from .waiter import PlaceWaiter

    return PlaceWaiter(Place(path), default_ways() if ways is None else ways)


def __getattr__(name: str) -> object:
    """Find a public name at its first use, so that a start without listeners pays for none of them."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name], __name__), name)
    globals()[name] = value
    return value
