"""Work that is done once at a time, and again as long as there is some."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..log import get_logger

if TYPE_CHECKING:
    from .delivery import Delivery

log = get_logger(__name__)

Via = Callable[[Callable[[], object]], object]
"""Runs a function somewhere else, such as `loop.call_soon_threadsafe` or Textual's `app.call_from_thread`."""


class Turn:
    """The turns of one receiver on the threads of *delivery*.

    Args:
        name: Of the receiver, for the log.
        has_work: Whether a turn is worth while now.
        work: Takes one turn on a thread of the delivery. It is over when the function that
            *work* is given is called: from anywhere, once.
        is_waited_for: Whether closing waits for it.
    """

    def __init__(
        self,
        name: str,
        delivery: Delivery,
        has_work: Callable[[], bool],
        work: Callable[[Callable[[], None]], object],
        *,
        is_waited_for: bool = True,
    ) -> None:
        self.name = name
        self.is_waited_for = is_waited_for
        self._delivery = delivery
        self._has_work = has_work
        self._work = work
        self._lock = threading.Lock()
        self._taken = False
        self._here = threading.local()

    def want(self) -> None:
        """Take a turn, unless one is being taken or there is nothing to do. Never waits."""
        with self._lock:
            if self._taken or not self._has_work():
                return
            self._taken = True
        if not self._delivery.put(self) and not self.is_waited_for:
            self.run()  # it was closed; who runs elsewhere is told the rest there

    def run(self) -> None:
        """Take the turn; on a thread of the delivery, or where its last one ended."""
        if getattr(self._here, "runs", False):
            self._here.again = True  # one after the other: inside each other they would fill the stack
            return
        self._here.runs = self._here.again = True
        try:
            while self._here.again:
                self._here.again = False
                self._take()
        finally:
            self._here.runs = False

    def _take(self) -> None:
        try:
            self._work(self._over)
        except BaseException:  # a callback may raise anything, and others wait for this thread
            log.exception("receiver.failed", receiver=self.name)
            self._over()

    def _over(self) -> None:
        with self._lock:
            self._taken = False
        self._delivery.leave(self)
        self.want()
