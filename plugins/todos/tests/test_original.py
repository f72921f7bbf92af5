"""What the original app did where no other test looks: what is kept, and defects that must not come back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import apsw
import pytest

from stina_core import Store, open_store
from stina_core.testing import file_rows, statements
from stina_todos import CommentRepository, ProjectRepository, TodoRepository, TodoStatus, TodoValue

from .old_files import TODOS, adopted, old_file, put, todo

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
DEADLINE = 10.0


class Heard:
    """What lists a listener was given; afterwards it does to them what *then* does."""

    def __init__(self, then: Callable[[list[TodoValue]], object] = lambda todos: None) -> None:
        self.all: list[list[tuple[str, int]]] = []
        self._then = then
        self._news = threading.Condition()

    def __call__(self, todos: list[TodoValue]) -> None:
        with self._news:
            self.all.append([(one.title, one.comment_count) for one in todos])
            self._then(todos)
            self._news.notify_all()

    def until(self, *shown: tuple[str, int]) -> None:
        """Wait until the last list has these titles and numbers of comments."""
        with self._news:
            assert self._news.wait_for(lambda: self.all[-1] == list(shown), DEADLINE), self.all


# The original's smoke tests


def test_a_todo_is_added_changed_and_commented(todos: TodoRepository, comments: CommentRepository) -> None:
    """`todos.smoke`: insert, update of the status, `insertComment()`, `listComments()`."""
    added = todos.add("Köp mjölk")
    changed = todos.update(added.id, status="in_progress")
    comment = comments.add(added.id, "två liter")

    assert (added.title, changed.status) == ("Köp mjölk", TodoStatus.IN_PROGRESS)
    assert comment.todo_id == added.id
    assert comments.list(added.id) == [comment]


def test_an_instant_with_a_reminder_becomes_a_day_without_one(
    todos: TodoRepository, projects: ProjectRepository
) -> None:
    """`work/todos.smoke`: isAllDay false and reminderMinutes 5, updated to true and null."""
    project = projects.add("Hem")
    added = todos.add("a", due=NOON, remind_at=NOON - timedelta(minutes=5), project_id=project.id)
    changed = todos.update(added.id, due=date(2026, 3, 4), remind_at=None)

    assert (added.due_at, added.remind_at, added.project) == (NOON, NOON - timedelta(minutes=5), "Hem")
    assert (changed.due_at, changed.due_date, changed.remind_at) == (None, date(2026, 3, 4), None)
    assert (changed.project_id, todos.get(added.id)) == (project.id, changed)


# Lists


def test_a_list_without_a_limit_is_whole(todos: TodoRepository, store: Store) -> None:
    """A later `list()` cut it after 100, and with it every snapshot that clients were sent."""
    with store.transaction():
        for number in range(150):
            todos.add(str(number), due=NOON if number % 2 else None)

    assert len(todos.list()) == len(todos.open()) == len(todos.list(order="manual")) == 150
    assert todos.count() == 150


@pytest.mark.parametrize(
    ("stored", "status"),
    [
        ("pending", TodoStatus.NOT_STARTED),
        ("in-progress", TodoStatus.IN_PROGRESS),
        ("done", TodoStatus.COMPLETED),
        ("aborted", TodoStatus.CANCELLED),
        ("garbage", TodoStatus.NOT_STARTED),
    ],
)
def test_an_old_todo_is_listed_under_its_status_whatever_word_was_stored(
    store_path: Path, stored: str, status: TodoStatus
) -> None:
    """`listTodos({status})` compared the stored word, so it left out what it showed with that status."""
    old_file(store_path, TODOS)
    put(store_path, "todos", todo("a", status=stored))

    with adopted(store_path) as store:
        todos = store[TodoRepository]
        found = {one: [each.id for each in todos.list(statuses=[one])] for one in TodoStatus}
        counted = {one: todos.count([one]) for one in TodoStatus}

    assert found == {one: ["a"] if one is status else [] for one in TodoStatus}
    assert counted == {one: int(one is status) for one in TodoStatus}


def test_comments_of_more_todos_than_a_statement_has_variables_are_read(
    todos: TodoRepository, comments: CommentRepository, store_path: Path
) -> None:
    """`listCommentsByTodoIds()` put every id into one `IN (?, ?, ...)`; SQLite has 32,766 of them."""
    one = todos.add("a")
    comment = comments.add(one.id, "x")
    many = [*(replace(one, id=f"nobody-{number}") for number in range(40_000)), one]

    whole = todos.whole(many)

    assert len(whole) == 40_001
    assert [found.comments for found in whole if found.comments] == [(comment,)]
    with pytest.raises(apsw.SQLError, match="too many SQL variables"):  # a control: the original's way
        file_rows(
            store_path, f"SELECT 1 WHERE 1 IN ({', '.join('?' * len(many))})", [each.id for each in many]
        )


def test_a_start_reads_no_todo(store_path: Path) -> None:
    """`bootstrap()` loaded all of them into a snapshot at every start."""
    with open_store(store_path) as store:
        store[TodoRepository].add("a")

    def reads(show: Callable[[Store], object]) -> list[str]:
        def run() -> None:
            with open_store(store_path) as store:
                show(store)

        return [one.sql for one in statements(run) if 'FROM "todos_' in one.sql]

    assert reads(lambda store: None) == []
    assert reads(lambda store: store[TodoRepository].list())  # a control: what is read is noticed


# What comes back


def test_whatever_gives_a_todo_counts_its_comments(
    todos: TodoRepository, comments: CommentRepository
) -> None:
    """`findTodoByIdentifier()` left the number out, and so did the refactor's `update()`, so clients showed 0."""
    id = todos.add("a", due=NOON, recurrence="FREQ=DAILY", remind_at=NOON).id
    for text in "xy":
        comments.add(id, text)
    gives: list[Callable[[], TodoValue | None]] = [
        lambda: todos.get(id),
        lambda: todos.find(id),
        lambda: todos.find("A"),
        lambda: todos.called("a")[0],
        lambda: todos.list()[0],
        lambda: todos.list(order="manual", text="a")[0],
        lambda: todos.open()[0],
        lambda: todos.series(id)[0],
        lambda: todos.due_reminders(NOON)[0],
        lambda: todos.whole([todos.get(id)])[0].todo,
        lambda: todos.search("a")[0].todo,
        lambda: todos.ranked("a")[0].todo,
        lambda: todos.update(id, description="b"),
        lambda: todos.update(id),
        lambda: todos.start(id),
        lambda: todos.set_status(id, "pending"),
        lambda: todos.move(id),
        lambda: todos.complete(id).todo,
        lambda: todos.reopen(id),
        lambda: todos.cancel(id),
    ]
    for give in gives:
        found = give()
        assert found is not None
        assert (found.id, found.comment_count) == (id, 2)


def test_an_update_gives_what_is_stored_and_not_what_it_was_given(todos: TodoRepository) -> None:
    """`updateTodoById()` spread the patch over what it returned, untrimmed and with whatever names it had."""
    id = todos.add("a").id

    changed = todos.update(id, title="  Köp\n", description=" två liter ", status="done", tags=["x", " x "])

    assert (changed.title, changed.description, changed.tags) == ("Köp", "två liter", ("x",))
    assert changed.status is TodoStatus.COMPLETED
    assert todos.get(id) == changed
    for name in ("id", "created_at", "updated_at", "comment_count", "due_at"):
        names: dict[str, Any] = {name: "other"}
        with pytest.raises(TypeError):
            todos.update(id, **names)
    assert todos.get(id) == changed


def test_an_empty_source_is_a_source_and_not_none(todos: TodoRepository) -> None:
    """JavaScript's `??` keeps an empty text, and so do we; a description that is none is an empty one."""
    added = todos.add("a", source="", icon="", description=" \n")

    assert (added.source, added.icon, added.description) == ("", "", "")
    assert todos.update(added.id, source=None).source is None
    assert todos.update(added.id, source="").source == ""


# Being told


def test_a_list_that_is_shown_follows_the_comments_and_every_listener_is_told(
    todos: TodoRepository, comments: CommentRepository, store: Store
) -> None:
    """`onTodos()` sent the todos with their `commentCount`; `setTodoChangeListener()` knew one listener only."""
    id = todos.add("a").id
    first, second = Heard(), Heard()

    with store.observe(todos.list, first), store.observe(todos.list, second):
        comment = comments.add(id, "x")
        for heard in (first, second):
            heard.until(("a", 1))
        comments.delete(comment.id)
        for heard in (first, second):
            heard.until(("a", 0))


def test_a_listener_may_do_with_its_list_what_it_likes(todos: TodoRepository, store: Store) -> None:
    """The list that `onTodos()` gave out was the cache itself, so one listener spoiled it for all."""
    todos.add("a")
    spoiling, other = Heard(list.clear), Heard()

    with store.observe(todos.list, spoiling), store.observe(todos.list, other):
        todos.add("b")
        for heard in (spoiling, other):
            heard.until(("a", 0), ("b", 0))

    assert [one.title for one in todos.list()] == ["a", "b"]
