"""Fills a full-text index from its table. All texts stay inside SQLite on their way.

The FTS5 table keeps its own copy of the texts. Its row ids come from `stina_search`,
one for each key, given in the order in which rows were first indexed: an id stays
with its key, whatever is written to the row.

Only texts that differ from the copy are written, so doing a batch twice, or going
through a whole table again, costs a comparison (about 1 us a row).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from ...catalog import Table
from ..base import Row
from .ddl_text import create_search_sql
from .full_text_pending import PendingTexts
from .full_text_queries import MAP, FullTextQueries, Run

_SIZES = (1, 10, 100, 500)
"""Keys per statement, filled up with NULL, which is no key: each size is one statement to keep prepared."""


class FullText(FullTextQueries):
    """The full-text index of one declared *table* in the file.

    Everything that writes belongs into a transaction of the caller's.

    Args:
        run: Runs a statement on the calling thread's connection.

    Raises:
        ValueError: the table has no full-text index, or a key of several columns.
    """

    def __init__(self, table: Table, run: Run) -> None:
        if table.search is None or len(table.primary_key) != 1:
            raise ValueError(f"{table.name} needs a declared full-text index and a key of one column")
        super().__init__(table, run)
        self._search = table.search
        self._declared = table
        self._table = f'"{table.name}"'
        self._t_key = f't."{self.key}"'
        self._in = "CAST(? AS TEXT)" if self.text_key else "?"
        self._columns = ", ".join(f'"{name}"' for name in table.search.columns)
        self._texts = ", ".join(f't."{name}"' for name in table.search.columns)
        self._differs = " OR ".join(
            f's."{name}" IS NOT t."{name}" COLLATE BINARY' for name in table.search.columns
        )
        # The plus takes the column's affinity away, without which the index of the map cannot be used.
        self._known = f'{MAP} AS m ON m."table" = ? AND m.key = +{self._t_key}'
        self._note = f'INSERT INTO {MAP} ("table", key) SELECT ?, {self._t_key} FROM'
        self._write = (
            f"INSERT OR REPLACE INTO {self._index} (rowid, {self._columns}) SELECT m.id, {self._texts} FROM"
        )
        self._differing = (
            f"CROSS JOIN {self._known} LEFT JOIN {self._index} AS s ON s.rowid = m.id "
            f"WHERE (s.rowid IS NULL OR {self._differs})"
        )

    def is_prepared(self) -> bool:
        """Whether `prepare()` was called on the index as it is now; a step of a plugin may have made a new one."""
        name = f'"{self._declared.search_name}_config"'
        return bool(self._run(f"SELECT 1 FROM {name} WHERE k = 'secure-delete' AND v = 1", ()))

    def prepare(self) -> None:
        """Have FTS5 take deleted words out of the file at once, not when it happens to rewrite its parts."""
        self._run(f"INSERT INTO {self._index} ({self._index}, rank) VALUES ('secure-delete', 1)", ())

    def remake(self) -> None:
        """Make the index anew, empty and not prepared; places stay with their keys."""
        self._run(f"DROP TABLE {self._index}", ())
        self._run(create_search_sql(self._declared.search_name, self._search), ())

    def all_rewritten(self, limit: int) -> int:
        """How many rows of the whole index are not as the table has them, or gone from it; counted up to *limit*."""
        name = self._declared.name
        ((count,),) = self._run(
            f"SELECT count(*) FROM (SELECT 1 FROM {MAP} AS m JOIN {self._index} AS s ON s.rowid = m.id "
            f'LEFT JOIN {self._table} AS t ON {self._same("m.key")} WHERE m."table" = ? '
            f"AND ({self._t_key} IS NULL OR {self._differs}) LIMIT ?)",
            (name, limit),
        )
        return int(count)

    def index(self, keys: Sequence[object]) -> None:
        """Bring the rows with these stored keys, in this order, to what the table holds now."""
        for part in _parts(keys):
            wanted = self._wanted(part)
            rows = f"{wanted} CROSS JOIN {self._table} AS t ON {self._same('w.column1')}"
            name = self._declared.name
            self._run(f"{self._note} {rows} LEFT JOIN {self._known} WHERE m.id IS NULL", (name, *part, name))
            self._run(f"{self._write} {rows} {self._differing}", (*part, name))
            gone = self._run(
                f'SELECT m.id FROM {wanted} CROSS JOIN {MAP} AS m ON m."table" = ? AND m.key = +w.column1 '
                f"WHERE NOT EXISTS (SELECT 1 FROM {self._table} AS t WHERE {self._same('w.column1')})",
                (*part, name),
            )
            self._delete([place for (place,) in gone])

    def rewritten(self, keys: Sequence[object], limit: int) -> int:
        """How many of these rows `index()` would rewrite or remove; not counted much beyond *limit*."""
        count = 0
        for part in _parts(keys):
            ((some,),) = self._run(
                f'SELECT count(*) FROM {self._wanted(part)} CROSS JOIN {MAP} AS m ON m."table" = ? '
                f"AND m.key = +w.column1 CROSS JOIN {self._index} AS s ON s.rowid = m.id "
                f"LEFT JOIN {self._table} AS t ON {self._same('w.column1')} "
                f"WHERE {self._t_key} IS NULL OR {self._differs}",
                (*part, self._declared.name),
            )
            count += some
            if count >= limit:
                break
        return count

    def index_after(self, key: object | None, limit: int) -> object | None:
        """Bring the *limit* rows that follow *key* in the order of keys to what the table holds now.

        Args:
            key: What the call before returned; None at the beginning.

        Returns:
            Where to go on; None after the last row.
        """
        after, values = (f" AND {self._t_key} > {self._in}", [key]) if key is not None else ("", [])
        last = self._run(
            f"SELECT {self.out(self._t_key)} FROM {self._table} AS t WHERE 1{after} "
            f"ORDER BY {self._t_key} LIMIT 1 OFFSET ?",
            (*values, limit - 1),
        )
        if last:
            after, values = f"{after} AND {self._t_key} <= {self._in}", [*values, last[0][0]]
        rows, name = f"{self._table} AS t", self._declared.name
        self._run(
            f"{self._note} {rows} LEFT JOIN {self._known} WHERE m.id IS NULL{after} ORDER BY {self._t_key}",
            (name, name, *values),
        )
        self._run(f"{self._write} {rows} {self._differing}{after} ORDER BY {self._t_key}", (name, *values))
        return last[0][0] if last else None

    def orphans(self) -> list[int]:
        """Return the places whose row is gone from the table, or that belong to no key of it. Looks at all."""
        return self._orphans(None)

    def remove_orphans(self, places: Sequence[int]) -> None:
        """Remove those of *places* that still are what `orphans()` returns."""
        self._delete(self._orphans(places))

    def pending(self, keys: Sequence[object] | None) -> PendingTexts:
        """Return an index in memory over the rows with these keys as they are now; over all rows for None.

        Rows in the file's index keep their place; the others get those that follow
        the last, in the order of *keys*, as `index()` and `index_after()` give them.
        """
        select = f"SELECT m.id, {self.out(self._t_key)}, {self._as_bytes('t')} FROM"
        name = self._declared.name
        rows: list[Row] = []
        if keys is None:
            rows = self._run(
                f"{select} {self._table} AS t LEFT JOIN {self._known} ORDER BY {self._t_key}", (name,)
            )
        for part in _parts(keys or ()):
            rows += self._run(
                f'{select} {self._wanted(part)} LEFT JOIN {MAP} AS m ON m."table" = ? AND m.key = +w.column1 '
                f"LEFT JOIN {self._table} AS t ON {self._same('w.column1')}",
                (*part, name),
            )
        ((newest,),) = self._run(f"SELECT ifnull(max(id), 0) FROM {MAP}", ())
        return PendingTexts(self._declared, rows, newest)

    def texts(self, places: Sequence[int]) -> list[Row]:
        """Return place, key and texts of these rows as the index has them."""
        return self._run(
            f"SELECT m.id, {self.out('m.key')}, {self._as_bytes('s')} FROM json_each(?) AS w CROSS JOIN {MAP} AS m "
            f"ON m.id = w.value CROSS JOIN {self._index} AS s ON s.rowid = m.id",
            (json.dumps(list(places)),),
        )

    def _orphans(self, places: Sequence[int] | None) -> list[int]:
        name, stored = self._declared.name, "m.key"
        of_map = of_index = ""
        values: list[object] = []
        if places is not None:
            among = "IN (SELECT value FROM json_each(?))"
            of_map, of_index, values = (
                f" AND m.id {among}",
                f" AND s.rowid {among}",
                [json.dumps(list(places))],
            )
        rows = self._run(
            f'SELECT m.id FROM {MAP} AS m WHERE m."table" = ?{of_map} AND NOT EXISTS '
            f"(SELECT 1 FROM {self._table} AS t WHERE {self._same(stored)}) "
            f"UNION SELECT s.rowid FROM {self._index} AS s WHERE NOT EXISTS "
            f'(SELECT 1 FROM {MAP} AS m WHERE m.id = s.rowid AND m."table" = ?){of_index}',
            (name, *values, name, *values),
        )
        return [place for (place,) in rows]

    def _delete(self, places: Sequence[int]) -> None:
        for place in places:
            self._run(f"DELETE FROM {self._index} WHERE rowid = ?", (place,))
            self._run(f'DELETE FROM {MAP} WHERE id = ? AND "table" = ?', (place, self._declared.name))

    def _as_bytes(self, row: str) -> str:
        return ", ".join(f'CAST({row}."{name}" AS BLOB)' for name in self._search.columns)

    def _wanted(self, keys: Sequence[object]) -> str:
        return f"(VALUES {', '.join([f'({self._in})'] * len(keys))}) AS w"

    def _same(self, stored: str) -> str:
        """SQL for whether the row `t` has exactly that key: first as its index finds it, then to the last byte."""
        return f"{self._t_key} = {stored} AND {self._t_key} = {stored} COLLATE BINARY"


def _parts(keys: Sequence[object]) -> Iterator[list[object]]:
    """Yield *keys* in order, in parts of one of `_SIZES`."""
    for start in range(0, len(keys), _SIZES[-1]):
        part = list(keys[start : start + _SIZES[-1]])
        size = next(size for size in _SIZES if size >= len(part))
        yield [*part, *[None] * (size - len(part))]
