"""Where a todo goes in the manual order."""

from __future__ import annotations

from stina_core import InvalidValueError, new_id

from . import queries
from .places import between


def place_for(id: str, after: str | None, before: str | None) -> str:
    """Return the place for the todo *id* next to another one, or after all; call it inside the transaction."""
    if (after is not None and before is not None) or id in (after, before):
        raise InvalidValueError("after", "give one other todo that it comes after, or that it comes before")
    if before is not None:
        high = queries.row_by_id.get(before).position
        return between(queries.position_before.find(high) or "", high)
    low = queries.last_position.find() or "" if after is None else queries.row_by_id.get(after).position
    following = queries.position_after.find(low)
    if following is not None:
        return between(low, following)
    fresh = new_id()  # so that what is made later still comes after it
    return fresh if fresh > low else between(low, None)
