"""Reminders, and what a search finds."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stina_todos.plugin
from stina_core import Store
from stina_core.testing import memory_store, plugins_of, run_together
from stina_todos import ProjectRepository, TodoRepository, TodoValue

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


def test_reminders_are_due_from_their_time_on_until_they_are_given(todos: TodoRepository) -> None:
    late = todos.add("late", remind_at=NOON)
    early = todos.add("early", remind_at=NOON - timedelta(hours=1), status="ongoing")
    todos.add("done", remind_at=NOON, status="done")
    todos.add("none")

    assert todos.due_reminders(NOON - timedelta(hours=2)) == []
    assert todos.due_reminders(NOON - timedelta(milliseconds=1)) == [early]
    assert todos.due_reminders(NOON) == [early, late]
    assert todos.due_reminders() == [early, late]

    assert [todos.mark_reminded(early), todos.mark_reminded(early)] == [True, False]
    assert titles(todos.due_reminders(NOON)) == ["late"]
    given = todos.get(early.id)
    assert given.reminded_at is not None
    assert given.updated_at == early.updated_at


def test_another_reminder_is_given_again_and_an_old_one_not_noted(todos: TodoRepository) -> None:
    todo = todos.add("a", remind_at=NOON)
    assert todos.mark_reminded(todo)

    todos.update(todo.id, remind_at=NOON, title="same reminder")
    assert todos.due_reminders(NOON) == []
    todos.update(todo.id, remind_at=NOON + timedelta(hours=1))

    assert todos.due_reminders(NOON) == []
    assert titles(todos.due_reminders(NOON + timedelta(hours=1))) == ["same reminder"]
    assert not todos.mark_reminded(todo)
    assert not todos.mark_reminded(todos.add("no reminder"))


def test_a_completed_todo_that_is_reopened_reminds_again(todos: TodoRepository) -> None:
    todo = todos.add("a", remind_at=NOON)
    todos.complete(todo.id)
    assert todos.due_reminders(NOON) == []

    todos.reopen(todo.id)

    assert titles(todos.due_reminders(NOON)) == ["a"]


REMIND = """
import sys
from stina_core import open_store
from stina_todos import TodoRepository

with open_store(sys.argv[1]) as store:
    todos = store[TodoRepository]
    print(sum(todos.mark_reminded(todo) for todo in todos.due_reminders()))
"""


def test_each_reminder_is_given_by_one_program(todos: TodoRepository, store: Store) -> None:
    with store.transaction():
        for number in range(30):
            todos.add(str(number), remind_at=NOON - timedelta(days=1000))

    given = run_together(REMIND, [(store.path,)] * 3)

    assert sum(map(int, given)) == 30


def test_search_finds_words_of_title_and_description_newest_first(some: TodoRepository) -> None:
    newest, oldest = some.search("milk")

    assert (newest.todo.title, oldest.todo.title) == ("bread", "milk")
    assert newest.snippet.parts() == [("and ", False), ("milk", True)]
    assert titles([hit.todo for hit in some.search("milk", before=newest.place)]) == ["milk"]
    assert titles([hit.todo for hit in some.search("milk", limit=1)]) == ["bread"]
    assert {hit.todo.title for hit in some.ranked("mil*")} == {"milk", "bread"}
    assert some.search("mil") == some.search("-milk") == some.search("") == []


def test_search_sees_what_was_written_a_moment_ago_and_nothing_that_is_gone(
    todos: TodoRepository, store: Store
) -> None:
    todo = todos.add("Crème brûlée")
    assert titles([hit.todo for hit in todos.search("creme BRULEE")]) == ["Crème brûlée"]

    todos.update(todo.id, title="Tårta")
    assert todos.search("creme") == []
    with store.transaction():
        inside = todos.add("Tårta igen")
        assert [hit.todo for hit in todos.search("tarta")] == [inside, todos.get(todo.id)]
    todos.delete(todo.id)

    assert titles([hit.todo for hit in todos.search("tarta")]) == ["Tårta igen"]


@given(st.text(max_size=30))
@settings(max_examples=40)
def test_no_text_that_somebody_types_is_an_error(text: str) -> None:
    with memory_store(PLUGINS) as store:
        todos = store[TodoRepository]
        todo = todos.add(f"x {text} y")
        for found in (todos.search(text), todos.ranked(text)):
            assert [hit.todo for hit in found] in ([], [todo])
        assert todos.list(text=text) in ([], [todo])


def test_search_pages_put_together_are_all_hits(todos: TodoRepository, store: Store) -> None:
    with store.transaction():
        for number in range(23):
            todos.add(f"milk {number}")
    found = []
    before = None
    while page := todos.search("milk", limit=5, before=before):
        found += [hit.todo.title for hit in page]
        before = page[-1].place

    assert found == [f"milk {number}" for number in reversed(range(23))]
