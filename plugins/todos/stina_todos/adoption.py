"""What the step `0002_adopt` does. Frozen: files were made by it, so it is never edited.

What it knows of titles, days and places is written out in `adoption_values.py` and
not taken from the rest of the plugin, which goes on changing.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, TypeAlias

from . import adoption_values as values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stina_core import OldRow, Operations, SameColumns, Value

Stored: TypeAlias = "dict[str, str | int | None]"

BATCH = 5_000
"""Rows that are written at once."""

EMPTY_COMMENT = "(empty)"

_MARKS = {
    "todo_projects": ("id", "name", "created_at"),
    "todos": ("id", "title", "status", "due_ts", "created_at"),
    "todo_comments": ("id", "todo_id", "content"),
    "todo_steps": ("id", "todo_id", "title", "is_done", "order_index"),
}
"""By table, the columns it has in each version; without them it is another program's."""

_MORE = {
    "todo_projects": ("description", "updated_at"),
    "todos": (
        *("description", "is_all_day", "reminder_minutes", "metadata", "source", "icon"),
        *("project_id", "recurring_template_id", "updated_at"),
    ),
    "todo_comments": ("created_at", "createdAt"),
    "todo_steps": ("completed_at", "created_at", "updated_at"),
}
"""The columns it has in some versions."""

_MOST = 1 << 62  # of a step's place, so that there is room after it


def adopt(op: Operations) -> None:
    """Make todos, projects, comments and steps of the original's; its tables go once all of them are found."""
    there = [
        table
        for table, columns in _MARKS.items()
        if op.has_table(table, *columns) and (table != "todo_comments" or _comment_times(op))
    ]
    adoption = _Adoption(op)
    for table in there:
        adoption.read(table)
    for table in reversed(there):  # what points to others first
        same = {column: new for column, new in _SAME[table].items() if op.has_table(table, column)}
        if table == "todos" and op.has_table(table, "is_all_day"):
            del same["due_ts"]  # what is due all day is so by both columns together
        if len(_comment_times(op)) > 1:
            same.pop("createdAt", None)
        op.retire(table, into=_INTO[table], same=same)


def _comment_times(op: Operations) -> list[str]:
    return [column for column in _MORE["todo_comments"] if op.has_table("todo_comments", column)]


class _Adoption:
    """The rows on their way.

    By old table, `_ids` has the new id for each id as it was, and `_made_at` when
    the row with a new id was made, for those that point to it.
    """

    def __init__(self, op: Operations) -> None:
        self._op = op
        self._ids: dict[str, dict[Value, str]] = {table: {} for table in _MARKS}
        self._made_at: dict[str, int] = {}
        self._numbers: dict[str, int] = {}  # by name of a project as names are compared, how many have had it
        self._here = cache(values.zone_here)

    def read(self, table: str) -> None:
        """Write what becomes of the rows of *table*, some thousand at a time."""
        make = {
            "todo_projects": self._project,
            "todos": self._todo,
            "todo_comments": self._comment,
            "todo_steps": self._step,
        }[table]
        batch: list[Stored] = []
        for row, id in self._rows(table):
            new = make(row, id)
            if new is not None:
                batch.append(new)
            if len(batch) == BATCH:
                self._op.insert(_INTO[table], batch)
                batch.clear()
        self._op.insert(_INTO[table], batch)

    def _rows(self, table: str) -> Iterator[tuple[OldRow, str]]:
        """Yield each row with its new id; note what is in columns that the original never had."""
        known = {*_MARKS[table], *_MORE[table]}
        unknown: list[str] | None = None
        ids = self._ids[table]
        taken: set[str] = set()
        for row in self._op.old_rows(table):
            raw, id = row.raw("id"), row.id()
            if id in taken:
                row.leave_out("another row has its id, once both can be read")
                continue
            taken.add(id)
            if raw is not None:  # nothing points to a row by that
                ids.setdefault(raw, id)
            if unknown is None:
                unknown = [column for column in row.columns if column not in known]
            for column in unknown:
                if row.raw(column) is not None:
                    row.note(column, "there is nothing like this column any more")
            yield row, id

    def _project(self, row: OldRow, id: str) -> Stored:
        name = values.title_of(row, "name")
        created, updated = values.times_of(row)
        unique = self._unique(name)
        if unique != name:
            row.note("name", "another project has this name, so it got a number")
        return {
            "id": id,
            "name": unique,
            "name_key": values.folded(unique),
            "description": row.text("description") or "",
            "created_at": created,
            "updated_at": updated,
        }

    def _unique(self, name: str) -> str:
        key = found = values.folded(name)
        unique = name
        number = self._numbers.get(key, 0)
        while found in self._numbers:
            number += 1
            unique = values.numbered(name, number)
            found = values.folded(unique)
        self._numbers[key] = max(number, 1)
        self._numbers.setdefault(found, 1)
        return unique

    def _todo(self, row: OldRow, id: str) -> Stored:
        title, status = values.title_of(row, "title"), values.status_of(row)
        created, updated = values.times_of(row)
        due = values.due_of(row, self._here)
        remind_at = values.reminder_of(row, due)
        self._made_at[id] = created
        return {
            "id": id,
            "title": title,
            "title_key": values.folded(title),
            "description": row.text("description") or "",
            "status": status,
            "due_at": due.at,
            "due_date": due.day,
            "due_by": due.by,
            "time_zone": due.zone,
            "project_id": self._reference(row, "project_id", "todo_projects"),
            "remind_at": remind_at,
            "reminded_at": remind_at if remind_at is not None and remind_at < self._op.now else None,
            "series": row.text("recurring_template_id"),
            "position": values.place(created, len(self._made_at), id),
            "metadata": row.document("metadata"),
            "source": row.text("source"),
            "icon": row.text("icon"),
            "created_at": created,
            "updated_at": updated,
            "completed_at": updated if status == "completed" else None,
        }

    def _comment(self, row: OldRow, id: str) -> Stored | None:
        todo = self._todo_of(row)
        if todo is None:
            return None
        content = row.text("content") or ""
        if not content.strip():
            content = EMPTY_COMMENT
            row.note("content", f"it was empty and became {content}")
        times = [column for column in _MORE["todo_comments"] if column in row]
        made_at = values.time_of(row, times, self._made_at[todo])
        return {"id": id, "todo_id": todo, "content": content, "created_at": made_at}

    def _step(self, row: OldRow, id: str) -> Stored | None:
        todo = self._todo_of(row)
        if todo is None:
            return None
        created, updated = values.times_of(row, self._made_at[todo])
        return {
            "id": id,
            "todo_id": todo,
            "title": values.title_of(row, "title"),
            "done": int(row.flag("is_done")),
            "position": _place(row),
            "completed_at": row.time("completed_at"),
            "created_at": created,
            "updated_at": updated,
        }

    def _todo_of(self, row: OldRow) -> str | None:
        todo = self._ids["todos"].get(row.raw("todo_id"))
        if todo is None:
            row.leave_out("there is no todo that it belongs to")
            return None
        return self._reference(row, "todo_id", "todos")

    def _reference(self, row: OldRow, column: str, table: str) -> str | None:
        """Return the new id of the row of *table* that *column* names; None where there is none."""
        raw = row.raw(column)
        if raw is None:
            return None
        id = self._ids[table].get(raw)
        if id is None:
            row.note(column, "there is no such row")
        elif id != _id_text(raw):
            row.note(column, "that row has another id now")
        return id


def _place(row: OldRow) -> int:
    if row.raw("order_index") is None:
        row.note("order_index", "there was no number")
    number = row.integer("order_index") or 0
    place = max(-_MOST, min(number, _MOST))
    if place != number:
        row.note("order_index", "the number was too large")
    return place


def _id_text(raw: Value) -> Value:
    return str(raw) if isinstance(raw, int) else raw


def _text_or_empty(raw: Value) -> Value:
    return "" if raw is None else raw


_INTO = {"todo_projects": "project", "todos": "todo", "todo_comments": "comment", "todo_steps": "step"}

_SAME: dict[str, SameColumns] = {
    "todo_projects": {
        "name": "name",
        "description": ("description", _text_or_empty),
        "created_at": "created_at",
        "updated_at": "updated_at",
    },
    "todos": {
        "title": "title",
        "description": ("description", _text_or_empty),
        "status": ("status", values.status_called),
        "due_ts": "due_at",
        "project_id": ("project_id", _id_text),
        "recurring_template_id": "series",
        "metadata": "metadata",
        "source": "source",
        "icon": "icon",
        "created_at": "created_at",
        "updated_at": "updated_at",
    },
    "todo_comments": {
        "todo_id": ("todo_id", _id_text),
        "content": "content",
        "created_at": "created_at",
        "createdAt": "created_at",
    },
    "todo_steps": {
        "todo_id": ("todo_id", _id_text),
        "title": "title",
        "is_done": ("done", lambda raw: raw or 0),
        "order_index": "position",
        "completed_at": "completed_at",
        "created_at": "created_at",
        "updated_at": "updated_at",
    },
}
"""By old table and column, where its value is now."""
