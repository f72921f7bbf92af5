"""Queries that answer with values: stated in Peewee by a function, compiled at the first call."""

from __future__ import annotations

from builtins import list as List  # noqa: N812  # a method of Query is called `list`
from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar

import peewee

from ..model import current
from .arguments import signature_of
from .columns import is_whole_row
from .statement import Statement

P = ParamSpec("P")
V = TypeVar("V")


def query(value: Callable[..., V]) -> Callable[[Callable[P, peewee.BaseQuery]], Query[P, V]]:
    """Make a compiled query of the function below it, which returns one in Peewee.

    The function is called with stand-ins for its arguments, once for each way to ask
    (`find()`, `list()`, ...): what it looks up by itself then, such as the time, stays as
    it was. Each call of the query binds values by the rules of the fields they meet:
    InvalidValueError for one that its field refuses, and for None where something is
    compared with it. To the right of `in_()` an argument is a list, of any length.

    Args:
        value: What a row becomes. A dataclass, or a function, gets the columns by the
            names of its parameters: those of the fields (`author` of a foreign key is its
            id, also as `author_id`) and of `.alias()`. Of `Note.select()` only the columns
            it takes are read. Any other type says that the query selects one column,
            which is the answer.

    Raises:
        DefinitionError: at the first call, where the query cannot be compiled, or *value* not be made of it.
    """
    return lambda state: Query(state, value)


class Query(Generic[P, V]):
    """A compiled query; see `query()`. Call it inside a repository method: it asks the store that is current."""

    def __init__(self, state: Callable[P, peewee.BaseQuery], value: Callable[..., V]) -> None:
        signature = signature_of(state)
        self._rows = Statement(state, signature, _SELECT, value)
        self._first = Statement(state, signature, _SELECT, value, _limited)
        self._exists = Statement(state, signature, _SELECT, bool, _existence)
        self._count = Statement(state, signature, _SELECT, int, _number)

    def get(self, /, *arguments: P.args, **named: P.kwargs) -> V:
        """Return the first answer; NotFoundError if there is none."""
        found = self._first.run(*arguments, **named)
        if not found:
            raise self._first.nothing(arguments, named)
        answer: V = found[0]
        return answer

    def find(self, /, *arguments: P.args, **named: P.kwargs) -> V | None:
        """Return the first answer, or None."""
        found = self._first.run(*arguments, **named)
        return found[0] if found else None

    def list(self, /, *arguments: P.args, **named: P.kwargs) -> List[V]:
        """Return all answers, in the order of the query."""
        answers: List[V] = self._rows.run(*arguments, **named)
        return answers

    def exists(self, /, *arguments: P.args, **named: P.kwargs) -> bool:
        """Return whether there is an answer; no value of it is read."""
        return bool(self._exists.run(*arguments, **named)[0])

    def count(self, /, *arguments: P.args, **named: P.kwargs) -> int:
        """Return how many answers there are; no value of them is read."""
        return int(self._count.run(*arguments, **named)[0])

    def sql(self) -> str:
        """Return the SQL of `list()` for the store that is current, with a `?` for each value that is bound."""
        return self._rows.compiled(current()).sql


def _limited(query: Any) -> Any:
    return query.limit(1) if isinstance(query, peewee.SelectBase) and _limit_of(query) is None else query


def _limit_of(query: Any) -> Any:
    return query._limit


def _existence(query: Any) -> Any:
    return peewee.Select(columns=[peewee.fn.EXISTS(_without_values(query))])


def _number(query: Any) -> Any:
    inner = _without_values(query).alias("counted")
    return peewee.Select([inner], [peewee.fn.COUNT(peewee.SQL("1"))])


def _without_values(query: Any) -> Any:
    """Return *query* asking for no column, where that leaves its answers the same number: of plain rows."""
    plain = query.order_by() if query._limit is None and query._offset is None else query
    if not is_whole_row(plain) or not plain._count_can_project_one():
        return plain
    return plain.select(peewee.SQL("1"))


_SELECT = (
    "a SELECT of a model, or a union of them",
    lambda query: isinstance(query, peewee.BaseModelSelect),
)
