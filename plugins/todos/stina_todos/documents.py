"""What the command prints of todos: documents for `--json`, lines for people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .values import TodoValue, WholeTodo

COLUMNS = ("id", "status", "due", "priority", "title", "project", "tags")
"""Of the table that people see."""


def document(whole: WholeTodo) -> dict[str, Any]:
    """Return a todo as `--json` prints it, with steps and comments."""
    todo = whole.todo
    return {
        "id": todo.id,
        "title": todo.title,
        "description": todo.description,
        "status": todo.status,
        "due": due_shown(todo),
        "due_at": todo.due_at,
        "due_date": None if todo.due_date is None else todo.due_date.isoformat(),
        "time_zone": todo.time_zone,
        "priority": int(todo.priority),
        "tags": list(todo.tags),
        "project": todo.project,
        "project_id": todo.project_id,
        "remind_at": todo.remind_at,
        "reminded_at": todo.reminded_at,
        "recurrence": todo.recurrence,
        "series": todo.series,
        "follows": todo.follows,
        "position": todo.position,
        "steps": [
            {
                "id": step.id,
                "title": step.title,
                "done": step.done,
                "completed_at": step.completed_at,
                "created_at": step.created_at,
                "updated_at": step.updated_at,
            }
            for step in whole.steps
        ],
        "comments": [
            {"id": comment.id, "content": comment.content, "created_at": comment.created_at}
            for comment in whole.comments
        ],
        "metadata": todo.metadata,
        "source": todo.source,
        "icon": todo.icon,
        "created_at": todo.created_at,
        "updated_at": todo.updated_at,
        "completed_at": todo.completed_at,
    }


def text(whole: WholeTodo) -> str:
    """Return all of a todo for a person to read."""
    todo = whole.todo
    facts = [
        ("id", todo.id),
        ("icon", todo.icon),
        ("status", todo.status.value),
        ("due", due_text(todo)),
        ("repeats", todo.recurrence),
        ("remind", _moment(todo.remind_at)),
        ("priority", todo.priority.name.lower() if todo.priority else None),
        ("project", todo.project),
        ("tags", ", ".join(todo.tags)),
    ]
    lines = [todo.title, *(f"  {name + ':':<10}{value}" for name, value in facts if value)]
    lines += ["", todo.description] if todo.description else []
    lines += [""] if whole.steps else []
    lines += [f"  [{'x' if step.done else ' '}] {step.title}" for step in whole.steps]
    for comment in whole.comments:
        lines += ["", f"  {_moment(comment.created_at)}", *_indented(comment.content.splitlines())]
    return "\n".join(lines)


def line(todo: TodoValue) -> str:
    """Return a todo in one line, as it is said what was done to it."""
    due = due_text(todo)
    return f"{todo.title}, due {due} ({todo.id})" if due else f"{todo.title} ({todo.id})"


def due_shown(todo: TodoValue) -> str | datetime | None:
    """Return the instant *todo* is due at, or the day as text."""
    return todo.due_at if todo.due_date is None else todo.due_date.isoformat()


def due_text(todo: TodoValue) -> str | None:
    """Return when *todo* is due, in the time zone of this machine."""
    return _moment(todo.due)


def shown_moment(when: str | datetime | None) -> str:
    """Return what `due_shown()` gives as a table has it."""
    return (_moment(when) or "") if isinstance(when, datetime) else (when or "")


def _moment(when: date | datetime | None) -> str | None:
    if not isinstance(when, datetime):
        return None if when is None else when.isoformat()
    return f"{when.astimezone():%Y-%m-%d %H:%M}"


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]
