"""A list to the right of `in_()`: one text for the database, however long the list is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import peewee

from ..errors import InvalidValueError
from ..jsontext import check_text, fits
from .arguments import Argument, Slot, name_of


class Members(peewee.Node):
    """The list that an argument will be. JSON has no bytes, so they come as `{"x": hexadecimal}`."""

    def __init__(self, argument: Argument) -> None:
        self.argument = argument

    def __sql__(self, ctx: Any) -> Any:
        ctx.literal(
            "(SELECT CASE type WHEN 'object' THEN unhex(value ->> 'x') ELSE value END FROM json_each("
        )
        ctx.slot(Slot(self.argument, _as_json(name_of(self.argument), ctx.state.converter)))
        return ctx.literal("))")


def _as_json(name: str, convert: Callable[[Any], object] | None) -> Callable[[object], str]:
    def as_json(values: object) -> str:
        if not isinstance(values, Iterable) or isinstance(values, str | bytes | bytearray):
            raise InvalidValueError(name, f"expected a list of values, got {type(values).__name__}")
        stored = values if convert is None else map(convert, values)
        return json.dumps([_member(name, value) for value in stored], allow_nan=False)

    return as_json


def _member(name: str, value: object) -> object:
    if type(value) is str and value.isascii():
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return {"x": bytes(value).hex()}
    if isinstance(value, str):
        return check_text(str.__str__(value), name)
    if isinstance(value, int) and not fits(value):
        raise InvalidValueError(name, "the number does not fit in 64 bits")
    if value is not None and not isinstance(value, int | float):
        raise InvalidValueError(name, f"expected what a column holds, got {type(value).__name__}")
    return value
