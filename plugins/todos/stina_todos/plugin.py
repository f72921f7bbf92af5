"""The hooks of the plugin `todos`."""

from __future__ import annotations

from collections.abc import Iterable

from stina_core import Finding, Migrations, Schema, Store, hookimpl

from . import migrations as steps
from .models import Comment, Project, Step, Todo


@hookimpl
def register_schema(schema: Schema) -> None:
    schema.add(Project, repository="stina_todos.projects:ProjectRepository")
    schema.add(Todo, repository="stina_todos.repository:TodoRepository")
    schema.add(Comment, repository="stina_todos.parts:CommentRepository")
    schema.add(Step, repository="stina_todos.parts:StepRepository")
    schema.adopts("todos", "id", "title", "status", "due_ts", "created_at")
    schema.adopts("todo_comments", "id", "todo_id", "content")
    schema.adopts("todo_projects", "id", "name", "created_at")
    schema.adopts("todo_steps", "id", "todo_id", "title", "is_done", "order_index")
    schema.merges(Project, using="stina_todos.merging:project")
    schema.merges(Todo, using="stina_todos.merging:todo", ignoring=("position",))


@hookimpl
def migrate(migrations: Migrations) -> None:
    migrations.step("0001_initial")(steps.initial)
    migrations.step("0002_adopt")(steps.adopt)


@hookimpl
def seed(store: Store, size: int, seed: int) -> None:
    from .testing import seed as write

    write(store, size, seed)


@hookimpl
def check(store: Store) -> Iterable[Finding]:
    from .checks import findings

    return findings(store)
