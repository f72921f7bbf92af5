"""Repeating across changes of the clocks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from stina_todos import (
    TodoRepository,
    TodoValue,
)

STOCKHOLM = ZoneInfo("Europe/Stockholm")
NEW_YORK = ZoneInfo("America/New_York")


def chain(todos: TodoRepository, first: TodoValue, length: int) -> list[TodoValue]:
    """Complete *first*, what that makes, and so on; return what was made."""
    made = []
    for _ in range(length):
        following = todos.complete(first.id).next
        assert following is not None
        made.append(first := following)
    return made


def walls(made: Sequence[TodoValue], zone: ZoneInfo) -> list[str]:
    """Return what clocks in *zone* show when they are due."""
    return [todo.due_at.astimezone(zone).strftime("%d %H:%M") for todo in made if todo.due_at is not None]


def test_the_time_of_day_is_kept_across_daylight_saving_changes(todos: TodoRepository) -> None:
    spring = todos.add("a", due=datetime(2026, 3, 28, 9, tzinfo=STOCKHOLM), recurrence="FREQ=DAILY")
    autumn = todos.add("b", due=datetime(2026, 10, 24, 9, tzinfo=STOCKHOLM), recurrence="FREQ=DAILY")
    utc = todos.add("c", due=datetime(2026, 3, 28, 8, tzinfo=UTC), recurrence="FREQ=DAILY")

    assert walls(chain(todos, spring, 2), STOCKHOLM) == ["29 09:00", "30 09:00"]
    assert walls(chain(todos, autumn, 2), STOCKHOLM) == ["25 09:00", "26 09:00"]
    assert walls(chain(todos, utc, 2), STOCKHOLM) == ["29 10:00", "30 10:00"]


def test_a_time_that_clocks_skip_is_later_on_that_day_only(todos: TodoRepository) -> None:
    due = datetime(2026, 3, 28, 2, 30, 0, 7000, STOCKHOLM)
    made = chain(todos, todos.add("a", due=due, recurrence="FREQ=DAILY"), 3)

    assert walls(made, STOCKHOLM) == ["29 03:30", "30 02:30", "31 02:30"]
    assert [one.due_at and one.due_at.microsecond for one in made] == [7000] * 3


def test_a_skipped_time_that_somebody_moves_is_forgotten(todos: TodoRepository) -> None:
    due = datetime(2026, 3, 28, 2, 30, tzinfo=STOCKHOLM)
    (skipped,) = chain(todos, todos.add("a", due=due, recurrence="FREQ=DAILY"), 1)
    todos.update(skipped.id, title="another title, same time")
    todos.update(skipped.id, due=datetime(2026, 3, 29, 4, tzinfo=STOCKHOLM))

    assert walls(chain(todos, skipped, 1), STOCKHOLM) == ["30 04:00"]


def test_a_time_that_clocks_show_twice_is_the_first(todos: TodoRepository) -> None:
    made = chain(
        todos, todos.add("a", due=datetime(2026, 10, 24, 2, 30, tzinfo=STOCKHOLM), recurrence="FREQ=DAILY"), 2
    )
    second = todos.add(
        "b", due=datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=STOCKHOLM), recurrence="FREQ=DAILY"
    )

    assert [one.due_at for one in made] == [
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        datetime(2026, 10, 26, 1, 30, tzinfo=UTC),
    ]
    assert second.due_at == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert chain(todos, second, 1)[0].due_at == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


def test_a_day_that_a_zone_left_out_is_passed_over(todos: TodoRepository) -> None:
    apia = ZoneInfo("Pacific/Apia")  # had no 30 December 2011
    made = chain(
        todos, todos.add("a", due=datetime(2011, 12, 29, 10, tzinfo=apia), recurrence="FREQ=DAILY"), 3
    )

    assert walls(made, apia) == ["31 10:00", "01 10:00", "02 10:00"]


def test_weekdays_are_those_of_the_zone(todos: TodoRepository) -> None:
    monday = datetime(2026, 3, 2, 23, tzinfo=NEW_YORK)  # Tuesday in UTC

    made = chain(todos, todos.add("a", due=monday, recurrence="FREQ=WEEKLY;BYDAY=MO"), 2)

    assert walls(made, NEW_YORK) == ["09 23:00", "16 23:00"]
