"""What a step can do with rows: its own, and those the original app left."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ..catalog import Value
from ..definitions import check_name
from ..errors import DefinitionError
from ..ids import now_ms
from ..log import get_logger
from .old_rows import OldRow, OldTable
from .retirement import SameColumns, users, verify

if TYPE_CHECKING:
    from ..backends.base import Backend

log = get_logger(__name__)

_SAVEPOINT = re.compile(r"\W*(SAVEPOINT|RELEASE|ROLLBACK)\b", re.IGNORECASE)

Report = Callable[[int, int], object]
"""Told how many rows of how many are done."""


class RowOperations:
    """The operations of one step on rows.

    Attributes:
        now: When this migration runs, in UTC milliseconds; the same for the whole step.
        touched: Full names of the tables the step made or changed.
        breaking: Whether a program that does not know this step must stop writing.
    """

    def __init__(
        self, backend: Backend, plugin: str, *, before_loss: Callable[[], object], report: Report
    ) -> None:
        self._backend = backend
        self._ddl = backend.ddl
        self._plugin = plugin
        self._before_loss = before_loss
        self._report = report
        self.now = now_ms()
        self.touched: set[str] = set()
        self.breaking = False
        self._reading: list[Generator[OldRow]] = []
        self._noted: dict[str, dict[Value, list[str]]] = {}  # by table and key, the column of each repair

    def close(self) -> None:
        """End reads that the step has not finished: an open one keeps tables from being changed."""
        for rows in self._reading:
            rows.close()

    def insert(self, table: str, rows: Sequence[Mapping[str, Value]]) -> None:
        """Add rows of stored values by column name: milliseconds for a time, JSON text for JSON.

        Raises:
            DefinitionError: the rows do not all have the same columns.
        """
        if not rows:
            return
        names = list(rows[0])
        if any(row.keys() != rows[0].keys() for row in rows):
            raise DefinitionError(f"the rows for {table} do not all have the same columns")
        places = ", ".join("?" * len(names))
        columns = ", ".join(f'"{check_name(name, "a column")}"' for name in names)
        self._backend.execute_many(
            f'INSERT INTO "{self._full(table)}" ({columns}) VALUES ({places})',
            ([row[name] for name in names] for row in rows),
        )
        self.touched.add(self._full(table))

    def update_rows(
        self,
        table: str,
        change: Callable[[dict[str, Value]], Mapping[str, Value] | None],
        *columns: str,
        batch: int = 1000,
    ) -> int:
        """Call *change* with every row, in the order of the primary key, and store what it answers.

        Rows are read and written *batch* at a time, so memory stays small however
        many there are; all of it is still part of the migration's transaction.

        Args:
            change: Gets the key and *columns* (all, if none is named) as stored
                values; returns the columns to change, the whole row too, or None to leave it.

        Returns:
            How many rows were changed.

        Raises:
            DefinitionError: *change* answers a column that is in the key or not there;
                or the table has no primary key, or a row without one.
        """
        if batch < 1:
            raise DefinitionError(f"update_rows() cannot work through {table} {batch} rows at a time")
        full = self._full(table)
        self._before_loss()
        self.breaking = True
        self.touched.add(full)
        rewrite = _Rewrite(self._backend, full, columns, batch)
        return rewrite.run(change, self._report)

    def unsafe_sql(self, sql: str, values: Sequence[Value] = ()) -> list[tuple[Any, ...]]:
        """Run one statement as it is, after a backup, and return its rows.

        Unsafe, because nothing says whether another backend understands it, or
        what it loses.

        Raises:
            DefinitionError: *sql* is more than one statement, would change another
                plugin's table, set a PRAGMA, or begin or end a transaction: the
                migration is one, and other plugins' steps are in it.
        """
        if not self._backend.is_one_statement(sql):
            raise DefinitionError("unsafe_sql() runs one statement; call it once for each")
        if _SAVEPOINT.match(sql):  # the others SQLite itself is asked about
            raise DefinitionError("a step runs in the migration's transaction; it cannot begin or end one")
        self._before_loss()
        self.breaking = True
        rows = self._backend.execute(sql, values)
        self.touched.update(name for name in self._ddl.tables() if name.startswith(f"{self._plugin}_"))
        return rows

    def has_table(self, name: str, *columns: str) -> bool:
        """Whether the file has the table *name* (a full name), whoever made it, with all of *columns*."""
        return name in self._ddl.tables() and set(columns) <= set(self._ddl.columns(name))

    def old_rows(self, name: str, *, key: str = "id") -> Iterator[OldRow]:
        """Return the rows of a table the original app made, one at a time, in the order it wrote them.

        The table is only read. Repairs are noted under the value of the column *key*.

        Raises:
            DefinitionError: there is no such table, or it has no column *key*.
        """
        if not self.has_table(name, key):
            raise DefinitionError(f"the file has no table {name!r} with a column {key!r}")
        rows = self._old_rows(name, key)
        self._reading.append(rows)
        return rows

    def _old_rows(self, name: str, key: str) -> Generator[OldRow]:
        yield from OldTable(self._backend, name, key, partial(self.repair, name), self._report)

    def retire(
        self,
        name: str,
        *,
        into: str,
        same: SameColumns,
        key: str = "id",
        new_key: str = "id",
    ) -> bool:
        """Drop the table *name* of the original app, after a backup, once all of it is found in the table *into*.

        Both are read again, as they are in the file: each old row must be there
        under its key, with equal values in the columns *same*; what is not must
        have been noted in `stina_repair` by this step.

        Args:
            same: By old column the new one; or that with what makes the new value of the old one.

        Returns:
            Whether it was dropped. It stays where another table, a view or a trigger names it.

        Raises:
            DefinitionError: something is missing or different, and nothing says why.
        """
        full = self._full(into)
        verify(self._backend, name, key, full, new_key, same, self._noted.get(name, {}))
        in_use = users(self._ddl.found(), name)
        if in_use:
            log.info("adoption.kept", table=name, named_by=in_use)
            return False
        self._before_loss()
        self.breaking = True
        self._ddl.drop_table(name)
        return True

    def repair(self, table: str, key: Value, column: str, before: Value, reason: str) -> None:
        """Note in `stina_repair` what had to be changed or left out, with the value it had.

        Args:
            table: The full name of the table the value came from.
        """
        self._backend.execute(
            'INSERT INTO stina_repair ("plugin", "table", "key", "column", "before", "reason", "at") '
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (self._plugin, table, key, column, before, reason, self.now),
        )
        self._noted.setdefault(table, {}).setdefault(key, []).append(column)

    def _full(self, name: str) -> str:
        return f"{self._plugin}_{check_name(name, 'a table')}"


class _Rewrite:
    def __init__(self, backend: Backend, table: str, columns: Sequence[str], batch: int) -> None:
        shape = backend.ddl.found().tables.get(table)
        if shape is None:
            raise DefinitionError(f"there is no table {table}")
        if not shape.key:
            raise DefinitionError(f"{table} has no primary key to go by; use unsafe_sql()")
        unknown = sorted(set(columns) - set(shape.columns))
        if unknown:
            raise DefinitionError(f"{table} has no column {unknown[0]!r}")
        self._backend = backend
        self._table = table
        self._key = shape.key
        self._columns = [*self._key, *(name for name in columns or shape.columns if name not in self._key)]
        self._changeable = set(shape.columns) - set(self._key)
        self._batch = batch

    def run(self, change: Callable[[dict[str, Value]], Mapping[str, Value] | None], report: Report) -> int:
        ((total,),) = self._backend.execute(f'SELECT count(*) FROM "{self._table}"')
        seen = changed = 0
        rows = self._after(None)
        while rows:
            changed += self._write(rows, change)
            seen += len(rows)
            report(seen, total)
            rows = self._after(rows[-1][: len(self._key)])
        if seen != total:  # the key is sorted otherwise than its columns are compared
            raise DefinitionError(
                f"only {seen} of {total} rows of {self._table} can be found by their key; use unsafe_sql()"
            )
        return changed

    def _after(self, last: Sequence[Value] | None) -> list[tuple[Any, ...]]:
        key = _quoted(self._key)
        where = f"WHERE ({key}) > ({_places(self._key)}) " if last is not None else ""
        return self._backend.execute(
            f'SELECT {_quoted(self._columns)} FROM "{self._table}" {where}ORDER BY {key} LIMIT ?',
            (*(last or ()), self._batch),
        )

    def _write(
        self, rows: list[tuple[Any, ...]], change: Callable[[dict[str, Value]], Mapping[str, Value] | None]
    ) -> int:
        changes: dict[tuple[str, ...], list[list[Value]]] = {}
        for row in rows:
            if None in row[: len(self._key)]:  # SQLite allows it in old tables, and no comparison finds it
                raise DefinitionError(
                    f"{self._table} has a row with NULL in its primary key; use unsafe_sql()"
                )
            before = dict(zip(self._columns, row, strict=True))
            answer = change(dict(before)) or {}
            new = {name: value for name, value in answer.items() if _differs(before, name, value)}
            if new:
                changes.setdefault(tuple(new), []).append([*new.values(), *row[: len(self._key)]])
        for columns, values in changes.items():
            self._check(columns)
            places = ", ".join(f'"{column}" = ?' for column in columns)
            self._backend.execute_many(
                f'UPDATE "{self._table}" SET {places} WHERE ({_quoted(self._key)}) = ({_places(self._key)})',
                values,
            )
        return sum(map(len, changes.values()))

    def _check(self, columns: Sequence[str]) -> None:
        for column in columns:
            if column not in self._changeable:
                raise DefinitionError(
                    f"{self._table} has no column {column!r} that update_rows() could change"
                )


def _differs(row: Mapping[str, Value], name: str, value: Value) -> bool:
    return name not in row or type(row[name]) is not type(value) or row[name] != value


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _places(names: Sequence[str]) -> str:
    return ", ".join("?" * len(names))
