"""The queries about todos, each stated once; the core compiles it at its first call."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from itertools import product
from typing import TYPE_CHECKING, Any

import peewee
from peewee import fn

from stina_core import InvalidValueError, Query, query

from .days import NEVER
from .kinds import OPEN, Priority, TodoStatus
from .models import Comment, Project, Step, Todo
from .rows import TodoRow, day_of
from .values import TodoValue

if TYPE_CHECKING:
    from peewee import ModelSelect


def _day(stored: str | None) -> date | None:
    return None if stored is None else day_of(stored)


def _due_by(stored: int) -> datetime | None:
    moment: datetime = Todo.due_by.python_value(stored)
    return None if moment == NEVER else moment


def _tags(stored: str) -> tuple[str, ...]:
    tags = Todo.tags.python_value(stored)
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise InvalidValueError("todos_todo.tags", "the stored JSON is no list of texts")
    return tuple(tags)


def _todos() -> ModelSelect[Todo]:
    """All todos, with the name of the project and the counts of what hangs on each."""
    comments = Comment.select(fn.COUNT(1)).where(Comment.todo == Todo.id)
    steps = Step.select(fn.COUNT(1)).where(Step.todo == Todo.id)
    ticked = Step.select(fn.COUNT(1)).where(Step.todo == Todo.id, Step.done == True)  # noqa: E712
    made = {"due_date": _day, "due_by": _due_by, "priority": Priority, "tags": _tags}
    left = {"title_key", "clock_time", "project"}
    plain: list[Any] = [field for field in Todo._meta.sorted_fields if field.name not in made.keys() | left]
    converted = [getattr(Todo, name).converter(convert) for name, convert in made.items()]
    return Todo.select(
        *plain,
        *converted,
        Todo.project.alias("project_id"),
        Project.name.alias("project"),
        comments.alias("comment_count"),
        steps.alias("step_count"),
        ticked.alias("steps_done"),
    ).join(Project, peewee.JOIN.LEFT_OUTER)


@query(TodoRow)
def row_by_id(id: str) -> ModelSelect[Todo]:
    """Every column of the todo with one id."""
    return Todo.select().where(Todo.id == id)


@query(TodoValue)
def by_id(id: str) -> ModelSelect[Todo]:
    """The todo with one id."""
    return _todos().where(Todo.id == id)


@query(TodoValue)
def by_ids(ids: Collection[str]) -> ModelSelect[Todo]:
    """The todos with these ids, in no order."""
    return _todos().where(Todo.id.in_(ids))


@query(TodoValue)
def by_title(key: str) -> ModelSelect[Todo]:
    """The todos with one title, those last written first."""
    return _todos().where(Todo.title_key == key).order_by(Todo.updated_at.desc(), Todo.id.desc())


@query(str)
def made_by(id: str) -> ModelSelect[Todo]:
    """The todos that the completion of one has made."""
    return Todo.select(Todo.id).where(Todo.follows == id)


@query(TodoValue)
def in_series(series: str) -> ModelSelect[Todo]:
    """The todos of one series, as they were or are due."""
    return _todos().where(Todo.series == series).order_by(Todo.due_by, Todo.id)


@query(str)
def with_status(status: TodoStatus) -> ModelSelect[Todo]:
    """The ids of all todos with one status."""
    return Todo.select(Todo.id).where(Todo.status == status)


@query(TodoValue)
def to_remind(at: datetime) -> ModelSelect[Todo]:
    """The open todos whose reminder is due and was not given, in no order."""
    due = (Todo.remind_at <= at) & Todo.remind_at.is_null(False) & Todo.reminded_at.is_null()
    return _todos().where(Todo.status.in_(OPEN), due)


@query(str)
def position_before(position: str) -> ModelSelect[Todo]:
    """The places before one in the manual order, the nearest first."""
    return Todo.select(Todo.position).where(Todo.position < position).order_by(Todo.position.desc())


@query(str)
def position_after(position: str) -> ModelSelect[Todo]:
    """The places after one in the manual order, the nearest first."""
    return Todo.select(Todo.position).where(Todo.position > position).order_by(Todo.position)


@query(str)
def last_position() -> ModelSelect[Todo]:
    """All places of the manual order, the last first."""
    return Todo.select(Todo.position).order_by(Todo.position.desc())


@dataclass(frozen=True, slots=True)
class Page:
    """Which list of todos a query reads.

    Attributes:
        manual: In the manual order, otherwise by when they are due.
        of_project: Only of one project.
        tagged: Only with one tag; reads on in the list until enough have it.
    """

    manual: bool
    of_project: bool
    tagged: bool


def _page(page: Page) -> Query[..., TodoValue]:
    @query(TodoValue)
    def todos(
        status: TodoStatus,
        project: str,
        tag: str,
        least: int,
        due_from: datetime,
        due_to: datetime,
        after: str,
        after_due: datetime,
        after_created: datetime,
        limit: int,
    ) -> ModelSelect[Todo]:
        found = _todos().where(Todo.status == status, Todo.priority >= least)
        if page.of_project:
            found = found.where(Todo.project == project)
        if page.tagged:
            found = found.where(_has(tag))
        if page.manual:
            in_time = (Todo.due_by >= due_from) & (Todo.due_by <= due_to)
            return found.where(Todo.position > after, in_time).order_by(Todo.position).limit(limit)
        last = peewee.Tuple(
            peewee.Value(after_due, converter=Todo.due_by.db_value),
            peewee.Value(after_created, converter=Todo.created_at.db_value),
            peewee.Value(after, converter=Todo.id.db_value),
        )
        order = (Todo.due_by, Todo.created_at, Todo.id)
        found = found.where(peewee.Tuple(*order) > last).order_by(*order).limit(limit)
        if page.of_project:  # with an upper bound too, SQLite takes the index that has no project
            return found
        return found.where(Todo.due_by <= due_to)

    return todos


def _has(tag: str) -> Any:
    each = fn.json_each(Todo.tags).alias("each")
    return fn.EXISTS(peewee.Select([each], [peewee.Value(1)]).where(peewee.Column(each, "value") == tag))


PAGES = {page: _page(page) for page in (Page(*flags) for flags in product((False, True), repeat=3))}
"""The todos of one status, in an order that an index has, after the last of the page before."""
