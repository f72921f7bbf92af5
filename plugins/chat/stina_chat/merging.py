"""How rows of another store are merged into this one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stina_core.transfer import Here, Row


def conversation(row: Row, here: Here) -> Row:
    """Return a conversation that is not the active one where this store has one."""
    return {**row, "active": 0} if row["active"] and here.find(active=1) else row
