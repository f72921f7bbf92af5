"""What completing a todo that repeats makes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stina_todos.plugin
from stina_core import InvalidValueError, Store
from stina_core.testing import file_rows, memory_store, plugins_of, run_together
from stina_todos import (
    CommentRepository,
    Due,
    Priority,
    ProjectRepository,
    StepRepository,
    TodoRepository,
    TodoStatus,
    TodoValue,
)
from stina_todos.testing import dues

PLUGINS = plugins_of(todos=stina_todos.plugin)
STOCKHOLM = ZoneInfo("Europe/Stockholm")


def chain(todos: TodoRepository, first: TodoValue, length: int) -> list[TodoValue]:
    """Complete *first*, what that makes, and so on; return what was made."""
    made = []
    for _ in range(length):
        following = todos.complete(first.id).next
        assert following is not None
        made.append(first := following)
    return made


def test_the_next_one_is_the_same_again_and_not_started(
    todos: TodoRepository, projects: ProjectRepository, comments: CommentRepository, steps: StepRepository
) -> None:
    due = datetime(2026, 5, 4, 9, tzinfo=STOCKHOLM)
    todo = todos.add(
        "Vattna",
        description="blommor",
        status="started",
        due=due,
        priority=2,
        tags=["hem"],
        project_id=projects.add("Hem").id,
        remind_at=due - timedelta(minutes=30),
        recurrence="FREQ=WEEKLY",
        metadata={"a": 1},
        source="s",
        icon="🌱",
    )
    comments.add(todo.id, "only this time")
    for title in ("kök", "balkong"):
        steps.tick(steps.add(todo.id, title).id)

    completion = todos.complete(todo.id)

    following = completion.next
    assert following is not None
    assert completion.todo.status is TodoStatus.COMPLETED
    assert (following.status, following.completed_at) == (TodoStatus.NOT_STARTED, None)
    assert (following.title, following.description, following.project) == ("Vattna", "blommor", "Hem")
    assert (following.priority, following.tags, following.metadata) == (Priority.MEDIUM, ("hem",), {"a": 1})
    assert (following.source, following.icon) == ("s", "🌱")
    assert following.time_zone == "Europe/Stockholm"
    assert following.due_at == due + timedelta(days=7)
    assert following.remind_at == due + timedelta(days=7, minutes=-30)
    assert (following.series, following.follows) == (todo.id, todo.id)
    assert (following.comment_count, following.step_count, following.steps_done) == (0, 2, 0)
    assert [step.title for step in steps.list(following.id)] == ["kök", "balkong"]
    assert todos.series(todo.id) == [completion.todo, following]
    assert following.created_at == completion.todo.completed_at


@pytest.mark.parametrize("status", ["cancelled", "in_progress", "not_started"])
def test_only_completing_makes_the_next_one(todos: TodoRepository, status: str) -> None:
    todo = todos.add("a", status="ongoing", due=date(2026, 1, 1), recurrence="FREQ=DAILY")

    todos.update(todo.id, status=status)

    assert len(todos.list()) == 1


def test_completing_by_update_and_by_set_status_makes_it_too(todos: TodoRepository) -> None:
    todo = todos.add("a", due=date(2026, 1, 1), recurrence="FREQ=DAILY")

    todos.update(todo.id, status="done", title="b")
    todos.set_status(todos.open()[0].id, "finished")

    assert [(one.title, one.due_date) for one in todos.list()] == [
        ("b", date(2026, 1, 1)),
        ("b", date(2026, 1, 2)),
        ("b", date(2026, 1, 3)),
    ]


def test_a_todo_makes_its_next_one_once_unless_that_was_deleted(todos: TodoRepository) -> None:
    todo = todos.add("a", due=date(2026, 1, 1), recurrence="FREQ=DAILY")
    (following,) = chain(todos, todo, 1)
    assert todos.complete(todo.id).next is None

    todos.reopen(todo.id)
    todos.update(todo.id, due=date(2026, 2, 1))
    assert todos.complete(todo.id).next is None
    todos.delete(following.id)
    todos.reopen(todo.id)

    again = todos.complete(todo.id).next
    assert again is not None
    assert again.due_date == date(2026, 2, 2)


@pytest.mark.parametrize(
    ("rule", "due", "wanted"),
    [
        ("FREQ=DAILY", date(2026, 2, 27), [date(2026, 2, 28), date(2026, 3, 1)]),
        ("FREQ=DAILY;INTERVAL=10", date(2026, 1, 25), [date(2026, 2, 4), date(2026, 2, 14)]),
        ("FREQ=WEEKLY;BYDAY=MO,FR", date(2026, 3, 4), [date(2026, 3, 6), date(2026, 3, 9)]),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE", date(2026, 3, 2), [date(2026, 3, 4), date(2026, 3, 16)]),
        ("FREQ=MONTHLY", date(2026, 1, 31), [date(2026, 3, 31), date(2026, 5, 31)]),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", date(2026, 1, 31), [date(2026, 2, 28), date(2026, 3, 31)]),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", date(2026, 1, 30), [date(2026, 2, 27)]),
        ("FREQ=YEARLY;BYYEARDAY=-1,100", date(2026, 1, 1), [date(2026, 4, 10), date(2026, 12, 31)]),
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=29", date(2026, 1, 1), [date(2028, 2, 29)]),
        ("FREQ=YEARLY;BYWEEKNO=1;BYDAY=MO", date(2026, 1, 1), [date(2027, 1, 4)]),
        ("FREQ=MONTHLY;BYDAY=2TU", date(2026, 3, 10), [date(2026, 4, 14), date(2026, 5, 12)]),
        ("FREQ=YEARLY", date(2024, 2, 29), [date(2028, 2, 29), date(2032, 2, 29)]),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO", date(2024, 2, 29), [date(2044, 2, 29)]),
    ],
)
def test_a_day_stays_a_day(todos: TodoRepository, rule: str, due: date, wanted: list[date]) -> None:
    todo = todos.add("a", due=due, recurrence=rule)

    made = chain(todos, todo, len(wanted))

    assert [one.due_date for one in made] == wanted
    assert [one.due_at for one in made] == [None] * len(wanted)


def test_the_next_time_is_after_the_due_one_also_if_that_is_long_ago(todos: TodoRepository) -> None:
    todo = todos.add("a", due=datetime(1999, 12, 31, 23, tzinfo=UTC), recurrence="FREQ=DAILY")

    assert chain(todos, todo, 1)[0].due_at == datetime(2000, 1, 1, 23, tzinfo=UTC)


def test_a_reminder_keeps_its_distance(todos: TodoRepository) -> None:
    instant = todos.add(
        "a",
        due=datetime(2026, 3, 28, 9, tzinfo=STOCKHOLM),
        remind_at=datetime(2026, 3, 27, 18, tzinfo=STOCKHOLM),
        recurrence="FREQ=DAILY;INTERVAL=2",
    )
    day = todos.add(
        "b",
        due=date(2026, 3, 28),
        remind_at=datetime(2026, 3, 27, 18, tzinfo=STOCKHOLM),
        recurrence="FREQ=DAILY;INTERVAL=2",
    )
    assert todos.mark_reminded(instant)

    (next_instant,), (next_day,) = chain(todos, instant, 1), chain(todos, day, 1)

    assert next_instant.due_at is not None
    assert next_instant.remind_at == next_instant.due_at - timedelta(hours=15)
    assert next_instant.reminded_at is None
    assert next_day.remind_at == datetime(2026, 3, 29, 18, tzinfo=STOCKHOLM)


def test_a_zone_this_machine_does_not_know_keeps_it_from_repeating_in_another(
    todos: TodoRepository, store: Store
) -> None:
    todo = todos.add("a", due=date(2026, 1, 1), recurrence="FREQ=DAILY")
    file_rows(str(store.path), "UPDATE todos_todo SET time_zone = 'Mars/Olympus'")

    with pytest.raises(InvalidValueError, match=r"^todos_todo\.time_zone"):
        todos.complete(todo.id)

    assert todos.get(todo.id).status is TodoStatus.NOT_STARTED


def test_if_the_next_one_cannot_be_made_nothing_is_completed(
    todos: TodoRepository, steps: StepRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    todo = todos.add("a", due=date(2026, 1, 1), recurrence="FREQ=DAILY")
    steps.add(todo.id, "x")

    def fail(*arguments: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("stina_todos.changing.part_queries.new_step", fail)
    with pytest.raises(RuntimeError):
        todos.complete(todo.id)

    assert [one.status for one in todos.list()] == [TodoStatus.NOT_STARTED]


COMPLETE = """
import sys
from stina_core import open_store
from stina_todos import TodoRepository

with open_store(sys.argv[1]) as store:
    print(store[TodoRepository].complete("a").next is not None)
"""


def test_of_processes_that_complete_a_todo_at_once_one_makes_the_next(
    todos: TodoRepository, store: Store
) -> None:
    todos.add("a", id="a", due=date(2026, 1, 1), recurrence="FREQ=DAILY")

    made = run_together(COMPLETE, [(store.path,)] * 3)

    assert sorted(line.strip() for line in made) == ["False", "False", "True"]
    assert len(todos.series("a")) == 2


def is_there(due: Due | None) -> bool:
    """Whether clocks show it: the next of one that they skip is at the time that was meant, an hour before."""
    if isinstance(due, datetime):
        return due.astimezone(UTC).astimezone(due.tzinfo).replace(fold=0, tzinfo=None) == due.replace(
            fold=0, tzinfo=None
        )
    return due is not None


@given(
    due=dues().filter(is_there),
    rule=st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]),
)
@settings(max_examples=40)
def test_the_next_one_is_later_and_at_the_same_time_of_day_where_there_is_one(due: Due, rule: str) -> None:
    with memory_store(PLUGINS) as store:
        todos = store[TodoRepository]
        first = todos.add("a", due=due, recurrence=f"FREQ={rule}")
        (following,) = chain(todos, first, 1)

        assert following.due_by is not None
        assert first.due_by is not None
        assert following.due_by > first.due_by
        if isinstance(due, datetime):
            assert following.due_at is not None
            zone = ZoneInfo(first.time_zone or "UTC")
            wall, wanted = following.due_at.astimezone(zone), first.due_at and first.due_at.astimezone(zone)
            assert wanted is not None
            skipped = following.due_at.astimezone(UTC) != wall.replace(
                hour=wanted.hour, minute=wanted.minute, fold=0
            ).astimezone(UTC)
            assert skipped or wall.time().replace(fold=0) == wanted.time().replace(fold=0)
            if skipped:
                assert wall - wall.replace(hour=wanted.hour, minute=wanted.minute) == timedelta(hours=1)
        else:
            assert following.due_date is not None
            assert following.due_date > due


def test_without_looking_for_the_next_one_another_is_made(
    todos: TodoRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A control: what the tests above would see if completing did not look for what it made before."""
    todo = todos.add("a", due=date(2026, 1, 1), recurrence="FREQ=DAILY")
    monkeypatch.setattr("stina_todos.changing.queries.made_by.exists", lambda id: False)
    chain(todos, todo, 1)
    todos.reopen(todo.id)

    assert todos.complete(todo.id).next is not None
    assert len(todos.series(todo.id)) == 3
