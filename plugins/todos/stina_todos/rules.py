"""RRULEs (RFC 5545) as todos have them: by days, weeks, months and years; the time of day is the todo's own."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from stina_core import InvalidValueError

from .rule_parts import can_be_met

MAX_INTERVAL = 1000

_HORIZON = 100  # years: 29 February on a Monday comes every 28 to 40

_FIELD = "todos_todo.recurrence"
_FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_DATEUTIL = (
    "FREQ",
    "INTERVAL",
    "WKST",
    "BYDAY",
    "BYMONTH",
    "BYMONTHDAY",
    "BYYEARDAY",
    "BYWEEKNO",
    "BYSETPOS",
)
_UNTIL = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)(Z?))?", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,6}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Rule:
    """One RRULE.

    Attributes:
        parts: FREQ, INTERVAL and what else says on which days, in the order they were given.
        count: How many occurrences are left, with the one it is at; None for no end.
        until: UNTIL as it was given.
    """

    parts: tuple[tuple[str, str], ...]
    count: int | None = None
    until: str | None = None

    def __str__(self) -> str:
        ends = [("COUNT", str(self.count))] if self.count is not None else []
        ends += [("UNTIL", self.until)] if self.until is not None else []
        return _joined((*self.parts, *ends))

    def after(self, day: date) -> date | None:
        """Return the first day of the rule after *day*, from which it counts its intervals.

        COUNT and UNTIL do not matter here. None where none comes for 100 years.
        """
        from dateutil.rrule import rrulestr  # type: ignore[import-untyped]  # ships no types

        end = min(day.year + _HORIZON, date.max.year)
        bounded = _joined((*self.parts, ("UNTIL", f"{end:04}1231")))
        begin = datetime.combine(day, time())
        try:
            found = rrulestr(bounded, dtstart=begin).after(begin)
        except (ValueError, LookupError, TypeError, AttributeError, OverflowError):
            raise InvalidValueError(_FIELD, "a part of the rule has a value that it cannot have") from None
        return None if found is None else found.date()

    def following(self) -> Rule | None:
        """Return the rule of the next occurrence; None where this one is the last by COUNT."""
        if self.count is None:
            return self
        return replace(self, count=self.count - 1) if self.count > 1 else None

    def allows(self, wall: datetime, zone: ZoneInfo) -> bool:
        """Whether an occurrence when clocks in *zone* show *wall* is not after UNTIL; a day there counts whole."""
        if self.until is None:
            return True
        last, is_day = _end(self.until, zone)
        return wall.date() <= last.date() if is_day else wall <= last


def parsed(text: object) -> Rule:
    """Return the rule that *text* is.

    Raises:
        InvalidValueError: it is no RRULE, has a time of day or a frequency under a
            day, says something twice, or gives no day for many years.
    """
    if not isinstance(text, str):
        raise InvalidValueError(_FIELD, f"expected text, got {type(text).__name__}")
    parts: dict[str, str] = {}
    for part in text.strip().upper().removeprefix("RRULE:").rstrip(";").split(";"):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if name not in (*_DATEUTIL, "COUNT", "UNTIL") or not equals or not value:
            raise InvalidValueError(
                _FIELD, "no rule such as FREQ=WEEKLY;BYDAY=MO,FR; the time of day is that of the due time"
            )
        if name in parts:
            raise InvalidValueError(_FIELD, f"the rule says {name} twice")
        parts[name] = value
    return _checked(parts)


def _checked(parts: dict[str, str]) -> Rule:
    if parts.get("FREQ") not in _FREQUENCIES:
        raise InvalidValueError(_FIELD, f"FREQ must be one of {', '.join(_FREQUENCIES)}")
    if "COUNT" in parts and "UNTIL" in parts:
        raise InvalidValueError(_FIELD, "a rule ends by COUNT or by UNTIL, not by both")
    for name, most in (("INTERVAL", MAX_INTERVAL), ("COUNT", 999_999)):
        if name in parts and not (_NUMBER.fullmatch(parts[name]) and 1 <= int(parts[name]) <= most):
            raise InvalidValueError(_FIELD, f"{name} must be a whole number from 1 to {most}")
    if not can_be_met(parts):
        raise InvalidValueError(_FIELD, "a part of the rule has a value that no day has")
    count, until = parts.pop("COUNT", None), parts.pop("UNTIL", None)
    if until is not None:
        _end(until, ZoneInfo("UTC"))
    rule = Rule(tuple(parts.items()), None if count is None else int(count), until)
    if rule.after(date(2024, 1, 1)) is None:
        raise InvalidValueError(_FIELD, f"the rule gives no day within {_HORIZON} years")
    return rule


def _end(until: str, zone: ZoneInfo) -> tuple[datetime, bool]:
    """Return what clocks in *zone* show at UNTIL, and whether that is a whole day."""
    match = _UNTIL.fullmatch(until)
    try:
        if match is None:
            raise ValueError
        year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
        last = datetime(year, month, day, hour, minute, second)
        if match[7]:
            last = last.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)
    except (ValueError, OverflowError):
        raise InvalidValueError(
            _FIELD, "UNTIL must be a day, such as 20261231, or a time, such as 20261231T170000Z"
        ) from None
    return last, match[4] is None


def _joined(parts: tuple[tuple[str, str], ...]) -> str:
    return ";".join(f"{name}={value}" for name, value in parts)
