"""Lists of todos: which ones, in which order, page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import merge
from itertools import islice
from typing import Any, Literal, TypeAlias

from stina_core import FullTextIndex, Hit, InvalidValueError

from . import days
from .kinds import Priority, TodoStatus
from .queries import PAGES, Page, by_ids
from .texts import tag_of, text_of
from .values import TodoHit, TodoValue

Order: TypeAlias = Literal["due", "manual"]

_FIRST = datetime(1, 1, 1, tzinfo=UTC)
_HITS = 500  # of a search at once


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list is asked for; see `TodoRepository.list()`."""

    statuses: frozenset[TodoStatus]
    order: Order
    project_id: str | None
    tag: str | None
    least: int
    due_from: datetime
    due_to: datetime
    after: TodoValue | None
    limit: int | None

    def takes(self, todo: TodoValue) -> bool:
        """Whether *todo* belongs into the list, and on this page or a later one."""
        due_by = _due_by(todo)
        return (
            todo.status in self.statuses
            and (self.project_id is None or todo.project_id == self.project_id)
            and (self.tag is None or self.tag in todo.tags)
            and todo.priority >= self.least
            and self.due_from <= due_by <= self.due_to
            and (self.after is None or self.key(todo) > self.key(self.after))
        )

    @property
    def key(self) -> Callable[[TodoValue], Any]:
        """What the list is sorted by."""
        return _place if self.order == "manual" else _due_order


def wanted(
    *,
    statuses: Iterable[TodoStatus | str] | None,
    order: Order,
    project_id: str | None,
    tag: str | None,
    least_priority: int,
    due_after: datetime | None,
    due_before: datetime | None,
    after: TodoValue | None,
    limit: int | None,
) -> Wanted:
    """Check what a list is asked for; InvalidValueError names the argument that is wrong."""
    if order not in ("due", "manual"):
        raise InvalidValueError("order", "expected due or manual")
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 0):
        raise InvalidValueError("limit", "expected a whole number that is not negative, or None")
    if not isinstance(least_priority, int) or isinstance(least_priority, bool):
        raise InvalidValueError("least_priority", "expected a whole number")
    if after is not None and not isinstance(after, TodoValue):
        raise InvalidValueError("after", "expected the last todo of the page before")
    if isinstance(statuses, str):
        raise InvalidValueError("statuses", "expected a list of statuses")
    no_due = due_after is None and due_before is None
    return Wanted(
        frozenset(TodoStatus if statuses is None else map(TodoStatus.parse, statuses)),
        order,
        None if project_id is None else text_of(project_id, "project_id"),
        None if tag is None else tag_of(tag),
        max(least_priority, Priority.NONE),
        _FIRST if due_after is None else days.moment_of(due_after, "due_by"),
        days.NEVER if no_due else _before(due_before),
        after,
        limit,
    )


def pages(wanted: Wanted) -> list[TodoValue]:
    """Return one page, read from the indexes; one statement for each status, so call it inside a snapshot."""
    page = PAGES[Page(wanted.order == "manual", wanted.project_id is not None, wanted.tag is not None)]
    after, after_due, after_created = _begin(wanted)
    found = [
        page.list(
            status,
            wanted.project_id,
            wanted.tag,
            wanted.least,
            wanted.due_from,
            wanted.due_to,
            after,
            after_due,
            after_created,
            -1 if wanted.limit is None else wanted.limit,
        )
        for status in sorted(wanted.statuses)
    ]
    first = islice(merge(*found, key=wanted.key), wanted.limit)
    return [todo for todo in first if _due_by(todo) <= wanted.due_to]


def matching(wanted: Wanted, index: FullTextIndex, text: str) -> list[TodoValue]:
    """Return one page of what answers *text*; looks at every hit of it."""
    keys: list[str] = []
    hits = index.newest(text, _HITS)
    while hits:
        keys += [str(hit.key) for hit in hits]
        hits = index.newest(text, _HITS, hits[-1].place)
    found = sorted(filter(wanted.takes, by_ids.list(keys)), key=wanted.key)
    return found[: wanted.limit]


def found(hits: Sequence[Hit]) -> list[TodoHit]:
    """Return *hits* with their todos, without those that were deleted meanwhile."""
    todos = {todo.id: todo for todo in by_ids.list([str(hit.key) for hit in hits])}
    return [
        TodoHit(todo, hit.snippet, hit.place) for hit in hits if (todo := todos.get(str(hit.key))) is not None
    ]


def _before(due_before: datetime | None) -> datetime:
    if due_before is None:
        return days.LAST
    moment = days.moment_of(due_before, "due_by")
    return min(moment - days.MILLISECOND, days.LAST) if moment > _FIRST else _FIRST


def _begin(wanted: Wanted) -> tuple[str, datetime, datetime]:
    """Return the row that a page begins after: the last of the page before, or one before all."""
    last = wanted.after
    if last is None:
        return "", wanted.due_from, _FIRST
    if wanted.order == "manual":
        return last.position, _FIRST, _FIRST
    begin = max((wanted.due_from, _FIRST, ""), _due_order(last))
    return begin[2], begin[0], begin[1]


def _due_by(todo: TodoValue) -> datetime:
    return days.NEVER if todo.due_by is None else todo.due_by


def _due_order(todo: TodoValue) -> tuple[datetime, datetime, str]:
    return _due_by(todo), todo.created_at, todo.id


def _place(todo: TodoValue) -> str:
    return todo.position
