"""A full-text index in memory, over the few rows that the one in the file does not have yet as they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import TracebackType

import apsw

from ...catalog import Table
from ..base import Row
from . import forking
from .ddl_text import create_search_sql
from .errors import translated
from .full_text_queries import MAP, FullTextQueries
from .relevance import add_relevance


class PendingTexts(FullTextQueries):
    """Answers as the file's index would if it had these rows. Use as a context manager.

    Attributes:
        stale: Places in the file's index whose row is another one now, or gone.

    Args:
        rows: Place in the file's index or None, then key (None for a row that is gone) and texts as bytes.
        newest: The last place given in the file.
    """

    def __init__(self, table: Table, rows: Iterable[Row], newest: int) -> None:
        assert table.search is not None
        self._connection = apsw.Connection(":memory:")
        add_relevance(self._connection)
        super().__init__(table, self._statement)
        self.stale: list[int] = []
        self._add_key = f"INSERT INTO {MAP} VALUES (?, ?, {'CAST(? AS TEXT)' if self.text_key else '?'})"
        columns = [f'"{name}"' for name in table.search.columns]
        places = ", ".join(["CAST(? AS TEXT)"] * len(columns))
        self._add_texts = f"INSERT INTO {self._index} (rowid, {', '.join(columns)}) VALUES (?, {places})"
        self._name = table.name
        self._statement(f'CREATE TABLE {MAP} (id INTEGER PRIMARY KEY, "table" TEXT, key ANY) STRICT')
        self._statement(create_search_sql(table.search_name, table.search))
        present = []
        for place, key, *texts in rows:
            if place is not None:
                self.stale.append(place)
            elif key is not None:
                place = newest = newest + 1
            if key is not None:
                present.append((place, key, *texts))
        self.add(present)

    def add(self, rows: Iterable[Sequence[object]]) -> None:
        """Take these rows in: place, key and texts of each."""
        with self._connection:
            for place, key, *texts in rows:
                self._statement(self._add_key, (place, self._name, key))
                self._statement(self._add_texts, (place, *texts))

    def close(self) -> None:
        """Forget the rows."""
        self._connection.close()

    def __enter__(self) -> PendingTexts:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _statement(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        while forking.count & 1 and forking.pause():
            pass
        with translated(sql):
            return self._connection.execute(sql, tuple(values)).fetchall()
