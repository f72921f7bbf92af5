"""Writing what became of a todo, and the next one if it repeats. All of it belongs into one transaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from stina_core import NotFoundError, new_id

from . import part_queries, queries, writes
from .kinds import TodoStatus
from .repeating import next_row
from .rows import TodoRow, columns, is_same
from .texts import text_of
from .values import Completion


def changed(id: str, change: Callable[[TodoRow, datetime], TodoRow], at: datetime) -> Completion:
    """Write what *change* makes of a todo at *at*, if that is another row, and return what there is now.

    Raises:
        NotFoundError: there is no such todo, or the project it is put into.
    """
    before = queries.row_by_id.get(text_of(id, "todos_todo.id"))
    row = change(before, at)
    if not is_same(row, before):
        if row.project_id != before.project_id:
            check_project(row)
        writes.save(**columns(replace(row, updated_at=max(at, before.updated_at))))
    is_completed = row.status is TodoStatus.COMPLETED is not before.status
    made = _make_next(row, at) if is_completed else None
    return Completion(queries.by_id.get(id), None if made is None else queries.by_id.get(made))


def check_project(row: TodoRow) -> None:
    """Raise NotFoundError if the project of *row* is not there."""
    if row.project_id is not None and not part_queries.project_by_id.exists(row.project_id):
        raise NotFoundError("todos_project", row.project_id)


def _make_next(row: TodoRow, at: datetime) -> str | None:
    """Make the todo that follows *row*, with its steps, and return its id; None where none does, or one is there."""
    following = None if queries.made_by.exists(row.id) else next_row(row, at)
    if following is None:
        return None
    writes.insert(**columns(following))
    for step in part_queries.steps_of.list(row.id):
        part_queries.new_step(new_id(), following.id, step.title, False, None, step.position, at)
    return following.id
