from __future__ import annotations

from pathlib import Path

import pytest

from stina_core import Store
from stina_core.testing import file_rows
from stina_todos import CommentRepository, ProjectRepository, StepRepository, TodoRepository
from stina_todos.plugin import check, seed


def test_a_store_the_repositories_wrote_has_no_findings(
    todos: TodoRepository, steps: StepRepository, comments: CommentRepository, store: Store
) -> None:
    seed(store, 2, 1)
    todo = todos.add("🍓 'quoted' a\0b", metadata={"a": None}, tags=["x"])
    steps.add(todo.id, "x")
    comments.add(todo.id, "x" * 10_000)

    assert list(check(store)) == []


@pytest.mark.parametrize(
    ("change", "severity", "message"),
    [
        ("todo SET title = CAST(x'ff6b' AS TEXT)", "error", "text that is not UTF-8"),
        ("todo SET description = CAST(x'ff' AS TEXT)", "error", "text that is not UTF-8"),
        ("todo SET title = 'other'", "warning", "its title is not found by find()"),
        ("todo SET title = '  '", "error", "only blanks"),
        ("todo SET due_date = '0000-01-01'", "error", "the stored text is no day"),
        ("todo SET due_date = '2026-01-02'", "warning", "does not stand where it is due"),
        ("todo SET due_by = 9000000000000000000", "error", "todos_todo.due_by"),
        ("todo SET tags = '[1]'", "error", "todos_todo.tags"),
        ("todo SET tags = '[\"\"]'", "error", "todos_todo.tags"),
        ("todo SET metadata = printf('%.*c', 5000, '9')", "error", "not JSON that can be read"),
        ("todo SET time_zone = 'Mars/Olympus'", "warning", "no such time zone here"),
        (
            "todo SET recurrence = 'FREQ=HOURLY', due_at = 0, due_by = 0, due_date = NULL",
            "error",
            "FREQ must be",
        ),
        ("todo SET position = 'U'", "error", "no place of the manual order"),
        ("comment SET content = CAST(x'ff' AS TEXT)", "error", "text that is not UTF-8"),
        ("step SET created_at = 9000000000000000000", "error", "todos_step.created_at"),
        ("project SET name = 'other'", "warning", "its name is not found by find()"),
    ],
)
def test_a_row_another_program_wrote_is_reported_without_its_contents(
    store: Store, store_path: Path, change: str, severity: str, message: str
) -> None:
    store[ProjectRepository].add("p", id="key")
    store[TodoRepository].add("title", id="key", time_zone="UTC")
    store[CommentRepository].add("key", "x", id="key")
    store[StepRepository].add("key", "x", id="key")
    file_rows(store_path, f"UPDATE todos_{change}")

    [finding] = list(check(store))

    assert (finding.severity, finding.subject) == (severity, f"todos_{change.split()[0]}")
    assert finding.message.startswith("'key'")
    assert message in finding.message
    assert finding.remedy
    assert len(finding.message) < 300


def test_an_unreadable_row_hides_no_other(store: Store, store_path: Path) -> None:
    for id in "abc":
        store[TodoRepository].add(id, id=id)
    file_rows(store_path, "UPDATE todos_todo SET tags = '[1]' WHERE id <> 'b'")

    assert [finding.message[:3] for finding in check(store)] == ["'a'", "'c'"]
