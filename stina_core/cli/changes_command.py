"""`stina changes`: what was committed, one line per change."""

from __future__ import annotations

import math
from contextlib import nullcontext
from typing import TYPE_CHECKING

import click

from ..changes import Change, Cursor, Op
from ..errors import ResyncRequiredError
from ..ids import iso
from .invocation import current_invocation
from .output import emit_line, json_text, warn
from .reader import while_read

if TYPE_CHECKING:
    from ..feed.stream import ChangeStream
    from ..store import Store

_SEQS = range(1 << 63)  # what SQLite can count to

_NO_TIME = len("2026-03-01T12:00:00.000Z") * " "


def _cursor(ctx: click.Context, parameter: click.Parameter, value: str | None) -> Cursor | None:
    """Return *value* as a cursor; wrong usage of the command if it is none."""
    if value is None:
        return None
    try:
        cursor = Cursor.parse(value)
    except ValueError:
        cursor = None
    if cursor is None or cursor.seq not in _SEQS:
        raise click.BadParameter(
            f"{value!r} is no cursor; one looks like 'k3v9:412' and comes from --json or 'stina db status'."
        )
    return cursor


@click.command()
@click.option("--since", callback=_cursor, metavar="CURSOR", help="Only what was committed after CURSOR.")
@click.option("--follow", is_flag=True, help="Go on with what is committed from now on, until Ctrl-C.")
@click.option(
    "--table", "tables", multiple=True, metavar="NAME", help="Only changes of this table; may be repeated."
)
def changes(since: Cursor | None, follow: bool, tables: tuple[str, ...]) -> None:
    """Print what was committed, by whatever program, one line per change.

    All that is kept is printed, or what comes after the cursor of --since. With
    --follow alone only what is committed from now on.

    With --json each line is an object with these keys:

    \b
    cursor  goes on after this change's transaction, with --since; save it when last is true
    seq     its number; numbers grow in the order of the commits
    table   name of the table
    op      insert, update, delete, or reset: any of its rows may be another one now
    key     the row's primary key; a list if it has several columns; null for a reset.
            Bytes are {"hex": "..."}; a text that is not UTF-8 is repaired with U+FFFD
    origin  which program and process wrote it; null for one outside Stina
    actor   user, assistant, tool or plugin, if the writer said so; else null
    at      when it was committed (UTC); null for a writer outside Stina
    last    whether this is the last line of its transaction
    """
    invocation = current_invocation()
    invocation.no_plugins = True  # the feed is the core's; so nothing of a plugin's runs, or is waited for
    with invocation.open_store() as store:
        _warn_of_unknown(store, tables)
        if follow and since is None:
            since = store.cursor()
        with store.changes(since, follow=follow) as stream:
            try:
                with while_read(stream.close) if follow else nullcontext():
                    _print(stream, tables)
            except ResyncRequiredError as error:
                raise _resync(error) from error


def _print(stream: ChangeStream, tables: tuple[str, ...]) -> None:
    for transaction in stream:
        cursor = str(transaction.cursor)
        wanted = transaction.of(*tables) if tables else transaction
        for place, change in enumerate(wanted, 1):
            emit_line(_document(change, cursor, place == len(wanted)), _text(change))


def _document(change: Change, cursor: str, last: bool = True) -> dict[str, object]:
    return {
        "cursor": cursor,
        "seq": change.seq,
        "table": change.table,
        "op": change.op,
        "key": _plain(change.key),
        "origin": change.origin,
        "actor": change.actor,
        "at": change.at,
        "last": last,
    }


def _text(change: Change) -> str:
    time = iso(change.at) if change.at is not None else _NO_TIME
    key = _plain(change.key)
    row = key if isinstance(key, str) else json_text(key)
    if change.op is Op.RESET:
        row = "(any row)"
    who = change.origin or "(outside Stina)"
    actor = f" for {change.actor}" if change.actor else ""
    return f"{time}  {change.op:<6}  {change.table}  {row}  {who}{actor}"


def _plain(key: object) -> object:
    """Return *key* as JSON can have it."""
    from ..backends.base import BrokenText  # not for completion, which needs no database library

    if isinstance(key, tuple):
        return [_plain(part) for part in key]
    if isinstance(key, BrokenText):
        return key.repaired()
    if isinstance(key, bytes):
        return {"hex": key.hex()}
    if isinstance(key, float) and not math.isfinite(key):
        return str(key)
    return key


def _resync(error: ResyncRequiredError) -> ResyncRequiredError:
    """Return *error* in the words of this command."""
    if error.reason == "replaced":
        return error
    gone = "the changes after that cursor are not kept any more"
    other = "that cursor is of another state of this file, which was restored or reset since"
    return ResyncRequiredError(
        f"{gone if error.reason == 'pruned' else other}; read what you follow anew, then go on with "
        f"--since {error.oldest}",
        reason=error.reason,
        oldest=error.oldest,
    )


def _warn_of_unknown(store: Store, tables: tuple[str, ...]) -> None:
    """Say which of *tables* are not in the file: changes of one that is gone may still be in the feed."""
    if not tables or store.config.in_memory:
        return
    from ..backends.sqlite import inspection

    there = inspection.contents(store.path).tables
    for name in tables:
        if name not in there:
            warn(f"there is no table {name!r} in the store now")
