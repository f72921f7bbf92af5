"""Todos: due dates, reminders, repetition, projects, steps and comments.

Names are resolved at first use, so that the command's `--help` loads no database code.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .days import Due
    from .kinds import KEEP, OPEN, Keep, Priority, TodoStatus
    from .parts import CommentRepository, StepRepository
    from .projects import ProjectRepository
    from .repository import TodoRepository
    from .values import CommentValue, Completion, ProjectValue, StepValue, TodoHit, TodoValue, WholeTodo

_HOMES = {
    "CommentRepository": ".parts",
    "Due": ".days",
    "ProjectRepository": ".projects",
    "StepRepository": ".parts",
    "TodoRepository": ".repository",
    **dict.fromkeys(("KEEP", "OPEN", "Keep", "Priority", "TodoStatus"), ".kinds"),
    **dict.fromkeys(
        (
            "CommentValue",
            "Completion",
            "ProjectValue",
            "StepValue",
            "TodoHit",
            "TodoValue",
            "WholeTodo",
        ),
        ".values",
    ),
}

__all__ = [
    "KEEP",
    "OPEN",
    "CommentRepository",
    "CommentValue",
    "Completion",
    "Due",
    "Keep",
    "Priority",
    "ProjectRepository",
    "ProjectValue",
    "StepRepository",
    "StepValue",
    "TodoHit",
    "TodoRepository",
    "TodoStatus",
    "TodoValue",
    "WholeTodo",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'stina_todos' has no attribute {name!r}")
    value: object = getattr(importlib.import_module(_HOMES[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
