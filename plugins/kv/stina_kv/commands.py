"""The command `stina kv`. Importing it loads no database code, so help stays quick."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, NoReturn

import click

from stina_core.cli import emit, emit_line, emit_rows, pass_store, while_read

if TYPE_CHECKING:
    from stina_core import JsonValue, Store

    from .values import KvEntry

_MAX_INPUT = 16 << 20  # bytes; a value of 1 MiB may be written with escapes, six times as long
_MAX_ECHO = 200  # characters of a value that is written
_MAX_DIGITS = 19  # of an integer of 64 bits


@click.group()
def kv() -> None:
    """Shared key-value state: JSON values under text keys."""


@kv.command("get")
@click.argument("key")
@click.option(
    "--default", metavar="JSON", help="Print this if there is no such key; JSON if it parses, else text."
)
@pass_store
def get_value(store: Store, key: str, default: str | None) -> None:
    """Print the value of KEY, a text as it is, anything else as JSON."""
    from . import KvRepository

    repository = store[KvRepository]
    if default is None:
        _emit_value(repository.entry(key))
    elif (found := repository.find(key)) is not None:
        _emit_value(found)
    else:
        value = _parsed(default)
        emit({"key": key, "value": value, "updated_at": None}, _text_of(value))


@kv.command("set")
@click.argument("key")
@click.argument("value")
@click.option("--text", is_flag=True, help="Store VALUE as text, whatever it looks like.")
@pass_store
def set_value(store: Store, key: str, value: str, text: bool) -> None:
    """Write VALUE under KEY: as JSON if it is JSON, else as text.

    "-" reads VALUE from standard input; a text keeps its last line end. A VALUE
    that begins with a dash needs "--" before it: stina kv set -- depth -5
    """
    from . import KvRepository

    given = _standard_input() if value == "-" else value
    entry = store[KvRepository].set(key, given if text else _parsed(given))
    emit(entry, f"{entry.key} = {_shortened(_text_of(entry.value))}")


@kv.command("delete")
@click.argument("key")
@pass_store
def delete_value(store: Store, key: str) -> None:
    """Remove KEY and its value."""
    from stina_core import NotFoundError

    from . import KvRepository

    if not store[KvRepository].delete(key):
        raise NotFoundError("kv_entry", key)
    emit({"key": key, "deleted": True}, f"{key} is deleted")


@kv.command("list")
@click.option("--prefix", default="", metavar="TEXT", help="Only keys that begin with TEXT, taken literally.")
@pass_store
def list_values(store: Store, prefix: str) -> None:
    """List the keys, their values and when they were written, by key."""
    from . import KvRepository

    emit_rows(store[KvRepository].list(prefix), show={"value": _text_of})


@kv.command("increment")
@click.argument("key")
@click.option("--by", type=int, default=1, metavar="N", help="How much to add; may be negative. [default: 1]")
@pass_store
def increment_value(store: Store, key: str, by: int) -> None:
    """Add to the number under KEY and print the sum.

    A missing key counts as 0; a value that is no whole number is refused.
    """
    from . import KvRepository

    repository = store[KvRepository]
    with store.transaction():
        repository.increment(key, by)
        entry = repository.entry(key)
    _emit_value(entry)


@kv.command("watch")
@click.argument("key", required=False)
@click.option("--prefix", metavar="TEXT", help="Only keys that begin with TEXT, taken literally.")
@pass_store
def watch_values(store: Store, key: str | None, prefix: str | None) -> None:
    """Print KEY, or all keys, now and whenever they are written, until Ctrl-C.

    A value that is overwritten before it could be read is left out. With --json
    each line is an object with the keys key, value, updated_at and deleted; of a
    key that is not there deleted is true, and value and updated_at are null.
    """
    from . import KvRepository
    from .keys import check_key
    from .watching import Watch

    if key is not None and prefix is not None:
        raise click.UsageError("Give a KEY or --prefix, not both.")
    wanted = None if key is None else check_key(key)
    watch = Watch(
        store[KvRepository], wanted, prefix or "", lambda error: click.echo(f"stina: {error}", err=True)
    )
    with while_read(watch.close):
        for name, entry in watch.entries():
            _emit_watched(name, entry)


def _emit_watched(key: str, entry: KvEntry | None) -> None:
    emit_line(
        {
            "key": key,
            "value": None if entry is None else entry.value,
            "updated_at": None if entry is None else entry.updated_at,
            "deleted": entry is None,
        },
        f"{key} is not there" if entry is None else f"{key} = {_shortened(_text_of(entry.value))}",
    )


def _emit_value(entry: KvEntry) -> None:
    emit(entry, _text_of(entry.value))


def _text_of(value: JsonValue) -> str:
    """Return *value* as plain output has it: JSON as it is stored, and a text without quotes."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_ECHO else f"{text[:_MAX_ECHO]}… ({len(text):,} characters)"


def _parsed(text: str) -> JsonValue:
    try:
        value: JsonValue = json.loads(text, parse_constant=_no_constant, parse_int=_integer)
    except json.JSONDecodeError:
        return text
    except RecursionError:
        raise click.UsageError(
            "The JSON is nested too deep to be stored; --text stores it as text."
        ) from None
    return value


def _no_constant(name: str) -> NoReturn:
    raise json.JSONDecodeError(f"{name} is no JSON", name, 0)


def _integer(digits: str) -> int:
    if len(digits.lstrip("-")) > _MAX_DIGITS:
        raise click.UsageError(
            "The JSON has an integer that does not fit in 64 bits; --text stores it as text."
        )
    return int(digits)


def _standard_input() -> str:
    data = sys.stdin.buffer.read(_MAX_INPUT + 1)
    if len(data) > _MAX_INPUT:
        raise click.UsageError(
            f"Standard input is longer than {_MAX_INPUT:,} bytes; a value has at most 1 MiB."
        )
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise click.UsageError(f"Standard input is not UTF-8 text (byte {error.start}).") from None
