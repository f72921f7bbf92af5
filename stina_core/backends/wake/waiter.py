"""The listener's side over any of the ways, each made again when it was lost."""

from __future__ import annotations

import math
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from ...errors import StoreClosedError
from ...log import get_logger
from . import forks
from .contract import NOTHING, UNWATCHED_INTERVAL, WATCHED_INTERVAL, Reason, Way
from .place import Place
from .polling import READ, new_poll

_log = get_logger(__name__)

_RETRY = 1.0
"""Seconds after which a way that could not be had is tried again."""

REST = 0.001
"""Seconds after a ring in which the watch is not listened to, where it told of something together with the bell.

What it tells of then is the commit that the bell rang for, nearly always. To take
that away is a quarter of all that a listener does until it looks, so it waits
until the look is over. A writer that rings no bell is heard this much later.
"""


class Source(Protocol):
    """One descriptor that tells of commits."""

    @property
    def reason(self) -> Reason:
        """What it means when it tells."""

    def fileno(self) -> int:
        """Return the descriptor."""

    def is_lost(self) -> bool:
        """Whether nothing can come from it any more."""

    def drain(self) -> bool:
        """Take away what came; whether that is a reason to wake."""

    def close(self) -> None:
        """Close it, with all that others see of it."""

    def abandon(self) -> None:
        """Close this process's copy alone."""


class PlaceWaiter:
    """Listens to the writers of the database of *place* in all of *ways*.

    Raises:
        OSError: there are no descriptors left for it.
    """

    def __init__(self, place: Place, ways: frozenset[Way]) -> None:
        self._closed: str | None = None
        self._lock = threading.RLock()  # an interrupt must not meet a descriptor that is being closed
        self._kept = {way: _Kept(way, place, _MAKERS[way]) for way in sorted(ways)}
        self._all, self._bells = new_poll(), new_poll()
        self._polled: dict[int, Source] | None = None
        self._watch_rests = False
        with forks.lock:
            self._interrupted, self._interrupter = socket.socketpair()
            self._interrupted.setblocking(False)
            self._interrupter.setblocking(False)
            forks.remember(self)
        try:
            self._mend()
        except BaseException:
            self.close()
            raise

    @property
    def interval(self) -> float:
        """Short as long as no file is watched, for then a writer outside Stina wakes nobody."""
        watch = self._kept.get(Way.WATCH)
        return WATCHED_INTERVAL if watch and watch.source else UNWATCHED_INTERVAL

    def wait(self, timeout: float) -> Reason:
        """Wait for a wake; see `Waiter`."""
        deadline = time.monotonic() + timeout
        while True:
            if self._closed:
                raise StoreClosedError(self._closed)
            missed = self._mend()
            left = max(0.0, deadline - time.monotonic()) if missed is NOTHING else 0.0
            reason = _both(missed, self._look(left))
            if reason is not NOTHING or time.monotonic() >= deadline:
                return reason

    def interrupt(self) -> None:
        """End the present or the next wait; nothing if it is closed."""
        with self._lock:
            if self._closed:
                return
            with suppress(BlockingIOError):  # hundreds of interrupts are waiting already
                self._interrupter.send(b"!")

    def close(self) -> None:
        """Stop listening."""
        with forks.lock, self._lock:
            if self._closed:
                return
            self._closed = "the listener was closed"
            self._close_interrupts()
            for kept in self._kept.values():
                kept.drop()

    def part_from_parent(self) -> None:
        """In a child after fork(): be closed, and leave everything to the parent."""
        self._lock = threading.RLock()
        if self._closed:
            return
        self._closed = "the listener belongs to the process that made it"
        self._close_interrupts()
        for kept in self._kept.values():
            if kept.source:
                kept.source.abandon()

    def _mend(self) -> Reason:
        missed = NOTHING
        for kept in self._kept.values():
            missed = _both(missed, kept.mend())
        return missed

    def _look(self, timeout: float) -> Reason:
        sources = {kept.source.fileno(): kept.source for kept in self._kept.values() if kept.source}
        if sources != self._polled:
            self._poll_for(sources)
        rests, self._watch_rests = self._watch_rests and timeout > REST, False
        told = self._bells.poll(_ms(REST)) if rests else []
        if not told:
            told = self._all.poll(_ms(timeout - REST if rests else timeout))
        reason = NOTHING
        rang = False
        for descriptor, _ in told:  # bells before the watch, as they were registered
            source = sources.get(descriptor)
            if source is None:
                self._interrupted.recv(1 << 16)
                reason = _both(reason, Reason.INTERRUPT)
            elif source.reason is Reason.FILE and rang:
                self._watch_rests = True
            elif source.drain():
                rang = source.reason is Reason.BELL
                reason = _both(reason, source.reason)
        return reason

    def _poll_for(self, sources: dict[int, Source]) -> None:
        self._all, self._bells = new_poll(), new_poll()
        for descriptor in (self._interrupted.fileno(), *sources):
            self._all.register(descriptor, READ)
            if descriptor not in sources or sources[descriptor].reason is not Reason.FILE:
                self._bells.register(descriptor, READ)
        self._polled = sources

    def _close_interrupts(self) -> None:
        self._interrupted.close()
        self._interrupter.close()


def _ms(seconds: float) -> int:
    return math.ceil(seconds * 1000)  # rounded down, the last millisecond of a wait would be spent polling


def _both(one: Reason, other: Reason) -> Reason:
    if one is NOTHING:
        return other
    return one if other is NOTHING else one | other


class _Kept:
    """One way: off while it cannot be had, made again once it can."""

    def __init__(self, way: Way, place: Place, make: Callable[[Place], Source]) -> None:
        self.source: Source | None = None
        self._way = way
        self._place = place
        self._make = make
        self._next_try = 0.0
        self._told = False

    def mend(self) -> Reason:
        """See that it works, at the cost of one stat; returns its reason if a wake can have been missed."""
        missed = NOTHING
        if self.source:
            if not self.source.is_lost():
                return missed
            missed = self.source.reason
            self.drop()
        elif time.monotonic() < self._next_try:
            return missed
        try:
            with forks.lock:
                self.source = self._make(self._place)
        except OSError as error:
            self._next_try = time.monotonic() + _RETRY
            if not self._told:
                self._told = True
                _log.warning(
                    "wake.way_off", way=str(self._way), path=self._place.database, error=error.strerror
                )
            return missed
        self._told = False
        return self.source.reason

    def drop(self) -> None:
        """Close it if it is open."""
        source, self.source = self.source, None
        if source:
            try:
                source.close()
            except OSError as error:
                _log.warning("wake.not_removed", path=self._place.path, error=error.strerror)


def _doorbell(place: Place) -> Source:
    from .doorbell import open_doorbell

    return open_doorbell(place)


def _loopback(place: Place) -> Source:
    from .loopback import open_loopback

    return open_loopback(place)


def _watch(place: Place) -> Source:
    from .watch import Watch  # needs ctypes, and is there on Linux only

    return Watch(place.database)


_MAKERS = {Way.DOORBELL: _doorbell, Way.LOOPBACK: _loopback, Way.WATCH: _watch}
