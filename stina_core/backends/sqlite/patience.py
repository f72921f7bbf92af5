"""How long this thread waits for another writer, where it is not as long as the store's settings say."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager

from .connection import _busy_handler
from .database import StoreDatabase

HURRIED = 0.05
"""Seconds; about as long as one batch of another process that is indexing."""


@contextmanager
def hurried(database: StoreDatabase, usual: float, seconds: float = HURRIED) -> Iterator[None]:
    """Inside the block this thread's connection waits for a lock only *seconds*, afterwards *usual* again.

    On a store in memory nothing changes: its threads take turns on one connection,
    and a read waits for its turn like a write.
    """
    connection = database.connection()
    connection.set_busy_handler(_busy_handler(weakref.ref(connection), seconds))
    try:
        yield
    finally:
        if not database.ended:
            connection.set_busy_handler(_busy_handler(weakref.ref(connection), usual))
