"""Files of the original app, as its versions made them, and what is in them once they were opened."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import apsw

import stina_todos.plugin
from stina_core import Store, StoreConfig, open_store
from stina_core.testing import file_rows, plugins_of

PLUGINS = plugins_of(todos=stina_todos.plugin)

TODOS = (
    "CREATE TABLE todos (id TEXT PRIMARY KEY, title TEXT NOT NULL, description TEXT, "
    "status TEXT NOT NULL DEFAULT 'pending', due_ts INTEGER, metadata TEXT, source TEXT, "
    "created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL)"
)
COMMENTS = (
    "CREATE TABLE todo_comments (id TEXT PRIMARY KEY, todo_id TEXT NOT NULL, content TEXT NOT NULL, "
    "created_at INTEGER NOT NULL, FOREIGN KEY (todo_id) REFERENCES todos(id) ON DELETE CASCADE)"
)
CAMEL_COMMENTS = COMMENTS.replace("created_at", '"createdAt"')
PROJECTS = (
    "CREATE TABLE todo_projects (id TEXT PRIMARY KEY, name TEXT NOT NULL, description TEXT, "
    "created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL)"
)
TEMPLATES = (
    "CREATE TABLE recurring_templates (id TEXT PRIMARY KEY, title TEXT NOT NULL, project_id TEXT, "
    "CONSTRAINT project_fk FOREIGN KEY (project_id) REFERENCES todo_projects (id) ON DELETE set null)"
)
NEW_TODOS = (
    "CREATE TABLE todos (id TEXT PRIMARY KEY, title TEXT NOT NULL, description TEXT, "
    "status TEXT NOT NULL DEFAULT 'not_started', due_ts INTEGER, is_all_day INTEGER NOT NULL DEFAULT 0, "
    "reminder_minutes INTEGER, metadata TEXT, source TEXT, icon TEXT, project_id TEXT, "
    "recurring_template_id TEXT, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, "
    "CONSTRAINT project_fk FOREIGN KEY (project_id) REFERENCES todo_projects (id) ON DELETE set null)"
)
STEPS = (
    "CREATE TABLE todo_steps (id TEXT PRIMARY KEY, todo_id TEXT NOT NULL, title TEXT NOT NULL, "
    "is_done INTEGER NOT NULL DEFAULT 0, order_index INTEGER NOT NULL DEFAULT 0, completed_at INTEGER, "
    "created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, "
    "FOREIGN KEY (todo_id) REFERENCES todos (id) ON DELETE cascade)"
)
ADDED = (
    "ALTER TABLE todos ADD COLUMN project_id TEXT",
    "ALTER TABLE todos ADD COLUMN is_all_day INTEGER DEFAULT 0 NOT NULL",
    "ALTER TABLE todos ADD COLUMN reminder_minutes INTEGER",
    "ALTER TABLE todos ADD COLUMN recurring_template_id TEXT",
    "ALTER TABLE todos ADD COLUMN icon TEXT",
)
"""How a later version brought an older file up to date."""

GENERATIONS = {
    "6e8be20": (TODOS,),
    "108b028": (TODOS, COMMENTS),
    "b595cd5": (TODOS, CAMEL_COMMENTS),
    "ec5386c": (PROJECTS, NEW_TODOS, COMMENTS, STEPS),
    "ec5386c-chain": (TODOS, COMMENTS, PROJECTS, *ADDED, STEPS),
}

AT = 1_762_532_514_806
"""2025-11-07 16:21:54.806 UTC."""


def old_file(path: Path, *statements: str) -> None:
    """Make a file as the original app had it, and run *statements* in it."""
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode = WAL")
    for statement in statements:
        connection.execute(statement)
    connection.close()


def put(path: Path, table: str, *rows: Mapping[str, Any]) -> None:
    """Add *rows* to an old table; times that are not given are AT."""
    connection = apsw.Connection(str(path))
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    times = {name: AT for name in ("created_at", "createdAt", "updated_at") if name in columns}
    for row in rows:
        whole = {**times, **row}
        names, places = ", ".join(whole), ", ".join("?" * len(whole))
        connection.execute(f"INSERT INTO {table} ({names}) VALUES ({places})", tuple(whole.values()))
    connection.close()


def todo(id: str | None, **columns: Any) -> dict[str, Any]:
    """Return a row of `todos`."""
    return {"id": id, "title": f"Todo {id}", "status": "not_started", **columns}


def adopted(path: Path) -> Store:
    """Open an old file."""
    return open_store(path, StoreConfig(strict=True), plugins=PLUGINS)


def repairs(path: Path) -> list[tuple[Any, ...]]:
    """Return table, key, column and value before of every repair, in their order."""
    return file_rows(path, 'SELECT "table", "key", "column", "before" FROM stina_repair ORDER BY id')


def tables(path: Path) -> set[str]:
    """Return the names of the tables in a file."""
    return {name for (name,) in file_rows(path, "SELECT name FROM sqlite_schema WHERE type = 'table'")}


def everything(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of all tables of a file."""
    return {
        name: file_rows(path, f'SELECT * FROM "{name}"')
        for name in sorted(tables(path))
        if not name.endswith(("_search", "_search_idx", "_search_data"))
    }
