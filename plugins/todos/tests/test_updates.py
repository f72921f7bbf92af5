"""What changes a todo, and what it leaves."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

import stina_todos.repository
from stina_todos import (
    CommentRepository,
    Completion,
    ProjectRepository,
    StepRepository,
    TodoRepository,
)

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def at(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    """Let it be *moment* for the repository of todos."""
    monkeypatch.setattr(stina_todos.repository, "now", lambda: moment)


def test_update_keeps_what_is_missing_and_clears_what_is_none(
    todos: TodoRepository, projects: ProjectRepository
) -> None:
    todo = todos.add(
        "a",
        description="text",
        due=NOON,
        time_zone="Asia/Tokyo",
        priority=3,
        tags=["x"],
        project_id=projects.add("p").id,
        remind_at=NOON,
        recurrence="FREQ=DAILY",
        metadata=[1],
        source="s",
        icon="🛒",
    )

    kept = todos.update(todo.id, title="b")
    cleared = todos.update(
        todo.id,
        description=None,
        due=None,
        time_zone=None,
        priority=None,
        tags=None,
        project_id=None,
        remind_at=None,
        recurrence=None,
        metadata=None,
        source=None,
        icon=None,
    )

    assert (kept.icon, cleared.icon) == ("🛒", None)
    assert (kept.title, kept.due_at, kept.tags, kept.metadata, kept.project) == ("b", NOON, ("x",), [1], "p")
    assert (cleared.title, cleared.description, cleared.due, cleared.time_zone) == ("b", "", None, None)
    assert (cleared.priority, cleared.tags, cleared.project_id, cleared.project) == (0, (), None, None)
    assert (cleared.remind_at, cleared.recurrence, cleared.metadata, cleared.source) == (None,) * 4


def test_a_day_takes_the_place_of_an_instant_and_the_other_way_round(todos: TodoRepository) -> None:
    todo = todos.add("a", due=NOON)

    day = todos.update(todo.id, due=date(2026, 3, 4))
    again = todos.update(todo.id, due=NOON)

    assert (day.due_at, day.due_date) == (None, date(2026, 3, 4))
    assert (again.due_at, again.due_date) == (NOON, None)


def test_another_zone_moves_the_end_of_the_day(todos: TodoRepository) -> None:
    todo = todos.add("a", due=date(2026, 3, 4))

    assert todos.update(todo.id, time_zone="Asia/Tokyo").due_by == datetime(
        2026, 3, 4, 14, 59, 59, 999000, UTC
    )


def test_a_write_moves_updated_at_on_and_one_of_the_same_does_not(
    todos: TodoRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, NOON)
    todo = todos.add("a", metadata=1)
    at(monkeypatch, NOON + timedelta(seconds=1))

    assert todos.update(todo.id, title=" a ", description="", metadata=1) == todo
    assert todos.update(todo.id, metadata=True).updated_at == NOON + timedelta(seconds=1)
    at(monkeypatch, NOON)
    assert todos.update(todo.id, title="b").updated_at == NOON + timedelta(seconds=1)


def test_completed_at_is_there_while_it_is_completed(
    todos: TodoRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    todo = todos.add("a")
    at(monkeypatch, NOON)

    assert todos.complete(todo.id) == Completion(todos.get(todo.id), None)
    assert todos.get(todo.id).completed_at == NOON
    at(monkeypatch, NOON + timedelta(days=1))
    assert todos.complete(todo.id).todo.completed_at == NOON
    assert todos.reopen(todo.id).completed_at is None
    assert [todos.start(todo.id).status, todos.cancel(todo.id).status] == ["in_progress", "cancelled"]
    assert todos.set_status(todo.id, "finished").completed_at == NOON + timedelta(days=1)
    assert todos.update(todo.id, status="ongoing").completed_at is None


def test_delete_takes_steps_and_comments_along_and_says_whether_it_was_there(
    todos: TodoRepository, comments: CommentRepository, steps: StepRepository
) -> None:
    todo = todos.add("a")
    comments.add(todo.id, "x")
    steps.add(todo.id, "y")

    assert [todos.delete(todo.id), todos.delete(todo.id)] == [True, False]
    assert (comments.list(todo.id), steps.list(todo.id), todos.list()) == ([], [], [])
