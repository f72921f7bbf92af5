"""The queries and writes of comments, steps and projects, each stated once."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING

from stina_core import query, returning, write

from .models import Comment, Project, Step
from .values import CommentValue, ProjectValue, StepValue

if TYPE_CHECKING:
    from peewee import ModelDelete, ModelInsert, ModelSelect, ModelUpdate


@query(CommentValue)
def comments_on(todo_id: str) -> ModelSelect[Comment]:
    """The comments on one todo, oldest first."""
    return Comment.select().where(Comment.todo == todo_id).order_by(Comment.created_at, Comment.id)


@query(CommentValue)
def comments_on_all(todo_ids: Collection[str]) -> ModelSelect[Comment]:
    """The comments on these todos, in no order."""
    return Comment.select().where(Comment.todo.in_(todo_ids))


@returning(CommentValue)
def new_comment(id: str, todo_id: str, content: str, created_at: datetime) -> ModelInsert:
    """A new comment, as it is stored."""
    return Comment.insert(id=id, todo=todo_id, content=content, created_at=created_at).returning(Comment)


@write
def remove_comment(id: str) -> ModelDelete:
    """One comment, deleted."""
    return Comment.delete().where(Comment.id == id)


@query(StepValue)
def step_by_id(id: str) -> ModelSelect[Step]:
    """The step with one id."""
    return Step.select().where(Step.id == id)


@query(StepValue)
def steps_of(todo_id: str) -> ModelSelect[Step]:
    """The steps of one todo, in their order."""
    return Step.select().where(Step.todo == todo_id).order_by(Step.position, Step.id)


@query(StepValue)
def last_step_of(todo_id: str) -> ModelSelect[Step]:
    """The steps of one todo, the last first."""
    return Step.select().where(Step.todo == todo_id).order_by(Step.position.desc(), Step.id.desc())


@query(StepValue)
def steps_of_all(todo_ids: Collection[str]) -> ModelSelect[Step]:
    """The steps of these todos, in no order."""
    return Step.select().where(Step.todo.in_(todo_ids))


@returning(StepValue)
def new_step(
    id: str, todo_id: str, title: str, done: bool, completed_at: datetime | None, position: int, at: datetime
) -> ModelInsert:
    """A new step, as it is stored."""
    return Step.insert(
        id=id,
        todo=todo_id,
        title=title,
        done=done,
        position=position,
        completed_at=completed_at,
        created_at=at,
        updated_at=at,
    ).returning(Step)


@write
def tick(id: str, done: bool, completed_at: datetime | None, at: datetime) -> ModelUpdate:
    """One step, ticked or not; nothing where it is so already."""
    ticked = Step.update(done=done, completed_at=completed_at, updated_at=at)
    return ticked.where(Step.id == id, Step.done != done)


@write
def place_step(id: str, position: int) -> ModelUpdate:
    """One step, put at another place."""
    return Step.update(position=position).where(Step.id == id)


@write
def remove_step(id: str) -> ModelDelete:
    """One step, deleted."""
    return Step.delete().where(Step.id == id)


@query(ProjectValue)
def project_by_id(id: str) -> ModelSelect[Project]:
    """The project with one id."""
    return Project.select().where(Project.id == id)


@query(ProjectValue)
def project_by_name(key: str) -> ModelSelect[Project]:
    """The project with one name, as names are compared."""
    return Project.select().where(Project.name_key == key)


@query(ProjectValue)
def projects(first: str) -> ModelSelect[Project]:
    """The projects from one name on, by name."""
    return Project.select().where(Project.name_key >= first).order_by(Project.name_key)


@returning(ProjectValue)
def new_project(id: str, name: str, name_key: str, description: str, at: datetime) -> ModelInsert:
    """A new project, as it is stored."""
    return Project.insert(
        id=id, name=name, name_key=name_key, description=description, created_at=at, updated_at=at
    ).returning(Project)


@returning(ProjectValue)
def name_project(id: str, name: str, name_key: str, at: datetime) -> ModelUpdate:
    """One project under another name, as it is stored."""
    renamed = Project.update(name=name, name_key=name_key, updated_at=at)
    return renamed.where(Project.id == id).returning(Project)


@returning(ProjectValue)
def describe_project(id: str, description: str, at: datetime) -> ModelUpdate:
    """One project with another description, as it is stored."""
    described = Project.update(description=description, updated_at=at)
    return described.where(Project.id == id).returning(Project)


@returning(ProjectValue)
def put_aside(id: str, archived_at: datetime | None, at: datetime) -> ModelUpdate:
    """One project, archived or taken out of the archive, as it is stored."""
    return Project.update(archived_at=archived_at, updated_at=at).where(Project.id == id).returning(Project)


@write
def remove_project(id: str) -> ModelDelete:
    """One project, deleted; its todos stay, without a project."""
    return Project.delete().where(Project.id == id)
