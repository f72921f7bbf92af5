"""The writes of todos, each stated once."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from stina_core import JsonValue, write

from .kinds import TodoStatus
from .models import Todo

if TYPE_CHECKING:
    from peewee import ModelDelete, ModelInsert, ModelUpdate


@write
def insert(
    id: str,
    title: str,
    title_key: str,
    description: str,
    status: TodoStatus,
    due_at: datetime | None,
    due_date: str | None,
    due_by: datetime,
    time_zone: str | None,
    clock_time: str | None,
    priority: int,
    tags: JsonValue,
    project_id: str | None,
    remind_at: datetime | None,
    reminded_at: datetime | None,
    recurrence: str | None,
    series: str | None,
    follows: str | None,
    position: str,
    metadata: JsonValue,
    source: str | None,
    icon: str | None,
    created_at: datetime,
    updated_at: datetime,
    completed_at: datetime | None,
) -> ModelInsert:
    """A new todo, every column of it."""
    values: dict[str, Any] = dict(locals())
    values["project"] = values.pop("project_id")
    return Todo.insert(**values)


@write
def save(
    id: str,
    title: str,
    title_key: str,
    description: str,
    status: TodoStatus,
    due_at: datetime | None,
    due_date: str | None,
    due_by: datetime,
    time_zone: str | None,
    clock_time: str | None,
    priority: int,
    tags: JsonValue,
    project_id: str | None,
    remind_at: datetime | None,
    reminded_at: datetime | None,
    recurrence: str | None,
    series: str | None,
    follows: str | None,
    position: str,
    metadata: JsonValue,
    source: str | None,
    icon: str | None,
    created_at: datetime,
    updated_at: datetime,
    completed_at: datetime | None,
) -> ModelUpdate:
    """Every column of one todo, written anew."""
    values: dict[str, Any] = {name: value for name, value in locals().items() if name != "id"}
    values["project"] = values.pop("project_id")
    return Todo.update(**values).where(Todo.id == id)


@write
def place(id: str, position: str) -> ModelUpdate:
    """One todo, put somewhere else in the manual order."""
    return Todo.update(position=position).where(Todo.id == id)


@write
def note_reminder(id: str, remind_at: datetime, at: datetime) -> ModelUpdate:
    """The reminder of one todo, given at *at* unless it was given already or is another one now."""
    same = (Todo.id == id) & (Todo.remind_at == remind_at)
    return Todo.update(reminded_at=at).where(same, Todo.reminded_at.is_null())


@write
def remove(id: str) -> ModelDelete:
    """One todo, deleted with its comments and steps."""
    return Todo.delete().where(Todo.id == id)
