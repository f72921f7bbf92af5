"""How far an index has followed the change feed, and who is at it: its row in `stina_cursor`.

There is one row for each index, under one of two names. `search:<table>` means
that the index has everything up to the row's cursor. `rebuild:<table>` means that
it does not: somebody is filling it, or was and died, and once every row has been
looked at, it will have everything up to that cursor. No row means that nothing
was done yet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..changes import Cursor

if TYPE_CHECKING:
    from ..backends.base import Row

    Run = Callable[[str, Sequence[object]], list[Row]]


@dataclass(frozen=True, slots=True)
class Position:
    """Where an index stands.

    Attributes:
        whole: Whether it has everything up to *cursor*.
        since: When that was noted, in UTC milliseconds; tells two beginnings at one cursor apart.
    """

    cursor: Cursor
    whole: bool
    since: int


class Positions:
    """Reads and writes the position of the index of *table*; what writes belongs into a transaction.

    Args:
        run: Runs a statement with values on the calling thread's connection and returns its rows.
    """

    def __init__(self, table: str, run: Run) -> None:
        self._run = run
        self._plugin = table.partition("_")[0]
        self._names = (f"search:{table}", f"rebuild:{table}")

    def read(self) -> Position | None:
        """Return where it stands; None if nothing was done yet."""
        rows = self._run(
            "SELECT name, epoch, seq, updated_at FROM stina_cursor WHERE name IN (?, ?)", self._names
        )
        if not rows:
            return None
        name, epoch, seq, at = rows[0]
        return Position(Cursor(epoch, seq), name == self._names[0], at)

    def advance(self, cursor: Cursor, now: int) -> None:
        """Note that the index, which is whole, has everything up to *cursor*."""
        self._run(
            "UPDATE stina_cursor SET epoch = ?, seq = ?, updated_at = ? WHERE name = ?",
            (cursor.epoch, cursor.seq, now, self._names[0]),
        )

    def begin_rebuild(self, cursor: Cursor, now: int) -> Position:
        """Note that the index is not whole, and will have everything up to *cursor* when it is."""
        whole, rebuild = self._names
        if self.read() is None:
            self._run(
                "INSERT INTO stina_cursor (name, plugin, epoch, seq, updated_at) VALUES (?, ?, ?, ?, ?)",
                (rebuild, self._plugin, cursor.epoch, cursor.seq, now),
            )
        else:
            self._run(
                "UPDATE stina_cursor SET name = ?, epoch = ?, seq = ?, updated_at = ? WHERE name IN (?, ?)",
                (rebuild, cursor.epoch, cursor.seq, now, whole, rebuild),
            )
        return Position(cursor, False, now)

    def end_rebuild(self) -> None:
        """Note that every row has been looked at since `begin_rebuild()`."""
        self._run("UPDATE stina_cursor SET name = ? WHERE name = ?", self._names)

    def lease(self, holder: str, now: int, until: int) -> bool:
        """Keep the background work on this index for *holder* up to *until*; False if another one has it."""
        rows = self._run("SELECT holder, lease_until FROM stina_cursor WHERE name IN (?, ?)", self._names)
        for other, end in rows:
            if other not in (None, holder) and end is not None and end > now:
                return False
        self._run(
            "UPDATE stina_cursor SET holder = ?, lease_until = ? WHERE name IN (?, ?)",
            (holder, until, *self._names),
        )
        return True
