"""Sortable ids, and the clock they and every timestamp are made from."""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime, timedelta

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, lower case
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]  # one look for ten bits
_SHIFTS = range(120, -1, -10)
_RANDOM_BITS = 80

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIMES = range(-62_135_596_800_000, 253_402_300_800_000)  # the years 1 to 9999, in milliseconds

_lock = threading.Lock()
_last = 0


def now() -> datetime:
    """Return the time as the store keeps it: UTC, whole milliseconds."""
    return from_ms(now_ms())


def now_ms() -> int:
    """Return milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


def from_ms(ms: int) -> datetime:
    """Return the moment *ms* milliseconds after 1970 as an aware UTC time; OverflowError past the years 1 to 9999."""
    seconds, rest = divmod(ms, 1000)
    return _EPOCH + timedelta(0, seconds, rest * 1000)


def to_ms(moment: datetime) -> int:
    """Return *moment* as milliseconds since 1970 UTC; what is finer is cut off.

    Raises:
        OverflowError: in UTC it is not between the years 1 and 9999.
    """
    since = moment - _EPOCH
    ms = since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000
    if ms not in _TIMES:
        raise OverflowError("in UTC the time is not between the years 1 and 9999")
    return ms


def iso(moment: datetime) -> str:
    """Return *moment* as ISO 8601 UTC with milliseconds: `2026-03-01T12:00:00.000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def new_id() -> str:
    """Return a new text id of 26 characters whose order is the order of creation.

    The form is a ULID (48 bits of milliseconds, 80 random bits) in lower case.
    Within one process ids always increase, also inside one millisecond and when
    the clock steps back; between processes they are as ordered as their clocks.
    A child of fork() goes on from an id of its own, so that the two never meet.
    The standard library has such ids (UUID version 7) only from Python 3.14.
    """
    global _last
    fresh = now_ms() << _RANDOM_BITS | int.from_bytes(os.urandom(_RANDOM_BITS // 8))
    with _lock:
        _last = value = fresh if fresh > _last else _last + 1
    return "".join([_PAIRS[value >> shift & 1023] for shift in _SHIFTS])


def _part_from_parent() -> None:
    """In a child after fork(): counting on from the parent's last id would make the same ids as it does."""
    global _lock, _last
    _lock = threading.Lock()  # another thread may have held it at the fork
    _last += int.from_bytes(os.urandom(_RANDOM_BITS // 8 - 1))


os.register_at_fork(after_in_child=_part_from_parent)
