"""A todo's row as it is stored, and what becomes of it: the rules of the plugin, without a database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from typing import Any

from stina_core import InvalidValueError, JsonLike, JsonValue, new_id

from . import days, texts
from .days import Due
from .kinds import KEEP, Keep, Priority, TodoStatus
from .models import Todo
from .rules import parsed


@dataclass(frozen=True, slots=True)
class TodoRow:
    """Every column of one row of `todos_todo`."""

    id: str
    title: str
    title_key: str
    description: str
    status: TodoStatus
    due_at: datetime | None
    due_date: str | None
    due_by: datetime
    time_zone: str | None
    clock_time: str | None
    priority: int
    tags: JsonValue
    project_id: str | None
    remind_at: datetime | None
    reminded_at: datetime | None
    recurrence: str | None
    series: str | None
    follows: str | None
    position: str
    metadata: JsonValue
    source: str | None
    icon: str | None
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None

    @property
    def day(self) -> date | None:
        """The day it is due on, if it is due on a day."""
        return None if self.due_date is None else day_of(self.due_date)


def columns(row: TodoRow) -> dict[str, Any]:
    """Return the columns of *row* by name."""
    return {field.name: getattr(row, field.name) for field in fields(row)}


def day_of(text: str) -> date:
    """Return the day that a stored *text* is; InvalidValueError if it is none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidValueError("todos_todo.due_date", "the stored text is no day") from None


def blank(id: str, at: datetime) -> TodoRow:
    """Return a new row with nothing in it yet, made at *at*."""
    return TodoRow(
        id=id,
        title="",
        title_key="",
        description="",
        status=TodoStatus.NOT_STARTED,
        due_at=None,
        due_date=None,
        due_by=days.NEVER,
        time_zone=None,
        clock_time=None,
        priority=Priority.NONE,
        tags=[],
        project_id=None,
        remind_at=None,
        reminded_at=None,
        recurrence=None,
        series=None,
        follows=None,
        position=new_id(),
        metadata=None,
        source=None,
        icon=None,
        created_at=at,
        updated_at=at,
        completed_at=None,
    )


def edited(
    row: TodoRow,
    *,
    title: str | Keep = KEEP,
    description: str | Keep | None = KEEP,
    due: Due | Keep | None = KEEP,
    time_zone: str | Keep | None = KEEP,
    priority: int | Keep | None = KEEP,
    tags: Iterable[str] | Keep | None = KEEP,
    project_id: str | Keep | None = KEEP,
    remind_at: datetime | Keep | None = KEEP,
    recurrence: str | Keep | None = KEEP,
    metadata: JsonLike | Keep = KEEP,
    source: str | Keep | None = KEEP,
    icon: str | Keep | None = KEEP,
) -> TodoRow:
    """Return *row* with what is given in it; None clears what can be empty.

    Raises:
        InvalidValueError: a value cannot be what it is given for.
    """
    if not isinstance(title, Keep):
        title = texts.title_of(title)
        row = replace(row, title=title, title_key=texts.folded(title))
    if not isinstance(description, Keep):
        text = "" if description is None else texts.text_of(description, "todos_todo.description").strip()
        row = replace(row, description=text)
    if not isinstance(priority, Keep):
        row = replace(row, priority=_priority(priority))
    if not isinstance(tags, Keep):
        row = replace(row, tags=list[JsonValue](texts.tags_of(() if tags is None else tags)))
    if not isinstance(project_id, Keep):
        row = replace(row, project_id=_optional_text(project_id, "todos_todo.project_id"))
    if not isinstance(metadata, Keep):
        row = replace(row, metadata=Todo.metadata.python_value(Todo.metadata.db_value(metadata)))
    if not isinstance(source, Keep):
        row = replace(row, source=_optional_text(source, "todos_todo.source"))
    if not isinstance(icon, Keep):
        row = replace(row, icon=_optional_text(icon, "todos_todo.icon"))
    row = _with_times(row, due, time_zone, remind_at)
    return _with_recurrence(row, recurrence)


def _with_times(
    row: TodoRow, due: Due | Keep | None, time_zone: str | Keep | None, remind_at: datetime | Keep | None
) -> TodoRow:
    if isinstance(due, Keep) and isinstance(time_zone, Keep) and isinstance(remind_at, Keep):
        return row
    found = days.zone_in(due, remind_at) or row.time_zone
    zone = found if isinstance(time_zone, Keep) else days.zone_name(time_zone)
    at, day = (row.due_at, row.day) if isinstance(due, Keep) else days.split_due(due)
    is_kept = (at, day, zone) == (row.due_at, row.day, row.time_zone)
    changed = replace(
        row,
        due_at=at,
        due_date=None if day is None else day.isoformat(),
        due_by=row.due_by if is_kept else days.due_by(at, day, zone),
        time_zone=zone,
        clock_time=row.clock_time if is_kept else None,
    )
    if isinstance(remind_at, Keep):
        return changed
    if remind_at is not None:
        remind_at = days.moment_of(remind_at, "remind_at")
    if remind_at == row.remind_at:
        return changed
    return replace(changed, remind_at=remind_at, reminded_at=None)


def _with_recurrence(row: TodoRow, recurrence: str | Keep | None) -> TodoRow:
    if not isinstance(recurrence, Keep):
        rule = None if recurrence is None else str(parsed(recurrence))
        series = row.id if rule is not None and row.series is None else row.series
        row = replace(row, recurrence=rule, series=series)
    if row.recurrence is not None and row.due_at is None and row.due_date is None:
        raise InvalidValueError(
            "todos_todo.recurrence", "what repeats must be due at some time; set due, or clear the recurrence"
        )
    return row


def with_status(row: TodoRow, status: TodoStatus, at: datetime) -> TodoRow:
    """Return *row* with *status*, which it has from *at* on."""
    if status is row.status:
        return row
    return replace(row, status=status, completed_at=at if status is TodoStatus.COMPLETED else None)


def is_same(one: TodoRow, other: TodoRow) -> bool:
    """Whether the two would be stored as the same row; to Python, 1 equals true."""
    return one == other and Todo.metadata.db_value(one.metadata) == Todo.metadata.db_value(other.metadata)


def _priority(value: object) -> int:
    if value is None:
        return Priority.NONE
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= int(value) <= max(Priority):
        raise InvalidValueError("todos_todo.priority", f"expected a whole number from 0 to {max(Priority):d}")
    return int(value)


def _optional_text(value: object, field: str) -> str | None:
    return None if value is None else texts.text_of(value, field)
