"""One statement of a compiled query: SQL, binder and loader, made at its first run."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

import peewee

from ..errors import DefinitionError, NotFoundError
from ..model import current
from .arguments import Argument, name_of, stated
from .columns import narrowed, parameters_of
from .compiling import compiled
from .generated import Binder, Loader, binder, loader

if TYPE_CHECKING:
    from ..backends.base import Statements


class Compiled:
    """A statement for one kind of database.

    Attributes:
        key: The argument that the primary key is compared with, where the query asks for one row by it.
    """

    __slots__ = ("bind", "key", "kind", "load", "sql", "table")

    def __init__(
        self,
        kind: type[peewee.Database],
        sql: str,
        bind: Binder,
        load: Loader | None,
        table: str,
        key: str | None,
    ) -> None:
        self.kind = kind
        self.sql = sql
        self.bind = bind
        self.load = load
        self.table = table
        self.key = key


class Statement:
    """A query as a function states it, in one shape, for whatever store is current.

    Args:
        state: Returns the query in Peewee.
        signature: Of *state*.
        wanted: What it may return; in words, and as a test.
        value: What a row becomes; None for a write without rows.
        shape: Makes the query to compile of the one that was stated.
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

    def read(self, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> list[Any]:
        """Run it and return what its rows became."""
        database = current()
        this = self.compiled(database)
        rows = cast("Statements", database).read(this.sql, this.bind(*arguments, **named))
        return rows if this.load is None else this.load(rows)

    def write(self, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> tuple[list[Any], int]:
        """Run it and return what its rows became, and how many it wrote."""
        database = current()
        this = self.compiled(database)
        rows, count = cast("Statements", database).write(this.sql, this.bind(*arguments, **named))
        return rows if this.load is None else this.load(rows), count

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
        query = self._shape(query)
        load = None
        if self._value is not None:
            query, columns = narrowed(name, query, self._value)
            load = loader(columns, self._value if parameters_of(self._value) is not None else None)
        sql, values = compiled(query, database)
        bind = binder(self._state, self._signature, values)
        return Compiled(type(database), sql, bind, load, table, key)


def _key_of(query: Any) -> str | None:
    where = getattr(query, "_where", None)
    if not isinstance(where, peewee.Expression) or where.op != peewee.OP.EQ:
        return None
    is_key = where.lhs is query.model._meta.primary_key and isinstance(where.rhs, Argument)
    return name_of(where.rhs) if is_key else None
