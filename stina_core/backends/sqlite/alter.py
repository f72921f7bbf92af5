"""Changes one table: by native statements where SQLite has them, otherwise by one rebuild."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...alterations import Alteration, TableChange
from ...catalog import Check, Column
from ...errors import ConstraintError, DefinitionError
from .ddl_text import check_sql, column_sql
from .definition import ColumnText, Definition, parse, quoted
from .definition_parts import (
    check_names,
    column_text,
    fires_on,
    is_json,
    own_checks,
    own_references,
    part_of,
    set_key,
    with_own_checks,
    without_rules,
)
from .rebuild import Rebuild
from .tokens import normal

if TYPE_CHECKING:
    from .database import StoreDatabase

_KEPT = frozenset({"PRIMARY", "UNIQUE"})
"""Constraints of a column that no field speaks of, and that altering it keeps."""


@dataclass(frozen=True)
class TableAlteration:
    """One change of one table.

    Attributes:
        before_loss: Called before the first statement that removes or rewrites anything.
    """

    database: StoreDatabase
    change: TableChange
    before_loss: Callable[[], object]

    def run(self) -> None:
        """Apply the change: CHECKs go first, then columns, then the rest follows together."""
        for name in self.change.drop_checks:
            self._drop_check(name)
        for name in self.change.drop:
            self._drop(name)
        old = self._definition()
        self._refuse_second_checks(old)
        if self._is_native(old):
            self._alter_natively(old)
        else:
            self.before_loss()
            new = self._edited(old)
            changed = [(new.column(one.column.name).name, one) for one in self._changed]
            Rebuild(
                self.database,
                old,
                new,
                {name: one.using for name, one in changed if one.using is not None},
                {name: one.fill for name, one in changed if one.fill is not None},
            ).run()

    @property
    def _changed(self) -> list[Alteration]:
        return [*self.change.alter, *self.change.add]

    def _definition(self) -> Definition:
        rows = self.database.run(
            "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?", (self.change.table,)
        ).fetchall()
        if not rows:
            raise DefinitionError(f"there is no table {self.change.table}")
        return with_own_checks(parse(rows[0][0]))

    def _refuse_second_checks(self, old: Definition) -> None:
        there = check_names(old)
        for check in self.change.add_checks:
            if check.name in there:
                raise DefinitionError(f"{self.change.table} has a CHECK called {check.name!r} already")

    # Native statements

    def _drop_check(self, name: str) -> None:
        if name not in check_names(self._definition()):
            raise DefinitionError(f"{self.change.table} has no CHECK called {name!r}")
        self._migrate("drop_constraint", name)

    def _drop(self, name: str) -> None:
        old = self._definition()
        self._refuse_indexed(old.column(name).name)
        self.before_loss()
        own = {str(part.name) for part in own_checks(old.column(name))}
        if own & check_names(old, but=old.column(name)):
            Rebuild(self.database, old, old).run()  # afterwards each stands with its column and goes with it
        else:
            for check in own:
                self._migrate("drop_constraint", check)  # one that was added later stands with the table
        self._migrate("drop_column", name)

    def _refuse_indexed(self, column: str) -> None:
        """Say which indexes have to go first; SQLite's own words do not help."""
        table = self.change.table
        rows = self.database.run(
            "SELECT DISTINCT m.name FROM sqlite_schema AS m, pragma_index_info(m.name) AS i "
            "WHERE m.type = 'index' AND m.tbl_name = ? AND m.sql IS NOT NULL AND i.name = ?",
            (table, column),
        ).fetchall()
        if rows:
            named = ", ".join(f"drop_index({name.removeprefix(f'{table}__')!r})" for (name,) in rows)
            raise DefinitionError(f"{table}.{column} is in an index; first {named}")

    def _is_native(self, old: Definition) -> bool:
        change = self.change
        if (change.key, change.without_rowid, change.strict) != (None, None, None):
            return False
        if any(one.fill is not None and one.column.default is not None for one in change.add):
            return False  # SQLite gives old rows the default, and takes no DEFAULT for a column that is there
        filled = {one.column.name.lower() for one in self._changed if one.fill is not None}
        if filled and self._fires(filled):
            return False  # triggers do who knows what; a rebuild fires none
        return all(self._is_natively_alterable(old, one) for one in change.alter)

    def _fires(self, columns: set[str]) -> bool:
        """Whether an UPDATE of *columns* fires a trigger; the core's own only note what happens."""
        rows = self.database.run(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?",
            (self.change.table,),
        ).fetchall()
        return any(not name.startswith("stina_") and fires_on(sql, columns) for name, sql in rows)

    def _is_natively_alterable(self, old: Definition, alteration: Alteration) -> bool:
        """Whether only NULL and CHECKs change, and no other column has a CHECK of the same name."""
        before, after = old.column(alteration.column.name), self._column(old, alteration)
        names = {str(part.name) for part in (*own_checks(before), *own_checks(after))}
        return (
            alteration.using is None
            and not names & check_names(old, but=before)
            and without_rules(before, own_references(old, before)) == without_rules(after)
        )

    def _alter_natively(self, old: Definition) -> None:
        for one in self.change.alter:
            self._alter_column_natively(old, one)
        for one in self.change.add:
            self._add_column(one)
        for check in self.change.add_checks:
            self._add_check(check)

    def _alter_column_natively(self, old: Definition, one: Alteration) -> None:
        column = one.column
        before, after = old.column(column.name), self._column(old, one)
        kept = {normal(part.text) for part in after.of("CHECK")}
        for part in before.of("CHECK"):
            if normal(part.text) not in kept and part.name:
                self._migrate("drop_constraint", part.name)
        if one.fill is not None:
            self._fill(column.name, one.fill)
        if before.of("NOT") and column.null:
            self._migrate("drop_not_null", column.name)
        elif not before.of("NOT") and not column.null:
            self._forbid_null(column.name)
        there = {normal(part.text) for part in before.of("CHECK")}
        for check in column.checks:
            if normal(check_sql(check)) not in there:
                self._add_check(check)

    def _add_column(self, one: Alteration) -> None:
        """Ours and not playhouse's, which writes every row of a NOT NULL column and leaves no DEFAULT behind."""
        column, table = one.column, quoted(self.change.table)
        if one.fill is None:
            self.database.run(f"ALTER TABLE {table} ADD COLUMN {column_sql(column)}")
            return
        nullable = Column(
            column.name, column.type, True, None, column.collation, column.reference, column.checks
        )
        self.database.run(f"ALTER TABLE {table} ADD COLUMN {column_sql(nullable)}")
        self._fill(column.name, one.fill)
        if not column.null:
            self._forbid_null(column.name)

    def _add_check(self, check: Check) -> None:
        with self._naming("check", check.name, f"NOT ({check.condition})"):
            self.database.run(f"ALTER TABLE {quoted(self.change.table)} ADD {check_sql(check)}")

    def _forbid_null(self, column: str) -> None:
        with self._naming("not_null", column, f"{quoted(column)} IS NULL"):
            self._migrate("add_not_null", column)

    @contextmanager
    def _naming(self, kind: str, rule: str, broken: str) -> Iterator[None]:
        """Say which rule rows break, where SQLite does not, and how many do."""
        try:
            yield
        except ConstraintError as error:
            table = self.change.table
            count = self.database.run(f"SELECT count(*) FROM {quoted(table)} WHERE {broken}").fetchall()[0][0]
            raise ConstraintError(
                f"{count} rows of {table} break the {kind.replace('_', ' ')} rule ({rule}) they would get",
                kind=kind,
                table=table,
                constraint=rule,
            ) from error

    def _fill(self, column: str, value: str) -> None:
        self.before_loss()
        name = quoted(column)
        self.database.run(f"UPDATE {quoted(self.change.table)} SET {name} = {value} WHERE {name} IS NULL")

    def _migrate(self, operation: str, *arguments: Any) -> None:
        from playhouse.migrate import SqliteMigrator  # costs as much as Peewee; only a pending step needs it

        migrator = SqliteMigrator(self.database)
        migrator.migrate(getattr(migrator, operation)(self.change.table, *arguments))

    # The rebuilt definition

    def _edited(self, old: Definition) -> Definition:
        new, change = deepcopy(old), self.change
        for one in change.alter:
            replaced = own_references(old, old.column(one.column.name))
            new.constraints = [part for part in new.constraints if part not in replaced]
            new.replace_column(one.column.name, self._column(old, one))
        new.columns += [column_text(one.column) for one in change.add]
        new.constraints += [part_of(check_sql(check)) for check in change.add_checks]
        if change.key is not None:
            set_key(new, change.key)
        for option, wanted in (("STRICT", change.strict), ("WITHOUT ROWID", change.without_rowid)):
            if wanted is not None:
                new.options = [one for one in new.options if one != option] + [option] * wanted
        return new

    def _column(self, old: Definition, alteration: Alteration) -> ColumnText:
        """The new text of a column: as its field says, with what no field speaks of kept."""
        before, after = old.column(alteration.column.name), column_text(alteration.column)
        same_type = (
            before.type.upper() == after.type.upper()
        )  # another type has to be converted, and is compared
        if alteration.using is None and same_type and is_json(before) != is_json(after):
            raise DefinitionError(
                f"{self.change.table}.{before.name} {'becomes' if is_json(after) else 'is no more'} JSON: "
                "the same text means something else then; say with using= what its values become "
                f'(json_quote("{before.name}") makes JSON of a plain text, "{before.name}" leaves it as it is)'
            )
        if before.generated:
            raise DefinitionError(
                f"{self.change.table}.{before.name} is computed by SQLite and cannot be altered"
            )
        own = own_checks(before)
        kept = [
            part for part in before.parts if part.kind in _KEPT or (part.kind == "CHECK" and part not in own)
        ]
        return ColumnText(before.name, after.type, (*after.parts, *kept))
