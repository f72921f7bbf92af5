"""What the looking commands say of a store in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..ids import iso
from ..status import SchemaState
from .output import cell, warn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..backends.sqlite.feed_inspection import Feed, FeedConsumer
    from ..leftovers import OldFile, OldTable
    from ..status import StoreReport

_STATES = {
    SchemaState.NEW: "new",
    SchemaState.UNADOPTED: "not adopted yet",
    SchemaState.PENDING: "steps are pending",
    SchemaState.CURRENT: "up to date",
    SchemaState.TOO_NEW: "written by a newer Stina",
    SchemaState.CONFLICT: "not as this Stina left it",
    SchemaState.FOREIGN: "another program's",
    SchemaState.DAMAGED: "damaged",
    SchemaState.UNREADABLE: "cannot be read",
}


def fail_if_unusable(report: StoreReport) -> None:
    """End the command with 1 and the reason on stderr, if the store cannot be used as it is."""
    if not report.usable:
        warn(report.schema.reason)
        raise click.exceptions.Exit(1)


def in_words(pairs: Sequence[tuple[str, str]]) -> str:
    """Return labelled lines as text, the labels in a column of their own; a label may repeat as ''."""
    width = max(len(label) for label, _ in pairs) + 2
    return "\n".join(f"{label:<{width}}{cell(text)}".rstrip() for label, text in pairs)


def state(report: StoreReport) -> str:
    """Return how the file is, in a few words."""
    words = state_words(report.schema.state)
    if report.schema.state is SchemaState.PENDING:
        words = f"{count(len(report.pending), 'step')} pending"
    return f"{size(report.size)}, {words}" if report.exists else "does not exist yet"


def state_words(state: SchemaState) -> str:
    """Return the name of a state for people."""
    return _STATES[state]


def tables_left(report: StoreReport, plugin: str) -> str:
    """Return what a plugin that is not installed any more keeps in the file: its tables and their rows."""
    rows = report.rows_of(plugin)
    return ", ".join(f"{table} {count(rows[table], 'row')}" for table in rows) or "no table"


def plugin_lines(report: StoreReport) -> list[str]:
    """Return one line per plugin: name, version, state, and its tables' rows or why it is off."""
    names = [f"{plugin.name} {plugin.version}".strip() for plugin in report.plugins]
    width = max(map(len, names), default=0)
    lines = []
    for name, plugin in zip(names, report.plugins, strict=True):
        tables = [
            f"{table} {count(report.rows[table], 'row')}" if table in report.rows else table
            for table in plugin.tables
        ]
        detail = plugin.reason or ", ".join(tables)
        lines.append(f"{name:<{width}}  {plugin.state}{': ' + detail if detail else ''}")
    return lines


def feed_line(feed: Feed) -> str:
    """Return how far the change feed reaches, what it takes, and since when it is kept."""
    newest = f"up to {feed.epoch}:{feed.newest}" if feed.newest is not None else "nothing yet"
    words = [f"kept after {feed.epoch}:{feed.oldest}, {newest}", count(feed.rows, "row")]
    if feed.bytes is not None:
        words.append(size(feed.bytes))
    if feed.oldest_at is not None:
        words.append(f"since {iso(feed.oldest_at)}")
    return ", ".join(words)


def consumer_line(consumer: FeedConsumer) -> str:
    """Return where a consumer of the change feed stands."""
    name = f"{consumer.name} ({consumer.plugin})" if consumer.plugin else consumer.name
    words = [f"{name}: at {consumer.cursor}"]
    if not consumer.resumable:
        gone = (
            "the file was restored or reset since" if consumer.lag is None else "what came after is not kept"
        )
        words.append(f"cannot go on from there, {gone}")
    elif consumer.lag is not None:
        words.append(f"{count(consumer.lag, 'row')} behind" if consumer.lag else "up to date")
    if consumer.updated_at is not None:
        words.append(f"moved {iso(consumer.updated_at)}")
    return ", ".join(words)


def old_table_line(table: OldTable) -> str:
    """Return what becomes of a table of the original app, or of nobody."""
    words = f"{table.name} {count(table.rows, 'row')}: "
    if not table.plugin:
        return f"{words}no plugin here owns it; it stays as it is"
    if table.waiting:
        return f"{words}the plugin {table.plugin} adopts it at the next use of the store"
    if table.named_by:
        return f"{words}was adopted by {table.plugin}, and kept because {', '.join(table.named_by)} names it"
    return (
        f"{words}the original app's, adopted by {table.plugin} before; "
        "`stina db import --from-old-tables` merges what is new in it"
    )


def old_file_line(file: OldFile) -> str:
    """Return what becomes of a file of the original app."""
    if file.kind == "state":
        return f"{file.path}: of the original app, before it had a database; `stina db import` merges it"
    return f"{file.path}: of the original app ({file.kind}); it stays as it is"


def next_step(report: StoreReport) -> str:
    """Return what the next command that uses the store would do to it first."""
    steps = f"{count(len(report.pending), 'step')} ({', '.join(report.pending)})"
    if not report.usable:
        return "nothing; the store cannot be used as it is"
    if not report.pending:
        return "nothing is pending"
    if not report.exists:
        return f"the first command that uses the store makes it and runs {steps}; nothing was made yet"
    if report.schema.state is SchemaState.UNADOPTED:
        return (
            f"the first command that uses the store makes a verified backup and runs {steps}; "
            "nothing was changed yet"
        )
    return f"the next command that uses the store runs {steps}"


def count(number: int, noun: str) -> str:
    """Return `1 row`, `12,000 rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size(number: int) -> str:
    """Return a number of bytes as people read it."""
    value = float(number)
    for unit in ("bytes", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"
