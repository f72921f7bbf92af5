"""The todo that comes after one that repeats."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from stina_core import new_id

from . import days
from .rows import TodoRow, blank
from .rules import Rule, parsed


def next_row(row: TodoRow, at: datetime) -> TodoRow | None:
    """Return the row of the todo that follows *row*, made at *at*; None if *row* does not repeat, or is the last.

    It is due at the rule's next time after that at which *row* was due, also if that is in
    the past. The time of day is kept on the clocks of the row's zone: one that they
    skip is moved by as much as they skip, for that day only; of one that they show twice the
    first is taken. A day stays a day. The reminder keeps its distance: to an instant in
    elapsed time, to a day in days and the time on the clock.
    """
    if row.recurrence is None:
        return None
    rule = parsed(row.recurrence)
    following = rule.following()
    if following is None:
        return None
    zone = days.zone_of(row.time_zone)
    fresh = _copied(row, str(following), at)
    try:
        if row.day is not None:
            return _on_day(fresh, row, rule, row.day, zone)
        return None if row.due_at is None else _at_instant(fresh, row, rule, row.due_at, zone)
    except OverflowError:  # beyond the year 9999
        return None


def _copied(row: TodoRow, recurrence: str, at: datetime) -> TodoRow:
    return replace(
        blank(new_id(), at),
        title=row.title,
        title_key=row.title_key,
        description=row.description,
        time_zone=row.time_zone,
        priority=row.priority,
        tags=row.tags,
        project_id=row.project_id,
        recurrence=recurrence,
        series=row.series or row.id,
        follows=row.id,
        metadata=row.metadata,
        source=row.source,
        icon=row.icon,
    )


def _on_day(fresh: TodoRow, row: TodoRow, rule: Rule, day: date, zone: ZoneInfo) -> TodoRow | None:
    following = rule.after(day)
    if following is None or not rule.allows(datetime.combine(following, time()), zone):
        return None
    remind_at = row.remind_at
    if remind_at is not None:
        wall = remind_at.astimezone(zone).replace(tzinfo=None) + (following - day)
        remind_at = days.at_clock(wall, zone)[0]
    return replace(
        fresh,
        due_date=following.isoformat(),
        due_by=days.end_of_day(following, zone),
        remind_at=remind_at,
    )


def _at_instant(fresh: TodoRow, row: TodoRow, rule: Rule, due_at: datetime, zone: ZoneInfo) -> TodoRow | None:
    local = due_at.astimezone(zone)
    clock = local.time() if row.clock_time is None else time.fromisoformat(row.clock_time)
    day: date | None = local.date()
    while day is not None and (day := rule.after(day)) is not None:
        wall = datetime.combine(day, clock)
        if not rule.allows(wall, zone):
            return None
        instant, is_shown = days.at_clock(wall, zone)
        if instant > due_at:  # not where a zone left out a whole day
            return replace(
                fresh,
                due_at=instant,
                due_by=days.due_by(instant, None, None),
                clock_time=None if is_shown else clock.isoformat(),
                remind_at=None
                if row.remind_at is None
                else (row.remind_at + (instant - due_at)).astimezone(UTC),
            )
    return None
