"""The kinds of things a todo is described with; apart from the values, which cost more to import."""

from __future__ import annotations

from enum import Enum, IntEnum, StrEnum
from typing import Final

from stina_core import InvalidValueError


class Keep(Enum):
    """The type of `KEEP`."""

    KEEP = "keep"

    def __repr__(self) -> str:
        return self.name


KEEP: Final = Keep.KEEP
"""Stands for "leave it as it is" where None means "clear it"."""


class TodoStatus(StrEnum):
    """How far a todo is."""

    NOT_STARTED = "not_started"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    CANCELLED = "cancelled"

    @classmethod
    def parse(cls, text: object) -> TodoStatus:
        """Return the status that *text* names, in any of the original app's words.

        Case, and whether there is a space, a dash or an underscore, do not count.

        Raises:
            InvalidValueError: it names none.
        """
        if not isinstance(text, str):
            raise InvalidValueError("todos_todo.status", f"expected text, got {type(text).__name__}")
        word = "_".join(str.__str__(text).strip().lower().replace("-", " ").replace("_", " ").split())
        try:
            return cls(_ALIASES.get(word, word))
        except ValueError:
            raise InvalidValueError(
                "todos_todo.status", f"no such status; there are {', '.join(cls)}"
            ) from None


_ALIASES = {
    "pending": "not_started",
    "ongoing": "in_progress",
    "started": "in_progress",
    "done": "completed",
    "finished": "completed",
    "canceled": "cancelled",
    "aborted": "cancelled",
}

OPEN: Final = (TodoStatus.NOT_STARTED, TodoStatus.IN_PROGRESS)
"""The statuses of what is still to be done."""


class Priority(IntEnum):
    """How much a todo matters; compared as numbers."""

    NONE = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    URGENT = 4
