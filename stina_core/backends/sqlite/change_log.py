"""Reads the log of changes in the file."""

from __future__ import annotations

from collections.abc import Sequence

from ...errors import InvalidValueError, QueryError
from ...log import get_logger
from ..base import Row
from ..following import Extent, LogRow
from .change_key import KEY, SAFE_KEY, key_of, safe_key
from .database import StoreDatabase

log = get_logger(__name__)

_EXTENT = "SELECT epoch, oldest, (SELECT max(seq) FROM stina_change) FROM stina_feed"
_NEWEST = "SELECT max(seq) FROM stina_change"
_MARK = "INSERT INTO stina_change (seq, \"table\", op, key, data) VALUES (?, '', 'T', ?, ?)"
_ROWS = (
    'SELECT f.epoch, f.oldest, "seq", "table", "op", "data", {key} '
    'FROM stina_feed AS f LEFT JOIN stina_change ON "seq" > ? WHERE f.id = 1 ORDER BY "seq" LIMIT ?'
)
_AFTER = _ROWS.format(key=KEY)
_AFTER_SAFELY = _ROWS.format(key=SAFE_KEY)


class ChangeLog:
    """The log as the calling thread's connection sees it: in a transaction its own rows are in it."""

    def __init__(self, database: StoreDatabase) -> None:
        self._database = database

    def extent(self) -> Extent:
        """How far it reaches now. One SELECT."""
        return _extent(self._database.rows(_EXTENT))

    def mark(self, newest: int, data: str) -> int:
        """End the transaction this thread has open with a MARK, if it wrote any row after *newest*.

        Two statements: one INSERT that looks at the table it writes to takes twice as long.
        """
        seq = self._database.query(_NEWEST)[0][0]
        if seq is None or seq == newest:
            return 0
        self._database.query(_MARK, (seq + 1, newest + 1, data))
        return int(seq) + 1

    def after(self, seq: int, limit: int) -> tuple[Extent, list[LogRow]]:
        """Return the first *limit* rows after *seq*, and how far the log reached at that moment.

        One SELECT if there are any, unless another program has written a key that is
        not UTF-8: such a key is BrokenText, and stops nobody.
        """
        try:
            rows = self._database.rows(_AFTER, (seq, limit))
            keys = [row[6] for row in rows]
        except InvalidValueError:
            log.info("key.not_utf8", seq=seq)
            rows = self._database.rows(_AFTER_SAFELY, (seq, limit))
            keys = [safe_key(row[6], row[7]) for row in rows]
        if not rows or rows[0][2] is None:
            return self.extent(), []
        epoch, oldest, *_ = rows[0]
        found = [
            LogRow(number, table, op.upper(), key if op.isupper() else key_of(op, key), data)
            for (_, _, number, table, op, data, *_), key in zip(rows, keys, strict=True)
        ]
        return Extent(epoch, oldest, rows[-1][2]), found


def _extent(rows: Sequence[Row]) -> Extent:
    if not rows:
        raise QueryError("stina_feed has no row: another program emptied it; restore a backup")
    epoch, oldest, newest, *_ = rows[0]
    return Extent(epoch, oldest, newest or 0)
