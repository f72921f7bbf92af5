"""A live query: its answer now, and again whenever it has become another one."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from copy import copy
from types import TracebackType
from typing import TYPE_CHECKING, Generic, TypeVar

from ..errors import StoreClosedError
from ..log import get_logger
from .cause import delivering
from .turn import Turn

if TYPE_CHECKING:
    from typing import Self

    from ..changes import Changes
    from .delivery import Delivery
    from .turn import Via

log = get_logger(__name__)

T = TypeVar("T")

RETRY = 0.5
"""Seconds until a read or callback that failed is tried again; each further time twice as long, up to a minute."""

LONGEST_RETRY = 60.0


class Observation(Generic[T]):
    """One live query; `store.observe()` makes it.

    Args:
        read: Answers the query; gives its answer and the tables it read.
        left_open: Asked after each call on a thread of *delivery*: undoes a transaction that was
            left open there, and answers whether there was one.
        attend: Makes this the receiver of the changes of some tables, or of all.
        ignore: Ends that.
    """

    def __init__(
        self,
        name: str,
        read: Callable[[], tuple[T, frozenset[str]]],
        on_value: Callable[[T], object],
        delivery: Delivery,
        *,
        via: Via | None,
        left_open: Callable[[], bool],
        attend: Callable[[Observation[T], frozenset[str] | None], object],
        ignore: Callable[[Observation[T]], object],
    ) -> None:
        self._name = name
        self._read = read
        self._on_value = on_value
        self._delivery = delivery
        self._via = via
        self._left_open = left_open
        self._attend = attend
        self._ignore = ignore
        self._turn = Turn(name, delivery, self._has_work, self._work, is_waited_for=via is None)
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._tables: frozenset[str] | None = None
        self._stale = False
        self._not_before = 0.0
        self._retry = RETRY
        self._news: Changes | None = None  # of what made it stale, what most writes of handlers led to
        self._started = False
        self._closed = False
        self._value: T

    @property
    def tables(self) -> frozenset[str]:
        """Public names of the tables that were read the last time."""
        return self._tables or frozenset()

    def start(self) -> None:
        """Give the first value, in this thread; what *read* or *on_value* raises is raised."""
        self._attend(self, None)  # of everything, until it is known what is read: nothing may slip by
        try:
            value = self._answer()
            self._value = _kept(value)
            self._on_value(value)  # in the context of the caller, whose cause it has
        except BaseException:
            self.close()
            raise
        self._started = True
        self._turn.want()

    def post(self, changes: Changes) -> None:
        """Something it reads has changed. However often that happens while it reads, it reads once more."""
        with self._lock:
            self._stale = True
            if self._news is None or changes.depth >= self._news.depth:
                self._news = changes
        self._turn.want()

    def close(self) -> None:
        """Give no further value. A call that is running is not waited for. Idempotent."""
        self._closed = True
        if self._process == os.getpid():  # in a child of fork() everything it hangs on is the parent's
            self._ignore(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _has_work(self) -> bool:
        return self._stale and self._started and not self._closed and time.monotonic() >= self._not_before

    def _work(self, over: Callable[[], None]) -> None:
        """Read again, and tell if the answer is another one."""
        with self._lock:
            self._stale, news, self._news = False, self._news, None
        try:
            value = self._read_again()
            if value == self._value:
                over()
            elif self._via is None:
                self._tell(value, news, over)
            else:
                self._via(lambda: self._tell(value, news, over))
        except StoreClosedError:
            log.debug("observation.closed", observation=self._name)
            over()
        except BaseException as error:  # noqa: BLE001  # of any kind: others are told by this thread, too
            self._failed(error)
            over()
        if self._left_open():
            log.warning("observation.left_open", observation=self._name)

    def _tell(self, value: T, news: Changes | None, over: Callable[[], None]) -> None:
        kept = _kept(value)
        try:
            if not self._closed:
                with delivering(news) if news is not None else nullcontext():
                    self._on_value(value)
                self._value, self._retry = kept, RETRY
        except BaseException as error:  # noqa: BLE001
            self._failed(error)
        finally:
            over()

    def _failed(self, error: BaseException) -> None:
        """Try it again in a while: the last answer is always told."""
        log.exception("observation.failed", observation=self._name, error=type(error).__name__)
        with self._lock:
            self._stale = True
            self._not_before = time.monotonic() + self._retry
            self._delivery.later(self._not_before, self._turn.want)
            self._retry = min(2 * self._retry, LONGEST_RETRY)

    def _read_again(self) -> T:
        try:
            return self._answer()
        except BaseException:
            self._attend_to(None)  # whatever it was that it could not read may be mended by any change
            raise

    def _answer(self) -> T:
        before = self._tables
        value, tables = self._read()
        if tables != before:
            self._attend_to(tables)
        if before is not None and not tables <= before:
            with self._lock:
                self._stale = True  # a change of the new ones may have come while it read
        return value

    def _attend_to(self, tables: frozenset[str] | None) -> None:
        self._tables = tables
        if not self._closed:
            self._attend(self, tables)


def _kept(value: T) -> T:
    """Return *value*, or a copy where a listener could empty the one it is given: the next is compared with it."""
    return copy(value) if isinstance(value, list | dict | set) else value
