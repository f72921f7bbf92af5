"""What leaves the plugin: plain values, no database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from stina_core import JsonValue, Snippet

from .kinds import OPEN, Priority, TodoStatus


@dataclass(frozen=True, slots=True)
class TodoValue:
    """One todo.

    Attributes:
        due_at: The instant it is due at, if it is due at one.
        due_date: The day it is due on, if it is due on a day and at no time of it. Never both.
        due_by: From when on it is late: `due_at`, or the end of `due_date` in `time_zone`. The default
            order is that of it.
        time_zone: IANA name of the zone in which its days and clock times are meant; UTC where it is None.
        tags: Each once, in the order they were given.
        project: The name of the project `project_id`.
        remind_at: When somebody wants to be reminded; `reminded_at` says that it was done.
        recurrence: RRULE by which completing it makes the next one.
        series: What the todos have in common that came from one another; the id of the first of them.
        follows: The id of the todo whose completion made this one.
        position: Where it stands in the manual order, which is that of these texts.
        metadata: A copy of what is stored; changing it changes nothing in the store.
        icon: What a client shows beside the title: an emoji, or the name of a picture that it knows.
        updated_at: When the todo itself was written last; its comments and steps do not count.
        completed_at: When it was completed, while its status is that.
        steps_done: How many of its `step_count` steps are ticked.
    """

    id: str
    title: str
    description: str
    status: TodoStatus
    due_at: datetime | None
    due_date: date | None
    due_by: datetime | None
    time_zone: str | None
    priority: Priority
    tags: tuple[str, ...]
    project_id: str | None
    project: str | None
    remind_at: datetime | None
    reminded_at: datetime | None
    recurrence: str | None
    series: str | None
    follows: str | None
    position: str
    metadata: JsonValue
    source: str | None
    icon: str | None
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None
    comment_count: int
    step_count: int
    steps_done: int

    @property
    def due(self) -> date | datetime | None:
        """The instant or the day it is due."""
        return self.due_at if self.due_at is not None else self.due_date

    @property
    def is_open(self) -> bool:
        """Whether it is neither completed nor cancelled."""
        return self.status in OPEN


@dataclass(frozen=True, slots=True)
class CommentValue:
    """One comment on a todo."""

    id: str
    todo_id: str
    content: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class StepValue:
    """One step of a todo.

    Attributes:
        position: Its place among the steps of its todo, which are in that order; there may be gaps.
        completed_at: When it was ticked; None where that is not known, too.
        updated_at: When it was ticked or unticked last; its place does not count.
    """

    id: str
    todo_id: str
    title: str
    done: bool
    position: int
    completed_at: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ProjectValue:
    """What todos belong to.

    Attributes:
        archived_at: When it was put aside; None while it is in use.
    """

    id: str
    name: str
    description: str
    archived_at: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class WholeTodo:
    """A todo with all that hangs on it: steps in their order, comments oldest first."""

    todo: TodoValue
    steps: tuple[StepValue, ...]
    comments: tuple[CommentValue, ...]


@dataclass(frozen=True, slots=True)
class Completion:
    """What completing a todo did.

    Attributes:
        next: The todo that was made because it repeats; None if none was.
    """

    todo: TodoValue
    next: TodoValue | None


@dataclass(frozen=True, slots=True)
class TodoHit:
    """A todo that a search found.

    Attributes:
        place: `search(text, before=hit.place)` goes on after it.
    """

    todo: TodoValue
    snippet: Snippet
    place: int
