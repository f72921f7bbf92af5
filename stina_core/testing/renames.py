"""Renames that steps make with their operations, noted while the steps run: nobody has to state those."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from unittest.mock import patch

from ..migrations.operations import Operations
from ..migrations.table_changes import TableChanges


@dataclass(frozen=True, slots=True)
class Renamed:
    """One rename: of the table *table*, by its full name, or of its column *column*."""

    table: str
    new: str
    column: str | None = None


@contextmanager
def renames() -> Iterator[list[Renamed]]:
    """Yield the renames of all steps that run inside the block, in order; not those that were undone."""
    found: list[Renamed] = []
    marks: list[int] = []  # what was found when each block that is open began
    rename_table, rename_column = Operations.rename_table, TableChanges.rename_column
    enter, leave = TableChanges.__enter__, TableChanges.__exit__

    def note_table(self: Operations, name: str, new_name: str) -> None:
        rename_table(self, name, new_name)
        found.append(Renamed(self._full(name), self._full(new_name)))

    def note_column(self: TableChanges, column: str, new_name: str) -> None:
        rename_column(self, column, new_name)
        found.append(Renamed(self._change.table, new_name, column))

    def note_begin(self: TableChanges) -> TableChanges:
        marks.append(len(found))
        return enter(self)

    def note_end(
        self: TableChanges,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        mark, kept = marks.pop(), False
        try:
            leave(self, kind, error, traceback)
            kept = kind is None
        finally:
            if not kept:
                del found[mark:]

    with (
        patch.object(Operations, "rename_table", note_table),
        patch.multiple(TableChanges, rename_column=note_column, __enter__=note_begin, __exit__=note_end),
    ):
        yield found


def names_of(table: str, through: Sequence[Renamed]) -> list[str]:
    """Return the names that *table* has had, the last one last."""
    names = [table]
    for one in through:
        if one.column is None and one.table == names[-1]:
            names.append(one.new)
    return names


def column_after(table: str, column: str, through: Sequence[Renamed]) -> str:
    """Return the name that *column* of *table* has in the end, whoever has its old names by then."""
    for one in through:
        if one.table == table:
            if one.column is None:
                table = one.new
            elif one.column.lower() == column.lower():
                column = one.new
    return column
