"""An adoption that loses something is refused, and the file stays as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stina_core import StepFailedError
from stina_todos import adoption, adoption_values
from stina_todos.adoption import _Adoption

from .old_files import GENERATIONS, adopted, everything, old_file, put, repairs, tables, todo


@pytest.fixture
def path(store_path: Path) -> Path:
    """Return a file with a row in each table."""
    old_file(store_path, *GENERATIONS["ec5386c"])
    put(store_path, "todo_projects", {"id": "p", "name": "Hem", "description": "x"})
    put(store_path, "todos", todo("a", status="done", description="x", project_id="p", icon="x", source="x"))
    put(store_path, "todo_comments", {"id": "c", "todo_id": "a", "content": "x"})
    put(store_path, "todo_steps", {"id": "s", "todo_id": "a", "title": "x", "is_done": 1, "completed_at": 7})
    return store_path


def changed(function: Callable[..., Any], **columns: Any) -> Callable[..., Any]:
    return lambda self, row, id: {**function(self, row, id), **columns}


@pytest.mark.parametrize(
    ("method", "columns"),
    [
        ("_project", {"name": "Other"}),
        ("_project", {"description": ""}),
        ("_todo", {"title": "Other"}),
        ("_todo", {"description": ""}),
        ("_todo", {"project_id": None}),
        ("_todo", {"icon": None}),
        ("_todo", {"source": "other"}),
        ("_todo", {"updated_at": 0}),
        ("_comment", {"content": "y"}),
        ("_comment", {"created_at": 0}),
        ("_step", {"title": "y"}),
        ("_step", {"done": 0}),
        ("_step", {"completed_at": None}),
        ("_step", {"position": 1}),
    ],
)
def test_a_value_that_is_changed_without_a_note_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch, method: str, columns: dict[str, Any]
) -> None:
    before = everything(path)
    monkeypatch.setattr(_Adoption, method, changed(getattr(_Adoption, method), **columns))

    with pytest.raises(StepFailedError, match="another value for a row"):
        adopted(path)

    after = everything(path)
    assert {table: after[table] for table in before} == before
    assert not any(table.startswith("todos_") for table in after)


@pytest.mark.parametrize("method", ["_project", "_comment", "_step"])
def test_a_row_that_is_forgotten_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    put(path, "todo_projects", {"id": "q", "name": "Other"})  # no todo is in it
    put(path, "todo_comments", {"id": "d", "todo_id": "a", "content": "y"})
    put(path, "todo_steps", {"id": "t", "todo_id": "a", "title": "y"})
    make = getattr(_Adoption, method)
    before = everything(path)
    monkeypatch.setattr(
        _Adoption, method, lambda self, row, id: None if id in ("q", "d", "t") else make(self, row, id)
    )

    with pytest.raises(StepFailedError, match="is not in"):
        adopted(path)

    after = everything(path)
    assert {table: after[table] for table in before} == before


def test_a_status_that_is_changed_without_a_note_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adoption_values, "status_of", lambda row: "cancelled")

    with pytest.raises(StepFailedError, match="status"):
        adopted(path)

    assert "todos" in tables(path)


def test_an_instant_that_is_changed_without_a_note_is_refused(
    store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_file(store_path, *GENERATIONS["108b028"])
    put(store_path, "todos", todo("a", due_ts=7))
    monkeypatch.setattr(adoption_values, "due_of", lambda row, here: adoption_values.Due(at=8, by=8, start=8))

    with pytest.raises(StepFailedError, match="due_ts"):
        adopted(store_path)

    assert "todos" in tables(store_path)


def test_after_a_refusal_the_right_step_adopts_everything(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(_Adoption, "_comment", lambda self, row, id: None)
        with pytest.raises(StepFailedError):
            adopted(path)

    with adopted(path):
        pass

    assert repairs(path) == [("todos", "a", "status", "done")]
    assert not tables(path) & adoption._INTO.keys()
