"""What a step can do: the context its function receives.

Tables are named without their prefix: `note` is the plugin's own `notes_note`.
Every definition is frozen: fields with literal arguments, never a live model.
All of it runs in the migration's transaction; a step that raises leaves nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import peewee

from ..backends.base import BrokenText
from ..catalog import Check, Index, Table, Type
from ..definitions import (
    Key,
    check_frozen,
    check_name,
    column_name,
    column_of,
    indexes_of,
    table_of,
)
from ..errors import DefinitionError
from ..fields import NOW, ForeignKeyField
from ..ids import now_ms

if TYPE_CHECKING:
    from ..backends.base import Backend

Value = bool | int | float | str | bytes | None

_TRANSACTION = re.compile(
    r"(\s|--[^\n]*(\n|$)|/\*.*?\*/)*(BEGIN|COMMIT|END|ROLLBACK|SAVEPOINT|RELEASE)\b",
    re.IGNORECASE | re.DOTALL,
)


class Operations:
    """The operations of one step, on one plugin's tables.

    Attributes:
        now: When this migration runs, in UTC milliseconds; the same for the whole step.
        touched: Full names of the tables the step made or changed.
    """

    def __init__(
        self, backend: Backend, plugin: str, requires: frozenset[str], *, before_loss: Callable[[], object]
    ) -> None:
        self._backend = backend
        self._ddl = backend.ddl
        self._plugin = plugin
        self._requires = requires
        self._before_loss = before_loss
        self.now = now_ms()
        self.touched: set[str] = set()

    # Tables

    def create_table(
        self,
        name: str,
        /,
        *parts: Index | Check | peewee.CompositeKey,
        without_rowid: bool = False,
        **fields: Any,
    ) -> None:
        """Make the table *name*: columns by keyword, indexes, checks and a composite key before them.

        Args:
            without_rowid: Store the rows in the order of the primary key; for
                small rows that are looked up by it.

        Example:
            op.create_table("note", Index("created_at DESC"), id=IdField(), created_at=TimestampField())
        """
        check_frozen(fields)
        for part in parts:
            if not isinstance(part, Index | Check | peewee.CompositeKey):
                raise DefinitionError(f"{part!r} is no Index, Check or CompositeKey; fields come by keyword")
        keys = [part for part in parts if isinstance(part, peewee.CompositeKey)]
        full = self._full(name)
        table = table_of(
            full,
            fields,
            key_of=lambda field: self._key_of(field, name, fields),
            checks=[part for part in parts if isinstance(part, Check)],
            indexes=[part for part in parts if isinstance(part, Index)],
            primary_key=keys[0].field_names if keys else (),
            without_rowid=without_rowid,
        )
        self._make(table)

    def drop_table(self, name: str) -> None:
        """Remove the table *name* and its rows, after a backup; no row of another table may point to it."""
        self._before_loss()
        self._ddl.drop_table(self._full(name))
        self.touched.add(self._full(name))

    def rename_table(self, name: str, new_name: str) -> None:
        """Rename the table *name*; its indexes are renamed with it.

        Not for a table that another plugin points to: on a new file all steps of
        this plugin run before that plugin's first.
        """
        self._ddl.rename_table(self._full(name), self._full(new_name))
        self.touched.add(self._full(new_name))

    # Columns and indexes

    def add_column(self, table: str, /, **fields: Any) -> None:
        """Add columns by keyword; each may be NULL or has a plain default for the rows that are there.

        Raises:
            DefinitionError: a column is neither, or is a primary key.
        """
        check_frozen(fields)
        full = self._full(table)
        for name, field in fields.items():
            column = column_of(name, field, lambda one: self._key_of(one, table, {}))
            if field.primary_key:
                raise DefinitionError(f"{name} is a primary key; those are made with the table")
            if not column.null and column.default is None:
                raise DefinitionError(
                    f"{name} may not be NULL and has no plain default; give it one, so that old rows have a value"
                )
            if column.default == NOW:
                raise DefinitionError(
                    f"{name} has default=now, which cannot be a time for the rows that are there; use null=True"
                )
            self._ddl.add_column(full, column)
            for index in indexes_of({name: field}):
                self._add_index(full, index)
        self.touched.add(full)

    def rename_column(self, table: str, column: str, new_name: str) -> None:
        """Rename a column (by its column name: a foreign key's ends in `_id`)."""
        self._ddl.rename_column(self._full(table), column, check_name(new_name, "a column"))
        self.touched.add(self._full(table))

    def drop_column(self, table: str, column: str) -> None:
        """Remove a column and what it held, after a backup. Drop its indexes first; a foreign key has one."""
        self._before_loss()
        self._ddl.drop_column(self._full(table), column)
        self.touched.add(self._full(table))

    def add_index(self, table: str, *columns: str, unique: bool = False, where: str | None = None) -> None:
        """Make an index over *columns*, each `"name"` or `"name DESC"`."""
        self._add_index(self._full(table), Index(*columns, unique=unique, where=where))

    def drop_index(self, table: str, name: str) -> None:
        """Remove the index *name* of a table, without its prefix: `created_at`, not `notes_note__created_at`."""
        self._ddl.drop_index(f"{self._full(table)}__{name}")
        self.touched.add(self._full(table))

    # Rows

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

    def unsafe_sql(self, sql: str, values: Sequence[Value] = ()) -> list[tuple[Any, ...]]:
        """Run one statement as it is, after a backup, and return its rows.

        Unsafe, because nothing checks whose tables it changes and whether
        another backend understands it.

        Raises:
            DefinitionError: *sql* is more than one statement, or would begin or
                end a transaction: the migration is one, and other plugins'
                steps are in it.
        """
        if not self._backend.is_one_statement(sql):
            raise DefinitionError("unsafe_sql() runs one statement; call it once for each")
        if _TRANSACTION.match(sql):
            raise DefinitionError("a step runs in the migration's transaction; it cannot begin or end one")
        self._before_loss()
        rows = self._backend.execute(sql, values)
        self.touched.update(name for name in self._ddl.tables() if name.startswith(f"{self._plugin}_"))
        return rows

    # Old files

    def has_table(self, name: str, *columns: str) -> bool:
        """Whether the file has the table *name* (a full name), whoever made it, with all of *columns*."""
        return name in self._ddl.tables() and set(columns) <= set(self._ddl.columns(name))

    def old_rows(self, name: str, *columns: str, key: str) -> Iterator[dict[str, Value]]:
        """Yield the rows of a table the original app made; columns it lacks are left out.

        A text that is not UTF-8 is repaired and noted in `stina_repair` under the
        value of the column *key*, with the bytes it had. The table is only read.

        Raises:
            DefinitionError: there is no such table, or it has none of *columns*.
        """
        there = self._ddl.columns(name)
        present = [column for column in columns if column in there]
        if not present:
            raise DefinitionError(f"the file has no table {name!r} with any of {', '.join(columns)}")
        for values in self._backend.old_rows(name, present):
            row: dict[str, Value] = {}
            for column, value in zip(present, values, strict=True):
                row[column] = value.repaired() if isinstance(value, BrokenText) else value
            for column, value in zip(present, values, strict=True):
                if isinstance(value, BrokenText):
                    self.repair(name, row.get(key), column, bytes(value), "the text was not UTF-8")
            yield row

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

    def _full(self, name: str) -> str:
        return f"{self._plugin}_{check_name(name, 'a table')}"

    def _make(self, table: Table) -> None:
        self._ddl.create_table(table)
        self.touched.add(table.name)

    def _add_index(self, full: str, index: Index) -> None:
        self._ddl.create_index(full, f"{full}__{check_name(index.name, 'an index')}", index)
        self.touched.add(full)

    def _key_of(self, field: ForeignKeyField[Any], own: str, fields: Mapping[str, Any]) -> tuple[str, Key]:
        target = str(field.target)
        plugin, dot, name = target.rpartition(".")
        if dot and plugin != self._plugin and plugin not in self._requires:
            raise DefinitionError(
                f"a foreign key points to {target!r}, but the distribution of {self._plugin!r} does not require "
                f"the one of {plugin!r}; add it to its dependencies"
            )
        if not dot and name in (own, "self") and fields:
            keys = [(column_name(n, f), f.portable_type) for n, f in fields.items() if f.primary_key]
            if len(keys) != 1:
                raise DefinitionError(f"{own} points to itself and has no single primary key")
            key: tuple[str, Type] = keys[0]
            return self._full(own), key
        full = f"{plugin}_{name}" if dot else self._full(own if name == "self" else name)
        if full not in self._ddl.tables():
            raise DefinitionError(
                f"a foreign key points to {target!r}, but there is no table {full}; name a table of this plugin "
                'without its prefix ("todo"), and one of another plugin with that in front ("chat.message")'
            )
        return full, self._ddl.key(full)
