"""The law that migrations keep rows: which of them are not what they were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from .renames import Renamed, column_after, names_of
from .stated import Stated
from .states import Row, State, shown


def losses(
    before: State, after: State, tables: Collection[str], stated: Stated, through: Sequence[Renamed] = ()
) -> list[str]:
    """Return what *tables* lost on the way from *before* to *after*, in words.

    A table must have as many rows as before, and every row the value of the same
    type that it had in each column, unless *stated* says otherwise. *through* are
    the renames that were seen on the way.
    """
    found: list[str] = []
    for table in sorted(set(tables) - set(stated.rewritten)):
        found += _Way(table, before, after, stated, through).losses()
    return found


@dataclass(frozen=True, slots=True)
class _Way:
    """What became of one table. What is stated is for files that do not have the new name yet."""

    table: str
    before: State
    after: State
    stated: Stated
    through: Sequence[Renamed]

    def losses(self) -> Iterator[str]:
        table, short = self.table, self.stated.short(self.table)
        *_, place = names = self._names()
        if place not in self.after.rows:
            yield (
                f"the table {table} is gone; if that is meant, write rewritten = {{{short!r}}}, "
                f"or renamed_tables = {{{short!r}: 'its new name'}} if SQL renames it"
            )
            return
        old, new = self.before.rows[table], self.after.rows[place]
        if old.total() != new.total():
            yield (
                f"{table} had {old.total()} rows and {place} has {new.total()}; "
                f"if that is meant, write rewritten = {{{short!r}}}"
            )
            return
        yield from self._lost_values(old, new, names)

    def _lost_values(self, old: Counter[Row], new: Counter[Row], names: Sequence[str]) -> Iterator[str]:
        there, then = _columns(old), _columns(new)
        places: dict[str, str] = {}
        for column in sorted(there):
            name = f"{self.table}.{column}"
            if name in self.stated.rewritten:
                continue
            place = self._column(column, names, there, then)
            if place in then:
                places[column] = place
            else:
                short = self.stated.short(name)
                yield (
                    f"the column {name} is gone; if that is meant, write rewritten = {{{short!r}}}, "
                    f"or renamed_columns = {{{short!r}: 'table.new_name'}} if SQL renames it"
                )
        kept = _changed(old, new, places)
        if kept:
            single = [column for column in places if _changed(old, new, {column: places[column]})]
            changed = {self.stated.short(f"{self.table}.{column}") for column in single or places}
            yield (
                f"{kept.total()} rows of {self.table} are not what they were, such as "
                f"({shown(next(iter(kept)))}); if that is meant, write rewritten = {_set(changed)}"
            )

    def _names(self) -> list[str]:
        """All names the table has had, the last one last."""
        names = names_of(self.table, self.through)
        while (new := self.stated.tables.get(names[-1])) and new not in names:
            if names[-1] in self.after.rows and new in self.before.rows:
                break
            names += names_of(new, self.through)
        return names

    def _column(
        self, column: str, names: Sequence[str], there: Collection[str], then: Collection[str]
    ) -> str:
        """The name that *column* has in the end; the author may have used any of the names of its table."""
        seen = {column}
        column = self._followed(column, names)
        while True:
            said = (self.stated.columns.get(f"{name}.{column}") for name in names)
            new = next((one.partition(".")[2] for one in said if one), column)
            if new in seen or (column in then and new in there):
                return column
            seen.add(new)
            column = self._followed(new, names)

    def _followed(self, column: str, names: Sequence[str]) -> str:
        left = list(names)
        while left:
            column = column_after(left[0], column, self.through)
            left = left[len(names_of(left[0], self.through)) :]  # what is left begins with a rename by SQL
        return column


def _columns(rows: Counter[Row]) -> set[str]:
    return {name for row in rows for name, *_ in row}


def _changed(old: Counter[Row], new: Counter[Row], places: Mapping[str, str]) -> Counter[Row]:
    """The rows of *old* that are not in *new*, by the columns *places* only and under their new names."""
    return _project(old, places) - _project(new, {place: place for place in places.values()})


def _project(rows: Counter[Row], places: Mapping[str, str]) -> Counter[Row]:
    found: Counter[Row] = Counter()
    for row, times in rows.items():
        cells = ((places[name], kind, value) for name, kind, value in row if name in places)
        found[tuple(sorted(cells, key=lambda cell: cell[0]))] += times
    return found


def _set(names: Collection[str]) -> str:
    return f"{{{', '.join(map(repr, sorted(names)))}}}"
