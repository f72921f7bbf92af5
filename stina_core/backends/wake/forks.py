"""What a child of fork() must let go of: it would take the parent's wakes, and keep its sockets alive."""

from __future__ import annotations

import os
import threading
import weakref
from typing import Protocol

lock = threading.RLock()
"""Held across every fork(); hold it while descriptors are made that a child must not keep."""


class Forked(Protocol):
    """Something with descriptors of its own, or a lock that another thread may hold."""

    def part_from_parent(self) -> None:
        """In the child: close the descriptors, touch nothing that the parent still has, renew the locks."""


_known: weakref.WeakSet[Forked] = weakref.WeakSet()


def remember(one: Forked) -> None:
    """Tell *one* in every child from now on, as long as it is referred to."""
    with lock:
        _known.add(one)


def _after_in_child() -> None:
    try:
        for one in list(_known):
            one.part_from_parent()
    finally:
        lock.release()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork()
    os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=_after_in_child)
