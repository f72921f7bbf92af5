from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from stina_core import Operations
from stina_core.testing import file_rows
from stina_todos import CommentRepository, ProjectRepository, StepRepository, TodoRepository, adoption
from stina_todos.checks import findings

from .old_files import (
    AT,
    CAMEL_COMMENTS,
    COMMENTS,
    NEW_TODOS,
    PROJECTS,
    STEPS,
    TODOS,
    adopted,
    old_file,
    put,
    repairs,
    todo,
)

MADE = datetime(2025, 11, 7, 16, 21, 54, 806000, UTC)


@pytest.mark.parametrize(
    ("stored", "status"),
    [
        ("pending", "not_started"),
        ("in-progress", "in_progress"),
        (" In_Progress ", "in_progress"),
        ("done", "completed"),
        ("canceled", "cancelled"),
        ("aborted", "cancelled"),
        ("garbage", "not_started"),
        ("", "not_started"),
        (None, "not_started"),
        (b"done", "not_started"),
    ],
)
def test_a_status_in_other_words_is_understood_and_listed(
    store_path: Path, stored: str | bytes | None, status: str
) -> None:
    old_file(store_path, TODOS.replace("TEXT NOT NULL DEFAULT 'pending'", "TEXT"))
    put(store_path, "todos", todo("a", status=stored))

    with adopted(store_path) as store:
        assert store[TodoRepository].get("a").status == status

    assert repairs(store_path) == [("todos", "a", "status", stored)]


def test_titles_are_made_to_fit_and_kept_whole_in_the_list_of_repairs(store_path: Path) -> None:
    old_file(store_path, PROJECTS, NEW_TODOS, STEPS)
    long = "🍓x" * 251
    put(store_path, "todos", todo("a", title=""), todo("b", title=" \u2003"), todo("c", title=long))
    put(store_path, "todos", todo("d", title=" Mjölk\n"), todo("e", title="\x00"))
    put(store_path, "todo_projects", {"id": "p", "name": ""}, {"id": "q", "name": long})
    put(store_path, "todo_steps", {"id": "s", "todo_id": "a", "title": " "})

    with adopted(store_path) as store:
        titles = {one.id: one.title for one in store[TodoRepository].list()}
        assert store[TodoRepository].find("mjölk") == store[TodoRepository].get("d")
        assert [one.title for one in store[StepRepository].list("a")] == ["(untitled)"]
        assert {one.name for one in store[ProjectRepository].list()} == {"(untitled)", long[:500]}

    assert titles == {"a": "(untitled)", "b": "(untitled)", "c": long[:500], "d": "Mjölk", "e": "\x00"}
    assert repairs(store_path) == [
        ("todo_projects", "p", "name", ""),
        ("todo_projects", "q", "name", long),
        *(("todos", id, "title", title) for id, title in (("a", ""), ("b", " \u2003"), ("c", long))),
        ("todos", "d", "title", " Mjölk\n"),
        ("todo_steps", "s", "title", " "),
    ]


def test_projects_of_one_name_get_numbers(store_path: Path) -> None:
    old_file(store_path, PROJECTS)
    names = ["Hem", "HEM", "hem (2)", "hem", "x" * 500, "X" * 500]
    put(store_path, "todo_projects", *({"id": str(n), "name": name} for n, name in enumerate(names)))

    with adopted(store_path) as store:
        found = {one.id: one.name for one in store[ProjectRepository].list()}
        assert findings(store) == []

    assert [found[str(n)] for n in range(6)] == [
        *("Hem", "HEM (2)", "hem (2) (2)", "hem (3)", "x" * 500, "X" * 496 + " (2)"),
    ]
    assert [row[1:] for row in repairs(store_path)] == [(str(n), "name", names[n]) for n in (1, 2, 3, 5)]


@pytest.mark.parametrize("metadata", ["[1, 2]", "{}", "null", '"text"', " 7 "])
def test_metadata_of_any_kind_stays_to_the_byte(store_path: Path, metadata: str) -> None:
    old_file(store_path, TODOS)
    put(store_path, "todos", todo("a", metadata=metadata))

    with adopted(store_path) as store:
        assert store[TodoRepository].get("a").metadata == json.loads(metadata)

    assert file_rows(store_path, "SELECT metadata FROM todos_todo") == [(metadata,)]
    assert repairs(store_path) == []


@pytest.mark.parametrize("metadata", ["{", "", "NaN", "[" * 5000, '{"n": 1e999}', b"\x00"])
def test_metadata_that_cannot_be_read_is_listed(store_path: Path, metadata: str | bytes) -> None:
    old_file(store_path, TODOS)
    put(store_path, "todos", todo("a", metadata=metadata))

    with adopted(store_path) as store:
        assert store[TodoRepository].get("a").metadata is None

    assert set(repairs(store_path)) == {("todos", "a", "metadata", metadata)}


def test_times_that_are_none_are_taken_from_what_is_beside_them(store_path: Path) -> None:
    old_file(store_path, PROJECTS, NEW_TODOS, CAMEL_COMMENTS, STEPS)
    put(store_path, "todos", todo("a", created_at="soon"), todo("b", updated_at=1e300))
    put(store_path, "todos", todo("c", created_at="", updated_at=""))
    put(store_path, "todo_comments", {"id": "x", "todo_id": "b", "content": "x", "createdAt": "never"})
    put(
        store_path,
        "todo_steps",
        {"id": "s", "todo_id": "b", "title": "s", "created_at": "", "updated_at": ""},
    )

    with adopted(store_path) as store:
        a, b, c = (store[TodoRepository].get(id) for id in "abc")
        (comment,), (step,) = store[CommentRepository].list("b"), store[StepRepository].list("b")

    assert (a.created_at, b.updated_at, comment.created_at, step.created_at) == (MADE,) * 4
    assert c.created_at == c.updated_at == datetime(1970, 1, 1, tzinfo=UTC)
    assert {(row[1], row[2], row[3]) for row in repairs(store_path)} == {
        *(("a", "created_at", "soon"), ("b", "updated_at", 1e300), ("x", "createdAt", "never")),
        *((id, column, "") for id in "cs" for column in ("created_at", "updated_at")),
    }


def test_a_comment_of_nothing_says_so(store_path: Path) -> None:
    old_file(store_path, TODOS, COMMENTS)
    put(store_path, "todos", todo("a"))
    put(store_path, "todo_comments", {"id": "c", "todo_id": "a", "content": " \n"})

    with adopted(store_path) as store:
        assert [one.content for one in store[CommentRepository].list("a")] == ["(empty)"]

    assert repairs(store_path) == [("todo_comments", "c", "content", " \n")]


def test_without_moves_the_manual_order_is_that_of_creation(store_path: Path) -> None:
    old_file(store_path, TODOS)
    rows = [("c", 300), ("b", 100), ("a", 100), ("e", -5), ("d", 200)]
    put(store_path, "todos", *(todo(id, created_at=AT + 1000 * at if at > 0 else at) for id, at in rows))

    with adopted(store_path) as store:
        new = store[TodoRepository].add("new").id
        assert [one.id for one in store[TodoRepository].list(order="manual")] == [*"ebadc", new]
        store[TodoRepository].move(new, before="a")
        assert [one.id for one in store[TodoRepository].list(order="manual")] == [*"eb", new, *"adc"]


def test_a_column_the_original_never_had_is_listed_with_its_values(store_path: Path) -> None:
    old_file(store_path, TODOS, "ALTER TABLE todos ADD COLUMN mood TEXT")
    put(store_path, "todos", todo("a", mood="glad"), todo("b"))

    with adopted(store_path) as store:
        assert store[TodoRepository].count() == 2

    assert repairs(store_path) == [("todos", "a", "mood", "glad")]


def test_a_comment_with_two_times_has_the_first_and_the_other_is_listed(store_path: Path) -> None:
    old_file(store_path, TODOS, COMMENTS, 'ALTER TABLE todo_comments ADD COLUMN "createdAt" INTEGER')
    put(store_path, "todos", todo("a"))
    put(
        store_path,
        "todo_comments",
        {"id": "c", "todo_id": "a", "content": "same"},
        {"id": "d", "todo_id": "a", "content": "other", "createdAt": 7},
        {"id": "e", "todo_id": "a", "content": "none", "createdAt": None},
    )

    with adopted(store_path) as store:
        assert {one.created_at for one in store[CommentRepository].list("a")} == {MADE}

    assert repairs(store_path) == [("todo_comments", "d", "createdAt", 7)]


def test_rows_are_written_many_at_a_time_and_none_is_lost_between(
    store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    insert = Operations.insert

    def counted(op: Operations, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        written.append((table, len(rows)))
        insert(op, table, rows)

    old_file(store_path, TODOS)
    put(store_path, "todos", *(todo(str(number)) for number in range(5)))
    monkeypatch.setattr(adoption, "BATCH", 2)
    monkeypatch.setattr(Operations, "insert", counted)

    with adopted(store_path) as store:
        assert store[TodoRepository].count() == 5

    assert [one for one in written if one[0] == "todo"] == [("todo", 2), ("todo", 2), ("todo", 1)]
