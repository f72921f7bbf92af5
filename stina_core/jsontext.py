"""JSON as it is stored: text that reads back as exactly the value that was written, or an error."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias, Union

from .errors import InvalidValueError

# A Union, because text cannot be joined with `|` to another type when annotations are evaluated.
JsonValue: TypeAlias = Union[bool, int, float, str, "list[JsonValue]", "dict[str, JsonValue]", None]

# What may be given where a JSON value is stored: wide enough for `list[str]` and `dict[str, int]`, which are no
# list[JsonValue] to a type checker. What is no JSON at run time is refused all the same.
JsonLike: TypeAlias = bool | int | float | str | Sequence["JsonLike"] | Mapping[str, "JsonLike"] | None

MAX_BYTES = 1 << 20
"""UTF-8 bytes of one JSON value: 1 MiB. Larger contents belong in a file or a table of their own."""

MAX_DEPTH = 100
"""Nested lists and objects; Python's own reader gives up near 1,000 (RecursionError)."""

_LIMIT = 1 << 63

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
"""Made once: json.dumps() makes one for each call that does not want the defaults."""


begin_of = json.JSONDecoder().raw_decode
"""Returns the value that a text begins with and where it ends: half of what json.loads() costs, which asks more."""


def fits(number: int) -> bool:
    """Whether *number* has 64 bits: what SQLite, PostgreSQL and their JSON functions keep exactly."""
    return -_LIMIT <= number < _LIMIT  # "in range()" would count through it for a member of an IntEnum


def dump(value: object, field: str, *, max_bytes: int = MAX_BYTES) -> str:
    """Return *value* as JSON text.

    Raises:
        InvalidValueError: *value* would come back as something else (a tuple, a
            key that is no string, NaN, an integer beyond 64 bits), is nested
            deeper than 100, or is longer than *max_bytes*. *field* is named.
    """
    if type(value) is int and fits(value):
        text = str(value)  # a counter: a tenth of what an encoder takes
    else:
        _check(value, field, 0, [max_bytes])
        text = _encode(value)
    size = len(text) if text.isascii() else len(text.encode())
    if size > max_bytes:
        raise InvalidValueError(field, f"the value is {size:,} bytes of JSON; at most {max_bytes:,} fit")
    return text


def load(text: str, field: str) -> JsonValue:
    """Return the value *text* stands for; InvalidValueError if it is no JSON."""
    try:
        value: JsonValue = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidValueError(field, "the stored text is not JSON that can be read") from error
    return value


def check_text(text: str, field: str) -> str:
    """Return *text*; InvalidValueError if UTF-8 cannot hold it (half of a surrogate pair)."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidValueError(
            field, f"the text has half of a character at position {error.start}; it cannot be stored"
        ) from None
    return text


def _check(value: object, field: str, depth: int, left: list[int]) -> None:
    """Refuse what JSON cannot hold; *left* counts down one byte for every value, the least each one takes."""
    if depth > MAX_DEPTH:
        raise InvalidValueError(field, f"the value is nested deeper than {MAX_DEPTH} levels")
    left[0] -= 1
    if left[0] < 0:  # lists that each hold the next one twice would take for ever to write out
        raise InvalidValueError(field, "the value has too many parts to be stored")
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, str):
        check_text(value, field)
    elif isinstance(value, int):
        if not fits(value):
            raise InvalidValueError(field, "the value has an integer that does not fit in 64 bits")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidValueError(
                field, "the value has a number that is not finite; JSON has no such number"
            )
    elif isinstance(value, list):
        for item in value:
            _check(item, field, depth + 1, left)
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise InvalidValueError(field, f"a JSON key must be text, not {type(key).__name__}")
            check_text(key, field)
            _check(item, field, depth + 1, left)
    else:
        raise InvalidValueError(
            field,
            f"{type(value).__name__} is no JSON; use None, bool, int, float, str, list or dict",
        )
