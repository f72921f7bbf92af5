"""Several changes of one table together: what `with op.alter_table("todo") as todo:` gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING

import peewee

from ..alterations import Alteration, TableChange
from ..catalog import Check, Column, Index, Value, sql_literal
from ..definitions import check_frozen, check_name, check_own, column_of, indexes_of
from ..errors import DefinitionError
from ..fields import NOW

if TYPE_CHECKING:
    from ..backends.base import Ddl
    from ..definitions import KeyOf
    from ..shapes import Part


class TableChanges:
    """The changes of one table, applied together when the block ends, in one rebuild at most.

    What SQLite can alter by itself costs no rebuild. Columns are dropped first,
    indexes made last.

    Attributes:
        breaking: Whether a program that does not know of the change must stop writing.
    """

    def __init__(self, ddl: Ddl, table: str, key_of: KeyOf, before_loss: Callable[[], object]) -> None:
        self._ddl = ddl
        self._key_of = key_of
        self._before_loss = before_loss
        self._change = TableChange(table)
        self._indexes: list[Index] = []
        self.breaking = False

    def add_column(self, name: str, field: peewee.Field, *, fill: Value = None) -> None:
        """Add a column; it may be NULL, or has a plain default, or *fill* says what old rows get.

        Raises:
            DefinitionError: it is none of these, or is a primary key.
        """
        column = self._column(name, field)
        if field.primary_key:
            raise DefinitionError(f"{name} is a primary key; those are made with the table")
        if not column.null and column.default is None and fill is None:
            raise DefinitionError(
                f"{name} may not be NULL and has no plain default; give it one, or say with fill= "
                "(alter_table, then add_column) what old rows have there"
            )
        if column.default == NOW and fill is None and not column.null:
            raise DefinitionError(
                f"{name} has default=now, which cannot be a time for the rows that are there; use null=True, "
                "or say with fill= (alter_table, then add_column) what they have there"
            )
        self._refuse_second(column.name)
        # A program that does not know the column leaves it out: that row must fit, and so must its next one.
        self.breaking |= not column.null and column.default is None
        self.breaking |= bool(field.unique) and column.default is not None
        value = "NULL" if column.default == NOW and fill is None else _filled(fill)
        self._change.add.append(Alteration(column, None, value))
        self._indexes += indexes_of({name: field})

    def alter_column(
        self, name: str, field: peewee.Field, *, using: str | None = None, fill: Value = None
    ) -> None:
        """Give a column the definition *field*: its type, NULL, default, rules, collation and reference.

        What a field does not speak of stays: the primary key, a UNIQUE, CHECKs of
        the table. Values are converted to the new type, and each must come back
        the same from it; otherwise the step fails and says how many would not.

        Args:
            using: SQL over the columns of the old row that gives the new value
                instead; then it is on you what is lost.
            fill: The value, as it is stored, for rows that have NULL there.

        Raises:
            DefinitionError: there is no such column, or values would not survive.
            ConstraintError: rows do not fit the new rules.
        """
        column = self._column(name, field)
        self._refuse_second(column.name)
        self.breaking = True
        self._change.alter.append(Alteration(column, using, _filled(fill)))
        there = self._ddl.found().indexes
        for index in indexes_of({name: field}):
            full = f"{self._change.table}__{index.name}"
            if full not in there:
                self._want(index)
            elif _is_unique(there[full]) != index.unique:
                raise DefinitionError(
                    f"{full} is there with another unique=; first drop_index({index.name!r})"
                )

    def rename_column(self, column: str, new_name: str) -> None:
        """Rename a column (by its column name: a foreign key's ends in `_id`). It happens at once.

        Raises:
            DefinitionError: the block has changed a column of one of these names already.
        """
        self._refuse_second(column)
        self._refuse_second(new_name)
        self.breaking = True
        self._ddl.rename_column(self._change.table, column, check_name(new_name, "a column"))

    def drop_column(self, column: str) -> None:
        """Remove a column and what it held. Drop its indexes first; a foreign key has one."""
        self.breaking = True
        self._change.drop.append(column)

    def add_check(self, check: Check) -> None:
        """Add a rule; every row that is there must pass it."""
        check_own(check)
        check_name(check.name, "a check")
        self.breaking = True
        self._change.add_checks.append(check)

    def drop_check(self, name: str) -> None:
        """Remove the rule called *name*."""
        self.breaking = True
        self._change.drop_checks.append(name)

    def add_index(
        self, *columns: str, unique: bool = False, where: str | None = None, name: str | None = None
    ) -> None:
        """Make an index, once the other changes are made; the arguments are those of `Index`."""
        self.breaking |= unique
        self._want(Index(*columns, unique=unique, where=where, name=name))

    def drop_index(self, name: str) -> None:
        """Remove an index, by its name without the table's: `created_at`. It happens at once."""
        full = f"{self._change.table}__{name}"
        there = self._ddl.found().indexes
        self.breaking |= full in there and _is_unique(there[full])  # who relied on it must not write any more
        self._ddl.drop_index(full)

    def set_primary_key(self, *columns: str) -> None:
        """Make *columns* the primary key; their values must differ from row to row, and none be NULL."""
        if not columns:
            raise DefinitionError(f"name the columns of the primary key of {self._change.table}")
        self.breaking = True
        self._change.key = columns

    def set_storage(self, *, without_rowid: bool | None = None, strict: bool | None = None) -> None:
        """Change how the table is stored; None keeps what it is."""
        self.breaking = True
        if without_rowid is not None:
            self._change.without_rowid = without_rowid
        if strict is not None:
            self._change.strict = strict

    def __enter__(self) -> TableChanges:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            return
        self._change.add = list(map(self._with_key_of_the_block, self._change.add))
        self._change.alter = list(map(self._with_key_of_the_block, self._change.alter))
        if self._change != TableChange(self._change.table):
            self._ddl.change_table(self._change, self._before_loss)
        for index in self._indexes:
            name = f"{self._change.table}__{check_name(index.name, 'an index')}"
            self._ddl.create_index(self._change.table, name, index)

    def _with_key_of_the_block(self, one: Alteration) -> Alteration:
        """Give a reference to this very table the type that its key gets in the same block."""
        reference = one.column.reference
        if reference is None or reference.table != self._change.table:
            return one
        types = {other.column.name: other.column.type for other in self._change.alter}
        kind = types.get(reference.column, one.column.type)
        return replace(one, column=replace(one.column, type=kind))

    def _want(self, index: Index) -> None:
        if index not in self._indexes:  # a column may have asked for it already
            self._indexes.append(index)

    def _refuse_second(self, name: str) -> None:
        """One change of a column in a block: after two nobody can tell which of them holds."""
        changed = {one.column.name for one in (*self._change.add, *self._change.alter)} | {*self._change.drop}
        if name in changed:
            raise DefinitionError(
                f"{self._change.table}.{name} was changed in this block already; say all of it in one call, "
                "and rename columns first"
            )

    def _column(self, name: str, field: peewee.Field) -> Column:
        check_frozen({name: field})
        return column_of(name, field, self._key_of)


def _is_unique(index: Part) -> bool:
    return index.text.split()[1] == "unique"


def _filled(value: Value) -> str | None:
    return None if value is None else sql_literal(value)
