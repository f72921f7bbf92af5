"""What can be wrong with rows that another program wrote, or an older version adopted."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from stina_core import Finding, InvalidValueError, Severity, Store, check_text

from .models import Memory
from .rules import TABLE, content_of, tags_of, title_of
from .texts import digest

_SHOWN = 60  # characters of an id in a message

_TEXTS = ("title", "content", "metadata", "source", "tags", "actor", "conversation_id", "digest")
_TIMES = ("expires_at", "created_at", "updated_at")

_Row = tuple[bytes | int | None, ...]


def findings(store: Store) -> list[Finding]:
    """Return what is wrong with the rows, at most one finding of each.

    Reads the raw bytes, so no row can hide the others.
    """
    with store.use():
        columns = [getattr(Memory, name).cast("BLOB") for name in ("id", *_TEXTS)]
        times = [getattr(Memory, name).cast("INTEGER") for name in _TIMES]
        rows: list[_Row] = list(Memory.select(*columns, *times).tuples().execute())
        return [found for row in rows for found in _finding(row)]


def _finding(row: _Row) -> Iterator[Finding]:
    key, *values = row
    assert isinstance(key, bytes)
    name = _shown(key.decode("utf-8", "backslashreplace"))
    try:
        id = check_text(key.decode(), f"{TABLE}.id")
    except UnicodeDecodeError:
        yield _unreadable(f"the id {name} is not UTF-8", "remove the row with the program that wrote it")
        return
    removal = f"write it anew, or remove it: {_command('delete', id)}"
    memory: dict[str, object] = {}
    for column, value in zip((*_TEXTS, *_TIMES), values, strict=True):
        try:
            stored = value.decode() if isinstance(value, bytes) else value
            memory[column] = getattr(Memory, column).python_value(stored)
        except UnicodeDecodeError:
            yield _unreadable(f"{column} of {name} is not UTF-8", removal)
            return
        except InvalidValueError as error:
            yield _unreadable(f"{name}: {error}", removal)
            return
    if not _are_texts(memory["tags"]):
        yield _unreadable(f"{name}: {TABLE}.tags: the stored value is no list of texts", removal)
        return
    try:
        title_of(memory["title"])
        content = content_of(memory["content"])
        tags_of(memory["tags"])
        Memory.metadata.db_value(memory["metadata"])
    except InvalidValueError as error:
        yield Finding(Severity.WARNING, TABLE, f"{name} can be read but not written again: {error}")
        return
    if memory["digest"] != digest(content):
        yield Finding(
            Severity.WARNING,
            TABLE,
            f"{name} was changed by another program and is not found by its exact content",
            f"this mends it: {_command('edit', id)}",
        )


def _are_texts(tags: object) -> bool:
    return isinstance(tags, list) and all(isinstance(tag, str) for tag in tags)


def _shown(id: str) -> str:
    return repr(id if len(id) <= _SHOWN else f"{id[:_SHOWN]}…")


def _command(verb: str, id: str, options: str = "") -> str:
    """Return what does *verb* to *id*: the command, if a terminal shows every character of it as it is."""
    if not id.isprintable():
        return f"MemoryRepository.{verb}() in Python, for the id has characters that cannot be seen"
    return f"stina memories {verb}{options} {'-- ' if id.startswith('-') else ''}{shlex.quote(id)}"


def _unreadable(message: str, remedy: str) -> Finding:
    return Finding(Severity.ERROR, TABLE, message, remedy)
