"""What can be wrong with rows that another program wrote."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from stina_core import Finding, InvalidValueError, Severity, Store

from . import days, places
from .models import Comment, Project, Step, Todo
from .rows import day_of
from .rules import parsed
from .texts import folded, tags_of, title_of

_TABLES = (Project, Todo, Comment, Step)


def findings(store: Store) -> list[Finding]:
    """Return one finding per row that cannot be read, or in which something does not fit the rest.

    Reads the raw bytes, so no row can hide the others. Messages name rows by their ids.
    """
    with store.use():
        return [finding for model in _TABLES for row in _rows(model) for finding in _of_row(model, row)]


def _rows(model: type[Any]) -> Iterable[dict[str, Any]]:
    fields = model._meta.sorted_fields
    columns = [_raw(field).alias(field.name) for field in fields]
    rows: list[dict[str, Any]] = list(model.select(*columns).dicts().execute())
    return rows


def _raw(field: Any) -> Any:
    """Return *field* as it is stored: a text as its bytes, which may be no UTF-8."""
    return (
        field.cast("INTEGER") if getattr(field, "portable_type", "text") == "integer" else field.cast("BLOB")
    )


def _of_row(model: type[Any], row: dict[str, Any]) -> Iterator[Finding]:
    table = model._meta.table_name
    name = row["id"].decode("utf-8", "backslashreplace")
    try:
        values = {field.name: _read(field, row[field.name]) for field in model._meta.sorted_fields}
    except UnicodeDecodeError:
        yield _error(table, f"{name!r} has text that is not UTF-8")
        return
    except InvalidValueError as error:
        yield _error(table, f"{name!r}: {error}")
        return
    try:
        if model is Todo:
            yield from _of_todo(name, values)
        elif model is Project and values["name_key"] != folded(values["name"]):
            yield _unlike(table, name, "its name is not found by find()", "rename it")
    except InvalidValueError as error:
        yield _error(table, f"{name!r}: {error}")


def _of_todo(name: str, values: dict[str, Any]) -> Iterator[Finding]:
    title_of(values["title"])
    tags_of(values["tags"])
    day = None if values["due_date"] is None else day_of(values["due_date"])
    if values["recurrence"] is not None:
        parsed(values["recurrence"])
    places.check(values["position"])
    if values["title_key"] != folded(values["title"]):
        yield _unlike("todos_todo", name, "its title is not found by find()", "write the title anew")
    try:
        days.zone_name(values["time_zone"])
        late = days.due_by(values["due_at"], day, values["time_zone"])
    except InvalidValueError as error:
        yield Finding(
            Severity.WARNING,
            "todos_todo",
            f"{name!r} cannot be repeated here: {error}",
            "install newer time zones (pip install -U tzdata), or give it another zone",
        )
        return
    if values["due_by"] != late:
        yield _unlike(
            "todos_todo", name, "it does not stand where it is due in lists", "write its due time anew"
        )


def _read(field: Any, stored: bytes | int | None) -> Any:
    return field.python_value(stored.decode() if isinstance(stored, bytes) else stored)


def _error(table: str, message: str) -> Finding:
    return Finding(Severity.ERROR, table, message, "mend or remove the row with the program that wrote it")


def _unlike(table: str, name: str, what: str, remedy: str) -> Finding:
    return Finding(Severity.WARNING, table, f"{name!r} was written by another program: {what}", remedy)
