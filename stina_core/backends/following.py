"""What the change feed asks of a database: to write changes down as they happen, and to read them back."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from ..catalog import Table

INSERT, UPDATE, DELETE, RESET, MARK = "IUDRT"
"""How the log names what happened; MARK is the row that ends an application's transaction."""

AT = ',"at":'
"""What stands in a MARK between who wrote and when."""

CAPTURE = 1
"""How changes are captured. Another number has every file looked at again when it is opened next."""


def mark_data(
    origin: str,
    actor: str | None,
    at: int,
    cause: int | None = None,
    depth: int = 0,
    consumer: str | None = None,
) -> str:
    """Return what a MARK says, as JSON; *at* is in UTC milliseconds."""
    caused = "" if cause is None else f',"cause":{cause}'
    if depth:
        caused += f',"depth":{depth}'
    if consumer is not None:
        caused += f',"consumer":{json.dumps(consumer)}'
    return f"{_by(origin, actor)}{AT}{at}{caused}}}"


@lru_cache(maxsize=64)
def _by(origin: str, actor: str | None) -> str:
    return json.dumps({"origin": origin, "actor": actor}, separators=(",", ":"))[:-1]


class Extent(NamedTuple):
    """How far the log reaches.

    Attributes:
        epoch: Changes when the file is restored or reset.
        oldest: Everything up to this number may be gone.
        newest: The last row.
    """

    epoch: str
    oldest: int
    newest: int


class LogRow(NamedTuple):
    """One row of the log.

    Attributes:
        op: `INSERT`, `UPDATE`, `DELETE`, `RESET` or `MARK`.
        key: The primary key as stored, a tuple where it has several columns; of a MARK the
            number of its transaction's first row.
        data: What a MARK says, as JSON.
    """

    seq: int
    table: str
    op: str
    key: object
    data: str | None


class Log(Protocol):
    """The log of changes in the file, numbered in the order of the commits, without gaps."""

    def extent(self) -> Extent:
        """How far it reaches now. One SELECT."""
        ...

    def mark(self, newest: int, data: str) -> int:
        """End a transaction, inside it, with a MARK, if it wrote any row after *newest*; returns its number or 0."""
        ...

    def after(self, seq: int, limit: int) -> tuple[Extent, list[LogRow]]:
        """Return the first *limit* rows after *seq* and an extent, whose end is the last of them if there are any."""
        ...


class Capture(Protocol):
    """Sees to it that every change of a tracked table is written into the log, whoever makes it."""

    def wrong(self, tables: Iterable[Table]) -> set[str]:
        """Return those of *tables* that are not captured as they should be. One SELECT."""
        ...

    def reconcile(self, tables: Iterable[Table]) -> set[str]:
        """Mend that, inside a transaction, and return what `wrong()` said."""
        ...

    def remove(self, tables: Iterable[str]) -> None:
        """Capture nothing of *tables* from now on, until `reconcile()`."""
        ...

    def captured(self) -> set[str]:
        """Return the names of all tables that are captured."""
        ...

    def reset(self, tables: Iterable[str]) -> None:
        """Write into the log that *tables* are other ones now, row by row unknown."""
        ...
