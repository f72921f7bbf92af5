"""Todos together with what hangs on them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from .part_queries import comments_on_all, steps_of_all
from .values import CommentValue, StepValue, TodoValue, WholeTodo


def with_parts(todos: Sequence[TodoValue]) -> list[WholeTodo]:
    """Return *todos* with their steps and comments; two statements, so call it inside a snapshot."""
    ids = [todo.id for todo in todos]
    steps: defaultdict[str, list[StepValue]] = defaultdict(list)
    comments: defaultdict[str, list[CommentValue]] = defaultdict(list)
    for step in sorted(steps_of_all.list(ids), key=lambda step: (step.position, step.id)):
        steps[step.todo_id].append(step)
    for comment in sorted(comments_on_all.list(ids), key=lambda comment: (comment.created_at, comment.id)):
        comments[comment.todo_id].append(comment)
    return [WholeTodo(todo, tuple(steps[todo.id]), tuple(comments[todo.id])) for todo in todos]
