"""Any sequence of writes leaves the store equal to a plain model of it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import stina_todos.plugin
from stina_core import NotFoundError, Store, StoreConfig, open_store
from stina_core.testing import plugins_of
from stina_todos import (
    OPEN,
    CommentRepository,
    Due,
    ProjectRepository,
    StepRepository,
    TodoRepository,
    TodoStatus,
    TodoValue,
)
from stina_todos.texts import folded

PLUGINS = plugins_of(todos=stina_todos.plugin)


@dataclass(frozen=True)
class Item:
    """A todo of the model."""

    title: str
    due: Due | None = None
    status: TodoStatus = TodoStatus.NOT_STARTED
    tags: tuple[str, ...] = ()
    project: str | None = None
    repeats: bool = False
    steps: tuple[tuple[str, bool], ...] = ()
    comments: tuple[str, ...] = ()


@dataclass
class Model:
    """All of it; `order` is the manual one, `made` whose completion made what."""

    items: dict[str, Item] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    made: dict[str, str] = field(default_factory=dict)
    projects: set[str] = field(default_factory=set)

    def copy(self) -> Model:
        return Model(dict(self.items), list(self.order), dict(self.made), set(self.projects))


Write: TypeAlias = "Callable[[TodosMachine, int, Model], None]"

connections = st.sampled_from([0, 1])
some_titles = st.sampled_from(["a", "A", "Köp", "KO\u0308P", "b"])
some_dues = st.sampled_from(
    [
        None,
        date(2026, 1, 1),
        date(2026, 1, 2),
        datetime(2026, 1, 1, 12, tzinfo=UTC),
        datetime(2026, 1, 2, tzinfo=UTC),
    ]
)
picks = st.integers(0, 20)
statuses = st.sampled_from(TodoStatus)
tags = st.sampled_from([(), ("x",), ("y", "x")])


class Undo(Exception):  # noqa: N818  # no error: it only rolls a transaction back
    pass


class TodosMachine(RuleBasedStateMachine):
    """Writes through either of two connections, with rollbacks and reopens, leave the store equal to the model."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.model = Model()
        self.stores = [self.open_store(), self.open_store()]

    def teardown(self) -> None:
        for store in self.stores:
            store.close()
        self.directory.cleanup()

    def open_store(self) -> Store:
        path = Path(self.directory.name) / "stina.db"
        return open_store(path, StoreConfig(strict=True, synchronous="NORMAL"), plugins=PLUGINS)

    def todos(self, connection: int) -> TodoRepository:
        return self.stores[connection][TodoRepository]

    @staticmethod
    def pick(model: Model, number: int) -> str:
        return model.order[number % len(model.order)]

    # What the rules, and what is rolled back, are made of

    def write_add(self, connection: int, model: Model, title: str, due: Due | None, repeats: bool) -> None:
        repeats = repeats and due is not None
        added = self.todos(connection).add(title, due=due, recurrence="FREQ=DAILY" if repeats else None)
        model.items[added.id] = Item(title, due, repeats=repeats)
        model.order.append(added.id)

    def write_status(self, connection: int, model: Model, id: str, status: TodoStatus) -> None:
        self.todos(connection).set_status(id, status)
        before = model.items[id]
        model.items[id] = replace(before, status=status)
        if status is TodoStatus.COMPLETED is not before.status and before.repeats and id not in model.made:
            (following,) = (
                todo.id
                for todo in self.todos(connection).list()
                if todo.follows == id and todo.id not in model.items
            )
            assert before.due is not None
            steps = tuple((title, False) for title, _ in before.steps)
            model.items[following] = replace(
                before, status=TodoStatus.NOT_STARTED, due=before.due + timedelta(1), steps=steps, comments=()
            )
            model.order.append(following)
            model.made[id] = following

    def write_delete(self, connection: int, model: Model, id: str) -> None:
        assert self.todos(connection).delete(id)
        del model.items[id]
        model.order.remove(id)
        model.made = {maker: made for maker, made in model.made.items() if made != id}

    @rule(connection=connections, title=some_titles, due=some_dues, repeats=st.booleans())
    def add(self, connection: int, title: str, due: Due | None, repeats: bool) -> None:
        self.write_add(connection, self.model, title, due, repeats)

    @precondition(lambda self: self.model.order)
    @rule(connection=connections, number=picks, status=statuses)
    def set_status(self, connection: int, number: int, status: TodoStatus) -> None:
        self.write_status(connection, self.model, self.pick(self.model, number), status)

    @precondition(lambda self: self.model.order)
    @rule(connection=connections, number=picks, title=some_titles, tags=tags, due=some_dues)
    def update(
        self, connection: int, number: int, title: str, tags: tuple[str, ...], due: Due | None
    ) -> None:
        id = self.pick(self.model, number)
        repeats = self.model.items[id].repeats and due is not None
        updated = self.todos(connection).update(
            id, title=title, tags=tags, due=due, recurrence="FREQ=DAILY" if repeats else None
        )
        item = replace(self.model.items[id], title=title, tags=tags, due=due, repeats=repeats)
        self.model.items[id] = item
        assert (updated.title, updated.tags, updated.due) == (title, tags, due)

    @precondition(lambda self: self.model.order)
    @rule(connection=connections, number=picks)
    def delete(self, connection: int, number: int) -> None:
        self.write_delete(connection, self.model, self.pick(self.model, number))

    @precondition(lambda self: len(self.model.order) > 1)
    @rule(connection=connections, number=picks, other=picks, after=st.booleans())
    def move(self, connection: int, number: int, other: int, after: bool) -> None:
        id, next_to = self.pick(self.model, number), self.pick(self.model, other)
        if id == next_to:
            self.todos(connection).move(id)
            self.model.order.remove(id)
            self.model.order.append(id)
            return
        self.todos(connection).move(id, **{"after" if after else "before": next_to})
        self.model.order.remove(id)
        self.model.order.insert(self.model.order.index(next_to) + after, id)

    @precondition(lambda self: self.model.order)
    @rule(connection=connections, number=picks, content=some_titles)
    def comment(self, connection: int, number: int, content: str) -> None:
        id = self.pick(self.model, number)
        self.stores[connection][CommentRepository].add(id, content)
        item = self.model.items[id]
        self.model.items[id] = replace(item, comments=(*item.comments, content))

    @precondition(lambda self: self.model.order)
    @rule(connection=connections, number=picks, title=some_titles, turn=st.booleans())
    def step(self, connection: int, number: int, title: str, turn: bool) -> None:
        id = self.pick(self.model, number)
        steps = self.stores[connection][StepRepository]
        steps.tick(steps.add(id, title).id, turn)
        item = self.model.items[id]
        wanted = (*item.steps, (title, turn))
        if turn:
            steps.reorder(id, [step.id for step in reversed(steps.list(id))])
            wanted = wanted[::-1]
        self.model.items[id] = replace(item, steps=wanted)

    @precondition(lambda self: self.model.order)
    @rule(connection=connections, number=picks, name=st.sampled_from(["p", "P", "q"]))
    def put_into_project(self, connection: int, number: int, name: str) -> None:
        id = self.pick(self.model, number)
        project = self.stores[connection][ProjectRepository].ensure(name)
        self.todos(connection).update(id, project_id=project.id)
        kept = next((one for one in self.model.projects if one.lower() == name.lower()), name)
        assert project.name == kept
        self.model.projects.add(kept)
        self.model.items[id] = replace(self.model.items[id], project=kept)

    @rule(connection=connections, name=st.sampled_from(["p", "q"]))
    def delete_project(self, connection: int, name: str) -> None:
        projects = self.stores[connection][ProjectRepository]
        found = projects.find(name)
        kept = {one for one in self.model.projects if one.lower() == name}
        assert (found is not None) == bool(kept)
        if found is not None:
            assert projects.delete(found.id)
            self.model.projects -= kept
            for id, item in self.model.items.items():
                if item.project in kept:
                    self.model.items[id] = replace(item, project=None)

    @rule(connection=connections, title=some_titles)
    def find(self, connection: int, title: str) -> None:
        found = self.todos(connection).find(title)
        wanted = {id for id, item in self.model.items.items() if folded(item.title) == folded(title)}
        assert (found is None) == (not wanted)
        assert found is None or found.id in wanted

    @rule(connection=connections, number=picks, title=some_titles, due=some_dues, status=statuses)
    def roll_back(
        self, connection: int, number: int, title: str, due: Due | None, status: TodoStatus
    ) -> None:
        self.lose(connection, number, title, due, status)

    @rule(connection=connections, number=picks, title=some_titles, due=some_dues, status=statuses)
    def roll_back_to_savepoint(
        self, connection: int, number: int, title: str, due: Due | None, status: TodoStatus
    ) -> None:
        with self.stores[connection].transaction():
            self.write_add(connection, self.model, title, due, True)
            self.lose(connection, number, title, due, status)
            self.write_status(connection, self.model, self.pick(self.model, number), status)

    @rule(connection=connections)
    def reopen(self, connection: int) -> None:
        self.stores[connection].close()
        self.stores[connection] = self.open_store()

    @rule(connection=connections)
    def nobody_is_not_found(self, connection: int) -> None:
        assert self.todos(connection).find("nobody") is None
        with pytest.raises(NotFoundError):
            self.todos(connection).get("nobody")

    def lose(self, connection: int, number: int, title: str, due: Due | None, status: TodoStatus) -> None:
        """Write in a transaction, or a savepoint of the one that is open, that fails."""
        inside = self.model.copy()

        def unit() -> None:
            with self.stores[connection].transaction():
                self.write_add(connection, inside, title, due, True)
                self.write_status(connection, inside, self.pick(inside, number), status)
                self.write_delete(connection, inside, self.pick(inside, number + 1))
                assert {todo.id for todo in self.todos(connection).list()} == inside.items.keys()
                raise Undo

        with pytest.raises(Undo):
            unit()

    @invariant()
    def both_connections_see_the_model(self) -> None:
        for connection in (0, 1):
            todos = self.todos(connection)
            listed = todos.list()
            found = {
                whole.todo.id: Item(
                    whole.todo.title,
                    whole.todo.due,
                    whole.todo.status,
                    whole.todo.tags,
                    whole.todo.project,
                    whole.todo.recurrence is not None,
                    tuple((step.title, step.done) for step in whole.steps),
                    tuple(comment.content for comment in whole.comments),
                )
                for whole in todos.whole(listed)
            }
            assert found == self.model.items
            assert [todo.id for todo in todos.list(order="manual")] == self.model.order
            assert listed == sorted(listed, key=due_order)
            assert todos.open() == [todo for todo in listed if todo.status in OPEN]
            assert all(
                (todo.comment_count, todo.step_count, todo.steps_done)
                == (
                    len(found[todo.id].comments),
                    len(found[todo.id].steps),
                    sum(done for _, done in found[todo.id].steps),
                )
                for todo in listed
            )
            assert all((todo.completed_at is not None) == (todo.status == "completed") for todo in listed)


def due_order(todo: TodoValue) -> tuple[Any, ...]:
    return todo.due_by is None, todo.due_by or todo.created_at, todo.created_at, todo.id


TestTodosMachine = TodosMachine.TestCase
TestTodosMachine.settings = settings(
    max_examples=settings().max_examples // 5, stateful_step_count=25, deadline=None
)


def test_the_machine_finds_a_rollback_that_does_not_happen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A control: the machine must notice a store that keeps what it should undo."""
    machine = TodosMachine()
    monkeypatch.setattr(Store, "transaction", lambda store, actor=None: store.use())
    try:
        machine.add(0, "kept", None, False)
        machine.lose(0, 0, "a", None, TodoStatus.COMPLETED)

        with pytest.raises(AssertionError):
            machine.both_connections_see_the_model()
    finally:
        machine.teardown()
