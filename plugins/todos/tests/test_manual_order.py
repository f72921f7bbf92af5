"""The order that people put their todos into."""

from __future__ import annotations

import pytest

from stina_core import InvalidValueError, Store
from stina_todos import (
    TodoRepository,
)


def test_new_todos_come_last_in_the_manual_order_and_move_puts_them_anywhere(todos: TodoRepository) -> None:
    a, b, c, d = (todos.add(title) for title in "abcd")

    def order() -> str:
        return "".join(todo.title for todo in todos.list(order="manual"))

    assert order() == "abcd"
    todos.move(d.id, before=a.id)
    assert order() == "dabc"
    todos.move(a.id, after=b.id)
    assert order() == "dbac"
    todos.move(d.id)
    assert order() == "bacd"
    todos.move(b.id, after=d.id)
    assert order() == "acdb"
    todos.add("e")
    assert order() == "acdbe"
    todos.move(c.id, after=a.id)
    assert order() == "acdbe"


def test_move_writes_one_row_and_leaves_updated_at(todos: TodoRepository) -> None:
    a, b = todos.add("a"), todos.add("b")

    moved = todos.move(b.id, before=a.id)

    assert moved.updated_at == b.updated_at
    assert todos.get(a.id) == a


def test_a_thousand_moves_into_one_gap_keep_the_order(todos: TodoRepository, store: Store) -> None:
    first, last = todos.add("first"), todos.add("last")
    others = [todos.add(str(number)) for number in range(3)]
    with store.transaction():
        for number in range(1000):
            todos.move(others[number % 3].id, before=last.id)

    order = [todo.id for todo in todos.list(order="manual")]

    assert order[0] == first.id
    assert order[1:] == [others[1].id, others[2].id, others[0].id, last.id]
    assert max(len(todo.position) for todo in todos.list()) < 300


@pytest.mark.parametrize("arguments", [{"after": "a", "before": "b"}, {"after": "x"}, {"before": "x"}])
def test_a_move_to_two_places_or_to_itself_is_refused(
    todos: TodoRepository, arguments: dict[str, str]
) -> None:
    for id in ("a", "b", "x"):
        todos.add(id, id=id)

    with pytest.raises(InvalidValueError):
        todos.move("x", **arguments)
