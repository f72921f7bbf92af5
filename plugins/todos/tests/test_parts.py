from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from stina_core import InvalidValueError, NotFoundError, Store
from stina_todos import (
    CommentRepository,
    ProjectRepository,
    StepRepository,
    TodoRepository,
    WholeTodo,
)
from stina_todos.models import Comment, Step


def test_comments_are_trimmed_and_listed_oldest_first(
    todos: TodoRepository, comments: CommentRepository
) -> None:
    todo = todos.add("a")
    late = comments.add(todo.id, " two\nlines ", id="b", created_at=datetime(2026, 1, 2, tzinfo=UTC))
    early = comments.add(todo.id, "x", created_at=datetime(2026, 1, 1, tzinfo=UTC))
    same = comments.add(todo.id, "y", id="a", created_at=datetime(2026, 1, 2, tzinfo=UTC))

    assert late.content == "two\nlines"
    assert comments.list(todo.id) == [early, same, late]
    assert todos.get(todo.id).comment_count == 3


def test_a_comment_does_not_touch_its_todo(todos: TodoRepository, comments: CommentRepository) -> None:
    todo = todos.add("a")
    comment = comments.add(todo.id, "x")

    assert todos.get(todo.id).updated_at == todo.updated_at
    assert [comments.delete(comment.id), comments.delete(comment.id)] == [True, False]
    assert todos.get(todo.id) == todo


@pytest.mark.parametrize("content", ["", " \n\t\u2003", None, 7, "\ud800"])
def test_a_comment_of_nothing_is_refused(
    todos: TodoRepository, comments: CommentRepository, content: Any
) -> None:
    todo = todos.add("a")

    with pytest.raises(InvalidValueError, match=r"^todos_comment\.content"):
        comments.add(todo.id, content)

    assert comments.list(todo.id) == []


def test_a_comment_and_a_step_need_their_todo(comments: CommentRepository, steps: StepRepository) -> None:
    for call in (
        lambda: comments.add("nobody", "x"),
        lambda: steps.add("nobody", "x"),
        lambda: steps.reorder("nobody", []),
    ):
        with pytest.raises(NotFoundError) as caught:
            call()
        assert (caught.value.table, caught.value.key) == ("todos_todo", "nobody")
    assert comments.list("nobody") == []


def test_steps_are_ticked_and_counted(todos: TodoRepository, steps: StepRepository) -> None:
    todo = todos.add("a")
    one, two = steps.add(todo.id, " one "), steps.add(todo.id, "two", done=True)

    assert (one.title, one.done, one.position, two.position) == ("one", False, 0, 1)
    assert steps.tick(one.id).done
    assert (todos.get(todo.id).step_count, todos.get(todo.id).steps_done) == (2, 2)
    assert not steps.untick(one.id).done
    assert todos.get(todo.id).steps_done == 1
    assert todos.get(todo.id).updated_at == todo.updated_at
    with pytest.raises(NotFoundError):
        steps.tick("nobody")


def test_a_step_knows_when_it_was_ticked(todos: TodoRepository, steps: StepRepository) -> None:
    todo = todos.add("a")
    fresh, made_done = steps.add(todo.id, "one"), steps.add(todo.id, "two", done=True)

    assert (fresh.completed_at, fresh.updated_at) == (None, fresh.created_at)
    assert made_done.completed_at == made_done.created_at
    ticked = steps.tick(fresh.id)
    assert ticked.completed_at == ticked.updated_at >= fresh.created_at
    assert steps.tick(fresh.id) == ticked
    moved = steps.reorder(todo.id, [made_done.id, fresh.id])
    assert [step.updated_at for step in moved] == [made_done.updated_at, ticked.updated_at]
    assert steps.untick(fresh.id).completed_at is None


def test_steps_are_put_into_another_order(todos: TodoRepository, steps: StepRepository) -> None:
    todo = todos.add("a")
    a, b, c = (steps.add(todo.id, title) for title in "abc")

    assert [step.title for step in steps.reorder(todo.id, [c.id, a.id, b.id])] == ["c", "a", "b"]
    assert steps.delete(a.id)
    assert [step.title for step in steps.list(todo.id)] == ["c", "b"]
    assert steps.add(todo.id, "d").position == 3
    assert not steps.delete(a.id)


def test_an_order_must_name_each_step_once(todos: TodoRepository, steps: StepRepository) -> None:
    todo, other = todos.add("a"), todos.add("b")
    a, b = steps.add(todo.id, "a"), steps.add(todo.id, "b")
    foreign = steps.add(other.id, "c")

    for ids in ([], [a.id], [a.id, a.id], [a.id, b.id, b.id], [a.id, foreign.id], "ab"):
        with pytest.raises(InvalidValueError, match=r"^ids"):
            steps.reorder(todo.id, ids)

    assert steps.list(todo.id) == [a, b]


def test_projects_have_names_that_differ_in_more_than_case(projects: ProjectRepository) -> None:
    home = projects.add(" Hem ")

    assert home.name == "Hem"
    assert projects.find("HEM") == projects.get(home.id) == projects.ensure("hem") == home
    with pytest.raises(InvalidValueError, match=r"^todos_project\.name"):
        projects.add("hEM")
    assert projects.ensure("Arbete").name == "Arbete"
    assert [project.name for project in projects.list()] == ["Arbete", "Hem"]


def test_a_project_has_a_description(projects: ProjectRepository) -> None:
    home, work = projects.add("Hem", description=" Huset\n"), projects.add("Arbete")

    assert (home.description, work.description) == ("Huset", "")
    assert projects.describe(work.id, " Jobbet ") == projects.get(work.id)
    assert projects.get(work.id).description == "Jobbet"
    assert projects.describe(home.id, "Huset") == home
    assert projects.describe(home.id, "").description == ""
    with pytest.raises(InvalidValueError, match=r"^todos_project\.description"):
        projects.describe(home.id, "\ud800")
    with pytest.raises(NotFoundError):
        projects.describe("nobody", "x")


def test_a_project_is_renamed_also_to_another_case_of_its_own_name(
    todos: TodoRepository, projects: ProjectRepository
) -> None:
    home, work = projects.add("Hem"), projects.add("Arbete")
    todo = todos.add("a", project_id=home.id)

    assert projects.rename(home.id, "HEM").name == "HEM"
    assert todos.get(todo.id).project == "HEM"
    with pytest.raises(InvalidValueError):
        projects.rename(home.id, "arbete")
    with pytest.raises(NotFoundError):
        projects.rename("nobody", "x")
    assert projects.rename(work.id, " Arbete ") == work


def test_an_archived_project_is_left_out_of_the_list_and_comes_back(projects: ProjectRepository) -> None:
    home = projects.add("Hem")

    archived = projects.archive(home.id)

    assert archived.archived_at == archived.updated_at
    assert (projects.list(), projects.list(archived=True)) == ([], [archived])
    assert projects.archive(home.id) == archived
    assert projects.archive(home.id, archived=False).archived_at is None
    with pytest.raises(NotFoundError):
        projects.archive("nobody")


def test_a_deleted_project_leaves_its_todos(todos: TodoRepository, projects: ProjectRepository) -> None:
    home = projects.add("Hem")
    todo = todos.add("a", project_id=home.id)

    assert [projects.delete(home.id), projects.delete(home.id)] == [True, False]
    left = todos.get(todo.id)
    assert (left.project_id, left.project, left.updated_at) == (None, None, todo.updated_at)
    with pytest.raises(NotFoundError):
        projects.get(home.id)


def test_whole_todos_have_their_parts_in_order_by_two_statements(
    todos: TodoRepository, comments: CommentRepository, steps: StepRepository, store: Store
) -> None:
    a, b, c = (todos.add(title) for title in "abc")
    for todo in (a, b):
        for number in range(3):
            steps.add(todo.id, f"step {number}")
            comments.add(todo.id, f"comment {number}")
    steps.reorder(a.id, [step.id for step in reversed(steps.list(a.id))])
    wanted = [
        WholeTodo(todo, tuple(steps.list(todo.id)), tuple(comments.list(todo.id))) for todo in todos.list()
    ]
    told: list[Any] = []
    with store.use():
        database: Any = Comment._meta.database
        database.query_hooks.append(told.append)
        whole = todos.whole(todos.list())
        database.query_hooks.remove(told.append)

    assert whole == wanted
    assert [len(one.steps) for one in whole] == [3, 3, 0]
    assert c == whole[2].todo
    reads = [
        event.sql for event in told if any(model._meta.table_name in event.sql for model in (Comment, Step))
    ]
    assert len(reads) == 4 + 2  # a list is one statement for each status
