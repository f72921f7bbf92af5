"""One table: what to do to the one the steps made, so that it is the one the model wants."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..catalog import Index, Table
from ..definitions import indexes_of
from ..shapes import Shapes
from .column_code import ColumnCode
from .layout import Code, call, literal
from .leftovers import Leftovers
from .questions import Answers
from .source import Fields, Source, index_arguments, search_arguments
from .statements import Change, Statement, changes_of, operation


@dataclass
class TableCode:
    """Compares one table as the steps made it with what its model wants.

    Attributes:
        wanted, found: The schema the models want, and the one the steps made.
        columns, left: What its columns need, and what of it no model has.
    """

    source: Source
    table: Table
    fields: Fields
    wanted: Shapes
    found: Shapes
    answers: Answers

    def __post_init__(self) -> None:
        name = self.table.name
        self.own = self.source.own(name)
        self.after, self.before = self.wanted.tables[name], self.found.tables[name]
        self.columns = ColumnCode(self.source, self.table, self.fields, self.after, self.before, self.answers)
        altered = {one for one in self.fields if one in self.before.columns and self.columns.is_altered(one)}
        self.left = Leftovers(self.source.plugin, name, self.wanted, self.found, self.answers, altered)

    def statements(self) -> tuple[list[Statement], list[Statement]]:
        """Return what to do now, and what once all tables are changed: then nothing needs the old columns."""
        indexes, dropped = self._dropped_indexes(), self.columns.dropped()
        before = self.columns.nullable_now()
        changes = [
            *self.columns.kept(),
            *self.columns.changed(),
            *self._checks(),
            *self._key(),
            *self._storage(),
            *self._added_indexes(),
        ]
        if not changes:
            return [*before, *self._search()], changes_of(self.own, [*indexes, *dropped])
        first = [change for change in changes if self._must_be_first(change)]
        rest = [change for change in changes if change not in first]
        now = changes_of(self.own, [*indexes, *(first or rest)])
        if first:
            now += changes_of(self.own, rest)
        return [*before, *now, *self._search()], [change.on(self.own) for change in dropped]

    def _must_be_first(self, change: Change) -> bool:
        """Whether it is of the new key, and the rest needs that.

        Columns that point to the table itself take the type of the key that is there.
        And where the table gets a row id, rows are told apart by its old key: what
        converts that one comes after the new one.
        """
        of_key = change.name in ("add_column", "alter_column", "set_primary_key")
        if of_key and self._converts_old_key():
            is_kept = f"{self.own}.{change.subject}" not in self.columns.converted
            return change.name == "set_primary_key" or (change.subject in self.after.key and is_kept)
        return (
            of_key
            and any(one.table == self.table.name for one in self.after.references)
            and change.subject == self.after.key[0]
        )

    def _converts_old_key(self) -> bool:
        return (
            self.after.key != self.before.key
            and "without rowid" in self.before.options - self.after.options
            and any(f"{self.own}.{name}" in self.columns.converted for name in self.before.key)
        )

    def _checks(self) -> Iterator[Change]:
        for name in self.left.checks():
            yield Change("drop_check", name, literal(name))
        there = self.before.check_names.items()
        same = {name for condition, name in self.after.check_names.items() if (condition, name) in there}
        for check in self.table.checks:
            if check.name not in same:
                yield Change("add_check", check.name, self.source.check(check))

    def _key(self) -> Iterator[Change]:
        if self.after.key != self.before.key:
            columns = map(literal, self.after.key)
            yield Change("set_primary_key", "_".join(self.after.key), *columns, alone=None)

    def _storage(self) -> Iterator[Change]:
        arguments: list[Code] = [
            f"{option.replace(' ', '_')}={option in self.after.options}"
            for option in ("without rowid", "strict")
            if (option in self.after.options) != (option in self.before.options)
        ]
        if arguments:
            yield Change("set_storage", "", *arguments, alone=None)

    def _dropped_indexes(self) -> list[Change]:
        names = [name.removeprefix(f"{self.table.name}__") for name in self.left.indexes()]
        return [Change("drop_index", name, literal(name)) for name in names]

    def _added_indexes(self) -> Iterator[Change]:
        for index in self.table.indexes:
            name = self.table.index_name(index)
            if self.found.indexes.get(name) != self.wanted.indexes[name] and not self._comes_along(index):
                yield Change("add_index", index.name, *index_arguments(index))

    def _comes_along(self, index: Index) -> bool:
        """Whether adding or altering a column makes *index* by itself."""
        return index in indexes_of(self.fields) and self.columns.is_altered(index.columns[0])

    def _search(self) -> list[Statement]:
        name, search = self.table.search_name, self.table.search
        wanted, found = self.wanted.searches.get(name), self.found.searches.get(name)
        if wanted == found or (found and not wanted and not self.left.search_goes()):
            return []
        what = "alter_search" if wanted and found else "create_search" if wanted else "drop_search"
        arguments = search_arguments(self.own, search) if search else [literal(self.own)]
        return [operation((what, self.own), call(f"op.{what}", *arguments))]
