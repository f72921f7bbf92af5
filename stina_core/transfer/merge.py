"""Merges all rows of a source store into the store: one transaction, which is the caller's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from ..backends.base import BrokenText
from ..catalog import Value
from .fates import Fates
from .lookup import AT_ONCE, Lookup
from .merging import TableMerge, Told
from .report import TableReport
from .rows import Stored, stored
from .selfreference import in_order
from .tables import Member, referenced

if TYPE_CHECKING:
    from ..opening import OpenDatabase

_CIRCLE = "it is in a circle of rows that point to one another, and one of those cannot be added"


class _NotAllError(Exception):
    """One row of a circle could not be added."""


def merge(
    store: OpenDatabase, source: OpenDatabase, those: Sequence[Member], told: Told
) -> list[TableReport]:
    """Add to *store* what is new in *source*. Nothing that was in the store is changed or removed.

    Args:
        told: Told of each row that is not in the store as it is in the source.

    Raises:
        HookError: a plugin's function for merging failed.
        StoreError: the store could not be written.
    """
    fates = Fates(referenced(those))
    return [_TableSource(store, source, member, fates, told).merge() for member in those]


class _TableSource:
    """One table of the source, in an order in which its rows can be added."""

    def __init__(
        self, store: OpenDatabase, source: OpenDatabase, member: Member, fates: Fates, told: Told
    ) -> None:
        self._store = store
        self._source = source
        self._member = member
        self._fates = fates
        self._told = told
        self._work = TableMerge(store.backend, member, fates, told)

    def merge(self) -> TableReport:
        if self._member.own_references:
            self._merge_in_order()
        else:
            for batch in _batched(self._rows()):
                self._work.take(batch)
        return self._work.tally.report(self._member.plugin, self._member.name)

    def _rows(self) -> Iterator[Stored]:
        return stored(self._source.backend.database.connection(), self._member.table)

    def _merge_in_order(self) -> None:
        """Merge a table whose rows point to one another. Its keys are held in memory, and no more."""
        lookup = Lookup(self._source.backend, self._member)
        ordered, circle = in_order(self._pointing())
        for key in ordered:  # one by one: each may point to the one before
            self._work.take(list(lookup.rows([(key,)]).values()))
        if circle:
            self._merge_circle([lookup.rows([(key,)])[(key,)] for key in circle], circle)

    def _pointing(self) -> Iterator[tuple[Value, list[Value]]]:
        place = self._member.columns.index(self._member.key[0])
        others = [self._member.columns.index(column) for column in self._member.own_references]
        for row in self._rows():
            if isinstance(row[place], BrokenText):
                self._work.take([row])  # nothing could find it by that key
            else:
                yield row[place], [row[other] for other in others]

    def _merge_circle(self, rows: Sequence[Stored], keys: Sequence[Value]) -> None:
        """Merge rows of which none can come first: all of them, or those that are not here are left out."""
        noted: list[tuple[Member, Stored, str]] = []
        trial = TableMerge(self._store.backend, self._member, self._fates, lambda *note: noted.append(note))
        try:
            with self._store.transactions.begin():
                self._store.backend.read("PRAGMA defer_foreign_keys = 1")
                trial.take(rows, together=frozenset(keys))
                if trial.tally.reasons or trial.tally.merged:
                    raise _NotAllError
        except _NotAllError:
            self._work.take(rows, refused=_CIRCLE)
        else:
            self._work.tally.add(trial.tally)
            for note in noted:
                self._told(*note)
        finally:
            self._store.backend.read("PRAGMA defer_foreign_keys = 0")


def _batched(rows: Iterable[Stored]) -> Iterator[list[Stored]]:
    left = iter(rows)
    while batch := list(islice(left, AT_ONCE)):
        yield batch
