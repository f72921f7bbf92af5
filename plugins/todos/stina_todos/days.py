"""Instants, days and time zones: when something that is due is late."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TypeAlias
from zoneinfo import ZoneInfo

from stina_core import InvalidValueError

from .models import Todo

Due: TypeAlias = date | datetime
"""A day, or an instant: a datetime with a time zone. (A datetime is a date to Python, so ask for that first.)"""

NEVER = datetime(9999, 12, 31, 23, 59, 59, 999000, UTC)
"""What `due_by` is for a todo that is due at nothing."""

MILLISECOND = timedelta(milliseconds=1)

LAST = NEVER - MILLISECOND
"""The latest that something can be due by."""

_ZONE = "todos_todo.time_zone"


def zone_of(name: str | None) -> ZoneInfo:
    """Return the zone called *name*, UTC for None.

    Raises:
        InvalidValueError: this machine knows no such zone.
    """
    try:
        return ZoneInfo("UTC" if name is None else name)
    except (ValueError, LookupError, OSError):
        raise InvalidValueError(
            _ZONE, "no such time zone here; give an IANA name, such as Europe/Stockholm"
        ) from None


def zone_name(value: object) -> str | None:
    """Return *value* if it names a time zone, or is None; InvalidValueError if it does not."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidValueError(_ZONE, f"expected text, got {type(value).__name__}")
    zone_of(str.__str__(value))
    return str.__str__(value)


def zone_in(*moments: object) -> str | None:
    """Return the IANA name of the first of *moments* that carries one."""
    for moment in moments:
        if isinstance(moment, datetime) and isinstance(moment.tzinfo, ZoneInfo) and moment.tzinfo.key:
            return moment.tzinfo.key
    return None


def moment_of(value: datetime, field: str) -> datetime:
    """Return *value* as it is stored, in UTC and whole milliseconds; InvalidValueError naming *field*."""
    column = getattr(Todo, field)
    stored: datetime = column.python_value(column.db_value(value))
    return stored


def split_due(due: object) -> tuple[datetime | None, date | None]:
    """Return *due* as the instant or the day it is.

    Raises:
        InvalidValueError: it is neither; a datetime without a time zone is none.
    """
    if due is None:
        return None, None
    if isinstance(due, datetime):
        return moment_of(due, "due_at"), None
    if isinstance(due, date):
        return None, due
    raise InvalidValueError(
        "todos_todo.due_at", f"expected a date, or a datetime with a time zone, got {type(due).__name__}"
    )


def due_by(at: datetime | None, day: date | None, zone: str | None) -> datetime:
    """Return when a todo that is due then begins to be late; a day ends with its last millisecond in *zone*."""
    if at is not None:
        return min(at, LAST)
    return NEVER if day is None else end_of_day(day, zone_of(zone))


def end_of_day(day: date, zone: ZoneInfo) -> datetime:
    """Return the last millisecond of *day* in *zone*."""
    try:
        following = datetime.combine(day + timedelta(days=1), time(), zone)
        return following.astimezone(UTC) - MILLISECOND
    except OverflowError:
        return LAST


def at_clock(wall: datetime, zone: ZoneInfo) -> tuple[datetime, bool]:
    """Return the instant at which clocks in *zone* show *wall*, and whether they do.

    A time that clocks skip counts as so much later as they skip, a time that
    they show twice is the first (RFC 5545, 3.3.5).
    """
    instant = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    return instant, instant.astimezone(zone).replace(tzinfo=None) == wall
