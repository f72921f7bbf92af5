"""Peewee's own SQL builder, run once for a query that is still without its values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import peewee

from ..catalog import sql_literal
from ..errors import DefinitionError
from ..fields import Portable
from .arguments import Argument, Made, Slot, name_of
from .members import Members

_IN = (peewee.OP.IN, peewee.OP.NOT_IN)
_NULL_ANSWERS_NOTHING = frozenset(
    (peewee.OP.EQ, peewee.OP.NE, peewee.OP.LT, peewee.OP.LTE, peewee.OP.GT, peewee.OP.GTE)
)


def compiled(node: peewee.Node, database: peewee.Database) -> tuple[str, list[Any]]:
    """Return *node* as SQL, and its values in order: constants, and a Slot for each that is still to come."""
    context: Any = _Context(**database.get_context_options())
    context.sql(_with_defaults(node))
    sql, values = context.query()
    return sql, values


class _Context(peewee.Context):
    __slots__ = ()
    if TYPE_CHECKING:
        _values: list[Any]

    def as_new(self) -> _Context:
        return _Context(**self.state.settings)

    def sql(self, obj: Any) -> Any:
        if isinstance(obj, peewee.Expression) and isinstance(obj.rhs, Argument):
            obj = _expression(obj, obj.rhs)
        return super().sql(obj)  # type: ignore[no-untyped-call]

    def value(self, value: Any, converter: Any = None, add_param: bool = True) -> Any:
        if not isinstance(value, Argument | Made):
            _refuse_arguments_in(value)
            return self._constant(value, converter) if add_param else super().value(value, converter, False)
        if converter is None:
            converter = self.state.converter
        column = "" if self.state.in_expr else _must_have(getattr(converter, "__self__", None))
        return self.slot(Slot(value, converter or None, column), add_param)

    def _constant(self, value: Any, converter: Any) -> Any:
        """In a condition it is written out: what is bound tells SQLite nothing of the rows of a partial index."""
        if not self.state.in_expr:
            return super().value(value, converter)
        if converter is None:  # False says that nothing may convert it
            converter = self.state.converter
        stored = converter(value) if converter else value
        if _can_be_written(stored):
            return self.literal(sql_literal(stored))
        return super().value(stored, False)

    def slot(self, slot: Slot, add_param: bool = True) -> Any:
        self._values.append(slot)
        return self.literal(self.state.param or "?") if add_param else self


def _can_be_written(stored: object) -> bool:
    if isinstance(stored, str):
        return "\0" not in stored  # SQL text ends there
    return (
        isinstance(stored, int) and -(2**63) <= stored < 2**63
    )  # SQLite would read a greater one as a float


def _refuse_arguments_in(value: object) -> None:
    if isinstance(value, Argument):
        raise DefinitionError(
            f"{name_of(value)} stands inside a value of the query; give that value as one argument"
        )
    if isinstance(value, dict | list | tuple):
        for part in value.values() if isinstance(value, dict) else value:
            _refuse_arguments_in(part)


def _must_have(field: object) -> str:
    """Return where *field* is, if NULL cannot be written there; None may still stand for JSON null, or the next id."""
    if not isinstance(field, peewee.Field) or not isinstance(field, Portable) or field.null:
        return ""
    plain: Any = field
    is_counted = plain.primary_key and plain.model._meta.auto_increment
    return "" if is_counted or plain.db_value(None) is not None else field.place


def _expression(expression: peewee.Expression, argument: Argument) -> peewee.Expression:
    right: object = argument
    if expression.op in _IN:
        right = Members(argument)
    elif expression.op in _NULL_ANSWERS_NOTHING:
        right = peewee.Value(Argument(name_of(argument), never_null=True))
    return peewee.Expression(expression.lhs, expression.op, right, expression.flat)


def _with_defaults(node: peewee.Node) -> peewee.Node:
    """Return *node*, an INSERT with the defaults that are made for each row; Peewee would make them only once."""
    if not isinstance(node, peewee.ModelInsert):
        return node
    insert: Any = node
    if not isinstance(insert._insert, Mapping):
        if isinstance(insert._insert, peewee.SelectBase):
            return node
        raise DefinitionError("a compiled INSERT is stated for one row, or for those of a SELECT")
    defaults: Mapping[peewee.Field, object] = node.model._meta.defaults
    missing: dict[peewee.Field, object] = {
        field: Made(default) if callable(default) else default
        for field, default in defaults.items()
        if field not in insert._insert
    }
    whole: Any = insert.clone()
    whole._insert = {**insert._insert, **missing}
    filled: peewee.Node = whole
    return filled
