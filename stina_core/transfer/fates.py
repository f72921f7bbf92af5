"""What became of the rows that others point to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

from ..catalog import Reference, Value


class Fates:
    """Which rows of the source are other rows here, and which are not here at all.

    Holds nothing of the rows that are here under their own key, which nearly all are.

    Args:
        referenced: The tables that others point to; nothing is held of the rest.
    """

    def __init__(self, referenced: Collection[str]) -> None:
        self._referenced = referenced
        self._moved: Mapping[str, dict[Value, Value]] = defaultdict(dict)
        self._left: Mapping[str, set[Value]] = defaultdict(set)

    def move(self, table: str, key: tuple[Value, ...], here: tuple[Value, ...]) -> None:
        """Note that the row with *key* is the row *here*."""
        if table in self._referenced:
            self._moved[table][key[0]] = here[0]

    def leave_out(self, table: str, key: tuple[Value, ...]) -> None:
        """Note that the row with *key* is not here."""
        if table in self._referenced:
            self._left[table].add(key[0])

    def is_left_out(self, reference: Reference, value: Value) -> bool:
        """Whether the row that *value* points to was left out."""
        return value in self._left[reference.table]

    def follow(self, reference: Reference, value: Value) -> Value:
        """Return the key that the row *value* points to has here."""
        return self._moved[reference.table].get(value, value)
