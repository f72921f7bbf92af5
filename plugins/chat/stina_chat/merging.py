"""How rows of another store are merged into this one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stina_core import Here, Value


def conversation(row: dict[str, Value], here: Here) -> dict[str, Value]:
    """Return a conversation that is not the active one where this store has one."""
    return {**row, "active": 0} if row["active"] and here.find(active=1) else row
