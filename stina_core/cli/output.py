"""What commands print: one JSON document with `--json`, otherwise text or a table.

Commands that follow something print lines: with `--json` each is a document.

Data goes to stdout and everything else to stderr. Text is written as it is, not
through `click.echo`, which would take escape sequences out of piped values. On a
terminal, control characters in stored text are shown instead of obeyed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from enum import Enum
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

from ..errors import StinaError
from ..ids import iso
from .invocation import current_invocation

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_VISIBLE = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))}
_IN_CELL = {
    **_VISIBLE,
    ord("\n"): "\\n",
    ord("\r"): "\\r",
    ord("\t"): "\\t",
    0x2028: "\\u2028",
    0x2029: "\\u2029",
}
_IN_TEXT = {code: shown for code, shown in _VISIBLE.items() if chr(code) not in "\n\t"}


class OutputError(StinaError):
    """Stdout could not be written."""


def emit(document: object, text: str | None = None) -> None:
    """Print the result of a command, once.

    Args:
        document: What `--json` prints: dataclasses, mappings and sequences of
            plain values. Times come out as ISO 8601 UTC with milliseconds.
        text: What is printed without `--json`; the document itself if None.
    """
    if current_invocation().json:
        _write_json(document)
    elif text is None:
        write(json_text(document, indent=2))
    else:
        write(text)


def emit_rows(
    rows: Sequence[Mapping[str, object] | DataclassInstance],
    columns: Sequence[str] | None = None,
    *,
    show: Mapping[str, Callable[[Any], str]] | None = None,
) -> None:
    """Print a list: a JSON array of all of each row with `--json`, otherwise a table.

    Args:
        rows: Mappings, or dataclasses by their fields.
        columns: The table's columns, in order; without it those of the first row.
            A table of no rows prints nothing.
        show: How the table writes what is in a column; without it None is an empty
            cell, a time ISO 8601, a text itself, and anything else JSON.
    """
    if current_invocation().json:
        _write_json(rows)
    elif rows:
        from .tables import write_table

        facts = [row if isinstance(row, Mapping) else _fields(row) for row in rows]
        names = list(columns if columns is not None else facts[0])
        write_table(
            names, [[_shown(one.get(name), (show or {}).get(name)) for name in names] for one in facts]
        )


def emit_line(document: object, text: str) -> None:
    """Print one of many results, at once: one line of JSON with `--json`, otherwise *text* in one line.

    Args:
        document: As for `emit()`.
        text: Control characters in it are shown, also where the output is no terminal: it stays one line.
    """
    if current_invocation().json:
        _write_json(document)
        return
    put(text.translate(_IN_CELL) + "\n")
    with _to_stdout():
        sys.stdout.flush()


def write(text: str) -> None:
    """Print *text* and a line end on stdout; what a terminal would obey is shown there instead."""
    put((text.translate(_IN_TEXT) if sys.stdout.isatty() else text) + "\n")


def put(text: str) -> None:
    """Print *text* on stdout, exactly.

    Raises:
        OutputError: the system did not take it; BrokenPipeError if nobody reads it any more.
    """
    with _to_stdout():
        sys.stdout.write(text)


def warn(message: str) -> None:
    """Print one line on stderr, under the command's name."""
    sys.stderr.write(f"stina: {' '.join(message.split()).translate(_IN_CELL)}\n")


def cell(value: object) -> str:
    """Return *value* as one line of a table."""
    if value is None:
        return ""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, tuple):
        return ", ".join(map(cell, value))
    text = value if isinstance(value, str) else json_text(value)
    return text.translate(_IN_CELL)


def json_text(document: object, indent: int | None = None) -> str:
    """Return *document* as JSON; TypeError if it holds something that has no JSON form."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False, indent=indent, default=_plain)


def _write_json(document: object) -> None:
    text = json_text(document) + "\n"
    buffer = getattr(sys.stdout, "buffer", None)
    if buffer is None:
        put(text)
        return
    with _to_stdout():
        sys.stdout.flush()
        # JSON is UTF-8 whatever the locale says; half a character (a path that is
        # not UTF-8 has some) becomes the escape that JSON has for it.
        buffer.write(text.encode("utf-8", "backslashreplace"))
        buffer.flush()


@contextmanager
def _to_stdout() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"the output could not be written: {error.strerror}") from error


def _shown(value: object, way: Callable[[Any], str] | None) -> str:
    return cell(value if way is None else way(value))


def _fields(value: DataclassInstance) -> dict[str, object]:
    from dataclasses import fields

    return {field.name: getattr(value, field.name) for field in fields(value)}


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, PathLike):
        return fspath(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    from dataclasses import is_dataclass

    if is_dataclass(value) and not isinstance(value, type):
        return _fields(value)
    raise TypeError(f"{type(value).__name__} has no JSON form; make it plain before it is printed")
