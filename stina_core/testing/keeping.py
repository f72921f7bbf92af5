"""The law that migrations keep rows: which of them are not what they were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from .states import Row, State, shown


@dataclass(frozen=True, slots=True)
class Stated:
    """What the author says that the steps do on purpose, by full names: `notes_note`, `notes_note.title`.

    Attributes:
        tables, columns: The new name of each one that was renamed, the last one if it was so twice.
        rewritten: Tables and columns, by their old names, that are changed, merged or dropped.
    """

    tables: Mapping[str, str]
    columns: Mapping[str, str]
    rewritten: Collection[str]

    @classmethod
    def of(
        cls, plugin: str, tables: Mapping[str, str], columns: Mapping[str, str], rewritten: Collection[str]
    ) -> Stated:
        """Take names without the prefix of *plugin*, which are what authors write."""

        def full(names: Mapping[str, str]) -> dict[str, str]:
            return {f"{plugin}_{old}": f"{plugin}_{new}" for old, new in names.items()}

        return cls(full(tables), full(columns), {f"{plugin}_{name}" for name in rewritten})


def losses(before: State, after: State, tables: Collection[str], stated: Stated) -> list[str]:
    """Return what *tables* lost on the way from *before* to *after*, in words.

    A table must have as many rows as before, and every row the value of the same
    type that it had in each column, unless *stated* says otherwise.
    """
    found: list[str] = []
    for table in sorted(set(tables) - set(stated.rewritten)):
        new = _last(table, stated.tables)
        if new in after.rows:
            found += _lost_rows(table, before.rows[table], new, after.rows[new], stated)
        else:
            found.append(f"the table {table} is gone; say so in renamed_tables or rewritten")
    return found


def _lost_rows(
    table: str, old: Counter[Row], new_table: str, new: Counter[Row], stated: Stated
) -> Iterator[str]:
    if old.total() != new.total():
        yield f"{table} had {old.total()} rows and {new_table} has {new.total()}"
        return
    columns = {name for row in old for name, *_ in row if f"{table}.{name}" not in stated.rewritten}
    places = {name: _column(table, name, new_table, stated) for name in columns}
    there = {name for row in new for name, *_ in row}
    for name in sorted(columns):
        if places[name] not in there:
            yield f"the column {table}.{name} is gone; say so in renamed_columns or rewritten"
            del places[name]
    kept = _project(old, places) - _project(new, {place: place for place in places.values()})
    if kept:
        yield f"{kept.total()} rows of {table} are not what they were, such as ({shown(next(iter(kept)))})"


def _project(rows: Counter[Row], places: Mapping[str, str]) -> Counter[Row]:
    """Return *rows* with the columns *places* only, under their new names."""
    found: Counter[Row] = Counter()
    for row, times in rows.items():
        cells = ((places[name], kind, value) for name, kind, value in row if name in places)
        found[tuple(sorted(cells, key=lambda cell: cell[0]))] += times
    return found


def _column(table: str, column: str, new_table: str, stated: Stated) -> str:
    """The name that *column* has in the end; the author may have used any of the names of its table."""
    names, one = [table], table
    while one in stated.tables and stated.tables[one] not in names:
        one = stated.tables[one]
        names.append(one)
    for name in names:
        column = _last(f"{name}.{column}", stated.columns).partition(".")[2]
    return column


def _last(name: str, renamed: Mapping[str, str]) -> str:
    seen = {name}
    while name in renamed and renamed[name] not in seen:
        name = renamed[name]
        seen.add(name)
    return name
