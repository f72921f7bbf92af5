from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stina_todos.plugin
from stina_core import ConstraintError, InvalidValueError, NotFoundError
from stina_core.testing import memory_store, plugins_of
from stina_todos import StepRepository, TodoRepository, TodoStatus, TodoValue
from stina_todos.testing import dues, titles

PLUGINS = plugins_of(todos=stina_todos.plugin)

BAD: dict[str, list[Any]] = {
    "title": ["", " \n\u2003", "x" * 501, None, 7, b"x", "\ud800", ["x"]],
    "description": [7, b"x", "\udfff"],
    "status": ["", "unknown", "not startedd", 7, None, b"done"],
    "due_at": ["2026-01-01", 0, 1.5, datetime(2026, 1, 1), timedelta(1)],
    "time_zone": [
        "",
        "Mars/Olympus",
        "../etc/passwd",
        "/etc/passwd",
        "Europe",
        "\0",
        7,
        "x" * 5000,
        "\ud800",
    ],
    "priority": [-1, 5, 1.0, True, "high", 10**30],
    "tags": [
        "abc",
        b"abc",
        7,
        [""],
        [" "],
        [7],
        [None],
        ["x" * 101],
        ["\ud800"],
        [str(n) for n in range(101)],
    ],
    "project_id": [7, "\ud800"],
    "remind_at": ["soon", 0, datetime(2026, 1, 1), date(2026, 1, 1)],
    "metadata": [float("nan"), {1: 2}, (1,), {"a": 1 << 63}, "\ud800", object(), "x" * (1 << 20)],
    "source": [7, "\ud800"],
    "icon": [7, "\ud800"],
    "id": ["", " ", 7, "\ud800"],
    "created_at": ["now", datetime(2026, 1, 1)],
}
CASES = [(column, value) for column, values in BAD.items() for value in values]


def name_of(value: object) -> str:
    return value if isinstance(value, str) and value in BAD else type(value).__name__


@pytest.fixture
def before(todos: TodoRepository) -> Iterator[list[TodoValue]]:
    """Write two todos, yield them, and check at the end that they are still all there is."""
    todos.add("a", id="a", due=date(2026, 1, 1))
    todos.add("b", id="b", status="done")
    rows = todos.list()
    yield rows
    assert todos.list() == rows


@pytest.mark.usefixtures("before")
@pytest.mark.parametrize(("column", "value"), CASES, ids=name_of)
def test_a_value_that_cannot_be_is_refused_by_its_column_and_nothing_is_written(
    todos: TodoRepository, column: str, value: Any
) -> None:
    argument = "due" if column == "due_at" else column
    calls: list[Callable[[], object]] = [lambda: todos.add(**{"title": "x", argument: value})]
    if column not in ("id", "created_at"):
        calls.append(lambda: todos.update("a", **{argument: value}))
    for call in calls:
        with pytest.raises(InvalidValueError) as caught:
            call()
        assert caught.value.field == f"todos_todo.{column}"
        assert len(str(caught.value)) < 200


@pytest.mark.usefixtures("before")
@pytest.mark.parametrize("id", [7, None, b"a", "\ud800"], ids=name_of)
def test_an_id_that_is_no_text_is_refused(todos: TodoRepository, id: Any) -> None:
    calls: list[Callable[[Any], object]] = [todos.start, todos.complete, todos.update, todos.find]
    for call in calls:
        with pytest.raises(InvalidValueError):
            call(id)


@pytest.mark.parametrize(
    "title", ["a\0b", "👩‍👩‍👧‍👦", "z̷̢a̸͜l̴go", "'; DROP TABLE todos_todo; --", "x" * 500, "\u202ex"]
)
def test_an_unusual_title_comes_back_exactly_and_is_found(todos: TodoRepository, title: str) -> None:
    todo = todos.add(title, description=title)

    assert (todo.title, todo.description) == (title, title)
    assert todos.find(title) == todo


class Word(StrEnum):
    MILK = "milk"


def test_members_of_enums_are_stored_as_the_text_they_are(todos: TodoRepository) -> None:
    todo = todos.add(Word.MILK, tags=[Word.MILK], status=TodoStatus.COMPLETED)

    assert [type(todo.title), type(todo.tags[0])] == [str, str]
    assert todo.title == "milk"


anything = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.binary(max_size=4)
)


@given(
    title=titles() | anything,
    due=dues() | anything,
    zone=st.sampled_from(["UTC", "Asia/Tokyo", None]) | anything,
    tags=st.lists(st.text(max_size=5), max_size=3) | anything,
    priority=st.integers(-1, 5) | anything,
    metadata=anything | st.lists(anything, max_size=2),
)
@settings(max_examples=50)
def test_anything_comes_back_as_it_was_or_is_refused_with_a_typed_error(
    title: Any, due: Any, zone: Any, tags: Any, priority: Any, metadata: Any
) -> None:
    with memory_store(PLUGINS) as store:
        todos = store[TodoRepository]
        with suppress(InvalidValueError):
            todo = todos.add(title, due=due, time_zone=zone, tags=tags, priority=priority, metadata=metadata)
            assert (todo.title, todo.due, todo.time_zone) == (title.strip(), due, zone)
            assert (todo.priority, repr(todo.metadata)) == (priority or 0, repr(metadata))
            assert todos.list() == [todo]
            todos.delete(todo.id)
        assert todos.list() == []


def test_what_no_index_or_check_allows_is_a_typed_error(todos: TodoRepository, steps: StepRepository) -> None:
    todo = todos.add("a")
    step = steps.add(todo.id, "x")

    with pytest.raises(ConstraintError):
        steps.add(todo.id, "y", id=step.id)
    with pytest.raises(InvalidValueError):
        steps.add(todo.id, "y" * 501)
    with pytest.raises(NotFoundError):
        todos.move(todo.id, after="nobody")


def test_a_time_finer_than_a_millisecond_is_cut(todos: TodoRepository) -> None:
    todo = todos.add("a", due=datetime(2026, 1, 1, 1, 2, 3, 456789, ZoneInfo("Asia/Tokyo")))

    assert todo.due_at == todo.due_by == datetime(2025, 12, 31, 16, 2, 3, 456000, UTC)
