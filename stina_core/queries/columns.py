"""The columns a query answers with, and which parameter of the value each one becomes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import is_dataclass
from typing import Any

import peewee

from ..errors import DefinitionError
from ..fields import Portable


class Column:
    """One column of the answer.

    Attributes:
        node: What is selected.
        names: What it may be called: its alias, or the names of its field.
        load: Makes the value of what is stored; None where that is the value.
        parameter: What it is to the value that is made; empty where it is nothing.
    """

    __slots__ = ("load", "names", "node", "parameter")

    def __init__(self, node: Any) -> None:
        self.node = node
        self.names = _names(node)
        self.load = _load(node)
        self.parameter = ""

    def __str__(self) -> str:
        return "/".join(self.names) or "a column without alias()"


def parameters_of(make: Callable[..., object]) -> dict[str, bool] | None:
    """Return what *make* wants by name, and whether it must have it; None where the value is a column itself.

    Raises:
        DefinitionError: it wants something without a name.
    """
    if isinstance(make, type) and not is_dataclass(make):
        return None
    wanted = {}
    for parameter in inspect.signature(make).parameters.values():
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise DefinitionError(
                f"{_called(make)} takes {parameter.name} by position only; columns are given by name"
            )
        wanted[parameter.name] = parameter.default is parameter.empty
    return wanted


def narrowed(name: str, query: Any, make: Callable[..., object]) -> tuple[Any, list[Column]]:
    """Return *query*, and its columns with what each becomes; of a whole row only those that *make* takes are left.

    Raises:
        DefinitionError: one that it must have is not selected, or one that was selected is nothing to it.
    """
    columns = [Column(node) for node in _selected(query)]
    wanted = parameters_of(make)
    if wanted is None:
        if len(columns) != 1:
            raise DefinitionError(
                f"{name} selects {len(columns)} columns for one {_called(make)}; select one, or answer with a "
                "dataclass"
            )
        return query, columns
    _match(name, columns, wanted, _called(make))
    kept = [column for column in columns if column.parameter]
    if len(kept) == len(columns):
        return query, columns
    if not is_whole_row(query):
        over = ", ".join(str(column) for column in columns if not column.parameter)
        raise DefinitionError(
            f"{name} selects {over}, which {_called(make)} does not take; leave it out, or alias() it"
        )
    if not _may_narrow(query):
        return query, columns
    narrow = query.select if isinstance(query, peewee.ModelSelect) else query.returning
    return narrow(*(column.node for column in kept)), kept


def _match(name: str, columns: Sequence[Column], wanted: dict[str, bool], called: str) -> None:
    taken: set[str] = set()
    for column in columns:
        column.parameter = next((one for one in column.names if one in wanted), "")
        if column.parameter in taken:
            raise DefinitionError(
                f"{name} selects two columns called {column.parameter}; alias() one of them"
            )
        taken |= {column.parameter} - {""}
    missing = [one for one, must in wanted.items() if must and one not in taken]
    if missing or not taken:
        raise DefinitionError(
            f"{name} selects nothing that is called {', '.join(missing) or 'like a parameter'}, which {called} "
            f"needs; there are {', '.join(map(str, columns))}"
        )


def _called(make: Callable[..., object]) -> str:
    return getattr(make, "__name__", type(make).__name__)


def _selected(query: Any) -> Sequence[Any]:
    while isinstance(query, peewee.CompoundSelectQuery):
        query = query.lhs  # which names the columns of all
    return query._returning or ()


def is_whole_row(query: Any) -> bool:
    """Whether nobody chose columns: `Note.select()` and `returning(Note)` mean whatever is needed."""
    if isinstance(query, peewee.CompoundSelectQuery):
        return False
    selected = [node.name for node in query._returning if isinstance(node, peewee.Field)]
    return selected == [field.name for field in query.model._meta.sorted_fields]


def _may_narrow(query: Any) -> bool:
    """Whether fewer columns leave its rows as they are."""
    is_distinct = getattr(query, "_distinct", None) is not None or getattr(query, "_simple_distinct", False)
    return not is_distinct


def _names(node: Any) -> Sequence[str]:
    if node.is_alias():
        return (node.name,)
    if isinstance(node, peewee.Source):  # another query, for a column
        alias: str | None = getattr(node, "_alias", None)
        return (alias,) if alias else ()
    inner = node.unwrap()
    if isinstance(inner, peewee.ForeignKeyField):
        return (inner.object_id_name, inner.name)
    return (inner.name,) if isinstance(inner, peewee.Field) else ()


def _load(node: Any) -> Callable[[Any], object] | None:
    """Return what makes the value, where the query says so, or it is a field's; Peewee guesses in more cases."""
    if isinstance(node, peewee.Source):
        return None
    inner: Any = node.unwrap()
    asked: Callable[[Any], object] | None = node._converter
    if asked is not None or not node._coerce or not inner._coerce:
        return asked
    if isinstance(inner, peewee.Function) and inner._python_value is not None:
        return inner._python_value
    if _is_extreme(inner):
        inner = inner.arguments[0]
    field = inner.field if isinstance(inner, peewee.FieldAlias) else inner
    return field.loads() if isinstance(field, Portable) else None


def _is_extreme(node: Any) -> bool:
    """Whether it is the smallest or largest value of a field, which is one of the field's values."""
    if not isinstance(node, peewee.Function) or node.name is None:
        return False
    return node.name.upper() in ("MIN", "MAX") and len(node.arguments or ()) == 1
