"""What a plugin's own function has to go by when it decides how a row of another store is merged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from ..catalog import Value

Row: TypeAlias = dict[str, Value]
"""One row: stored values by column."""


class Here(Protocol):
    """The rows of the same table in the store that is imported into, those imported before included."""

    def find(self, **columns: Value) -> Row | None:
        """Return the first row, by key, with these stored values; None if there is none."""
        ...


Merge: TypeAlias = Callable[[Row, Here], Row]
"""Gets a row that is not here, and returns it as it is to be added.

One with another key, of a row that is here, says that it is that row: then nothing
is added, and what points to it points to that one instead.
"""
