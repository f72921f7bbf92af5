"""Checked by mypy; running it shows that the same lines work."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TypeAlias, assert_type

from stina_core import JsonValue, Store
from stina_todos import (
    KEEP,
    CommentRepository,
    CommentValue,
    Completion,
    Priority,
    ProjectRepository,
    ProjectValue,
    StepRepository,
    StepValue,
    TodoHit,
    TodoRepository,
    TodoStatus,
    TodoValue,
    WholeTodo,
)

DayOrInstant: TypeAlias = "date | datetime | None"


def test_the_repositories_and_what_they_return_have_exact_types(store: Store) -> None:
    todos = assert_type(store[TodoRepository], TodoRepository)
    todo = assert_type(todos.add("a", due=date(2026, 1, 1), recurrence="FREQ=DAILY"), TodoValue)
    assert_type(todos.get(todo.id), TodoValue)
    assert_type(todos.find("a"), TodoValue | None)
    assert_type(todos.update(todo.id, due=datetime(2026, 1, 1, tzinfo=UTC), title=KEEP), TodoValue)
    assert_type(todos.complete(todo.id), Completion)
    assert_type(todos.complete(todo.id).next, TodoValue | None)
    assert_type(todos.set_status(todo.id, "started"), TodoValue)
    assert_type(todos.move(todo.id), TodoValue)
    assert_type(todos.open(), list[TodoValue])
    assert_type(todos.list(statuses=[TodoStatus.COMPLETED, "done"], order="manual"), list[TodoValue])
    assert_type(todos.due_reminders(), list[TodoValue])
    assert_type(todos.mark_reminded(todo), bool)
    assert_type(todos.search("a"), list[TodoHit])
    assert_type(todos.ranked("a"), list[TodoHit])
    assert_type(todos.whole([todo]), list[WholeTodo])
    assert_type(todos.count(), int)
    assert_type(todo.status, TodoStatus)
    assert_type(todo.priority, Priority)
    assert_type(todo.tags, tuple[str, ...])
    assert_type(todo.metadata, JsonValue)
    assert_type(todo.due, DayOrInstant)

    assert_type(store[CommentRepository].add(todo.id, "x"), CommentValue)
    assert_type(store[CommentRepository].list(todo.id), list[CommentValue])
    step = assert_type(store[StepRepository].add(todo.id, "x"), StepValue)
    assert_type(store[StepRepository].tick(step.id), StepValue)
    project = assert_type(store[ProjectRepository].ensure("p"), ProjectValue)
    assert_type(store[ProjectRepository].find("p"), ProjectValue | None)
    assert_type(store[ProjectRepository].delete(project.id), bool)
    assert_type(todos.delete(todo.id), bool)
