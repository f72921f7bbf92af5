"""What people type as arguments of `stina memories`: contents, JSON, times. Bad ones are wrong usage."""

from __future__ import annotations

import json
import sys
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final, NoReturn

import click

if TYPE_CHECKING:
    from stina_core import JsonValue

CLEARED: Final = {
    "metadata": "metadata",
    "source": "source",
    "tags": "tags",
    "expires": "expires_at",
    "conversation": "conversation_id",
    "actor": "actor",
}
"""What can be taken away, by its name on the command line."""

_MAX_INPUT = 16 << 20  # bytes


def given_text(text: str) -> str:
    """Return *text*, or for "-" what standard input has, without its last line end."""
    if text != "-":
        return text
    data = sys.stdin.buffer.read(_MAX_INPUT + 1)
    if len(data) > _MAX_INPUT:
        raise click.UsageError(f"Standard input is longer than {_MAX_INPUT:,} bytes.")
    try:
        return data.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise click.UsageError(f"Standard input is not UTF-8 text (byte {error.start}).") from None


def json_value(text: str) -> JsonValue:
    """Return the value that *text* is the JSON of."""
    try:
        value: JsonValue = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise click.UsageError("--metadata is no JSON; a text needs quotes of its own: '\"text\"'") from None
    return value


def expiry(text: str) -> datetime:
    """Return the moment *text* says in ISO 8601, in local time where it names no zone.

    A date is the end of that day: until then the memory counts.
    """
    try:
        day = _date(text)
        if day is not None:
            return datetime.combine(day + timedelta(days=1), time.min).astimezone()
        moment = datetime.fromisoformat(text)
        return moment if moment.utcoffset() is not None else moment.astimezone()
    except (ValueError, OverflowError):
        raise click.UsageError(
            f"--expires {text!r} is no date or time; write 2026-12-31 or 2026-12-31T18:00."
        ) from None


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)
