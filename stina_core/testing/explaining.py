"""What two files that should be the same differ in, and what the author may write if that is meant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from .states import Cell, Row, State, difference, owner


def explained(wanted: State, found: State, plugin: str, owners: Collection[str] | None = None) -> str:
    """Return `difference()`, with the columns of *plugin* that may just get another value in every run."""
    different = difference(wanted, found, owners)
    columns = _varying(wanted, found, plugin) if different else []
    if not columns:
        return different
    names = ", ".join(repr(name.removeprefix(f"{plugin}_")) for name in columns)
    return (
        f"{different}. If a step puts something else there in every run, such as a new id or the time, "
        f"write varying = {{{names}}}"
    )


def _varying(wanted: State, found: State, plugin: str) -> list[str]:
    """The columns without which the rows would be the same; none of a table where that is not enough."""
    columns: list[str] = []
    for table in sorted(wanted.rows.keys() & found.rows.keys()):
        old, new = wanted.rows[table], found.rows[table]
        if owner(table) == plugin and old != new and old.total() == new.total():
            names = {name for row in old for name, *_ in row}
            other = {name for name in names if _cells(old, name) != _cells(new, name)}
            if _without(old, other) == _without(new, other):
                columns += [f"{table}.{name}" for name in sorted(other)]
    return columns


def _cells(rows: Counter[Row], name: str) -> Counter[Cell]:
    found: Counter[Cell] = Counter()
    for row, times in rows.items():
        found.update({cell: times for cell in row if cell[0] == name})
    return found


def _without(rows: Counter[Row], columns: Collection[str]) -> Counter[Row]:
    found: Counter[Row] = Counter()
    for row, times in rows.items():
        found[tuple(cell for cell in row if cell[0] not in columns)] += times
    return found
