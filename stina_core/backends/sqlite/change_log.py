"""Reads the log of changes in the file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...errors import InvalidValueError
from ...log import get_logger
from ..following import Extent, LogRow
from .change_key import KEY, SAFE_KEY, key_of, safe_key
from .database import StoreDatabase

log = get_logger(__name__)

_EXTENT = "SELECT epoch, oldest, (SELECT max(seq) FROM stina_change) FROM stina_feed"
_AFTER = (
    'SELECT f.epoch, f.oldest, (SELECT max(seq) FROM stina_change), "seq", "table", "op", "data", {key} '
    'FROM stina_feed AS f LEFT JOIN stina_change ON "seq" > ? ORDER BY "seq" LIMIT ?'
)


class ChangeLog:
    """The log as the calling thread's connection sees it: in a transaction its own rows are in it."""

    def __init__(self, database: StoreDatabase) -> None:
        self._database = database

    def extent(self) -> Extent:
        """How far it reaches now. One SELECT."""
        return _extent(self._database.execute_sql(_EXTENT).fetchall()[0])

    def after(self, seq: int, limit: int) -> tuple[Extent, list[LogRow]]:
        """Return the first *limit* rows after *seq*, and how far the log reached at that moment.

        One SELECT, unless another program has written a key that is not UTF-8: such
        a key is BrokenText, and stops nobody.
        """
        try:
            rows = self._database.execute_sql(_AFTER.format(key=KEY), (seq, limit)).fetchall()
            keys = [row[7] for row in rows]
        except InvalidValueError:
            log.warning("key.not_utf8", seq=seq)
            rows = self._database.execute_sql(_AFTER.format(key=SAFE_KEY), (seq, limit)).fetchall()
            keys = [safe_key(row[7], row[8]) for row in rows]
        found = [
            LogRow(row[3], row[4], row[5].upper(), key_of(row[5], key), row[6])
            for row, key in zip(rows, keys, strict=True)
            if row[3] is not None
        ]
        return _extent(rows[0]), found


def _extent(row: Sequence[Any]) -> Extent:
    return Extent(row[0], row[1], row[2] or 0)
