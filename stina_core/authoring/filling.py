"""What a person types for the rows that are there, as a column stores it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import peewee

from ..catalog import Value
from ..errors import DefinitionError
from ..fields import (
    AutoIdField,
    BlobField,
    BooleanField,
    EnumField,
    FloatField,
    ForeignKeyField,
    IntegerField,
    JsonField,
    TimestampField,
)

_IN_WORDS: dict[type[peewee.Field], str] = {
    AutoIdField: "a whole number",
    BlobField: "bytes as hexadecimal digits",
    BooleanField: "true or false",
    FloatField: "a number",
    IntegerField: "a whole number",
    JsonField: "JSON",
    TimestampField: "a time such as 2026-01-31T12:00:00Z",
}


def in_words(one: peewee.Field) -> str:
    """Return what can be typed for the field *one*."""
    if isinstance(one, ForeignKeyField):
        return f"the key of a row of {one.rel_model._meta.table_name}"
    if isinstance(one, EnumField):
        return f"one of {', '.join(one.texts)}"
    return next((words for kind, words in _IN_WORDS.items() if isinstance(one, kind)), "text")


def stored(one: Any, text: str, name: str) -> Value:
    """Return *text*, typed for the field *one* of the column *name*, as it is stored.

    A text may be typed as it is or as JSON, where `""` is the empty one and `null` no text.

    Raises:
        DefinitionError: it is nothing the column can hold.
    """
    wanted = in_words(one)
    while isinstance(one, ForeignKeyField):
        one = one.rel_field
    try:
        value: Value = one.db_value(_typed(one, text))
    except (ValueError, TypeError) as error:
        raise DefinitionError(
            f"what was said for {name} cannot be stored there; it takes {wanted}"
        ) from error
    if value is None:
        raise DefinitionError(f"{name} may not be NULL; it takes {wanted}")
    return value


def _typed(one: peewee.Field, text: str) -> object:
    if isinstance(one, TimestampField):
        return datetime.fromisoformat(text)
    if isinstance(one, BlobField):
        return bytes.fromhex(text)
    if isinstance(one, tuple(_IN_WORDS)):
        return json.loads(text)
    value = _text(text)
    return one.enum(value) if isinstance(one, EnumField) and one.enum is not None else value


def _text(text: str) -> str | None:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if value is None or isinstance(value, str) else text
