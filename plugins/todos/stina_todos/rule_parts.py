"""Whether the parts of an RRULE can be met at all.

dateutil looks for the next day up to the year 9999, past any UNTIL, where none ever
comes; of a rule by days that takes it seconds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta

_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_BYDAY = re.compile(rf"([+-]?[1-9][0-9]?)?({'|'.join(_WEEKDAYS)})", re.ASCII)
_LIMITS = {"BYMONTH": 12, "BYMONTHDAY": 31, "BYYEARDAY": 366, "BYWEEKNO": 53, "BYSETPOS": 366}
_ORDINALS = {"MONTHLY": 5, "YEARLY": 53}
_NUMBER = re.compile(r"[+-]?[1-9][0-9]{0,2}", re.ASCII)
_CALENDAR = [date(2000, 1, 1) + timedelta(number) for number in range(28 * 365 + 7)]
"""28 years, after which days of the month and of the week come together as before."""


def can_be_met(parts: Mapping[str, str]) -> bool:
    """Whether each of *parts* has values it can have, and some day has all of them.

    Numbers that count within a period (BYSETPOS, a 5MO) are only bounded.
    """
    frequency = parts.get("FREQ", "")
    if parts.get("WKST", "MO") not in _WEEKDAYS or (frequency == "DAILY" and "BYSETPOS" in parts):
        return False
    found: dict[str, set[int]] = {}
    for name, limit in _LIMITS.items():
        if name in parts:
            texts = parts[name].split(",")
            if not all(_NUMBER.fullmatch(text) and abs(int(text)) <= limit for text in texts):
                return False
            found[name] = set(map(int, texts))
    if min(found.get("BYMONTH", {1})) < 1:
        return False
    days = [_BYDAY.fullmatch(text) for text in parts["BYDAY"].split(",")] if "BYDAY" in parts else []
    if any(day is None or abs(int(day[1] or 0)) > _ORDINALS.get(frequency, 0) for day in days):
        return False
    weekdays = {_WEEKDAYS.index(day[2]) for day in days if day is not None}
    return any(_has(day, found, weekdays) for day in _CALENDAR)


def _has(day: date, found: Mapping[str, set[int]], weekdays: set[int]) -> bool:
    if weekdays and day.weekday() not in weekdays:
        return False
    if "BYMONTH" in found and day.month not in found["BYMONTH"]:
        return False
    if "BYMONTHDAY" in found:
        last = (day.replace(day=28) + timedelta(4)).replace(day=1) - timedelta(1)
        if not {day.day, day.day - last.day - 1} & found["BYMONTHDAY"]:
            return False
    if "BYYEARDAY" in found:
        of_year = day.timetuple().tm_yday
        last_of_year = date(day.year, 12, 31).timetuple().tm_yday
        return bool({of_year, of_year - last_of_year - 1} & found["BYYEARDAY"])
    return True
