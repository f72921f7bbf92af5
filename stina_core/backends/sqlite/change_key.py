"""Keys as they are read back from the log."""

from __future__ import annotations

import json
from collections.abc import Callable

from ..base import BrokenText

KEY = '"key"'
"""What to select. APSW raises UnicodeDecodeError if the key of any row is a text that is not UTF-8."""

SAFE_KEY = (
    'typeof("key") = \'text\', CASE typeof("key") WHEN \'text\' THEN CAST("key" AS BLOB) ELSE "key" END'
)
"""What to select after that: two columns, for `safe_key()`."""


def safe_key(is_text: object, value: object) -> object:
    """Return the stored key that the two columns of `SAFE_KEY` give; BrokenText if it is not UTF-8."""
    if not is_text or not isinstance(value, bytes):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return BrokenText(value)


def key_of(op: str, stored: object) -> object:
    """Return the key of a row as the row has it, from the log's columns "op" and "key".

    A key of several columns is a tuple of int, float, str and bytes. What cannot be
    read, because another program wrote it, is BrokenText; nothing is raised.
    """
    if not op.islower():
        return stored
    text = stored.decode("utf-8", "surrogateescape") if isinstance(stored, bytes) else stored
    if not isinstance(text, str):
        return stored
    try:
        return tuple(map(_part, _list(json.loads(text))))
    except (ValueError, TypeError, KeyError, RecursionError):
        return BrokenText(text.encode("utf-8", "surrogateescape"))


_READERS: dict[str, Callable[[str], bytes | float]] = {"b": bytes.fromhex, "r": float}


def _list(parts: object) -> list[object]:
    if not isinstance(parts, list):
        raise TypeError("not a list")
    return parts


def _part(part: object) -> object:
    if isinstance(part, dict):
        ((kind, value),) = part.items()
        return _READERS[kind](value)
    return _text(part) if isinstance(part, str) else part


def _text(part: str) -> str | BrokenText:
    try:
        part.encode()
    except UnicodeEncodeError:
        return BrokenText(part.encode("utf-8", "surrogateescape"))
    return part
