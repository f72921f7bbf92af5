from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import apsw
import pytest
from hypothesis import given, settings

from stina_core import Operations
from stina_core.migrations.old_rows import OldRow
from stina_core.testing import file_rows
from stina_core.testing.versions import quick_folder
from stina_todos import adoption_values
from stina_todos.checks import findings

from .old_files import AT, GENERATIONS, adopted, everything, tables
from .old_rows import HALF, Row, Rows, Text, old_rows, read, write

INTO = {
    "todos": "todos_todo",
    "todo_comments": "todos_comment",
    "todo_projects": "todos_project",
    "todo_steps": "todos_step",
}

Noted: TypeAlias = Mapping[tuple[str, str], Sequence[tuple[str, Any]]]
"""By old table and key, column and value before of each repair."""


# What the law says, apart from how the step does it


def is_kept(column: str, old: Row, new: Row) -> bool:
    """Whether the new row has the value of the old one's *column*, so that there is nothing to note."""
    value = old[column]
    if column == "description":
        return same("" if value is None else value, new[column])
    if column == "due_ts":
        return same(value, new["due_at"] if new["due_date"] is None else start_of(new))
    if column == "is_all_day":
        return same(0 if value is None else value, int(new["due_date"] is not None))
    if column == "reminder_minutes":
        start = new["due_at"] if new["due_date"] is None else start_of(new)
        if value is None or start is None or isinstance(value, str | bytes | float):
            return value is None and new["remind_at"] is None
        return same(start - value * 60_000, new["remind_at"])
    if column in ("todo_id", "project_id"):
        return same(str(value) if isinstance(value, int) else value, new[column])
    if column == "is_done":
        return same(0 if value is None else value, new["done"])
    place = {"recurring_template_id": "series", "order_index": "position", "createdAt": "created_at"}
    return same(value, new[place.get(column, column)])


def same(old: Any, new: Any) -> bool:
    return type(old) is type(new) and bool(old == new)


def start_of(new: Row) -> int | None:
    if new["due_date"] is None:
        return None
    zone = ZoneInfo(new["time_zone"] or "UTC")
    moment = datetime.combine(date.fromisoformat(new["due_date"]), time(), zone)
    return round((moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000)


def as_json(row: Row) -> Any:
    """Return a row as the list of repairs has one that was left out."""
    return {name: plain(value) for name, value in row.items()}


def plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"$hex": value.hex()}
    return {"$real": str(value)} if isinstance(value, float) and math.isinf(value) else value


def frozen(value: Any) -> tuple[str, Any]:
    return type(value).__name__, bytes(value) if isinstance(value, bytes) else value


def check(path: Path, before: Rows) -> None:
    """Hold every old row against what became of it."""
    noted: dict[tuple[str, str], list[tuple[str, Any]]] = {}
    for table, key, column, old in file_rows(
        path, 'SELECT "table", "key", "column", "before" FROM stina_repair'
    ):
        noted.setdefault((table, key), []).append((column, old))
    for table, rows in before.items():
        connection = apsw.Connection(str(path))
        new = {row["id"]: row for row in read(connection, INTO[table])}
        connection.close()
        left_out = Counter(
            json.dumps(json.loads(old), sort_keys=True)
            for (one, _), repairs in noted.items()
            for column, old in repairs
            if one == table and column == "*"
        )
        kept = []
        for row in rows:
            text = json.dumps(as_json(row), sort_keys=True)
            if left_out[text]:
                left_out[text] -= 1
            else:
                kept.append(row)
        assert not +left_out, "a row was left out that was not there"
        assert is_accounted_for(table, kept, new, noted), (
            f"of a row of {table} something is lost: {kept}, {new}"
        )


def is_accounted_for(table: str, old: Sequence[Row], new: Mapping[str, Row], noted: Noted) -> bool:
    """Whether each old row is one of the new ones, all of them; of rows without an id it is not known which."""
    if not old:
        return not new
    return any(
        is_accounted_for(table, old[1:], {other: new[other] for other in new if other != key}, noted)
        for key in new
        if explains(table, old[0], new[key], key, noted)
    )


def explains(
    table: str,
    old: Row,
    new: Row,
    key: str,
    noted: Noted,
) -> bool:
    """Whether *new* came from *old*, and each value that it has otherwise was noted."""
    notes = {(column, frozen(before)) for column, before in noted.get((table, key), [])}
    for column, value in old.items():
        stored = frozen(value if not isinstance(value, Text) else bytes(value))
        if column == "id":
            kept = key == (str(value) if isinstance(value, int) else value) and not isinstance(value, bytes)
        else:
            kept = is_kept(column, old, new)
        if not kept and (column, stored) not in notes:
            return False
    return True


def open_and_check(folder: Path, ddl: Sequence[str], rows: Rows) -> None:
    path = folder / "stina.db"
    before = write(path, ddl, rows)

    with adopted(path) as store:
        assert findings(store) == []

    check(path, before)
    assert not tables(path) & INTO.keys()
    assert file_rows(path, "PRAGMA foreign_key_check") == []
    assert file_rows(path, "PRAGMA integrity_check") == [("ok",)]
    once = everything(path)
    with adopted(path) as store:
        assert not store.outcome.applied
    assert everything(path) == once


@pytest.mark.parametrize("generation", GENERATIONS)
def test_whatever_is_in_an_old_file_is_adopted_or_listed(
    generation: str, living_in: Callable[[str], None]
) -> None:
    living_in("Europe/Stockholm")
    ddl = GENERATIONS[generation]

    @settings(max_examples=15)
    @given(old_rows(ddl))
    def law(rows: Rows) -> None:
        with quick_folder(Path()) as folder:
            open_and_check(folder, ddl, rows)

    law()


TELLING: Rows = {
    "todos": [
        {
            "id": "a",
            "title": " ",
            "description": "x",
            "status": "done",
            "due_ts": 1.5,
            "metadata": "{",
            "source": HALF,
        }
        | {"created_at": AT, "updated_at": None}
    ],
    "todo_comments": [
        {"id": "c", "todo_id": "a", "content": "x", "created_at": AT},
        {"id": "d", "todo_id": "b", "content": "x", "created_at": AT},
    ],
}


def test_the_law_holds_for_telling_rows(tmp_path: Path) -> None:
    open_and_check(tmp_path, GENERATIONS["108b028"], TELLING)


@pytest.mark.parametrize(
    "lose",
    [
        lambda patch: patch.setattr(adoption_values, "title_of", lambda row, column: "(untitled)"),
        lambda patch: patch.setattr(adoption_values, "status_of", lambda row: "completed"),
        lambda patch: patch.setattr(OldRow, "document", lambda row, column: None),
        lambda patch: patch.setattr(OldRow, "leave_out", lambda row, reason: None),
        lambda patch: patch.setattr(OldRow, "time", lambda row, column: None),
    ],
)
def test_the_law_is_broken_by_a_step_that_says_nothing_of_a_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lose: Callable[[pytest.MonkeyPatch], None]
) -> None:
    monkeypatch.setattr(Operations, "retire", retire_unseen)
    lose(monkeypatch)

    with pytest.raises(AssertionError, match="of a row of"):
        open_and_check(tmp_path, GENERATIONS["108b028"], TELLING)


def retire_unseen(op: Operations, name: str, **_: Any) -> None:
    """Drop a table without a look at what became of it."""
    op._ddl.drop_table(name)
