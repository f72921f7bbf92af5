"""Finding rows of one table in the store that is imported into."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from ..catalog import Reference, Value
from .rows import RowSql, Stored, quoted_names

if TYPE_CHECKING:
    from ..backends.sqlite.backend import SqliteBackend
    from .tables import Member

T = TypeVar("T")

AT_ONCE = 200
"""Keys that are looked up by one statement."""


class Lookup:
    """Reads rows of *member*, in whatever transaction the caller has; a plugin's function knows it as `Here`."""

    def __init__(self, backend: SqliteBackend, member: Member) -> None:
        self._backend = backend
        self._member = member
        self._sql = RowSql(backend.database.connection(), member.table)
        self._select = f'SELECT {self._sql.columns} FROM "{member.name}"'
        self._key = ", ".join(quoted_names(member.key))
        self._places = [member.columns.index(column) for column in member.key]
        self._one = f"({', '.join('?' * len(self._places))})"

    def key_of(self, row: Sequence[Value]) -> tuple[Value, ...]:
        """Return the key of *row*."""
        return tuple(row[place] for place in self._places)

    def rows(self, keys: Sequence[tuple[Value, ...]]) -> dict[tuple[Value, ...], Stored]:
        """Return those rows that have one of *keys*."""
        found: dict[tuple[Value, ...], Stored] = {}
        for some in _parts(keys):
            places = ", ".join([self._one] * len(some))
            values = [value for key in some for value in key]
            read = self._backend.execute(f"{self._select} WHERE ({self._key}) IN (VALUES {places})", values)
            found |= {self.key_of(row): row for row in map(self._sql.row, read)}
        return found

    def find(self, **columns: Value) -> dict[str, Value] | None:
        """Return the first row, by key, with these stored values; None if there is none."""
        where = " AND ".join(f"{name} IS ?" for name in quoted_names(list(columns))) or "1"
        found = self._backend.execute(
            f"{self._select} WHERE {where} ORDER BY {self._key} LIMIT 1", list(columns.values())
        )
        return dict(zip(self._member.columns, self._sql.row(found[0]), strict=True)) if found else None

    def nowhere(self, reference: Reference, keys: Iterable[Value]) -> set[Value]:
        """Return those of *keys* that no row of the table that *reference* points to has."""
        lost: set[Value] = {key for key in keys if key is not None}
        for some in _parts(list(lost)):
            found = self._backend.execute(
                f'SELECT "{reference.column}" FROM "{reference.table}" '
                f'WHERE "{reference.column}" IN ({", ".join("?" * len(some))})',
                some,
            )
            lost.difference_update(row[0] for row in found)
        return lost


def _parts(keys: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(keys), AT_ONCE):
        yield keys[start : start + AT_ONCE]
