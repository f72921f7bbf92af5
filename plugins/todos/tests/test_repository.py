from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import stina_todos.repository
from stina_core import ConstraintError, NotFoundError, Store, open_store
from stina_core.testing import file_rows
from stina_todos import (
    CommentRepository,
    Priority,
    ProjectRepository,
    TodoRepository,
    TodoStatus,
)

STOCKHOLM = ZoneInfo("Europe/Stockholm")
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def at(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    """Let it be *moment* for the repository of todos."""
    monkeypatch.setattr(stina_todos.repository, "now", lambda: moment)


def test_a_new_todo_has_what_was_given_and_defaults_for_the_rest(
    todos: TodoRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, NOON)

    todo = todos.add("  Köp mjölk\n")

    assert (todo.title, todo.description, todo.status) == ("Köp mjölk", "", TodoStatus.NOT_STARTED)
    assert (todo.due_at, todo.due_date, todo.due_by, todo.due, todo.time_zone) == (None,) * 5
    assert (todo.priority, todo.tags, todo.project, todo.metadata) == (Priority.NONE, (), None, None)
    assert (todo.created_at, todo.updated_at, todo.completed_at) == (NOON, NOON, None)
    assert (todo.comment_count, todo.step_count, todo.steps_done, todo.is_open) == (0, 0, 0, True)
    assert todos.get(todo.id) == todo


def test_everything_that_is_given_comes_back(todos: TodoRepository, projects: ProjectRepository) -> None:
    home = projects.add("Hem")

    todo = todos.add(
        "Ring",
        description=" mamma ",
        status="ongoing",
        due=datetime(2026, 6, 1, 9, 30, tzinfo=STOCKHOLM),
        priority=Priority.HIGH,
        tags=["b", "a", "b", " a "],
        project_id=home.id,
        remind_at=datetime(2026, 6, 1, 9, tzinfo=STOCKHOLM),
        recurrence="rrule:freq=weekly;byday=mo",
        metadata={"n": [1, None]},
        source="test",
        id="old id/7",
        created_at=NOON,
    )

    assert (todo.id, todo.description, todo.status) == ("old id/7", "mamma", TodoStatus.IN_PROGRESS)
    assert todo.due_at == todo.due_by == todo.due == datetime(2026, 6, 1, 7, 30, tzinfo=UTC)
    assert (todo.time_zone, todo.remind_at) == ("Europe/Stockholm", datetime(2026, 6, 1, 7, tzinfo=UTC))
    assert (todo.tags, todo.project_id, todo.project) == (("b", "a"), home.id, "Hem")
    assert (todo.recurrence, todo.series) == ("FREQ=WEEKLY;BYDAY=MO", "old id/7")
    assert (todo.metadata, todo.source, todo.created_at) == ({"n": [1, None]}, "test", NOON)


def test_the_metadata_that_comes_back_is_a_copy(todos: TodoRepository) -> None:
    given = {"list": [1]}
    todo = todos.add("a", metadata=given)
    given["list"].append(2)
    assert isinstance(todo.metadata, dict)
    todo.metadata.clear()

    assert todos.get(todo.id).metadata == {"list": [1]}


@pytest.mark.parametrize(
    ("zone", "late"),
    [
        (None, datetime(2026, 3, 4, 23, 59, 59, 999000, UTC)),
        ("Europe/Stockholm", datetime(2026, 3, 4, 22, 59, 59, 999000, UTC)),
        ("America/Los_Angeles", datetime(2026, 3, 5, 7, 59, 59, 999000, UTC)),
        ("Pacific/Kiritimati", datetime(2026, 3, 4, 9, 59, 59, 999000, UTC)),
    ],
)
def test_a_day_ends_with_its_last_millisecond_in_the_todos_zone(
    todos: TodoRepository, zone: str | None, late: datetime
) -> None:
    todo = todos.add("a", due=date(2026, 3, 4), time_zone=zone)

    assert (todo.due_date, todo.due_at, todo.due, todo.due_by) == (
        date(2026, 3, 4),
        None,
        todo.due_date,
        late,
    )


def test_a_zone_comes_with_the_time_unless_another_is_given(todos: TodoRepository) -> None:
    nine = datetime(2026, 3, 4, 9, tzinfo=STOCKHOLM)

    assert todos.add("a", due=nine).time_zone == "Europe/Stockholm"
    assert todos.add("a", due=nine, time_zone="Asia/Tokyo").time_zone == "Asia/Tokyo"
    assert todos.add("a", due=nine, time_zone=None).time_zone is None
    assert todos.add("a", due=nine.astimezone(timezone(timedelta(hours=1)))).time_zone is None
    assert todos.add("a", due=date(2026, 3, 4), remind_at=nine).time_zone == "Europe/Stockholm"


def test_what_is_due_first_comes_first_and_what_is_due_at_nothing_last(todos: TodoRepository) -> None:
    for title, due in [
        ("nothing", None),
        ("day", date(2026, 3, 4)),
        ("evening", datetime(2026, 3, 4, 22, tzinfo=UTC)),
        ("next morning", datetime(2026, 3, 5, 6, tzinfo=UTC)),
        ("also nothing", None),
        ("1970", datetime(1970, 1, 1, tzinfo=UTC)),
        ("last of all days", date(9999, 12, 31)),
    ]:
        todos.add(title, due=due)

    assert [todo.title for todo in todos.list()] == [
        "1970",
        "evening",
        "day",
        "next morning",
        "last of all days",
        "nothing",
        "also nothing",
    ]


def test_equal_due_times_are_ordered_by_creation_and_then_by_id(todos: TodoRepository) -> None:
    for id, hour in (("b", 1), ("a", 1), ("z", 0)):
        todos.add(id, id=id, due=NOON, created_at=NOON.replace(hour=hour))

    assert [todo.id for todo in todos.list()] == ["z", "a", "b"]


def test_open_is_what_is_neither_completed_nor_cancelled(todos: TodoRepository) -> None:
    for status in TodoStatus:
        todos.add(status.value, status=status)

    assert {todo.title for todo in todos.open()} == {"not_started", "in_progress"}
    assert (todos.count(), todos.count(None), todos.count(["done", "completed"])) == (2, 4, 1)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("pending", "not_started"),
        ("not-started", "not_started"),
        (" Not Started ", "not_started"),
        ("in-progress", "in_progress"),
        ("IN PROGRESS", "in_progress"),
        ("ongoing", "in_progress"),
        ("started", "in_progress"),
        ("done", "completed"),
        ("finished", "completed"),
        ("canceled", "cancelled"),
        ("aborted", "cancelled"),
    ],
)
def test_the_aliases_of_the_original_are_taken_and_only_the_four_are_stored(
    todos: TodoRepository, store_path: Path, word: str, status: str
) -> None:
    todos.add("a", status=word)

    assert file_rows(store_path, "SELECT status FROM todos_todo") == [(status,)]
    assert [todo.status for todo in todos.list(statuses=[word])] == [status]


def test_find_takes_an_id_exactly_and_else_a_title_in_any_case(
    todos: TodoRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = todos.add("Köp MJÖLK")
    trap = todos.add(first.id)

    assert todos.find(" köp mjölk ") == first
    assert todos.find("KÖP MJO\u0308LK") == first
    assert todos.find(first.id) == first
    assert todos.find(first.id.upper()) == trap
    assert todos.find("Köp") is None
    assert todos.find("%") is None
    assert todos.find("") is None


@pytest.mark.parametrize(
    ("title", "other"),
    [("Straße", "STRASSE"), ("ΣΊΣΥΦΟΣ", "σίσυφος"), ("Ǆ", "ǆ"), ("Ångström", "a\u030angstro\u0308m")],
)
def test_titles_are_compared_by_unicodes_rules(todos: TodoRepository, title: str, other: str) -> None:
    todo = todos.add(title)

    assert todos.find(other) == todo


def test_of_equal_titles_the_one_that_was_written_last_is_found(
    todos: TodoRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, NOON)
    one, two = todos.add("a"), todos.add("A")
    at(monkeypatch, NOON + timedelta(seconds=1))
    todos.update(one.id, description="newer")

    found = todos.find("a")

    assert found is not None
    assert found.id == one.id
    assert todos.find("a") != two


def test_what_find_returns_has_its_comment_count(todos: TodoRepository, comments: CommentRepository) -> None:
    todo = todos.add("a")
    comments.add(todo.id, "x")

    found = todos.find("A")

    assert found is not None
    assert found.comment_count == 1


@pytest.mark.parametrize("method", ["get", "start", "complete", "cancel", "reopen", "update", "move"])
def test_what_is_not_there_is_named(todos: TodoRepository, method: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        getattr(todos, method)("nobody")

    assert (caught.value.table, caught.value.key) == ("todos_todo", "nobody")


def test_an_id_that_is_taken_is_refused_and_a_project_that_is_not_there_is_named(
    todos: TodoRepository,
) -> None:
    todos.add("a", id="x")

    with pytest.raises(ConstraintError):
        todos.add("b", id="x")
    with pytest.raises(NotFoundError) as caught:
        todos.add("c", project_id="nowhere")

    assert caught.value.table == "todos_project"
    assert [todo.title for todo in todos.list()] == ["a"]


def test_a_repository_joins_the_transaction_around_it(todos: TodoRepository, store: Store) -> None:
    def write_and_fail() -> None:
        with store.transaction():
            todo = todos.add("a", due=NOON, recurrence="FREQ=DAILY")
            assert todos.complete(todo.id).next is not None
            assert len(todos.list()) == 2
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()

    assert todos.list() == []


def test_todos_survive_closing_the_store(store_path: Path) -> None:
    with open_store(store_path) as first:
        written = first[TodoRepository].add("a", due=NOON, tags=["x"])

    with open_store(store_path) as second:
        assert second[TodoRepository].list() == [written]
