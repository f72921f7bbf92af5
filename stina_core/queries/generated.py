"""The two functions a compiled query runs, written for it: from arguments to values, from rows to answers.

A loop over columns and converters costs as much per row as SQLite does; written out,
as `dataclasses` writes `__init__`, it costs a call per column that needs one.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

from ..backends.base import Row
from ..errors import InvalidValueError
from .arguments import Argument, Slot, name_of, never_null
from .columns import Column

Binder = Callable[..., Row]
"""Takes the arguments of a query and returns the values of its statement, in order."""

Loader = Callable[[list[Row]], list[Any]]
"""Makes of the rows of a statement what the query answers."""


def binder(state: Callable[..., object], signature: inspect.Signature, values: Sequence[object]) -> Binder:
    """Write the function with the name and *signature* of *state* that returns *values*, each Slot of them filled."""
    own = _prefix(signature.parameters)
    names: dict[str, Any] = {f"{own}refuse_null": _refuse_null, f"{own}refuse_none": _refuse_none}
    parts, checks = [], []
    for number, value in enumerate(values):
        if not isinstance(value, Slot):
            names[f"{own}constant{number}"] = value
            parts.append(f"{own}constant{number}")
            continue
        if isinstance(value.source, Argument):
            text = name_of(value.source)
            if never_null(value.source):
                checks.append(f"    if {text} is None: {own}refuse_null({text!r})")
            if value.column:
                checks.append(f"    if {text} is None: {own}refuse_none({value.column!r})")
        else:
            names[f"{own}make{number}"] = value.source.make
            text = f"{own}make{number}()"
        if value.convert is not None:
            names[f"{own}convert{number}"] = value.convert
            text = f"{own}convert{number}({text})"
        parts.append(text)
    head = f"def {own}bind({_parameters(signature, own, names)}):"
    answer = f"    return ({''.join(f'{part}, ' for part in parts)})"
    bind: Binder = _written(f"{own}bind", [head, *dict.fromkeys(checks), answer], names)
    bind.__name__ = state.__name__
    bind.__qualname__ = state.__qualname__
    return bind


def loader(columns: Sequence[Column], make: Callable[..., object] | None) -> Loader:
    """Write the function that calls *make* with the columns of each row; without it, that takes the only column."""
    names: dict[str, Any] = {"make": make}
    given = []
    for number, column in enumerate(columns):
        value = f"column{number}"
        if column.load is not None:
            names[f"load{number}"] = column.load
            value = f"load{number}({value})"
        if make is None:
            given.append(value)
        elif column.parameter:  # the others were selected for the query's own sake
            given.append(f"{column.parameter}={value}")
    answer = given[0] if make is None else f"make({', '.join(given)})"
    row = "".join(f"column{number}, " for number in range(len(columns)))
    return _written("load", ["def load(rows):", f"    return [{answer} for ({row}) in rows]"], names)


def _prefix(names: Iterable[str]) -> str:
    """Return how the binder's own names begin, so that none is one of *names*."""
    own = "_"
    while any(name.startswith(own) for name in names):
        own += "_"
    return own


def _parameters(signature: inspect.Signature, own: str, names: dict[str, Any]) -> str:
    parts = []
    kind = None
    for name, parameter in signature.parameters.items():
        if kind is parameter.POSITIONAL_ONLY and parameter.kind is not kind:
            parts.append("/")
        if parameter.kind is parameter.KEYWORD_ONLY and kind is not parameter.kind:
            parts.append("*")
        kind = parameter.kind
        if parameter.default is parameter.empty:
            parts.append(name)
        else:
            names[f"{own}default_{name}"] = parameter.default
            parts.append(f"{name}={own}default_{name}")
    if kind is inspect.Parameter.POSITIONAL_ONLY:
        parts.append("/")
    return ", ".join(parts)


def _written(name: str, lines: Sequence[str], names: dict[str, Any]) -> Callable[..., Any]:
    exec("\n".join(lines), names)
    written: Callable[..., Any] = names[name]
    return written


def _refuse_null(name: str) -> NoReturn:
    raise InvalidValueError(
        name, "nothing equals None in SQL, so nothing would be found; state a second query with is_null()"
    )


def _refuse_none(column: str) -> NoReturn:
    raise InvalidValueError(column, "it must have a value")
