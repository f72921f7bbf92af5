"""Dates and times as people write them, in English and Swedish: what `--due` and `--remind` understand."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from .days import Due, at_clock

_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_ISO_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}\S*", re.ASCII | re.IGNORECASE)

_CLOCK = re.compile(
    r"""
    (?:(?:\b(?:kl|klockan|at)\b\.?|@)\s*)     # these make a clock of a bare number, and of one with a dot
      (?: (?P<hour1>\d{1,2}) (?: [:.] (?P<minute1>\d{2}) )? \s* (?P<half1>[ap]m)? | (?P<noon1>noon) )
    | (?P<hour2>\d{1,2}) : (?P<minute2>\d{2}) \s* (?P<half2>[ap]m)?
    | (?P<hour3>\d{1,2}) \s* (?P<half3>[ap]m)
    | (?P<noon4>noon)
    """,
    re.VERBOSE | re.ASCII | re.IGNORECASE,
)
_CLOCK = re.compile(rf"(?<![\w.:])(?:{_CLOCK.pattern})(?![\w:])", _CLOCK.flags)

_SOON = re.compile(
    r"\b(hours?|hrs?|minutes?|mins?|timm(e|ar|en)|tim|minut(er|en)?|now|nu)\b", re.ASCII | re.IGNORECASE
)
"""Words that say a time of day by how far off it is."""

_FIGURES = re.compile(r"(\d{1,2})[/.](\d{1,2})(?:[/.](\d{4}))?", re.ASCII)
"""A day and a month in figures: 1/5 is in January to some and in May to others."""

_WEEKDAY = re.compile(
    r"""
    (?:(?:on|next|this|på|nu\s+på|nästa)\s+)?
    (?: (?P<d0>mon(day)?|mån(dag)?) | (?P<d1>tue(s|sday)?|tis(dag)?) | (?P<d2>wed(nesday)?|ons(dag)?)
      | (?P<d3>thu(r|rs|rsday)?|tors?(dag)?) | (?P<d4>fri(day)?|fre(dag)?) | (?P<d5>sat(urday)?|lör(dag)?)
      | (?P<d6>sun(day)?|sön(dag)?) )
    """,
    re.VERBOSE | re.IGNORECASE,
)

_SAID_OTHERWISE = (
    (re.compile(r"\b(i\s*)?övermorgon\b", re.IGNORECASE), "day after tomorrow"),
    (re.compile(r"\b(tonight|i\s*kväll)\b", re.IGNORECASE), "today"),
    (re.compile(r"\b(next|nästa)\s+(month|månad)\b", re.IGNORECASE), "in 1 month"),
    (re.compile(r"\b(next|nästa)\s+(year|år)\b", re.IGNORECASE), "in 1 year"),
)
"""What dateparser does not know, or takes for no one day, in words that it does."""


_DOTTED = re.compile(
    r"(?P<rest>.*[^\W\d_]{3}\S*|.*\d{4}-\d{2}-\d{2}),?\s+(?P<hour>\d{1,2})\.(?P<minute>\d{2})"
)
"""A day and then a clock with a dot: `imorgon 17.30`. Alone it would be a day and a month."""

_HOURS = re.compile(r"\b(\d+)\s*(?:h|hrs?|tim)\b", re.IGNORECASE)

_HOW_FAR = re.compile(
    r"(?:in|om)\s+(?:\d{1,4}|an?|en|ett)\s+\w+(?:\s+(?:and|och)\s+\d{1,3}\s+\w+)?|(?:right\s+)?now|(?:just\s+)?nu",
    re.IGNORECASE,
)

_ZONE = re.compile(r"\b(?:UTC|GMT|CES?T|[ECMP][SD]T)\b|[+-]\d{2}:?\d{2}$", re.IGNORECASE)

_WORDS_OF_CLOCKS = re.compile(r"\b(?:at|kl|klockan|midnight|midnatt|o'?clock)\b|@", re.IGNORECASE)
"""Left over where a clock was meant and not understood."""

_DAY_WORDS = re.compile(
    r"\b(?:today|i\s*dag|tomorrow|i\s*morgon|day after tomorrow|tonight|i\s*kväll"
    r"|(?:in|om)\s+(?:\d+|an?|en|ett)\s+\w+)\b",
    re.IGNORECASE,
)
_MONTHS = re.compile(
    r"\b(?:jan|feb|mar|apr|may|maj|jun|jul|aug|sep|oct|okt|nov|dec)[a-zåäö]*\b", re.IGNORECASE
)
_WEEKDAYS = re.compile(
    r"\b(?:(mon|mån)|(tues?|tis)|(wed(?:nes)?|ons)|(thu(?:rs?)?|tors?)|(fri|fre)|(sat(?:ur)?|lör)|(sun|sön))"
    r"(?:day|dag(?:en)?)?\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\S*\d\S*")
_DAY_OF_MONTH = re.compile(r"\d{1,2}(?:st|nd|rd|th|:?[ea])?[.,]?", re.IGNORECASE)
_YEAR = re.compile(r"(?:19|20|21)\d\d,?")
_COUNTED = re.compile(
    r"(?<![-\d])\d{1,4}\s+(?:days?|weeks?|months?|years?|dag(?:ar)?|veck(?:a|or)|månad(?:er)?|år)\b",
    re.IGNORECASE,
)


class UnclearDateError(ValueError):
    """The text is no date, or could be two."""


def understood(text: str, now: datetime, zone: ZoneInfo) -> Due:
    """Return the day or the instant that *text* means to somebody in *zone* at *now*.

    Without a word about the clock it is a day. With one it is an instant, in *zone*:
    `17:00`, `at 5`, `kl 9`, `kl. 9.30`, `5pm`, `noon`, `in 2 hours`. A clock alone is the next time
    that clocks show it. A weekday is the next one, never today. ISO 8601 is taken as it is;
    what has no offset is in *zone*.

    Raises:
        UnclearDateError: it means nothing, or no one day.
    """
    words = " ".join(text.split())
    try:
        return _understood(words, now, zone)
    except OverflowError:
        raise UnclearDateError("the date is too far away") from None


def _understood(words: str, now: datetime, zone: ZoneInfo) -> Due:
    if _ISO_TIME.fullmatch(words):
        return _iso_time(words, zone)
    if _ZONE.search(words):
        raise UnclearDateError("a time zone is written as in 2026-05-01T10:00+02:00")
    local = now.astimezone(zone).replace(tzinfo=None)
    dotted = _DOTTED.fullmatch(words)
    if dotted:
        words = f"{dotted['rest']} {dotted['hour']}:{dotted['minute']}"
    words = _HOURS.sub(r"\1 timmar" if words.lower().startswith("om ") else r"\1 hours", words)
    clock = _CLOCK.search(words)
    if clock is None:
        if _SOON.search(words):
            if not _HOW_FAR.fullmatch(words):
                raise UnclearDateError("write how far off it is alone: in 2 hours, om 30 minuter")
            return (
                _parsed(words, now.astimezone(UTC).replace(tzinfo=None)).replace(tzinfo=UTC).astimezone(zone)
            )
        return _day(words, local)
    rest = f"{words[: clock.start()]} {words[clock.end() :]}".strip(" ,;")
    if _CLOCK.search(rest) or _SOON.search(rest):
        raise UnclearDateError("there are two times of day in it")
    at = _time(clock)
    coming = local.date() if at > local.time() else local.date() + timedelta(days=1)
    day = _day(rest, local) if rest else coming
    return at_clock(datetime.combine(day, at), zone)[0].astimezone(zone)


def _iso_time(words: str, zone: ZoneInfo) -> datetime:
    try:
        moment = datetime.fromisoformat(words.upper())
    except ValueError:
        raise UnclearDateError("there is no such date or time") from None
    if moment.tzinfo is None:
        return at_clock(moment, zone)[0].astimezone(zone)
    return moment.astimezone(zone)


def _time(clock: re.Match[str]) -> time:
    found = {name[:-1]: value for name, value in clock.groupdict().items() if value is not None}
    if "noon" in found:
        return time(12)
    hour, minute, half = int(found["hour"]), int(found.get("minute", 0)), found.get("half", "").lower()
    if half:
        if not 1 <= hour <= 12:
            raise UnclearDateError("there is no such time of day")
        hour = hour % 12 + (12 if half == "pm" else 0)
    if hour > 23 or minute > 59:
        raise UnclearDateError("there is no such time of day")
    return time(hour, minute)


def _day(words: str, local: datetime) -> date:
    if _ISO_DAY.fullmatch(words):
        try:
            return date.fromisoformat(words)
        except ValueError:
            raise UnclearDateError("there is no such day") from None
    figures = _FIGURES.fullmatch(words)
    if figures:
        return _in_figures(figures, local.date())
    weekday = _WEEKDAY.fullmatch(words)
    if weekday:
        number = next(day for day in range(7) if weekday[f"d{day}"])
        return local.date() + timedelta(days=(number - local.weekday() - 1) % 7 + 1)
    _check_clear(words)
    said = _WEEKDAYS.search(words)
    for pattern, other in _SAID_OTHERWISE:
        words = pattern.sub(other, words)
    day = _parsed(words, local).date()
    if said is not None and said.lastindex is not None and day.weekday() != said.lastindex - 1:
        raise UnclearDateError("the weekday is not that of the date")
    if (day.month, day.day) == (
        local.month,
        local.day,
    ) and day > local.date():  # today's own date, or in a year
        return _parsed(words, local, prefer="current_period").date()
    return day


def _check_clear(words: str) -> None:
    """Refuse what dateparser would pass over, or take for something else, without a word."""
    if _WORDS_OF_CLOCKS.search(words):
        raise UnclearDateError("the time of day in it is unclear; write 17:00")
    has_month = _MONTHS.search(words) is not None
    day_words = len(_DAY_WORDS.findall(words))
    if day_words > 1 or (day_words and has_month):
        raise UnclearDateError("there are two days in it")
    numbers = _NUMBER.findall(words if has_month else _COUNTED.sub("", words))
    days = [number for number in numbers if _DAY_OF_MONTH.fullmatch(number)]
    years = [number for number in numbers if _YEAR.fullmatch(number)]
    if (
        len(days) + len(years) < len(numbers)
        or len(days) > 1
        or len(years) > 1
        or (numbers and not has_month)
    ):
        raise UnclearDateError(
            "a number in it is unclear; a time of day is written 17:00 or kl 9, a year with four figures"
        )


def _in_figures(figures: re.Match[str], today: date) -> date:
    first, second = int(figures[1]), int(figures[2])
    if first <= 12 and second <= 12 and first != second:
        raise UnclearDateError("that could be two days; write 2026-05-01, or 1 May")
    day, month = (first, second) if second <= 12 else (second, first)
    try:
        if figures[3]:
            return date(int(figures[3]), month, day)
        coming = date(today.year, month, day)
        return coming if coming >= today else date(today.year + 1, month, day)
    except ValueError:
        raise UnclearDateError("there is no such day") from None


def _parsed(words: str, base: datetime, prefer: str = "future") -> datetime:
    import dateparser  # type: ignore[import-untyped]  # ships no types; its import takes 0.1 s

    settings: dict[str, Any] = {
        "RELATIVE_BASE": base,
        "PREFER_DATES_FROM": prefer,
        "RETURN_AS_TIMEZONE_AWARE": False,
        # Else March is some day in it, and 31 February is in the year 2031.
        "REQUIRE_PARTS": ["day", "month"],
        "DATE_ORDER": "DMY",  # else the 29 of 29 mars is a year, as in Swedish dates of figures
        "TIMEZONE": "UTC",
    }
    found: datetime | None = dateparser.parse(words, languages=["en", "sv"], settings=settings)
    if found is None:
        raise UnclearDateError("that is no date")
    return found
