"""What the command's options mean: `--due`, `--remind`, `--status`, `--priority`, `--repeat`, `--metadata`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from .days import Due

MORNING = 9
"""The hour at which a reminder comes that names a day only."""

_NOW = "stina_todos.now"

_RULES = {
    "daily": "FREQ=DAILY",
    "dagligen": "FREQ=DAILY",
    "every day": "FREQ=DAILY",
    "varje dag": "FREQ=DAILY",
    "weekdays": "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
    "vardagar": "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
    "weekly": "FREQ=WEEKLY",
    "every week": "FREQ=WEEKLY",
    "varje vecka": "FREQ=WEEKLY",
    "monthly": "FREQ=MONTHLY",
    "every month": "FREQ=MONTHLY",
    "varje månad": "FREQ=MONTHLY",
    "yearly": "FREQ=YEARLY",
    "every year": "FREQ=YEARLY",
    "varje år": "FREQ=YEARLY",
}


class Cleared:
    """Given for an option whose text is empty: what it stands for is to be cleared."""


CLEARED = Cleared()


def local_zone() -> ZoneInfo:
    """Return the time zone of this machine."""
    from tzlocal import get_localzone

    return get_localzone()


def zone_name() -> str | None:
    """Return the IANA name of the time zone of this machine; None if it has none."""
    from .days import zone_in

    return zone_in(_now(click.get_current_context(silent=True)))


def _now(context: click.Context | None) -> datetime:
    """Return the present time here, the same for all options of one command."""
    from datetime import datetime

    known: dict[str, Any] = {} if context is None else context.meta
    if _NOW not in known:
        known[_NOW] = datetime.now(local_zone())
    moment: datetime = known[_NOW]
    return moment


class _Param(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return self.name.upper()


class When(_Param):
    """A day or an instant, as people write it; wrong usage if it is none.

    Args:
        instant: Whether a day alone means the morning of it.
    """

    name = "when"

    def __init__(self, instant: bool = False) -> None:
        self._instant = instant

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Due | Cleared:
        if not isinstance(value, str):
            return value  # type: ignore[no-any-return]  # converted already
        if not value.strip():
            return CLEARED
        from datetime import datetime, time
        from zoneinfo import ZoneInfo

        from .days import at_clock
        from .when import UnclearDateError, understood

        now = _now(ctx)
        zone = now.tzinfo
        assert isinstance(zone, ZoneInfo)
        try:
            found = understood(value, now, zone)
        except UnclearDateError as error:
            self.fail(f"{value!r}: {error}.", param, ctx)
        if self._instant and not isinstance(found, datetime):
            return at_clock(datetime.combine(found, time(MORNING)), zone)[0].astimezone(zone)
        return found


class Repeat(_Param):
    """An RRULE, or a word for one."""

    name = "rule"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str | Cleared:
        if not isinstance(value, str):
            return value  # type: ignore[no-any-return]  # converted already
        text = " ".join(value.split())
        if not text:
            return CLEARED
        from stina_core import InvalidValueError

        from .rules import parsed

        try:
            return str(parsed(_RULES.get(text.lower(), text)))
        except InvalidValueError as error:
            self.fail(str(error).partition(": ")[2], param, ctx)


class Status(_Param):
    """A status, by any of its names."""

    name = "status"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from stina_core import InvalidValueError

        from .kinds import TodoStatus

        try:
            return TodoStatus.parse(value)
        except InvalidValueError as error:
            self.fail(str(error).partition(": ")[2], param, ctx)


class PriorityParam(_Param):
    """A priority, by name or number."""

    name = "priority"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        from .kinds import Priority

        names = {priority.name.lower(): priority for priority in Priority}
        text = str(value).strip().lower()
        if text in names:
            return names[text]
        numbers = {str(int(priority)): priority for priority in Priority}
        if text not in numbers:
            self.fail(f"{value!r} is none of {', '.join(names)}, or 0 to {max(Priority):d}.", param, ctx)
        return numbers[text]


class JsonParam(_Param):
    """Any JSON."""

    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        if not value.strip():
            return CLEARED
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            self.fail("that is no JSON.", param, ctx)
