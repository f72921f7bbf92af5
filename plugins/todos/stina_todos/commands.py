"""The command `stina todos`. Importing it loads no database code, so help stays quick."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from stina_core.cli import confirm, emit, emit_rows, pass_store, yes_option

from .details import CLEARS, details_of, make_project, read, refuse_empty, values_of
from .reading import Cleared, PriorityParam, Status, When

if TYPE_CHECKING:
    from stina_core import Store

    from .values import TodoValue


@click.group()
def todos() -> None:
    """What is to be done: due dates, reminders, repetition, projects, steps and comments.

    A TODO is named by its id or its title; letter case does not count. Dates are
    read in English and Swedish: tomorrow, "fredag kl 9", "in 2 hours", 2026-05-01.
    Without a time of day a todo is due on that day.
    """


@todos.command("add")
@click.argument("title")
@details_of("")
@click.option(
    "--step", "steps", multiple=True, metavar="TITLE", help="A step of it; may be given several times."
)
@pass_store
def add_todo(store: Store, /, title: str, steps: tuple[str, ...], **details: Any) -> None:
    """Add a todo called TITLE."""
    from . import StepRepository, TodoRepository

    refuse_empty(details)
    values = values_of(details)
    with store.transaction():
        make_project(store, values)
        todo = store[TodoRepository].add(title, **values)
        for step in steps:
            store[StepRepository].add(todo.id, step)
        todo = store[TodoRepository].get(todo.id)
    _emit(store, todo, "added")


@todos.command("list")
@click.option("--all", "everything", is_flag=True, help="Also what is completed or cancelled.")
@click.option(
    "--status", "statuses", type=Status(), multiple=True, help="Only of this status; several may be given."
)
@click.option("--search", metavar="TEXT", help="Only with these words in title or description.")
@click.option("--project", metavar="NAME", help="Only of this project.")
@click.option("--tag", metavar="TAG", help="Only with this tag.")
@click.option("--priority", type=PriorityParam(), default=0, help="Only of this priority or a higher one.")
@click.option("--due-before", type=When(instant=True), help="Only what is due before.")
@click.option("--manual", is_flag=True, help="In the order it was put into, not by when it is due.")
@click.option("--limit", type=click.IntRange(min=0), metavar="N", help="At most so many.")
@pass_store
def list_todos(
    store: Store,
    everything: bool,
    statuses: tuple[str, ...],
    search: str | None,
    project: str | None,
    tag: str | None,
    priority: int,
    due_before: Any,
    manual: bool,
    limit: int | None,
) -> None:
    """List what matters now: what is neither completed nor cancelled, what is due first at the top."""
    from . import OPEN, TodoRepository
    from .documents import COLUMNS, document, shown_moment

    repository = store[TodoRepository]
    found = repository.list(
        statuses=statuses or (None if everything else OPEN),
        text=search,
        project_id=None if project is None else _project(store, project),
        tag=tag,
        least_priority=priority,
        due_before=None if isinstance(due_before, Cleared) else due_before,
        order="manual" if manual else "due",
        limit=limit,
    )
    rows = [document(whole) for whole in repository.whole(found)]
    emit_rows(rows, COLUMNS, show={"due": shown_moment, "priority": _priority_name, "tags": ", ".join})


@todos.command("show")
@click.argument("todo")
@pass_store
def show_todo(store: Store, todo: str) -> None:
    """Print all of TODO, with its steps and comments."""
    from . import TodoRepository
    from .documents import document, text

    (whole,) = store[TodoRepository].whole([_found(store, todo)])
    emit(document(whole), text(whole))


@todos.command("edit")
@click.argument("todo")
@click.option("--title", metavar="TEXT", help="Another title.")
@details_of(CLEARS)
@pass_store
def edit_todo(store: Store, /, todo: str, title: str | None, **details: Any) -> None:
    """Change what is given of TODO; the rest stays as it is."""
    from . import TodoRepository

    values = values_of({"title": title, **details})
    with store.transaction():
        found = _found(store, todo)
        make_project(store, values)
        edited = store[TodoRepository].update(found.id, **values)
    _emit(store, edited, "edited")


@todos.command("start")
@click.argument("todo")
@pass_store
def start_todo(store: Store, todo: str) -> None:
    """Note that TODO is being worked on."""
    _set_status(store, todo, "in_progress", "started")


@todos.command("done")
@click.argument("todo")
@pass_store
def complete_todo(store: Store, todo: str) -> None:
    """Note that TODO is done; one that repeats makes the next one."""
    _set_status(store, todo, "completed", "done")


@todos.command("cancel")
@click.argument("todo")
@pass_store
def cancel_todo(store: Store, todo: str) -> None:
    """Note that TODO will not be done."""
    _set_status(store, todo, "cancelled", "cancelled")


@todos.command("reopen")
@click.argument("todo")
@pass_store
def reopen_todo(store: Store, todo: str) -> None:
    """Note that TODO is to be done after all."""
    _set_status(store, todo, "not_started", "reopened")


@todos.command("comment")
@click.argument("todo")
@click.argument("content")
@pass_store
def comment_on_todo(store: Store, todo: str, content: str) -> None:
    """Add the comment CONTENT to TODO; "-" reads it from standard input."""
    from . import CommentRepository

    text = read(content)
    with store.transaction():
        comment = store[CommentRepository].add(_found(store, todo).id, text)
    document = {"id": comment.id, "todo_id": comment.todo_id, "content": comment.content}
    emit({**document, "created_at": comment.created_at}, f"commented ({comment.id})")


@todos.command("delete")
@click.argument("todo")
@yes_option
@pass_store
def delete_todo(store: Store, todo: str, yes: bool) -> None:
    """Delete TODO with its steps and comments."""
    from . import TodoRepository

    found = _found(store, todo)
    confirm(f"Delete {found.title} with its steps and comments?", yes)
    store[TodoRepository].delete(found.id)
    emit({"id": found.id, "deleted": True}, f"deleted: {found.title} ({found.id})")


def _found(store: Store, identifier: str) -> TodoValue:
    from stina_core import InvalidValueError, NotFoundError

    from . import OPEN, TodoRepository

    found = store[TodoRepository].find(identifier)
    if found is None:
        raise NotFoundError("todos_todo", identifier)
    if found.id == identifier.strip():
        return found
    called = store[TodoRepository].called(identifier)
    meant = [
        one for one in called if one.status in OPEN
    ] or called  # of one that repeats, the others are done
    if len(meant) > 1:
        some = ", ".join(one.id for one in meant[:5]) + (", …" if len(meant) > 5 else "")
        raise InvalidValueError("todo", f"{len(meant)} are called that; say which one by its id: {some}")
    return meant[0]


def _project(store: Store, name: str) -> str:
    from stina_core import NotFoundError

    from . import ProjectRepository

    found = store[ProjectRepository].find(name)
    if found is None:
        raise NotFoundError("todos_project", name)
    return found.id


def _set_status(store: Store, todo: str, status: str, said: str) -> None:
    from . import TodoRepository, TodoStatus

    repository = store[TodoRepository]
    with store.transaction():
        found = _found(store, todo)
        following = None
        if status == TodoStatus.COMPLETED:
            completion = repository.complete(found.id)
            changed, following = completion.todo, completion.next
        else:
            changed = repository.set_status(found.id, status)
    _emit(store, changed, said, following)


def _emit(store: Store, todo: TodoValue, said: str, following: TodoValue | None = None) -> None:
    from . import TodoRepository
    from .documents import document, line

    (whole,) = store[TodoRepository].whole([todo])
    text = f"{said}: {line(todo)}"
    printed = document(whole)
    if following is not None:
        printed["next_id"] = following.id
        text += f"\nnext: {line(following)}"
    emit(printed, text)


def _priority_name(number: int) -> str:
    from .kinds import Priority

    return Priority(number).name.lower() if number else ""
