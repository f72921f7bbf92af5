"""Reads and writes of what hangs on a todo: comments and steps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from stina_core import InvalidValueError, Repository, new_id, now

from . import part_queries as queries
from .models import Comment
from .queries import row_by_id
from .texts import filled, text_of, title_of
from .values import CommentValue, StepValue


class CommentRepository(Repository):
    """The comments on todos.

    Semantics:
        - A comment is told as the insert or delete of one row of `todos_comment`. It never
          moves the todo's `updated_at`.
    """

    def add(
        self, todo_id: str, content: str, *, id: str | None = None, created_at: datetime | None = None
    ) -> CommentValue:
        """Add a comment, trimmed, and return it.

        Args:
            id, created_at: Only to bring in what was made elsewhere.

        Raises:
            InvalidValueError: the content is only blanks, or no text.
            NotFoundError: there is no such todo.
        """
        content = filled(content, "todos_comment.content")
        key = new_id() if id is None else filled(id, "todos_comment.id")
        at = (
            now()
            if created_at is None
            else Comment.created_at.python_value(Comment.created_at.db_value(created_at))
        )
        with self.transaction():
            row_by_id.get(text_of(todo_id, "todos_todo.id"))
            (comment,) = queries.new_comment(key, todo_id, content, at)
        return comment

    def delete(self, id: str) -> bool:
        """Remove a comment and return whether it was there."""
        return bool(queries.remove_comment(id))

    def list(self, todo_id: str) -> list[CommentValue]:
        """Return the comments on a todo, oldest first; none where there is no such todo."""
        return queries.comments_on.list(todo_id)


class StepRepository(Repository):
    """The steps of todos: small things to tick, in an order.

    Semantics:
        - Each is told as a change of one row of `todos_step`; a reorder as an update of each
          step that moved. The todo's `updated_at` does not move.
    """

    def add(self, todo_id: str, title: str, *, done: bool = False, id: str | None = None) -> StepValue:
        """Add a step after the last one and return it.

        Args:
            id: Only to bring in what was made elsewhere.

        Raises:
            InvalidValueError: the title is not 1 to 500 characters.
            NotFoundError: there is no such todo.
        """
        title = title_of(title, "todos_step.title")
        key = new_id() if id is None else filled(id, "todos_step.id")
        with self.transaction():
            row_by_id.get(text_of(todo_id, "todos_todo.id"))
            last = queries.last_step_of.find(todo_id)
            place = 0 if last is None else last.position + 1
            at = now()
            (step,) = queries.new_step(key, todo_id, title, done, at if done else None, place, at)
        return step

    def tick(self, id: str, done: bool = True) -> StepValue:
        """Note that a step is done, or is not, and return it; a step that is so already is not written.

        Raises:
            NotFoundError: there is no such step.
        """
        with self.transaction():
            at = now()
            queries.tick(id, done, at if done else None, at)
            return queries.step_by_id.get(id)

    def untick(self, id: str) -> StepValue:
        """Note that a step is not done after all; see `tick()`."""
        return self.tick(id, False)

    def delete(self, id: str) -> bool:
        """Remove a step and return whether it was there."""
        return bool(queries.remove_step(id))

    def reorder(self, todo_id: str, ids: Sequence[str]) -> Sequence[StepValue]:
        """Put the steps of a todo into the order of *ids* and return them; only those that move are written.

        Raises:
            InvalidValueError: *ids* are not exactly the steps of that todo, each once.
            NotFoundError: there is no such todo.
        """
        with self.transaction():
            row_by_id.get(text_of(todo_id, "todos_todo.id"))
            there = {step.id: step for step in queries.steps_of.list(todo_id)}
            if isinstance(ids, str) or sorted(map(str, ids)) != sorted(there):
                raise InvalidValueError("ids", "these are not the steps of the todo, each of them once")
            for position, id in enumerate(ids):
                if there[id].position != position:
                    queries.place_step(id, position)
            return queries.steps_of.list(todo_id)

    def list(self, todo_id: str) -> list[StepValue]:
        """Return the steps of a todo in their order; none where there is no such todo."""
        return queries.steps_of.list(todo_id)
