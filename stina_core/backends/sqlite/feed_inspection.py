"""What a file says of its change feed, for reports; on a connection that only reads."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import apsw

from ...catalog import Table
from ...ids import from_ms
from .capture import TRIGGERS, wrong

_EXTENT = (
    "SELECT epoch, oldest, (SELECT max(seq) FROM stina_change), (SELECT count(*) FROM stina_change) "
    "FROM stina_feed"
)
_FIRST_MARK = "SELECT data FROM stina_change WHERE op = 'T' AND seq > ? ORDER BY seq LIMIT 1"
_CURSORS = "SELECT name, plugin, epoch, seq, updated_at FROM stina_cursor ORDER BY name"
_MEASURABLE = "SELECT 1 FROM pragma_module_list WHERE name = 'dbstat'"
_SIZE = "SELECT pgsize FROM dbstat WHERE name = 'stina_change' AND aggregate = TRUE"


@dataclass(frozen=True, slots=True)
class FeedConsumer:
    """A position in the feed that is kept in the file.

    Attributes:
        name: `search:<table>` is a full-text index, `rebuild:<table>` one that is being filled.
        plugin: Whose it is, where that was said.
        lag: Rows of the log it has not seen; None if it is of another epoch.
        updated_at: When it last moved.
        resumable: Whether it can go on from there; otherwise it has to read anew what it follows.
    """

    name: str
    plugin: str | None
    cursor: str
    lag: int | None
    updated_at: datetime | None
    resumable: bool


@dataclass(frozen=True, slots=True)
class Feed:
    """The change feed of a file.

    Attributes:
        oldest: Everything after this number is kept.
        newest: None while nothing was written.
        bytes: What the log takes in the file, in whole pages; None if SQLite cannot say.
        oldest_at: When the oldest transaction that is kept and was marked was committed.
    """

    epoch: str
    oldest: int
    newest: int | None
    rows: int
    bytes: int | None
    oldest_at: datetime | None
    consumers: tuple[FeedConsumer, ...]


def feed(connection: apsw.Connection) -> Feed | None:
    """Return the feed of a file that has its tables; None if their one row is missing."""
    rows = _rows(connection, _EXTENT)
    if not rows:
        return None
    epoch, oldest, newest, count = rows[0]
    return Feed(
        epoch,
        oldest,
        newest,
        count,
        _size(connection),
        _oldest_at(connection, oldest),
        tuple(_consumer(row, epoch, oldest, newest or 0) for row in _rows(connection, _CURSORS)),
    )


def uncaptured(connection: apsw.Connection, tables: Iterable[Table]) -> list[str]:
    """Return those of *tables* that are in the file without exactly the triggers that capture their changes.

    `stina_change` is among them if the trigger that guards the log is not right.
    """
    return sorted(wrong(_rows(connection, TRIGGERS), tables))


def _size(connection: apsw.Connection) -> int | None:
    if not _rows(connection, _MEASURABLE):
        return None
    rows = _rows(connection, _SIZE)
    return int(rows[0][0]) if rows else 0


def _oldest_at(connection: apsw.Connection, oldest: int) -> datetime | None:
    for (data,) in _rows(connection, _FIRST_MARK, (oldest,)):
        try:
            return from_ms(json.loads(data or "")["at"])
        except (ValueError, TypeError, KeyError, OverflowError):
            return None  # nobody but the core writes any, and a report never fails for what is in the file
    return None


def _consumer(row: tuple[Any, ...], epoch: str, oldest: int, newest: int) -> FeedConsumer:
    name, plugin, its_epoch, seq, updated_at = row
    same = its_epoch == epoch and seq <= newest
    try:
        moved: datetime | None = from_ms(updated_at)
    except (ValueError, OverflowError):
        moved = None
    return FeedConsumer(
        name,
        plugin,
        f"{its_epoch}:{seq}",
        newest - seq if same else None,
        moved,
        same and seq >= oldest,
    )


def _rows(connection: apsw.Connection, sql: str, values: tuple[object, ...] = ()) -> list[Any]:
    return connection.execute(sql, values).fetchall()
