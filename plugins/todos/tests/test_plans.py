"""Every query is served by an index, whatever the table has grown to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import stina_todos.part_queries as parts
import stina_todos.queries as queries
import stina_todos.writes as writes
from stina_core import Query, Returning, Store, Write
from stina_core.testing import file_rows
from stina_todos.plugin import seed

TODO_PARTS = [
    "SEARCH t2 USING INDEX sqlite_autoindex_todos_project_1 (id=?) LEFT-JOIN",
    "CORRELATED SCALAR SUBQUERY 1",
    "SEARCH t3 USING COVERING INDEX todos_comment__todo_created_at_id (todo_id=?)",
    "CORRELATED SCALAR SUBQUERY 2",
    "SEARCH t4 USING COVERING INDEX todos_step__todo_done (todo_id=?)",
    "CORRELATED SCALAR SUBQUERY 3",
    "SEARCH t4 USING COVERING INDEX todos_step__todo_done (todo_id=? AND done=?)",
]
"""What each todo adds: its project by its key, and its counts from indexes alone."""


def everything() -> dict[str, Any]:
    """Return all compiled queries of the plugin by name."""
    found = {
        f"{module.__name__.rpartition('.')[2]}.{name}": value
        for module in (queries, writes, parts)
        for name, value in vars(module).items()
        if isinstance(value, Query | Write | Returning)
    }
    return found | {str(page): query for page, query in queries.PAGES.items()}


def plan(store: Store, sql: str) -> list[str]:
    rows = file_rows(store.path, f"EXPLAIN QUERY PLAN {sql}", [None] * sql.count("?"))
    return [row[3] for row in rows]


@pytest.fixture
def plans(store: Store) -> dict[str, list[str]]:
    """Return the plan of every query, in a file with some rows in it."""
    seed(store, 2, 1)
    with store.use():
        return {name: plan(store, query.sql()) for name, query in everything().items()}


def test_there_are_no_queries_but_these(plans: dict[str, list[str]]) -> None:
    assert plans.keys() == PLANS.keys()


def test_no_query_scans_a_table_or_sorts(plans: dict[str, list[str]]) -> None:
    scans = {
        (name, line)
        for name, lines in plans.items()
        for line in lines
        if line.startswith("SCAN") and "VIRTUAL TABLE" not in line
    }

    # The whole order from its end: it stops at the first row.
    assert scans == {("queries.last_position", "SCAN t1 USING COVERING INDEX todos_todo__position")}
    assert [name for name, lines in plans.items() if any("TEMP B-TREE" in line for line in lines)] == []


def test_every_plan_is_the_one_that_was_meant(plans: dict[str, list[str]]) -> None:
    assert plans == PLANS


def test_a_query_without_its_index_would_be_noticed(store: Store, store_path: Path) -> None:
    """A control: the same query sorts once its index is gone."""
    with store.use():
        sql = queries.PAGES[queries.Page(manual=False, of_project=False, tagged=False)].sql()
    file_rows(store_path, "DROP INDEX todos_todo__status_due_by_created_at_id")

    assert any("TEMP B-TREE" in line for line in plan(store, sql))


PLANS: dict[str, list[str]] = {
    "queries.row_by_id": ["SEARCH t1 USING INDEX sqlite_autoindex_todos_todo_1 (id=?)"],
    "queries.by_id": ["SEARCH t1 USING INDEX sqlite_autoindex_todos_todo_1 (id=?)", *TODO_PARTS],
    "queries.by_ids": [
        "SEARCH t1 USING INDEX sqlite_autoindex_todos_todo_1 (id=?)",
        "LIST SUBQUERY 4",
        "SCAN json_each VIRTUAL TABLE INDEX 1:",
        *TODO_PARTS,
    ],
    "queries.by_title": [
        "SEARCH t1 USING INDEX todos_todo__title_key_updated_at_id (title_key=?)",
        *TODO_PARTS,
    ],
    "queries.made_by": ["SEARCH t1 USING INDEX todos_todo__follows (follows=?)"],
    "queries.in_series": ["SEARCH t1 USING INDEX todos_todo__series_due_by_id (series=?)", *TODO_PARTS],
    "queries.with_status": [
        "SEARCH t1 USING COVERING INDEX todos_todo__status_due_by_created_at_id (status=?)"
    ],
    "queries.to_remind": [
        "SEARCH t1 USING INDEX todos_todo__status_remind_at (status=? AND remind_at>? AND remind_at<?)",
        *TODO_PARTS,
    ],
    "queries.position_before": ["SEARCH t1 USING COVERING INDEX todos_todo__position (position<?)"],
    "queries.position_after": ["SEARCH t1 USING COVERING INDEX todos_todo__position (position>?)"],
    "queries.last_position": ["SCAN t1 USING COVERING INDEX todos_todo__position"],
    "writes.insert": [],
    "writes.save": ["SEARCH todos_todo USING INDEX sqlite_autoindex_todos_todo_1 (id=?)"],
    "writes.place": ["SEARCH todos_todo USING INDEX sqlite_autoindex_todos_todo_1 (id=?)"],
    "writes.note_reminder": ["SEARCH todos_todo USING INDEX sqlite_autoindex_todos_todo_1 (id=?)"],
    "writes.remove": ["SEARCH todos_todo USING INDEX sqlite_autoindex_todos_todo_1 (id=?)"],
    "part_queries.comments_on": ["SEARCH t1 USING INDEX todos_comment__todo_created_at_id (todo_id=?)"],
    "part_queries.comments_on_all": [
        "SEARCH t1 USING INDEX todos_comment__todo_created_at_id (todo_id=?)",
        "LIST SUBQUERY 1",
        "SCAN json_each VIRTUAL TABLE INDEX 1:",
    ],
    "part_queries.new_comment": [],
    "part_queries.remove_comment": [
        "SEARCH todos_comment USING INDEX sqlite_autoindex_todos_comment_1 (id=?)"
    ],
    "part_queries.step_by_id": ["SEARCH t1 USING INDEX sqlite_autoindex_todos_step_1 (id=?)"],
    "part_queries.steps_of": ["SEARCH t1 USING INDEX todos_step__todo_position_id (todo_id=?)"],
    "part_queries.last_step_of": ["SEARCH t1 USING INDEX todos_step__todo_position_id (todo_id=?)"],
    "part_queries.steps_of_all": [
        "SEARCH t1 USING INDEX todos_step__todo_done (todo_id=?)",
        "LIST SUBQUERY 1",
        "SCAN json_each VIRTUAL TABLE INDEX 1:",
    ],
    "part_queries.new_step": [],
    "part_queries.tick": ["SEARCH todos_step USING INDEX sqlite_autoindex_todos_step_1 (id=?)"],
    "part_queries.place_step": ["SEARCH todos_step USING INDEX sqlite_autoindex_todos_step_1 (id=?)"],
    "part_queries.remove_step": ["SEARCH todos_step USING INDEX sqlite_autoindex_todos_step_1 (id=?)"],
    "part_queries.project_by_id": ["SEARCH t1 USING INDEX sqlite_autoindex_todos_project_1 (id=?)"],
    "part_queries.project_by_name": ["SEARCH t1 USING INDEX todos_project__name_key (name_key=?)"],
    "part_queries.projects": ["SEARCH t1 USING INDEX todos_project__name_key (name_key>?)"],
    "part_queries.new_project": [],
    "part_queries.name_project": ["SEARCH todos_project USING INDEX sqlite_autoindex_todos_project_1 (id=?)"],
    "part_queries.describe_project": [
        "SEARCH todos_project USING INDEX sqlite_autoindex_todos_project_1 (id=?)"
    ],
    "part_queries.put_aside": ["SEARCH todos_project USING INDEX sqlite_autoindex_todos_project_1 (id=?)"],
    "part_queries.remove_project": [
        "SEARCH todos_project USING INDEX sqlite_autoindex_todos_project_1 (id=?)"
    ],
    "Page(manual=False, of_project=False, tagged=False)": [
        (
            "SEARCH t1 USING INDEX todos_todo__status_due_by_created_at_id "
            "(status=? AND (due_by,created_at,id)>(?,?,?) AND due_by<?)"
        ),
        *TODO_PARTS,
    ],
    "Page(manual=False, of_project=False, tagged=True)": [
        (
            "SEARCH t1 USING INDEX todos_todo__status_due_by_created_at_id "
            "(status=? AND (due_by,created_at,id)>(?,?,?) AND due_by<?)"
        ),
        TODO_PARTS[0],
        "SCAN each EXISTS VIRTUAL TABLE INDEX 1:",
        *TODO_PARTS[1:],
    ],
    "Page(manual=False, of_project=True, tagged=False)": [
        (
            "SEARCH t1 USING INDEX todos_todo__project_status_due_by_created_at_id "
            "(project_id=? AND status=? AND (due_by,created_at,id)>(?,?,?))"
        ),
        *TODO_PARTS,
    ],
    "Page(manual=False, of_project=True, tagged=True)": [
        (
            "SEARCH t1 USING INDEX todos_todo__project_status_due_by_created_at_id "
            "(project_id=? AND status=? AND (due_by,created_at,id)>(?,?,?))"
        ),
        TODO_PARTS[0],
        "SCAN each EXISTS VIRTUAL TABLE INDEX 1:",
        *TODO_PARTS[1:],
    ],
    "Page(manual=True, of_project=False, tagged=False)": [
        "SEARCH t1 USING INDEX todos_todo__status_position (status=? AND position>?)",
        *TODO_PARTS,
    ],
    "Page(manual=True, of_project=False, tagged=True)": [
        "SEARCH t1 USING INDEX todos_todo__status_position (status=? AND position>?)",
        TODO_PARTS[0],
        "SCAN each EXISTS VIRTUAL TABLE INDEX 1:",
        *TODO_PARTS[1:],
    ],
    "Page(manual=True, of_project=True, tagged=False)": [
        "SEARCH t1 USING INDEX todos_todo__project_status_position (project_id=? AND status=? AND position>?)",
        *TODO_PARTS,
    ],
    "Page(manual=True, of_project=True, tagged=True)": [
        "SEARCH t1 USING INDEX todos_todo__project_status_position (project_id=? AND status=? AND position>?)",
        TODO_PARTS[0],
        "SCAN each EXISTS VIRTUAL TABLE INDEX 1:",
        *TODO_PARTS[1:],
    ],
}
