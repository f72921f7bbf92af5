"""Takes a table of the original app out of the file, once all that was in it is found in ours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from ..catalog import Value
from ..errors import DefinitionError
from .old_rows import LEFT_OUT, OldTable

if TYPE_CHECKING:
    from ..backends.base import Backend
    from ..shapes import Shapes

SameColumns: TypeAlias = Mapping[str, str | tuple[str, Callable[[Value], Value]]]
"""By old column, the new one that has the same value; or that, and what makes the new value of the old one."""

Noted: TypeAlias = Mapping[Value, Sequence[str]]
"""By key of old rows, the columns that are noted in `stina_repair`, once for each note."""


def verify(
    backend: Backend, old: str, key: str, new: str, new_key: str, same: SameColumns, noted: Noted
) -> None:
    """Hold every row of *old* against the row of *new* with its key, both as they are in the file now.

    Raises:
        DefinitionError: a row is missing, or a value is another one, without a note of it.
    """
    pairs = {column: _pair(target) for column, target in same.items()}
    there = set(backend.ddl.columns(old))
    unknown = sorted(pairs.keys() - there)
    if unknown:
        raise DefinitionError(f"{old} has no column {unknown[0]!r} that could be compared")
    new_columns = [target for target, _ in pairs.values()]
    found = {row[0]: _digest(row[1:]) for row in _rows(backend, new, [new_key, *new_columns])}
    left_out: Counter[str] = Counter()
    for row in OldTable(backend, old, key):
        row_key = row.id()
        wanted = tuple(convert(row.raw(column)) for column, (_, convert) in pairs.items())
        if found.get(row_key) == _digest(wanted):
            continue
        notes = noted.get(row_key, ())
        changed = f"a row of {old} is not in {new}"
        if row_key in found:
            values = dict(zip(pairs, wanted, strict=True))
            column = _changed(backend, new, new_key, row_key, values, new_columns, notes)
            if column is None:
                continue  # asked first: a row that was kept and mended must not use up another one's note
            changed = f"{new} has another value for a row's {column} than {old}"
        left_out[row_key] += 1  # two rows can come to one key; each note is for one of them
        if left_out[row_key] > notes.count(LEFT_OUT):
            raise DefinitionError(f"{changed}, and nothing says why; {old} stays")


def users(found: Shapes, table: str) -> list[str]:
    """Return the views, triggers and other tables whose definition names *table*, sorted."""
    name = table.lower()
    parts = {**found.views, **found.triggers}
    naming = {user for user, part in parts.items() if part.table != name and name in part.text.split()}
    pointing = {
        other
        for other, shape in found.tables.items()
        if other != name and any(one.table == name for one in shape.references)
    }
    return sorted(naming | pointing)


def _changed(
    backend: Backend,
    new: str,
    new_key: str,
    row_key: str,
    wanted: Mapping[str, Value],
    new_columns: Sequence[str],
    notes: Collection[str],
) -> str | None:
    """Return the first old column whose value is another one without a note; None if all are accounted for."""
    columns = ", ".join(f'"{column}"' for column in new_columns)
    (values,) = backend.execute(f'SELECT {columns} FROM "{new}" WHERE "{new_key}" = ?', (row_key,))
    for (column, value), stored in zip(wanted.items(), values, strict=True):
        if (type(value), value) != (type(stored), stored) and column not in notes:
            return column
    return None


def _digest(row: tuple[Value, ...]) -> int:
    return hash(
        repr(row)
    )  # hash() of the row itself is the same for b"a" and "a", for -1 and -2, for 1 and 1.0


def _rows(backend: Backend, table: str, columns: Sequence[str]) -> Iterator[tuple[Value, ...]]:
    yield from backend.old_rows(table, columns)


def _pair(target: str | tuple[str, Callable[[Value], Value]]) -> tuple[str, Callable[[Value], Value]]:
    return (target, lambda value: value) if isinstance(target, str) else target
