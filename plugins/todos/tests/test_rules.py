"""Which rules there are, and how a series ends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from stina_core import InvalidValueError
from stina_todos import (
    Due,
    TodoRepository,
    TodoValue,
)

STOCKHOLM = ZoneInfo("Europe/Stockholm")


def chain(todos: TodoRepository, first: TodoValue, length: int) -> list[TodoValue]:
    """Complete *first*, what that makes, and so on; return what was made."""
    made = []
    for _ in range(length):
        following = todos.complete(first.id).next
        assert following is not None
        made.append(first := following)
    return made


def test_a_count_is_used_up(todos: TodoRepository) -> None:
    todo = todos.add("a", due=date(2026, 1, 1), recurrence="FREQ=DAILY;COUNT=3")

    made = chain(todos, todo, 2)

    assert [one.recurrence for one in made] == ["FREQ=DAILY;COUNT=2", "FREQ=DAILY;COUNT=1"]
    assert todos.complete(made[-1].id).next is None


@pytest.mark.parametrize(
    ("until", "due", "days"),
    [
        ("20260103", date(2026, 1, 1), 2),
        ("20260103T000000Z", date(2026, 1, 1), 2),
        ("20260103", datetime(2026, 1, 1, 23, tzinfo=STOCKHOLM), 2),
        ("20260103T090000Z", datetime(2026, 1, 1, 10, tzinfo=STOCKHOLM), 2),
        ("20260103T085959Z", datetime(2026, 1, 1, 10, tzinfo=STOCKHOLM), 1),
        ("20260103T100000", datetime(2026, 1, 1, 10, tzinfo=STOCKHOLM), 2),
        ("20251231", date(2026, 1, 1), 0),
    ],
)
def test_until_ends_it_with_that_time_or_day(todos: TodoRepository, until: str, due: Due, days: int) -> None:
    todo = todos.add("a", due=due, recurrence=f"FREQ=DAILY;UNTIL={until}")

    last = chain(todos, todo, days)[-1] if days else todo

    assert todos.complete(last.id).next is None


def test_at_the_end_of_time_there_is_no_next_one(todos: TodoRepository) -> None:
    for due in (date(9999, 12, 31), datetime(9999, 12, 31, 23, 30, tzinfo=UTC)):
        todo = todos.add("a", due=due, time_zone="Asia/Tokyo", recurrence="FREQ=DAILY")
        assert todos.complete(todo.id).next is None


@pytest.mark.parametrize(
    "rule",
    [
        "",
        "daily",
        "FREQ=HOURLY",
        "FREQ=SECONDLY",
        "FREQ=DAILY;BYHOUR=3",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;INTERVAL=-1",
        "FREQ=DAILY;INTERVAL=1001",
        "FREQ=DAILY;INTERVAL=²",
        "FREQ=DAILY;COUNT=0",
        "FREQ=DAILY;COUNT=2;UNTIL=20270101",
        "FREQ=DAILY;UNTIL=tomorrow",
        "FREQ=DAILY;UNTIL=20260231",
        "FREQ=DAILY;FREQ=WEEKLY",
        "FREQ=WEEKLY;BYDAY=XX",
        "FREQ=WEEKLY;BYDAY=",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYMONTH=13",
        "FREQ=DAILY;BYMONTH=-1",
        "FREQ=WEEKLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYYEARDAY=1;BYMONTH=2",
        "FREQ=DAILY;BYYEARDAY=367",
        "FREQ=DAILY;BYSETPOS=2",
        "FREQ=DAILY;WKST=XX",
        "FREQ=WEEKLY;BYDAY=2MO",
        "FREQ=MONTHLY;BYDAY=6MO",
        "FREQ=MONTHLY;BYMONTHDAY=0",
        "FREQ=MONTHLY;BYMONTHDAY=one",
        "FREQ=DAILY\nEXDATE:20260101",
        "DTSTART:20260101\nRRULE:FREQ=DAILY",
        "FREQ=DAILY;" * 100,
        7,
        True,
    ],
)
def test_what_is_no_rule_is_refused_and_nothing_is_written(todos: TodoRepository, rule: object) -> None:
    todo = todos.add("a", due=date(2026, 1, 1))

    calls: list[Callable[[], object]] = [
        lambda: todos.add("b", due=date(2026, 1, 1), recurrence=rule),  # type: ignore[arg-type]
        lambda: todos.update(todo.id, recurrence=rule),  # type: ignore[arg-type]
    ]
    for call in calls:
        with pytest.raises(InvalidValueError) as caught:
            call()
        assert caught.value.field == "todos_todo.recurrence"

    assert todos.list() == [todo]


def test_what_repeats_must_be_due(todos: TodoRepository) -> None:
    todo = todos.add("a", due=date(2026, 1, 1), recurrence="FREQ=DAILY")

    with pytest.raises(InvalidValueError, match="must be due"):
        todos.add("b", recurrence="FREQ=DAILY")
    with pytest.raises(InvalidValueError, match="must be due"):
        todos.update(todo.id, due=None)

    assert todos.update(todo.id, due=None, recurrence=None).recurrence is None
