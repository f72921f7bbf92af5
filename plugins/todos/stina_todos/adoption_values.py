"""What single values of the original app's todos become. Frozen with `adoption.py`, which is all that uses it."""

from __future__ import annotations

import hashlib
import unicodedata
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stina_core import OldRow, Value


MAX_TITLE = 500
EMPTY = "(untitled)"

_DAY = 86_400_000
_TIMES = range(-62_135_596_800_000, 253_402_300_800_000)  # the years 1 to 9999, in milliseconds
_NEVER = _TIMES[-1]
_LAST = _NEVER - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [first + second for first in _DIGITS for second in _DIGITS]

_STATUSES = ("not_started", "in_progress", "completed", "cancelled")
_ALIASES = {
    "in-progress": "in_progress",
    "done": "completed",
    "canceled": "cancelled",
    "aborted": "cancelled",
}


def title_of(row: OldRow, column: str) -> str:
    """Return a title: 1 to 500 characters between the blanks that were around it."""
    text = row.text(column) or ""
    title = text.strip()
    if not title:
        row.note(column, f"it was empty and became {EMPTY}")
        return EMPTY
    if len(title) > MAX_TITLE:
        row.note(column, f"it was cut after {MAX_TITLE} characters")
        return title[:MAX_TITLE].rstrip()
    if title != text:
        row.note(column, "the blanks around it were removed")
    return title


def folded(text: str) -> str:
    """Return *text* as titles and names are compared."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())


def status_of(row: OldRow) -> str:
    """Return the status as the original app read it."""
    value = row.raw("status")
    status = status_called(value)
    if value != status:
        row.note("status", f"it became {status}")
    return status


def status_called(value: Value) -> str:
    """Return the status that the original app took *value* for."""
    if isinstance(value, str) and value not in _STATUSES:
        word = value.strip().lower()
        value = _ALIASES.get(word, word)
    return value if isinstance(value, str) and value in _STATUSES else _STATUSES[0]


def times_of(row: OldRow, *others: int | None) -> tuple[int, int]:
    """Return when the row was made and written last: each the other, else one of *others*, where it is no time."""
    created, updated = _time(row, "created_at"), _time(row, "updated_at")
    if created is not None and updated is not None:
        return created, updated
    return _first(created, updated, *others), _first(updated, created, *others)


def time_of(row: OldRow, columns: Sequence[str], *others: int | None) -> int:
    """Return the time in the first of *columns* that has one, else one of *others*."""
    first, more = _time(row, columns[0]), [row.time(column) for column in columns[1:]]
    for column, other in zip(columns[1:], more, strict=True):
        if first is not None and other not in (None, first):
            row.note(column, "there is another time beside it")
    return _first(first, *more, *others)


def _time(row: OldRow, column: str) -> int | None:
    time = row.time(column)
    if time is None and column in row and row.raw(column) is None:
        row.note(column, "there was no time")
    return time


def _first(*times: int | None) -> int:
    return next((time for time in times if time is not None), 0)


class Due(NamedTuple):
    """When a todo is due.

    Attributes:
        by: From when on it is late.
        start: The instant, or the beginning of the day, that its reminder counts from.
    """

    at: int | None = None
    day: str | None = None
    zone: str | None = None
    by: int = _NEVER
    start: int | None = None


def due_of(row: OldRow, here: Callable[[], ZoneInfo]) -> Due:
    """Return when a todo is due.

    What is due all day is an instant to the original app too: midnight in UTC where a
    tool wrote the date, midnight where the person is where a window did.

    Args:
        here: Gives the time zone of this machine.
    """
    due, is_day = row.time("due_ts"), row.flag("is_all_day")
    if due is None:
        if is_day:
            row.note("is_all_day", "it is due on no day")
        return Due()
    if not is_day:
        return Due(at=due, by=min(due, _LAST), start=due)
    in_utc = _day_in(due, ZoneInfo("UTC"))
    if in_utc.start == due:
        return in_utc
    try:
        local = _day_in(due, here())
    except OverflowError:  # the first or last day there is
        local = in_utc
    if local.start != due:
        row.note("due_ts", "it was due all day, at a time of that day, which was dropped")
    return local


def _day_in(due: int, zone: ZoneInfo) -> Due:
    day = (_EPOCH + timedelta(milliseconds=due)).astimezone(zone).date()
    is_last = day == date.max and zone.key == "UTC"
    return Due(
        day=day.isoformat(),
        zone=None if zone.key == "UTC" else zone.key,
        by=_LAST if is_last else _midnight(day + timedelta(days=1), zone) - 1,
        start=_midnight(day, zone),
    )


def _midnight(day: date, zone: ZoneInfo) -> int:
    return (datetime.combine(day, time(), zone).astimezone(UTC) - _EPOCH) // timedelta(milliseconds=1)


def zone_here() -> ZoneInfo:
    """Return the time zone of this machine; UTC where it has none with an IANA name."""
    from tzlocal import get_localzone

    try:
        return ZoneInfo(get_localzone().key or "UTC")
    except (ValueError, LookupError, OSError):  # TZ, or the machine's own setting, names none
        return ZoneInfo("UTC")


def reminder_of(row: OldRow, due: Due) -> int | None:
    """Return when to remind of a todo."""
    minutes = row.integer("reminder_minutes")
    if minutes is None:
        return None
    if due.start is None:
        row.note("reminder_minutes", "it is due at nothing that a reminder could come before")
        return None
    at = due.start - minutes * 60_000
    if at in _TIMES:
        return at
    row.note("reminder_minutes", "it would come before the year 1, or after the year 9999")
    return None


def place(made_at: int, number: int, id: str) -> str:
    """Return the place in the manual order of the todo that is the *number*th in its table.

    It has the form of an id that was made then: time first. So what was made first
    comes first, among equals in the order of the table, and new todos come after all.
    """
    time = max(made_at, 0)
    begin = "".join(_PAIRS[time >> shift & 1023] for shift in (40, 30, 20, 10, 0))
    return f"{begin}{number & 0xFFFFFF:06x}{hashlib.blake2b(id.encode(), digest_size=5).hexdigest()}"


def numbered(name: str, number: int) -> str:
    """Return *name* with the suffix that tells it from others of that name."""
    suffix = f" ({number})"
    return name[: MAX_TITLE - len(suffix)] + suffix
