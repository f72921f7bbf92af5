from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfoNotFoundError

import pytest

from stina_core import now
from stina_core.testing import file_rows
from stina_todos import TodoRepository
from stina_todos.checks import findings

from .old_files import GENERATIONS, TODOS, adopted, old_file, put, repairs, todo

MIDNIGHT = 1_764_201_600_000
"""2025-11-27 00:00 UTC; 01:00 in Stockholm."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR = 3_600_000
MINUTE = 60_000


def at(ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=ms)


@pytest.fixture
def path(store_path: Path) -> Path:
    """Return a file of the newest generation, empty."""
    old_file(store_path, *GENERATIONS["ec5386c"])
    return store_path


def test_an_instant_that_is_no_whole_millisecond_is_rounded_and_listed(store_path: Path) -> None:
    old_file(store_path, TODOS)
    put(
        store_path,
        "todos",
        todo("a", due_ts=1_763_215_200_000.5),
        todo("b", due_ts=0),
        todo("c", due_ts="soon"),
    )

    with adopted(store_path) as store:
        a, b, c = (store[TodoRepository].get(id) for id in "abc")

    assert (a.due_at, b.due_at, c.due) == (at(1_763_215_200_000), at(0), None)
    assert repairs(store_path) == [
        ("todos", "a", "due_ts", 1_763_215_200_000.5),
        ("todos", "c", "due_ts", "soon"),
    ]


def test_the_order_is_that_in_which_todos_are_due_what_is_due_at_nothing_last(path: Path) -> None:
    put(path, "todos", todo("a"), todo("b", due_ts=MIDNIGHT, is_all_day=1), todo("c", due_ts=MIDNIGHT + HOUR))
    put(path, "todos", todo("d", due_ts=-HOUR), todo("e", created_at=1))

    with adopted(path) as store:
        assert [one.id for one in store[TodoRepository].list()] == [*"dcbea"]


def test_midnight_in_utc_is_that_day_wherever_the_machine_is(
    path: Path, living_in: Callable[[str], None]
) -> None:
    living_in("America/New_York")
    put(path, "todos", todo("a", due_ts=MIDNIGHT, is_all_day=1))

    with adopted(path) as store:
        one = store[TodoRepository].get("a")
        assert findings(store) == []

    assert (one.due_date, one.due_at, one.time_zone) == (date(2025, 11, 27), None, None)
    assert one.due_by == datetime(2025, 11, 27, 23, 59, 59, 999000, UTC)
    assert repairs(path) == []


def test_local_midnight_is_that_day_in_the_zone_of_the_machine(
    path: Path, living_in: Callable[[str], None]
) -> None:
    living_in("Europe/Stockholm")
    put(path, "todos", todo("a", due_ts=MIDNIGHT - HOUR, is_all_day=1, reminder_minutes=60))

    with adopted(path) as store:
        one = store[TodoRepository].get("a")
        assert findings(store) == []

    assert (one.due_date, one.time_zone) == (date(2025, 11, 27), "Europe/Stockholm")
    assert one.due_by == datetime(2025, 11, 27, 22, 59, 59, 999000, UTC)
    assert one.remind_at == at(MIDNIGHT - 2 * HOUR)
    assert repairs(path) == []


def test_a_day_that_clocks_begin_at_one_is_that_day(path: Path, living_in: Callable[[str], None]) -> None:
    living_in("Africa/Cairo")  # where 2025-04-25 had no midnight
    begin = 1_745_532_000_000  # 2025-04-24 22:00 UTC
    put(path, "todos", todo("a", due_ts=begin, is_all_day=1, reminder_minutes=0))

    with adopted(path) as store:
        one = store[TodoRepository].get("a")
        assert findings(store) == []

    assert (one.due_date, one.remind_at) == (date(2025, 4, 25), at(begin))
    assert repairs(path) == []


@pytest.mark.parametrize(
    ("zone", "day", "start"),
    [
        ("Europe/Stockholm", date(2025, 11, 28), MIDNIGHT + 23 * HOUR),
        ("America/New_York", date(2025, 11, 27), MIDNIGHT + 5 * HOUR),
        ("UTC", date(2025, 11, 27), MIDNIGHT),
    ],
)
def test_a_time_of_an_all_day_todo_is_dropped_and_listed(
    path: Path, living_in: Callable[[str], None], zone: str, day: date, start: int
) -> None:
    living_in(zone)
    due = MIDNIGHT + 23 * HOUR + 30 * MINUTE
    put(path, "todos", todo("a", due_ts=due, is_all_day=1, reminder_minutes=15))

    with adopted(path) as store:
        one = store[TodoRepository].get("a")
        assert findings(store) == []

    assert (one.due_date, one.due_at, one.remind_at) == (day, None, at(start - 15 * MINUTE))
    assert repairs(path) == [("todos", "a", "due_ts", due)]


def test_where_the_machine_has_no_zone_the_day_is_that_in_utc(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise ZoneInfoNotFoundError("PST4DST")  # what tzlocal does

    monkeypatch.setattr("tzlocal.get_localzone", fail)
    put(path, "todos", todo("a", due_ts=MIDNIGHT + 23 * HOUR, is_all_day=1))

    with adopted(path) as store:
        one = store[TodoRepository].get("a")

    assert (one.due_date, one.time_zone) == (date(2025, 11, 27), None)
    assert repairs(path) == [("todos", "a", "due_ts", MIDNIGHT + 23 * HOUR)]


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/New_York"])
@pytest.mark.parametrize("due", [-62_135_596_800_000 + 1, 253_402_300_799_999, 253_402_300_799_998])
def test_the_first_and_the_last_day_there_is_can_be_due(
    path: Path, living_in: Callable[[str], None], zone: str, due: int
) -> None:
    living_in(zone)
    put(path, "todos", todo("a", due_ts=due, is_all_day=1), todo("b", due_ts=due))

    with adopted(path) as store:
        assert findings(store) == []
        assert store[TodoRepository].get("b").due_at == at(due)

    assert repairs(path) == [("todos", "a", "due_ts", due)]


def test_all_day_and_a_reminder_of_what_is_due_at_nothing_are_listed(path: Path) -> None:
    put(path, "todos", todo("a", is_all_day=1, reminder_minutes=60), todo("b", is_all_day=2, due_ts=MIDNIGHT))

    with adopted(path) as store:
        a, b = (store[TodoRepository].get(id) for id in "ab")

    assert (a.due, a.remind_at, b.due_date) == (None, None, date(2025, 11, 27))
    assert repairs(path) == [
        *(("todos", "a", "is_all_day", 1), ("todos", "a", "reminder_minutes", 60)),
        ("todos", "b", "is_all_day", 2),
    ]


def test_a_reminder_that_the_original_gave_is_not_given_again(path: Path) -> None:
    coming = int((now() + timedelta(days=2)).timestamp()) * 1000
    put(path, "todos", todo("past", due_ts=MIDNIGHT, reminder_minutes=15))
    put(path, "todos", todo("coming", due_ts=coming, reminder_minutes=15), todo("none", due_ts=coming))

    with adopted(path) as store:
        todos = store[TodoRepository]
        past, future = todos.get("past"), todos.get("coming")
        assert todos.due_reminders() == []
        assert [one.id for one in todos.due_reminders(at(coming))] == ["coming"]

    assert past.reminded_at == past.remind_at == at(MIDNIGHT - 15 * MINUTE)
    assert (future.remind_at, future.reminded_at) == (at(coming - 15 * MINUTE), None)
    assert repairs(path) == []


@pytest.mark.parametrize("minutes", [7.5, "soon", 1 << 62])
def test_a_reminder_that_is_no_number_of_minutes_is_listed(path: Path, minutes: float | str) -> None:
    put(path, "todos", todo("a", due_ts=MIDNIGHT, reminder_minutes=minutes))

    with adopted(path):
        pass

    wanted = MIDNIGHT - 8 * MINUTE if minutes == 7.5 else None
    assert file_rows(path, "SELECT remind_at FROM todos_todo") == [(wanted,)]
    assert repairs(path) == [("todos", "a", "reminder_minutes", minutes)]
