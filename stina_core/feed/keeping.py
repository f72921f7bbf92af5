"""Keeps a full-text index up to date in the background, in programs that listen to the feed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import StoreClosedError
from ..log import get_logger

if TYPE_CHECKING:
    from ..changes import Changes
    from .delivery import Delivery

log = get_logger(__name__)

DELAY = 1.0
"""Seconds from a change to its indexing: FTS5 pays per transaction, so what comes meanwhile costs nothing more."""


class IndexKeeper:
    """A receiver of the changes of one table.

    Args:
        follow_up: Brings the index up to date, unless another process is at it.
    """

    is_waited_for = False

    def __init__(self, table: str, follow_up: Callable[[], object], delivery: Delivery) -> None:
        self.name = f"index of {table}"
        self._table = table
        self._follow_up = follow_up
        self._delivery = delivery
        self._lock = threading.Lock()
        self._scheduled = False

    def post(self, changes: Changes) -> None:
        """Something of the table has changed."""
        self.schedule()

    def schedule(self) -> None:
        """Look at the index in a second."""
        with self._lock:
            if not self._scheduled:
                self._scheduled = True
                self._delivery.later(time.monotonic() + DELAY, lambda: self._delivery.put(self))

    def run(self) -> None:
        """Bring the index up to date; on a thread of the delivery."""
        with self._lock:
            self._scheduled = False
        if self._delivery.is_stopped:
            return  # the store closes, and is not to wait for this
        try:
            self._follow_up()
        except StoreClosedError:
            log.debug("index.closed", table=self._table)
        except BaseException:  # the next search says what is wrong, or does it; others wait for this thread
            log.exception("index.not_followed", table=self._table)
