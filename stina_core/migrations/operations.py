"""What a step can do: the context its function receives.

Tables are named without their prefix: `note` is the plugin's own `notes_note`.
Every definition is frozen: fields with literal arguments, never a live model.
All of it runs in the migration's transaction; a step that raises leaves nothing.
The words are those of playhouse's migrator, which also runs what SQLite alters natively.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import peewee

from ..catalog import TOKENIZER, Check, Index, Search, Type, Value
from ..definitions import Key, check_frozen, check_search, column_name, table_of
from ..errors import DefinitionError
from ..fields import ForeignKeyField
from .row_operations import Report, RowOperations

if TYPE_CHECKING:
    from ..backends.base import Backend
    from .table_changes import TableChanges


class Operations(RowOperations):
    """The operations of one step, on one plugin's tables."""

    def __init__(
        self,
        backend: Backend,
        plugin: str,
        requires: frozenset[str],
        *,
        before_loss: Callable[[], object],
        report: Report = lambda done, total: None,
    ) -> None:
        super().__init__(backend, plugin, before_loss=before_loss, report=report)
        self._requires = requires

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
        table = table_of(
            self._full(name),
            fields,
            key_of=lambda field: self._key_of(field, name, fields),
            checks=[part for part in parts if isinstance(part, Check)],
            indexes=[part for part in parts if isinstance(part, Index)],
            primary_key=keys[0].field_names if keys else (),
            without_rowid=without_rowid,
        )
        self._ddl.create_table(table)
        self.touched.add(table.name)

    def drop_table(self, name: str) -> None:
        """Remove the table *name* with its rows and its full-text index, after a backup.

        No row of another table may point to it.

        Raises:
            DefinitionError: a view, or a trigger of another table, names it; drop that first.
        """
        full = self._full(name)
        found = self._ddl.found()
        for kind, parts in (("view", found.views), ("trigger", found.triggers)):
            for user, part in parts.items():
                if part.table != full and full in part.text.split():
                    raise DefinitionError(
                        f"the {kind} {user} names {full}; drop it first (DROP {kind.upper()})"
                    )
        self._before_loss()
        self.breaking = True
        if f"{full}_search" in found.searches:
            self._ddl.drop_table(f"{full}_search")
            self._forget_search(full)
        self._ddl.drop_table(full)
        self.touched.add(full)

    def rename_table(self, name: str, new_name: str) -> None:
        """Rename the table *name*; its indexes are renamed with it.

        Raises:
            DefinitionError: another plugin points to it. On a new file all steps of
                this plugin run before that plugin's first, which would not find it.
        """
        self.breaking = True
        full, new_full = self._full(name), self._full(new_name)
        for other, table in self._ddl.found().tables.items():
            if not other.startswith(f"{self._plugin}_") and any(
                one.table == full for one in table.references
            ):
                raise DefinitionError(
                    f"{other} of another plugin points to {full}, which cannot be renamed any more; "
                    "on a new file that plugin's steps would not find it"
                )
        self._ddl.rename_table(full, new_full)
        if f"{full}_search" in self._ddl.found().searches:
            self._ddl.rename_table(f"{full}_search", f"{new_full}_search")
            self._forget_search(full)
        self.touched.add(new_full)

    # Columns, rules and indexes

    @contextmanager
    def alter_table(self, name: str) -> Iterator[TableChanges]:
        """Change one table in several ways together; it is rebuilt once at most.

        Indexes are dropped and columns renamed at once, in the order they are
        named; then columns are dropped, and everything else follows together.
        What raises inside the block, or when it ends, leaves the table as it was.

        Example:
            with op.alter_table("todo") as todo:
                todo.alter_column("priority", IntegerField(null=True))
                todo.add_column("due_at", TimestampField(null=True))
        """
        from .table_changes import TableChanges  # most starts change no table

        full = self._full(name)
        changes = TableChanges(
            self._ddl, full, lambda field: self._key_of(field, name, {}), before_loss=self._before_loss
        )
        with self._backend.database.atomic(), changes:
            yield changes
        self.breaking |= changes.breaking
        self.touched.add(full)

    def add_column(self, table: str, /, **fields: Any) -> None:
        """Add columns by keyword; each may be NULL or has a plain default for the rows that are there."""
        with self.alter_table(table) as changes:
            for name, field in fields.items():
                changes.add_column(name, field)

    def alter_column(
        self, table: str, column: str, field: peewee.Field, *, using: str | None = None, fill: Value = None
    ) -> None:
        """Give a column the definition *field*; see `TableChanges.alter_column`."""
        with self.alter_table(table) as changes:
            changes.alter_column(column, field, using=using, fill=fill)

    def rename_column(self, table: str, column: str, new_name: str) -> None:
        """Rename a column (by its column name: a foreign key's ends in `_id`)."""
        with self.alter_table(table) as changes:
            changes.rename_column(column, new_name)

    def drop_column(self, table: str, column: str) -> None:
        """Remove a column and what it held, after a backup. Drop its indexes first; a foreign key has one."""
        with self.alter_table(table) as changes:
            changes.drop_column(column)

    def add_check(self, table: str, check: Check) -> None:
        """Add a rule; every row that is there must pass it."""
        with self.alter_table(table) as changes:
            changes.add_check(check)

    def drop_check(self, table: str, name: str) -> None:
        """Remove the rule called *name*."""
        with self.alter_table(table) as changes:
            changes.drop_check(name)

    def add_index(
        self,
        table: str,
        *columns: str,
        unique: bool = False,
        where: str | None = None,
        name: str | None = None,
    ) -> None:
        """Make an index; the arguments are those of `Index`. A unique one needs different values in all rows."""
        with self.alter_table(table) as changes:
            changes.add_index(*columns, unique=unique, where=where, name=name)

    def drop_index(self, table: str, name: str) -> None:
        """Remove the index *name* of a table, without its prefix: `created_at`, not `notes_note__created_at`."""
        with self.alter_table(table) as changes:
            changes.drop_index(name)

    # Full-text indexes

    def create_search(
        self,
        table: str,
        *columns: str,
        tokenizer: str = TOKENIZER,
        prefix: tuple[int, ...] = (),
    ) -> None:
        """Make the full-text index `<table>_search` over text columns of *table*, empty.

        No trigger fills it: it follows the change feed.

        Raises:
            DefinitionError: a column is not there or is no text.
        """
        search = Search(*columns, tokenizer=tokenizer, prefix=prefix)
        full = self._full(table)
        found = self._ddl.found().tables.get(full)
        if found is None:
            raise DefinitionError(f"there is no table {full}")
        check_search(full, search, {name for name, column in found.columns.items() if column.type == "text"})
        self._ddl.create_search(f"{full}_search", search)

    def drop_search(self, table: str) -> None:
        """Remove the full-text index of *table*. Nothing is lost: its text is in the table."""
        self.breaking = True
        full = self._full(table)
        if f"{full}_search" not in self._ddl.found().searches:
            raise DefinitionError(f"{full} has no full-text index")
        self._ddl.drop_table(f"{full}_search")
        self._forget_search(full)

    def alter_search(
        self,
        table: str,
        *columns: str,
        tokenizer: str = TOKENIZER,
        prefix: tuple[int, ...] = (),
    ) -> None:
        """Give the full-text index of *table* other columns, another tokenizer or prefixes; it begins empty."""
        self.drop_search(table)
        self.create_search(table, *columns, tokenizer=tokenizer, prefix=prefix)

    def _forget_search(self, table: str) -> None:
        """Forget what the full-text index of *table* had; one that is there under its name now is filled anew."""
        self._backend.execute('DELETE FROM stina_search WHERE "table" = ?', (table,))
        self._backend.execute(
            "DELETE FROM stina_cursor WHERE name IN (?, ?)", (f"search:{table}", f"rebuild:{table}")
        )

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
