"""Changes one table: by native statements where SQLite has them, otherwise by one rebuild."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...alterations import Alteration, TableChange
from ...catalog import FIELD_RULES, Check, Column
from ...errors import ConstraintError, DefinitionError
from .ddl_text import check_sql, column_sql
from .definition import ColumnText, Definition, Part, parse, quoted
from .rebuild import Rebuild
from .snapshot import table_shape
from .tokens import normal, tokens

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
        return _with_own_checks(parse(rows[0][0]))

    def _refuse_second_checks(self, old: Definition) -> None:
        there = _check_names(old)
        for check in self.change.add_checks:
            if check.name in there:
                raise DefinitionError(f"{self.change.table} has a CHECK called {check.name!r} already")

    # Native statements

    def _drop_check(self, name: str) -> None:
        if name not in _check_names(self._definition()):
            raise DefinitionError(f"{self.change.table} has no CHECK called {name!r}")
        self._migrate("drop_constraint", name)

    def _drop(self, name: str) -> None:
        old = self._definition()
        self._refuse_indexed(old.column(name).name)
        self.before_loss()
        own = {str(part.name) for part in _own_checks(old.column(name))}
        if own & _check_names(old, but=old.column(name)):
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
        return any(not name.startswith("stina_") and _fires_on(sql, columns) for name, sql in rows)

    def _is_natively_alterable(self, old: Definition, alteration: Alteration) -> bool:
        """Whether only NULL and CHECKs change, and no other column has a CHECK of the same name."""
        before, after = old.column(alteration.column.name), self._column(old, alteration)
        names = {str(part.name) for part in (*_own_checks(before), *_own_checks(after))}
        return (
            alteration.using is None
            and not names & _check_names(old, but=before)
            and _without_rules(before, _own_references(old, before)) == _without_rules(after)
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
            replaced = _own_references(old, old.column(one.column.name))
            new.constraints = [part for part in new.constraints if part not in replaced]
            new.replace_column(one.column.name, self._column(old, one))
        new.columns += [_text(one.column) for one in change.add]
        new.constraints += [_part(check_sql(check)) for check in change.add_checks]
        if change.key is not None:
            _set_key(new, change.key)
        for option, wanted in (("STRICT", change.strict), ("WITHOUT ROWID", change.without_rowid)):
            if wanted is not None:
                new.options = [one for one in new.options if one != option] + [option] * wanted
        return new

    def _column(self, old: Definition, alteration: Alteration) -> ColumnText:
        """The new text of a column: as its field says, with what no field speaks of kept."""
        before, after = old.column(alteration.column.name), _text(alteration.column)
        same_type = (
            before.type.upper() == after.type.upper()
        )  # another type has to be converted, and is compared
        if alteration.using is None and same_type and _is_json(before) != _is_json(after):
            raise DefinitionError(
                f"{self.change.table}.{before.name} {'becomes' if _is_json(after) else 'is no more'} JSON: "
                "the same text means something else then; say with using= what its values become "
                f'(json_quote("{before.name}") makes JSON of a plain text, "{before.name}" leaves it as it is)'
            )
        if before.generated:
            raise DefinitionError(
                f"{self.change.table}.{before.name} is computed by SQLite and cannot be altered"
            )
        own = _own_checks(before)
        kept = [
            part for part in before.parts if part.kind in _KEPT or (part.kind == "CHECK" and part not in own)
        ]
        return ColumnText(before.name, after.type, (*after.parts, *kept))


def _fires_on(trigger: str, columns: set[str]) -> bool:
    words = tokens(trigger)
    event = words[: next(place for place, token in enumerate(words) if token.word == "ON")]
    kinds = [token.word for token in event]
    if "UPDATE" not in kinds:
        return False
    named = event[kinds.index("UPDATE") + 1 :]
    return not named or bool({token.name.lower() for token in named[1:]} & columns)


def _own_checks(column: ColumnText) -> list[Part]:
    """The CHECKs that came from the column's field. A renamed column still has those of its old name."""
    return [part for part in column.of("CHECK") if _is_of_field(part)]


def _is_json(column: ColumnText) -> bool:
    return any((part.name or "").endswith("_json") for part in _own_checks(column))


def _is_of_field(part: Part) -> bool:
    return part.kind == "CHECK" and (part.name or "").rpartition("_")[2] in FIELD_RULES


def _with_own_checks(definition: Definition) -> Definition:
    """Put each field's CHECK to its column: one that was added natively stands with the table."""
    for part in list(definition.constraints):
        owners = [column for column in definition.columns if column.name.lower() in _quoted_names(part)]
        if _is_of_field(part) and len(owners) == 1:
            definition.constraints.remove(part)
            column = owners[0]
            definition.replace_column(
                column.name, ColumnText(column.name, column.type, (*column.parts, part))
            )
    return definition


def _quoted_names(part: Part) -> set[str]:
    """The columns of a field's CHECK, where each is in quotes; `length` without them is the function."""
    return {token.name.lower() for token in part.tokens if token.kind == "quoted"}


def _check_names(definition: Definition, but: ColumnText | None = None) -> set[str]:
    """What the CHECKs are called, without those that stand with the column *but*."""
    parts = [part for column in definition.columns if column != but for part in column.parts]
    return {part.name for part in (*parts, *definition.constraints) if part.kind == "CHECK" and part.name}


def _own_references(definition: Definition, column: ColumnText) -> list[Part]:
    """The foreign keys of *column* alone that stand with the table, as other programs write them."""
    foreign = (part for part in definition.constraints if part.kind == "FOREIGN")
    return [part for part in foreign if [one.name.lower() for one in part.inside()] == [column.name.lower()]]


def _without_rules(column: ColumnText, references: Sequence[Part] = ()) -> object:
    """What of *column* and its *references* SQLite cannot alter natively, in comparable form."""
    shape = table_shape(Definition("one", [column], list(references)))
    (only,) = shape.columns.values()
    return (
        only.type,
        only.default,
        only.collation,
        only.generated,
        shape.references,
        shape.key,
        shape.uniques,
    )


def _text(column: Column) -> ColumnText:
    return parse(f"CREATE TABLE one ({column_sql(column)})").columns[0]


def _part(constraint: str) -> Part:
    return parse(f"CREATE TABLE one (a, {constraint})").constraints[0]


def _set_key(definition: Definition, key: tuple[str, ...]) -> None:
    for column in list(definition.columns):
        parts = tuple(part for part in column.parts if part.kind != "PRIMARY")
        definition.replace_column(column.name, ColumnText(column.name, column.type, parts))
    definition.constraints = [part for part in definition.constraints if part.kind != "PRIMARY"]
    names = ", ".join(quoted(definition.column(name).name) for name in key)
    definition.constraints.append(_part(f"PRIMARY KEY ({names})"))
