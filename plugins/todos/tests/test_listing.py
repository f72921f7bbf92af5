"""Which todos a list has, its pages, reminders and searches."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stina_todos.plugin
from stina_core import InvalidValueError, Store, open_store
from stina_core.testing import memory_store, plugins_of, run_together
from stina_todos import OPEN, Priority, ProjectRepository, TodoRepository, TodoStatus, TodoValue

PLUGINS = plugins_of(todos=stina_todos.plugin)
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def titles(found: list[TodoValue]) -> list[str]:
    return [todo.title for todo in found]


@pytest.fixture
def some(todos: TodoRepository, projects: ProjectRepository) -> TodoRepository:
    """Return the repository with five todos in it."""
    home = projects.add("home", id="home")
    todos.add("milk", due=NOON, tags=["shop", "food"], priority=1, project_id=home.id)
    todos.add("bread", due=date(2026, 3, 4), tags=["food"], status="ongoing", description="and milk")
    todos.add("rent", due=NOON + timedelta(days=1), priority=4, project_id=home.id, status="done")
    (todos.add("dream", tags=["fööd", 'quo"te']),)
    todos.add("skipped", due=NOON - timedelta(days=1), tags=["food"], status="cancelled", project_id=home.id)
    return todos


@pytest.mark.parametrize(
    ("conditions", "wanted"),
    [
        ({}, ["skipped", "milk", "bread", "rent", "dream"]),
        ({"statuses": OPEN}, ["milk", "bread", "dream"]),
        ({"statuses": ["canceled", TodoStatus.COMPLETED]}, ["skipped", "rent"]),
        ({"statuses": []}, []),
        ({"project_id": "home"}, ["skipped", "milk", "rent"]),
        ({"project_id": "nowhere"}, []),
        ({"tag": "food"}, ["skipped", "milk", "bread"]),
        ({"tag": " food "}, ["skipped", "milk", "bread"]),
        ({"tag": "foo"}, []),
        ({"tag": "%"}, []),
        ({"tag": 'quo"te'}, ["dream"]),
        ({"tag": "fo\u0308o\u0308d"}, ["dream"]),
        ({"tag": "food", "project_id": "home", "statuses": OPEN}, ["milk"]),
        ({"least_priority": Priority.LOW}, ["milk", "rent"]),
        ({"least_priority": Priority.URGENT}, ["rent"]),
        ({"due_before": NOON}, ["skipped"]),
        ({"due_before": NOON + timedelta(milliseconds=1)}, ["skipped", "milk"]),
        ({"due_after": NOON}, ["milk", "bread", "rent"]),
        ({"due_after": NOON, "due_before": NOON + timedelta(days=1)}, ["milk", "bread"]),
        ({"text": "MILK"}, ["milk", "bread"]),
        ({"text": "milk", "statuses": ["ongoing"]}, ["bread"]),
        ({"text": "milk", "limit": 1}, ["milk"]),
        ({"text": ""}, []),
        ({"text": '"unclosed OR ('}, []),
        ({"limit": 2}, ["skipped", "milk"]),
        ({"limit": 0}, []),
        ({"order": "manual"}, ["milk", "bread", "rent", "dream", "skipped"]),
        ({"order": "manual", "tag": "food", "due_after": NOON}, ["milk", "bread"]),
        ({"order": "manual", "project_id": "home", "limit": 2}, ["milk", "rent"]),
    ],
)
def test_a_list_has_what_meets_every_condition(
    some: TodoRepository, conditions: dict[str, Any], wanted: list[str]
) -> None:
    assert titles(some.list(**conditions)) == wanted


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("limit", -1),
        ("limit", 1.5),
        ("limit", True),
        ("order", "random"),
        ("statuses", "done"),
        ("least_priority", "high"),
        ("after", "x"),
        ("project_id", 7),
        ("text", 7),
    ],
)
def test_a_condition_of_the_wrong_kind_is_refused_by_its_name(
    todos: TodoRepository, argument: str, value: Any
) -> None:
    with pytest.raises(InvalidValueError) as caught:
        todos.list(**{argument: value})

    assert caught.value.field == argument


@pytest.mark.parametrize(
    ("argument", "value", "field"),
    [
        ("statuses", ["unknown"], "todos_todo.status"),
        ("tag", "", "todos_todo.tags"),
        ("due_before", datetime(2026, 1, 1), "todos_todo.due_by"),
        ("due_after", "today", "todos_todo.due_by"),
    ],
)
def test_a_condition_that_no_row_could_meet_is_refused(
    todos: TodoRepository, argument: str, value: Any, field: str
) -> None:
    with pytest.raises(InvalidValueError) as caught:
        todos.list(**{argument: value})

    assert caught.value.field == field


Conditions = dict[str, Any]

drafts = st.lists(
    st.tuples(
        st.none() | st.sampled_from([date(2026, 3, 4), date(2026, 3, 5), NOON, NOON + timedelta(days=1)]),
        st.sampled_from(TodoStatus),
        st.sampled_from([NOON, NOON + timedelta(milliseconds=1)]),
        st.sampled_from([(), ("a",), ("b", "a")]),
        st.sampled_from(Priority),
        st.booleans(),
    ),
    max_size=12,
)
conditions = st.fixed_dictionaries(
    {},
    optional={
        "statuses": st.lists(st.sampled_from(TodoStatus), max_size=4),
        "tag": st.sampled_from(["a", "b"]),
        "project_id": st.just("p"),
        "least_priority": st.integers(0, 4),
        "due_before": st.sampled_from([NOON, NOON + timedelta(days=1)]),
        "due_after": st.sampled_from([NOON - timedelta(days=1), NOON]),
        "text": st.just("todo"),
    },
)
orders = st.sampled_from(["due", "manual"])


def fill(store: Store, wanted: list[tuple[Any, ...]]) -> None:
    store[ProjectRepository].add("p", id="p")
    with store.transaction():
        for number, (due, status, created_at, tags, priority, in_project) in enumerate(wanted):
            store[TodoRepository].add(
                "todo",
                id=f"{number:02}",
                due=due,
                status=status,
                created_at=created_at,
                tags=tags,
                priority=priority,
                project_id="p" if in_project else None,
            )


@given(drafts, conditions, orders, st.integers(1, 5))
@settings(max_examples=40)
def test_pages_put_together_are_the_whole_list_and_that_is_the_filtered_one(
    wanted: list[tuple[Any, ...]], conditions: Conditions, order: Literal["due", "manual"], limit: int
) -> None:
    with memory_store(PLUGINS) as store:
        fill(store, wanted)
        todos = store[TodoRepository]
        whole = todos.list(order=order, **conditions)
        pages: list[TodoValue] = []
        while page := todos.list(order=order, after=pages[-1] if pages else None, limit=limit, **conditions):
            assert len(page) <= limit
            pages += page

        assert pages == whole
        everything = todos.list(order=order)
        assert whole == [todo for todo in everything if meets(todo, conditions)]
        assert everything == sorted(everything, key=sort_key if order == "due" else place)
        assert len(everything) == len(wanted)


def meets(todo: TodoValue, conditions: Conditions) -> bool:
    due = todo.due_by
    before, after = conditions.get("due_before"), conditions.get("due_after")
    return (
        todo.status in conditions.get("statuses", TodoStatus)
        and conditions.get("tag", "b") in (*todo.tags, *(() if "tag" in conditions else ("b",)))
        and ("project_id" not in conditions or todo.project_id == "p")
        and todo.priority >= conditions.get("least_priority", 0)
        and (before is None or (due is not None and due < before))
        and (after is None or (due is not None and due >= after))
    )


def sort_key(todo: TodoValue) -> tuple[bool, datetime, datetime, str]:
    return todo.due_by is None, todo.due_by or NOON, todo.created_at, todo.id


def place(todo: TodoValue) -> str:
    return todo.position


ADD = """
import sys
from datetime import UTC, datetime
from stina_core import open_store
from stina_todos import TodoRepository

with open_store(sys.argv[1]) as store:
    todos = store[TodoRepository]
    if sys.argv[2] == "write":
        for number in range(150):
            todos.add("new", due=datetime(2026, 1, 1 + number % 28, tzinfo=UTC))
    else:
        seen = []
        while page := todos.list(after=seen[-1] if seen else None, limit=7):
            seen += page
        old = [todo.id for todo in seen if todo.title == "old"]
        print(len(old), old == sorted(old), len({todo.id for todo in seen}) == len(seen))
"""


def test_pages_leave_out_and_repeat_nothing_while_another_process_writes(
    todos: TodoRepository, store: Store
) -> None:
    with store.transaction():
        for number in range(200):
            todos.add(
                "old", id=f"{number:03}", due=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number)
            )

    printed = run_together(ADD, [(store.path, "write"), (store.path, "read"), (store.path, "read")])

    assert [line.split() for line in printed[1:]] == [["200", "True", "True"]] * 2


def test_another_store_sees_the_same_list(some: TodoRepository, store: Store) -> None:
    with open_store(store.path) as other:
        assert other[TodoRepository].list() == some.list()
