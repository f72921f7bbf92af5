"""Writes: stated in Peewee by a function, compiled at the first call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar

import peewee

from ..model import current
from .arguments import signature_of
from .statement import Statement

P = ParamSpec("P")
V = TypeVar("V")


def write(state: Callable[P, peewee.BaseQuery]) -> Write[P]:
    """Make a compiled write of the function below it, which returns an INSERT, UPDATE or DELETE in Peewee.

    Called like the function, it runs with the values it is given and returns how many
    rows it wrote. Defaults that a callable makes are made anew for each row. Outside a
    transaction it is one of its own. For arguments and errors see `query()`.
    """
    return Write(state)


class Write(Generic[P]):
    """A compiled write; see `write()`. Call it inside a repository method: it writes to the store that is current."""

    def __init__(self, state: Callable[P, peewee.BaseQuery]) -> None:
        self._statement = Statement(state, signature_of(state), _WITHOUT_ROWS)

    def __call__(self, /, *arguments: P.args, **named: P.kwargs) -> int:
        count: int = self._statement.run(*arguments, **named)
        return count

    def sql(self) -> str:
        """Return its SQL for the store that is current, with a `?` for each value that is bound."""
        return self._statement.compiled(current()).sql


def returning(value: Callable[..., V]) -> Callable[[Callable[P, peewee.BaseQuery]], Returning[P, V]]:
    """Make a compiled write with `returning()` of the function below it; it returns what each row it wrote becomes.

    Args:
        value: What a row becomes; see `query()`. Of `returning(Note)` only the columns it takes are read.
    """
    return lambda state: Returning(state, value)


class Returning(Generic[P, V]):
    """A compiled write that answers with rows; see `returning()`. In no order that could be relied on."""

    def __init__(self, state: Callable[P, peewee.BaseQuery], value: Callable[..., V]) -> None:
        self._statement = Statement(state, signature_of(state), _WITH_ROWS, value)

    def __call__(self, /, *arguments: P.args, **named: P.kwargs) -> list[V]:
        answers: list[V] = self._statement.run(*arguments, **named)
        return answers

    def sql(self) -> str:
        """Return its SQL for the store that is current, with a `?` for each value that is bound."""
        return self._statement.compiled(current()).sql


def _changes(query: Any) -> bool:
    return isinstance(query, peewee.ModelInsert | peewee.ModelUpdate | peewee.ModelDelete)


_WITHOUT_ROWS = (
    "an INSERT, UPDATE or DELETE without returning(), for which there is @returning",
    lambda query: _changes(query) and not query._returning,
)
_WITH_ROWS = (
    "an INSERT, UPDATE or DELETE with returning(); for one without there is @write",
    lambda query: _changes(query) and bool(query._returning),
)
