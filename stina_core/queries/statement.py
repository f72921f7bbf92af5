"""One statement of a compiled query: its SQL and the function that runs it, made at its first run."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import peewee

from ..errors import DefinitionError, NotFoundError
from ..model import current
from .arguments import Argument, name_of, stated
from .columns import narrowed, parameters_of
from .compiling import compiled
from .generated import Run, written


class Compiled(NamedTuple):
    """A statement for one kind of database.

    Attributes:
        key: The argument that the primary key is compared with, where the query asks for one row by it.
    """

    kind: type[peewee.Database]
    sql: str
    run: Run
    table: str
    key: str | None


class Statement:
    """A query as a function states it, in one shape, for whatever store is current.

    Args:
        state: Returns the query in Peewee.
        signature: Of *state*.
        wanted: What it may return; in words, and as a test.
        value: What a row becomes; None for a write without rows.
        shape: Makes the query to compile of the one that was stated.

    Attributes:
        run: Runs it with its arguments and returns what its rows became, or how many it wrote. The
            first call compiles it, and puts the function that was written for it in its own place.
    """

    def __init__(
        self,
        state: Callable[..., peewee.BaseQuery],
        signature: inspect.Signature,
        wanted: tuple[str, Callable[[Any], bool]],
        value: Callable[..., object] | None = None,
        shape: Callable[[Any], Any] = lambda query: query,
    ) -> None:
        self._state = state
        self._signature = signature
        self._wanted = wanted
        self._value = value
        self._shape = shape
        self._compiled: Compiled | None = None
        self.run: Run = self._compile_and_run

    def _compile_and_run(self, /, *arguments: Any, **named: Any) -> Any:
        self.run = self.compiled(current()).run
        return self.run(*arguments, **named)

    def nothing(self, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> NotFoundError:
        """Return the error for "no row"; of the arguments it says only a key, for the others may be contents."""
        this = self.compiled(current())
        if this.key is None:
            return NotFoundError(this.table, None)
        given = self._signature.bind(*arguments, **named)
        given.apply_defaults()
        return NotFoundError(this.table, given.arguments[this.key])

    def compiled(self, database: peewee.Database) -> Compiled:
        """Return it for *database*; DefinitionError if it cannot be compiled."""
        this = self._compiled
        if this is None or this.kind is not type(database):
            this = self._compiled = self._compile(database)
        return this

    def _compile(self, database: peewee.Database) -> Compiled:
        name = self._state.__qualname__
        query: Any = stated(self._state, self._signature)
        words, is_wanted = self._wanted
        if not is_wanted(query):
            raise DefinitionError(f"{name} must return {words}, stated in Peewee")
        table, key = query.model._meta.table_name, _key_of(query)
        writes = isinstance(query, peewee._WriteQuery)
        query = self._shape(query)
        columns, make = None, None
        if self._value is not None:
            query, columns = narrowed(name, query, self._value)
            make = self._value if parameters_of(self._value) is not None else None
        sql, values = compiled(query, database)
        run = written(
            self._state,
            self._signature,
            sql=sql,
            values=values,
            kind=type(database),
            elsewhere=self._compile_and_run,
            columns=columns,
            make=make,
            writes=writes,
        )
        return Compiled(type(database), sql, run, table, key)


def _key_of(query: Any) -> str | None:
    where = getattr(query, "_where", None)
    if not isinstance(where, peewee.Expression) or where.op != peewee.OP.EQ:
        return None
    is_key = where.lhs is query.model._meta.primary_key and isinstance(where.rhs, Argument)
    return name_of(where.rhs) if is_key else None
