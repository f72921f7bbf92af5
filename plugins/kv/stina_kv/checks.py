"""What can be wrong with rows that another program wrote, or an older version adopted."""

from __future__ import annotations

import shlex

from stina_core import Finding, InvalidValueError, Severity, Store

from .keys import check_key
from .models import Entry

_SHOWN = 60  # characters of a key in a message


def findings(store: Store) -> list[Finding]:
    """Return one finding per row that cannot be read, or could not be written again as it is.

    Reads the raw bytes, so no row can hide the others.
    """
    with store.use():
        query = Entry.select(
            Entry.key.cast("BLOB"), Entry.value.cast("BLOB"), Entry.updated_at.cast("INTEGER")
        )
        rows: list[tuple[bytes, bytes, int]] = list(query.tuples().execute())
        return [found for row in rows if (found := _finding(*row)) is not None]


def _finding(key: bytes, value: bytes, at: int) -> Finding | None:
    name = _shown(key.decode("utf-8", "backslashreplace"))
    try:
        text = check_key(key.decode())
    except UnicodeDecodeError:
        return _unreadable(f"the key {name} is not UTF-8", "remove the row with the program that wrote it")
    except InvalidValueError as error:
        return _unreadable(f"{name}: {error}", "remove the row with the program that wrote it")
    remedy = f"write it anew, or remove it: {_removal(text)}"
    try:
        document = Entry.value.python_value(value.decode())
        Entry.updated_at.python_value(at)
    except UnicodeDecodeError:
        return _unreadable(f"the value of {name} is not UTF-8", remedy)
    except InvalidValueError as error:
        return _unreadable(f"{name}: {error}", remedy)
    try:
        Entry.value.db_value(document)
    except InvalidValueError as error:
        return Finding(Severity.WARNING, "kv_entry", f"{name} can be read but not written again: {error}")
    return None


def _shown(key: str) -> str:
    return repr(key if len(key) <= _SHOWN else f"{key[:_SHOWN]}…")


def _removal(key: str) -> str:
    """What removes *key*: the command, if a terminal shows every character of it as it is."""
    if not key.isprintable():
        return "KvRepository.delete() in Python, for the key has characters that cannot be seen"
    return f"stina kv delete {'-- ' if key.startswith('-') else ''}{shlex.quote(key)}"


def _unreadable(message: str, remedy: str) -> Finding:
    return Finding(Severity.ERROR, "kv_entry", message, remedy)
