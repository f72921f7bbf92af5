"""The function a compiled query runs, written for it: from arguments to values, from rows to answers.

A loop over columns and converters costs as much per row as SQLite does; written out,
as `dataclasses` writes `__init__`, it costs a call per column that needs one. For the
query `by_title` of `Note`, read as `NoteValue`, it is

    def by_title(title):
        database = here()
        if type(database) is not kind: return elsewhere(title)
        if title is None: refuse_null('title')
        rows = database.read(sql, (title if <it is plain text> else convert0(title), ))
        return [make(id=column0, created_at=load1(column1)) for (column0, column1, ) in rows]
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

import peewee

from ..errors import InvalidValueError
from ..fields import Portable
from ..model import current_database
from .arguments import Argument, Slot, name_of, never_null
from .columns import Column

_BUILT_IN = frozenset(("type", "str", "int", "len"))
"""What `Portable.kept()` may use: an argument of such a name stands before it."""

Run = Callable[..., Any]
"""Takes the arguments of a query and runs it; for what it returns see `written()`."""


def written(
    state: Callable[..., object],
    signature: inspect.Signature,
    *,
    sql: str,
    values: Sequence[object],
    kind: type[peewee.Database],
    elsewhere: Run,
    columns: Sequence[Column] | None,
    make: Callable[..., object] | None,
    writes: bool,
) -> Run:
    """Write the function with the name and *signature* of *state* that runs *sql* in the store that is current.

    Args:
        values: Of the statement, in order; each Slot among them is filled with an argument.
        elsewhere: Called instead where that store has another *kind* of database, or there is none.
        columns: Of the answer. The function returns a list: *make* of the columns of each row,
            or the only column; without *columns* how many rows were written.
    """
    own = _prefix(signature.parameters)
    names: dict[str, Any] = {
        f"{own}here": current_database.get,
        f"{own}type": type,
        f"{own}kind": kind,
        f"{own}elsewhere": elsewhere,
        f"{own}sql": sql,
        f"{own}make": make,
        f"{own}refuse_null": _refuse_null,
        f"{own}refuse_none": _refuse_none,
    }
    parameters, given = _parameters(signature, own, names)
    checks, bound = _bound(values, own, names, quickly=not _BUILT_IN & signature.parameters.keys())
    answer = f"{own}database.{'write' if writes else 'read'}({own}sql, {bound})"
    if columns is None:
        answer += "[1]"
    else:
        row, made = _made(columns, make is not None, own, names)
        answer = f"[{made} for ({row}) in {answer}{'[0]' if writes else ''}]"
    lines = [
        f"def {own}run({parameters}):",
        f"    {own}database = {own}here()",
        f"    if {own}type({own}database) is not {own}kind: return {own}elsewhere({given})",
        *checks,
        f"    return {answer}",
    ]
    exec("\n".join(lines), names)
    run: Run = names[f"{own}run"]
    run.__name__ = state.__name__
    run.__qualname__ = state.__qualname__
    return run


def _prefix(names: Iterable[str]) -> str:
    """Return how the function's own names begin, so that none is one of *names*."""
    own = "_"
    while any(name.startswith(own) for name in names):
        own += "_"
    return own


def _parameters(signature: inspect.Signature, own: str, names: dict[str, Any]) -> tuple[str, str]:
    """Return the parameters as a definition has them, and as a call passes them on."""
    parts, given = [], []
    kind = None
    for name, parameter in signature.parameters.items():
        if kind is parameter.POSITIONAL_ONLY and parameter.kind is not kind:
            parts.append("/")
        if parameter.kind is parameter.KEYWORD_ONLY and kind is not parameter.kind:
            parts.append("*")
        kind = parameter.kind
        given.append(f"{name}={name}" if kind is parameter.KEYWORD_ONLY else name)
        if parameter.default is parameter.empty:
            parts.append(name)
        else:
            names[f"{own}default_{name}"] = parameter.default
            parts.append(f"{name}={own}default_{name}")
    if kind is inspect.Parameter.POSITIONAL_ONLY:
        parts.append("/")
    return ", ".join(parts), ", ".join(given)


def _bound(
    values: Sequence[object], own: str, names: dict[str, Any], *, quickly: bool
) -> tuple[list[str], str]:
    """Return the lines that refuse None where it cannot be, and the tuple of the values.

    Args:
        quickly: Whether a value may be told to be stored as it is, by words of Python's own.
    """
    checks, parts = [], []
    for number, value in enumerate(values):
        if not isinstance(value, Slot):
            names[f"{own}constant{number}"] = value
            parts.append(f"{own}constant{number}, ")
            continue
        text = ""
        if isinstance(value.source, Argument):
            text = name_of(value.source)
            if never_null(value.source):
                checks.append(f"    if {text} is None: {own}refuse_null({text!r})")
            if value.column:
                checks.append(f"    if {text} is None: {own}refuse_none({value.column!r})")
        else:
            names[f"{own}new{number}"] = value.source.make
        plain = text or f"{own}new{number}()"
        if value.convert is None:
            parts.append(f"{plain}, ")
            continue
        names[f"{own}convert{number}"] = value.convert
        converted = f"{own}convert{number}({plain})"
        kept = _kept(value.convert) if text and quickly else None
        parts.append(
            f"{converted}, " if kept is None else f"{text} if {kept.format(value=text)} else {converted}, "
        )
    return list(dict.fromkeys(checks)), f"({''.join(parts)})"


def _kept(convert: Callable[[Any], object]) -> str | None:
    """Return the test for a value that *convert*, of a field, would return as it is."""
    field = getattr(convert, "__self__", None)
    if not isinstance(field, Portable) or convert != field.db_value:  # type: ignore[attr-defined]
        return None
    kept = field.kept()
    return None if kept is None else f"({kept})"


def _made(columns: Sequence[Column], named: bool, own: str, names: dict[str, Any]) -> tuple[str, str]:
    """Return the names of the columns of a row, and what is made of them."""
    given = []
    for number, column in enumerate(columns):
        value = f"{own}column{number}"
        if column.load is not None:
            names[f"{own}load{number}"] = column.load
            value = f"{own}load{number}({value})"
        if not named:
            given.append(value)
        elif column.parameter:  # the others were selected for the query's own sake
            given.append(f"{column.parameter}={value}")
    row = "".join(f"{own}column{number}, " for number in range(len(columns)))
    return row, f"{own}make({', '.join(given)})" if named else given[0]


def _refuse_null(name: str) -> NoReturn:
    raise InvalidValueError(
        name, "nothing equals None in SQL, so nothing would be found; state a second query with is_null()"
    )


def _refuse_none(column: str) -> NoReturn:
    raise InvalidValueError(column, "it must have a value")
