"""Merges the rows of one table into the store: adds what is new, and leaves alone what is here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, TypeAlias

from ..backends.base import BrokenText
from ..catalog import Value
from ..errors import ConstraintError, HookError, PluginError, StoreError
from .lookup import Lookup
from .report import Tally
from .rows import Stored, quoted_names
from .tables import Member

if TYPE_CHECKING:
    from ..backends.sqlite.backend import SqliteBackend
    from .fates import Fates

Told: TypeAlias = Callable[[Member, Stored, str], object]
"""Told of each row of the source that is not in the store as it was there, and why."""

DIFFERENT = "another version of this row was here, and stayed"


class TableMerge:
    """One table of one import, inside the caller's transaction.

    Args:
        fates: What became of the tables before this one.
    """

    def __init__(self, backend: SqliteBackend, member: Member, fates: Fates, told: Told) -> None:
        self.tally = Tally()
        self._backend = backend
        self._member = member
        self._fates = fates
        self._told = told
        self._lookup = Lookup(backend, member)
        self._places = {column: place for place, column in enumerate(member.columns)}
        self._compared = [
            place for column, place in self._places.items() if column not in member.ignoring | set(member.key)
        ]
        names = ", ".join(quoted_names(member.columns))
        places = ", ".join("?" * len(member.columns))
        # OR ABORT: a table whose own rules say REPLACE would give up a row that is here.
        self._insert = f'INSERT OR ABORT INTO "{member.name}" ({names}) VALUES ({places})'

    def take(self, rows: Sequence[Stored], together: Collection[Value] = (), refused: str = "") -> None:
        """Merge *rows*.

        Args:
            together: Keys of rows that are added with these, and may be pointed to before they are here.
            refused: Why those that are not here are left out, if they are.
        """
        nowhere = [
            self._lookup.nowhere(
                reference, (self._fates.follow(reference, row[self._places[column]]) for row in rows)
            ).difference(together if reference.table == self._member.name else ())
            for column, reference in self._member.references
        ]
        followed = [self._followed(row, nowhere) for row in rows]
        here = self._lookup.rows([self._lookup.key_of(one) for one, _ in followed])
        for row, (one, reason) in zip(rows, followed, strict=True):
            mine = here.get(self._lookup.key_of(one))
            if mine is not None:
                self._compare(row, one, mine)
            elif refused or reason:
                self._leave_out(row, refused or reason)
            else:
                self._add(row, one)

    def _followed(self, row: Stored, nowhere: Sequence[Collection[Value]]) -> tuple[Stored, str]:
        """Return *row* with the keys that what it points to has here, and why it cannot be added, or nothing."""
        reason = "it has a text that is not UTF-8" if any(isinstance(one, BrokenText) for one in row) else ""
        found = list(row)
        for (column, reference), lost in zip(self._member.references, nowhere, strict=True):
            place = self._places[column]
            found[place] = self._fates.follow(reference, row[place])
            itself = reference.table == self._member.name and row[place] == self._lookup.key_of(row)[0]
            if found[place] in lost and not itself:
                was_left = self._fates.is_left_out(reference, row[place])
                reason = f"the row of {reference.table} it points to {'was left out' if was_left else 'is nowhere'}"
        return tuple(found), reason

    def _add(self, row: Stored, followed: Stored) -> None:
        key = self._lookup.key_of(followed)
        if self._member.using is not None:
            followed = self._answer(followed)
            other = self._lookup.key_of(followed)
            if other != key:
                self._move(key, other)
                return
        try:
            self._backend.execute(self._insert, followed)
        except ConstraintError as error:
            if (
                error.kind == "primary_key"
            ):  # of a row that came before in this import, or in another letter case
                mine = self._lookup.rows([key]).get(key)
                if mine is not None:
                    self._compare(row, followed, mine)
                    return
            self._leave_out(row, _reason(error))
        else:
            self.tally.added += 1

    def _answer(self, row: Stored) -> Stored:
        """Return what the plugin makes of *row*."""
        member = self._member
        assert member.using is not None
        try:
            answer = member.using(dict(zip(member.columns, row, strict=True)), self._lookup)
            if answer.keys() != self._places.keys():
                raise TypeError("it did not return a row with the same columns")
        except (PluginError, StoreError):
            raise
        except (Exception, SystemExit) as error:
            raise HookError(
                member.plugin,
                f"the plugin {member.plugin!r} cannot merge a row of {member.name}: {type(error).__name__}: {error}",
            ) from error
        return tuple(answer[column] for column in member.columns)

    def _move(self, key: tuple[Value, ...], here: tuple[Value, ...]) -> None:
        if here not in self._lookup.rows([here]):
            raise HookError(
                self._member.plugin,
                f"the plugin {self._member.plugin!r} gave a row of {self._member.name} a key that no row here has",
            )
        self._fates.move(self._member.name, key, here)
        self.tally.merged += 1

    def _compare(self, row: Stored, followed: Stored, mine: Stored) -> None:
        if all(_equal(followed[place], mine[place]) for place in self._compared):
            self.tally.same += 1
            return
        self.tally.differs(self._lookup.key_of(mine))
        self._told(self._member, row, DIFFERENT)

    def _leave_out(self, row: Stored, reason: str) -> None:
        key = self._lookup.key_of(row)
        self._fates.leave_out(self._member.name, key)
        self.tally.leave_out(key, reason)
        self._told(self._member, row, reason)


def _equal(one: Value, other: Value) -> bool:
    return type(one) is type(other) and one == other


def _reason(error: ConstraintError) -> str:
    named = f" ({error.constraint})" if error.constraint else ""
    if error.kind in ("unique", "primary_key"):
        return f"another row here has the same {error.constraint or 'key'}"
    return f"it breaks a rule of the table{named}"
