"""Which writes are told to whoever follows, in which order, and what a live query shows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Generic, TypeAlias, TypeVar

import pytest

from stina_core import Changes, InvalidValueError, NotFoundError, Store, open_store
from stina_core.testing import running_python
from stina_todos import (
    CommentRepository,
    ProjectRepository,
    StepRepository,
    TodoRepository,
    WholeTodo,
)

DEADLINE = 30.0
TABLES = ("todos_todo", "todos_comment", "todos_step", "todos_project")

T = TypeVar("T")
Batch: TypeAlias = "list[tuple[str, str, object]]"

WRITER = """
from stina_core import open_store
from stina_todos import CommentRepository, StepRepository, TodoRepository

with open_store(sys.argv[1]) as store:
    todos = store[TodoRepository]
    say("open")
    for line in sys.stdin:
        words = line.split()
        if words[0] == "add":
            todos.add(words[1], id=words[1])
        elif words[0] == "done":
            todos.complete(words[1])
        elif words[0] == "comment":
            store[CommentRepository].add(words[1], "x")
        elif words[0] == "step":
            store[StepRepository].add(words[1], "x")
        say("done")
"""


class Heard(Generic[T]):
    """What a callback was called with so far."""

    def __init__(self) -> None:
        self.all: list[T] = []
        self._news = threading.Condition()

    def __call__(self, one: T) -> None:
        with self._news:
            self.all.append(one)
            self._news.notify_all()

    def until(self, wanted: Callable[[list[T]], object]) -> list[T]:
        """Wait until what was heard is as *wanted*, and return it."""
        with self._news:
            assert self._news.wait_for(lambda: self.all and wanted(self.all), DEADLINE), self.all
            return list(self.all)


class Batches:
    """The transactions a subscription was told of: what happened, in which table, to which key."""

    def __init__(self) -> None:
        self.heard: Heard[Batch] = Heard()

    def __call__(self, changes: Changes) -> None:
        self.heard([(change.op.value, change.table.removeprefix("todos_"), change.key) for change in changes])

    def up_to(self, key: str) -> list[Batch]:
        """Wait until the new todo *key* was told of; returns what came before."""
        return self.heard.until(lambda batches: ("insert", "todo", key) in batches[-1])[:-1]


@pytest.fixture
def heard(store_path: Path, store: Store) -> Iterator[Batches]:
    """What a second store that is open on the same file is told of."""
    batches = Batches()
    with open_store(store_path) as opened, opened.subscribe(batches, TABLES):
        yield batches


def test_each_write_of_a_todo_is_one_change(todos: TodoRepository, heard: Batches) -> None:
    todos.add("a", id="a", remind_at=datetime(2026, 1, 1, tzinfo=UTC))
    todos.update("a", title="b")
    todos.start("a")
    todos.complete("a")
    todos.reopen("a")
    todos.cancel("a")
    todos.move("a")
    todos.mark_reminded(todos.get("a"))
    todos.delete("a")
    todos.add("end", id="end")

    assert heard.up_to("end") == [
        [("insert", "todo", "a")],
        *[[("update", "todo", "a")]] * 7,
        [("delete", "todo", "a")],
    ]


def test_a_completion_that_repeats_is_told_whole_in_order(
    todos: TodoRepository, steps: StepRepository, heard: Batches
) -> None:
    todos.add("a", id="a", due=date(2026, 1, 1), recurrence="FREQ=DAILY")
    first, second = steps.add("a", "x").id, steps.add("a", "y").id
    following = todos.complete("a").next
    assert following is not None
    copies = [step.id for step in steps.list(following.id)]
    todos.add("end", id="end")

    assert heard.up_to("end") == [
        [("insert", "todo", "a")],
        [("insert", "step", first)],
        [("insert", "step", second)],
        [
            ("update", "todo", "a"),
            ("insert", "todo", following.id),
            ("insert", "step", copies[0]),
            ("insert", "step", copies[1]),
        ],
    ]


def test_parts_are_told_as_rows_of_their_own(
    todos: TodoRepository, steps: StepRepository, comments: CommentRepository, heard: Batches
) -> None:
    todos.add("a", id="a")
    comment = comments.add("a", "x").id
    one, two, three = (steps.add("a", title).id for title in "xyz")
    steps.tick(one)
    steps.reorder("a", [two, one, three])
    steps.delete(two)
    comments.delete(comment)
    last = comments.add("a", "y").id
    todos.delete("a")
    todos.add("end", id="end")

    told = heard.up_to("end")
    assert told[1:5] == [
        [("insert", "comment", comment)],
        *[[("insert", "step", step)] for step in (one, two, three)],
    ]
    assert told[5:9] == [
        [("update", "step", one)],
        [("update", "step", two), ("update", "step", one)],
        [("delete", "step", two)],
        [("delete", "comment", comment)],
    ]
    assert told[10][-1] == ("delete", "todo", "a")
    assert set(told[10][:-1]) == {
        ("delete", "comment", last),
        ("delete", "step", one),
        ("delete", "step", three),
    }


def test_projects_are_told_and_their_deletion_with_the_todos_they_had(
    todos: TodoRepository, projects: ProjectRepository, heard: Batches
) -> None:
    projects.add("p", id="p")
    todos.add("a", id="a", project_id="p")
    projects.rename("p", "P")
    projects.archive("p")
    projects.delete("p")
    todos.add("end", id="end")

    told = heard.up_to("end")
    assert told[:4] == [
        [("insert", "project", "p")],
        [("insert", "todo", "a")],
        [("update", "project", "p")],
        [("update", "project", "p")],
    ]
    assert sorted(told[4]) == [("delete", "project", "p"), ("update", "todo", "a")]


def test_what_writes_nothing_or_is_undone_tells_nothing(
    todos: TodoRepository,
    steps: StepRepository,
    comments: CommentRepository,
    projects: ProjectRepository,
    heard: Batches,
) -> None:
    todo = todos.add("a", id="a", status="done", metadata={"x": 1})
    step = steps.add("a", "x")
    project = projects.add("p")
    todos.add("begin", id="begin")
    heard.up_to("begin")

    todos.complete("a")
    todos.update("a")
    todos.update("a", title="a ", status="finished", metadata={"x": 1}, tags=())
    todos.set_status("a", "done")
    steps.untick(step.id)
    steps.reorder("a", [step.id])
    projects.rename(project.id, "p")
    projects.archive(project.id, archived=False)
    projects.ensure("P")
    assert not todos.mark_reminded(todo)
    assert [one.delete("no") for one in (todos, steps, comments, projects)] == [False] * 4
    for call in (
        lambda: todos.update("a", title=" "),
        lambda: todos.add("b", recurrence="FREQ=DAILY"),
        lambda: todos.complete("no"),
        lambda: comments.add("no", "x"),
        lambda: projects.add("P"),
        lambda: steps.reorder("a", []),
    ):
        with pytest.raises((InvalidValueError, NotFoundError)):
            call()
    with suppress(ZeroDivisionError), todos.transaction():
        todos.add("undone")
        steps.tick(step.id)
        raise ZeroDivisionError
    todos.add("end", id="end")

    told = heard.up_to("end")
    assert told[-1] == [("insert", "todo", "begin")]


def test_a_transaction_is_one_batch(
    todos: TodoRepository, comments: CommentRepository, heard: Batches
) -> None:
    with todos.transaction():
        todos.add("a", id="a")
        comment = comments.add("a", "x").id
        todos.update("a", title="b")
    todos.add("end", id="end")

    assert heard.up_to("end") == [
        [("insert", "todo", "a"), ("insert", "comment", comment), ("update", "todo", "a")]
    ]


def test_one_observation_shows_what_a_client_draws_whoever_writes(
    todos: TodoRepository, projects: ProjectRepository, store: Store
) -> None:
    heard: Heard[list[WholeTodo]] = Heard()

    def read() -> list[WholeTodo]:
        return todos.whole(todos.open())

    def seen(count: int, comments: int, steps: int) -> Callable[[list[list[WholeTodo]]], bool]:
        return lambda told: (
            len(told[-1]) == count
            and sum(len(one.comments) for one in told[-1]) == comments
            and sum(len(one.steps) for one in told[-1]) == steps
        )

    home = projects.add("home")
    todos.add("mine", id="mine", project_id=home.id)
    with running_python(WRITER, store.path) as writer, store.observe(read, heard) as observation:
        writer.hear("open")
        assert [[one.todo.title for one in told] for told in heard.all] == [["mine"]]
        assert observation.tables == set(TABLES)
        for line, wanted in (
            ("add theirs", seen(2, 0, 0)),
            ("comment theirs", seen(2, 1, 0)),
            ("step mine", seen(2, 1, 1)),
            ("done mine", seen(1, 1, 0)),
        ):
            writer.say(line)
            writer.hear("done")
            heard.until(wanted)
        writer.finish()
        todos.reopen("mine")
        projects.rename(home.id, "Hem")

        heard.until(lambda told: [one.todo.project for one in told[-1]] == ["Hem", None])


def test_another_process_is_heard_in_the_order_of_the_commits(
    todos: TodoRepository, store: Store, heard: Batches
) -> None:
    with running_python(WRITER, store.path) as writer:
        writer.hear("open")
        for number in range(10):
            writer.say(f"add theirs-{number}")
            writer.hear("done")
            todos.add("ours", id=f"ours-{number}")
        writer.finish()

    told = heard.up_to("ours-9")
    assert told == [[("insert", "todo", f"{who}-{n}")] for n in range(10) for who in ("theirs", "ours")][:-1]
