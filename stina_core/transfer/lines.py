"""The form of an export: JSON Lines, one row each, values exactly as they are stored.

    {"stina": 1, "exported_at": "...", "plugins": {"kv": {"version": "0.1.0", "steps": ["0001_initial"]}}}
    {"table": "kv_entry", "row": {"key": "visits", "value": "3", "updated_at": 1762532514806}}
    {"end": {"rows": 1}}

What JSON cannot hold is an object with one key: bytes `{"$bytes": base64}`, a text
that is not UTF-8 `{"$text": base64}`, and a number that is not finite `{"$real": "inf"}`.
"""

from __future__ import annotations

import json
import math
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any, NoReturn

from ..backends.base import BrokenText
from ..catalog import Value

FORMAT = 1
"""A change after which older versions would misread an export gets a new number."""

_SHOWN = {code: f"\\u{code:04x}" for code in (*range(0x7F, 0xA0), 0x2028, 0x2029)}
"""Characters that JSON allows as they are, and some program takes for a line end or for an instruction."""


def line(document: Mapping[str, object]) -> str:
    """Return *document* as one line, with its end."""
    return f"{json.dumps(document, ensure_ascii=False, separators=(',', ':')).translate(_SHOWN)}\n"


def encoded(value: Value) -> object:
    """Return a stored value as JSON has it."""
    if isinstance(value, BrokenText):
        return {"$text": b64encode(value).decode()}
    if isinstance(value, bytes):
        return {"$bytes": b64encode(value).decode()}
    if isinstance(value, float) and not math.isfinite(value):
        return {"$real": str(value)}
    return value


def decoded(value: object) -> Value:
    """Return the stored value for which *value* stands; ValueError if it stands for none."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, dict) and len(value) == 1:
        ((kind, text),) = value.items()
        if kind == "$bytes":
            return b64decode(text, validate=True)
        if kind == "$text":
            return BrokenText(b64decode(text, validate=True))
        if kind == "$real" and text in ("inf", "-inf"):
            return float(text)
    raise ValueError("it is no value that a column can hold")


def read_line(text: bytes) -> Any:
    """Return what is in one line; ValueError if it is no JSON, or holds a number that JSON does not have."""
    try:
        return json.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number in it is too large")
    return number
