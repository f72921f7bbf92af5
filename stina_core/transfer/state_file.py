"""The JSON file that the original app had before it used SQLite, made into the database it would have had."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..backends.sqlite.connection import connect, make_file
from ..backends.sqlite.errors import translated
from ..errors import InvalidValueError, StoreError
from ..jsontext import fits

LARGEST = 1 << 26
"""Bytes; the app kept 50 messages."""

_MESSAGES = (
    "CREATE TABLE chat_messages (id TEXT PRIMARY KEY, role TEXT NOT NULL, content TEXT NOT NULL, "
    "ts INTEGER NOT NULL, aborted INTEGER DEFAULT 0)"
)
_KV = "CREATE TABLE kv (key TEXT PRIMARY KEY, value TEXT NOT NULL)"
_INSERT = "INSERT INTO chat_messages VALUES (CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), ?, ?)"


def is_state(document: object) -> bool:
    """Whether *document* is what that app wrote."""
    return isinstance(document, dict) and isinstance(document.get("messages"), list)


def write_database(document: Mapping[str, Any], path: str, copy: Path) -> None:
    """Write *document*, from the file *path*, into the new database *copy*.

    Raises:
        InvalidValueError: a message is not one; it is named by its place.
    """
    make_file(str(copy))
    connection = connect(str(copy), busy_timeout=5, synchronous="NORMAL", create=False)
    try:
        connection.execute("BEGIN")
        connection.execute(_MESSAGES)
        connection.execute(_KV)
        if "count" in document:
            counter = json.dumps(document["count"])
            connection.execute("INSERT INTO kv VALUES ('counter', ?)", (counter,))
        for place, values in _messages(document["messages"], path):
            try:
                with translated():
                    connection.execute(_INSERT, values)
            except StoreError as error:
                raise InvalidValueError(place, f"it cannot be imported: {error}") from error
        connection.execute("COMMIT")
    finally:
        connection.close()


def _messages(messages: list[Any], path: str) -> Iterator[tuple[str, tuple[object, ...]]]:
    for number, message in enumerate(messages, 1):
        place = f"{path}, message {number}"
        if not isinstance(message, dict):
            raise InvalidValueError(place, "it is no JSON object")
        texts = [_text(message, name, place) for name in ("id", "role", "content")]
        ts = message.get("ts")
        if isinstance(ts, bool) or not isinstance(ts, int | float) or not (isinstance(ts, float) or fits(ts)):
            raise InvalidValueError(place, "ts is no number")
        yield place, (*texts, ts, int(message.get("aborted") is True))


def _text(message: Mapping[str, Any], name: str, place: str) -> bytes:
    value = message.get(name)
    if not isinstance(value, str):
        raise InvalidValueError(place, f"{name} is no text")
    return value.encode("utf-8", "surrogatepass")  # half of a character, too: adoption repairs and notes it
