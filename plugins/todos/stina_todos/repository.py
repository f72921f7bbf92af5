"""Reads and writes of todos."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from stina_core import JsonLike, Repository, new_id, now

from . import days, queries, writes
from .changing import changed, check_project
from .days import Due
from .kinds import KEEP, OPEN, Keep, Priority, TodoStatus
from .listing import Order, found, matching, pages, wanted
from .models import Todo
from .ordering import place_for
from .rows import TodoRow, blank, columns, edited, with_status
from .texts import filled, folded, text_of
from .values import Completion, TodoHit, TodoValue, WholeTodo
from .wholes import with_parts

TABLE = "todos_todo"


class TodoRepository(Repository):
    """What is to be done, and what was.

    Semantics:
        - `due` is a day (a date) or an instant (a datetime with a time zone). A day ends, and
          what is due on it is late, with its last millisecond in the todo's time zone.
        - A datetime with a `ZoneInfo` brings its zone along where no `time_zone` is given.
        - A title is compared without regard to letter case, in any script.
        - Each write is one transaction, or a part of the one around it, and moves `updated_at`;
          one that changes nothing is not written. `move()` and reminders leave `updated_at`.
        - Told are: one insert, update or delete of `todos_todo` for each todo that is written;
          for a completion that repeats the update, then the insert of the next todo, then an
          insert for each of its steps; for a deletion first the deletes of comments and steps.
    """

    def get(self, id: str) -> TodoValue:
        """Return the todo with the id *id*; NotFoundError if there is none."""
        return queries.by_id.get(id)

    def find(self, identifier: str) -> TodoValue | None:
        """Return the todo with this id, else the one with this title that was written last, or None."""
        name = text_of(identifier, "identifier").strip()
        return queries.by_id.find(name) or queries.by_title.find(folded(name))

    def called(self, title: str) -> Sequence[TodoValue]:
        """Return all todos with this title, whatever its case, those written last first."""
        return queries.by_title.list(folded(text_of(title, "title").strip()))

    def add(
        self,
        title: str,
        *,
        description: str | None = None,
        status: TodoStatus | str = TodoStatus.NOT_STARTED,
        due: Due | None = None,
        time_zone: str | Keep | None = KEEP,
        priority: int | None = Priority.NONE,
        tags: Iterable[str] | None = (),
        project_id: str | None = None,
        remind_at: datetime | None = None,
        recurrence: str | None = None,
        metadata: JsonLike = None,
        source: str | None = None,
        icon: str | None = None,
        id: str | None = None,
        created_at: datetime | None = None,
    ) -> TodoValue:
        """Add a todo and return it; it comes last in the manual order.

        Args:
            recurrence: An RRULE by days, weeks, months or years, such as FREQ=WEEKLY;BYDAY=MO.
            id, created_at: Only to bring in what was made elsewhere.

        Raises:
            InvalidValueError: a value cannot be what it is given for; nothing is written.
            NotFoundError: there is no such project.
        """
        at = now()
        made_at = at if created_at is None else days.moment_of(created_at, "created_at")
        key = new_id() if id is None else filled(id, "todos_todo.id")
        row = edited(
            blank(key, made_at),
            title=title,
            description=description,
            due=due,
            time_zone=time_zone,
            priority=priority,
            tags=tags,
            project_id=project_id,
            remind_at=remind_at,
            recurrence=recurrence,
            metadata=metadata,
            source=source,
            icon=icon,
        )
        row = with_status(row, TodoStatus.parse(status), at)
        with self.transaction():
            check_project(row)
            writes.insert(**columns(row))
            return queries.by_id.get(key)

    def update(
        self,
        id: str,
        *,
        title: str | Keep = KEEP,
        description: str | Keep | None = KEEP,
        status: TodoStatus | str | Keep = KEEP,
        due: Due | Keep | None = KEEP,
        time_zone: str | Keep | None = KEEP,
        priority: int | Keep | None = KEEP,
        tags: Iterable[str] | Keep | None = KEEP,
        project_id: str | Keep | None = KEEP,
        remind_at: datetime | Keep | None = KEEP,
        recurrence: str | Keep | None = KEEP,
        metadata: JsonLike | Keep = KEEP,
        source: str | Keep | None = KEEP,
        icon: str | Keep | None = KEEP,
    ) -> TodoValue:
        """Change what is given, leave the rest, and return the todo; None clears what can be empty.

        Another reminder is given again. With the status completed it also does what
        `complete()` does.

        Raises:
            InvalidValueError: a value cannot be what it is given for; nothing is written.
            NotFoundError: there is no such todo, or project.
        """

        def change(row: TodoRow, at: datetime) -> TodoRow:
            row = edited(
                row,
                title=title,
                description=description,
                due=due,
                time_zone=time_zone,
                priority=priority,
                tags=tags,
                project_id=project_id,
                remind_at=remind_at,
                recurrence=recurrence,
                metadata=metadata,
                source=source,
                icon=icon,
            )
            return row if isinstance(status, Keep) else with_status(row, TodoStatus.parse(status), at)

        with self.transaction():
            return changed(id, change, now()).todo

    def set_status(self, id: str, status: TodoStatus | str) -> TodoValue:
        """Give a todo a status, by any of its names, and return it; NotFoundError if there is no such todo."""
        return self._to(id, TodoStatus.parse(status)).todo

    def start(self, id: str) -> TodoValue:
        """Note that a todo is being worked on."""
        return self._to(id, TodoStatus.IN_PROGRESS).todo

    def cancel(self, id: str) -> TodoValue:
        """Note that a todo will not be done; of one that repeats no next one is made."""
        return self._to(id, TodoStatus.CANCELLED).todo

    def reopen(self, id: str) -> TodoValue:
        """Note that a todo is still to be done; the next one that its completion made stays."""
        return self._to(id, TodoStatus.NOT_STARTED).todo

    def complete(self, id: str) -> Completion:
        """Note that a todo is done; one that repeats makes the next one in the same transaction.

        It makes one only once: a todo that is completed, reopened and completed again makes another
        one only if that was deleted. The next one is due at the rule's next time after that at which
        this one was due, in its time zone: a time of day that the clocks skip is moved by as much as
        they skip, on that day only; of one that they show twice it is the first. A day stays a day.
        Steps are copied, not ticked; comments stay; a reminder keeps its distance.

        Raises:
            NotFoundError: there is no such todo.
            InvalidValueError: it repeats in a time zone that this machine does not know.
        """
        return self._to(id, TodoStatus.COMPLETED)

    def delete(self, id: str) -> bool:
        """Remove a todo with its comments and steps, and return whether it was there."""
        return bool(writes.remove(id))

    def move(self, id: str, *, after: str | None = None, before: str | None = None) -> TodoValue:
        """Put a todo right after or before another one in the manual order, and return it.

        Without either it comes last. Only this one is written.

        Raises:
            InvalidValueError: both are given, or the other todo is this one.
            NotFoundError: one of them is not there.
        """
        with self.transaction():
            queries.row_by_id.get(id)
            writes.place(id, place_for(id, after, before))
            return queries.by_id.get(id)

    def due_reminders(self, at: datetime | None = None) -> list[TodoValue]:
        """Return the open todos whose reminder is due at *at*, now if None, and was not given; earliest first."""
        moment = now() if at is None else days.moment_of(at, "remind_at")
        return sorted(queries.to_remind.list(moment), key=lambda todo: (todo.remind_at, todo.id))

    def mark_reminded(self, todo: TodoValue) -> bool:
        """Note that the reminder of *todo* was given; true in exactly one program of all that do so.

        False too where the todo is gone, or its reminder another one by now.
        """
        if todo.remind_at is None:
            return False
        return bool(writes.note_reminder(todo.id, todo.remind_at, now()))

    def count(self, statuses: Iterable[TodoStatus | str] | None = OPEN) -> int:
        """Return how many todos have one of *statuses*; any for None."""
        chosen = TodoStatus if statuses is None else map(TodoStatus.parse, statuses)
        with self.store.snapshot():
            return sum(queries.with_status.count(status) for status in set(chosen))

    def series(self, series: str) -> list[TodoValue]:
        """Return the todos that came from one another by completion, in the order they are due."""
        return queries.in_series.list(series)

    def whole(self, todos: Iterable[TodoValue]) -> list[WholeTodo]:
        """Return *todos* with their steps and comments, which are read in two statements."""
        with self.store.snapshot():
            return with_parts(list(todos))

    def search(self, text: str, limit: int = 20, before: int | None = None) -> list[TodoHit]:
        """Return the todos whose title and description answer *text*, those last that were first indexed.

        What people type into search boxes is understood, and nothing is a syntax error;
        see "Full-text search" in docs/patterns.md.
        """
        return found(self.full_text(Todo).newest(text, limit, before))

    def ranked(self, text: str, limit: int = 20) -> list[TodoHit]:
        """Return the todos that answer *text* best, best first; only the newest 2,000 that answer it are weighed."""
        return found(self.full_text(Todo).ranked(text, limit))

    def open(self, limit: int | None = None) -> list[TodoValue]:
        """Return what is still to be done, what is due first at the front."""
        return self.list(statuses=OPEN, limit=limit)

    def list(
        self,
        *,
        statuses: Iterable[TodoStatus | str] | None = None,
        project_id: str | None = None,
        tag: str | None = None,
        least_priority: int = Priority.NONE,
        due_after: datetime | None = None,
        due_before: datetime | None = None,
        text: str | None = None,
        order: Order = "due",
        after: TodoValue | None = None,
        limit: int | None = None,
    ) -> list[TodoValue]:
        """Return the todos that meet every condition, one page of them where there is a *limit*.

        A page is read from an index. One of a *tag*, a *least_priority* or, in the manual
        order, a time reads on in the list until enough of it belong; one of a *text* looks
        at every todo that the search finds.

        Args:
            statuses: By any of their names; all for None.
            due_after, due_before: Late at or after the one and before the other, what is due at nothing left out.
            text: What `search()` finds.
            order: `due`: what is late first at the front and what is due at nothing at the end, among
                equals what was made first. `manual`: that of `move()`.
            after: The last todo of the page before, as it was read then. Pages that go on from it
                neither repeat nor leave out a todo that stays where it is, whatever is written meanwhile.

        Raises:
            InvalidValueError: an argument is not what it should be.
        """
        asked = wanted(
            statuses=statuses,
            order=order,
            project_id=project_id,
            tag=tag,
            least_priority=least_priority,
            due_after=due_after,
            due_before=due_before,
            after=after,
            limit=limit,
        )
        if text is not None:
            return matching(asked, self.full_text(Todo), text_of(text, "text"))
        with self.store.snapshot():
            return pages(asked)

    def _to(self, id: str, status: TodoStatus) -> Completion:
        with self.transaction():
            return changed(id, lambda row, at: with_status(row, status, at), now())
