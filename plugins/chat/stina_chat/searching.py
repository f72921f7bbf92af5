"""From rows of the full-text index to messages, and where they are."""

from __future__ import annotations

from collections.abc import Sequence

from stina_core import FullTextIndex, Hit, InvalidValueError

from .queries import messages
from .values import MessageHit

_INTEGERS = range(-(1 << 63), 1 << 63)


def check_text(text: object) -> str:
    """Return what is searched for; InvalidValueError if it is no text."""
    if not isinstance(text, str):
        raise InvalidValueError("text", f"expected text, got {type(text).__name__}")
    return text


def check_place(before: object) -> int | None:
    """Return the place of a hit; InvalidValueError if it is none."""
    if before is None:
        return None
    if not isinstance(before, int) or isinstance(before, bool) or before not in _INTEGERS:
        raise InvalidValueError("before", "expected the place of a hit")
    return before


def newest(index: FullTextIndex, text: str, limit: int, before: int | None) -> list[MessageHit]:
    """Return the *limit* newest messages that answer *text*."""
    found: list[MessageHit] = []
    while len(found) < limit:
        wanted = limit - len(found)
        hits = index.newest(text, wanted, before)
        found += messages_of(hits)
        if len(hits) < wanted:
            break
        before = hits[-1].place  # a message was deleted just now: others take its place
    return found


def messages_of(hits: Sequence[Hit]) -> list[MessageHit]:
    """Return the messages of *hits*, in their order; those that were deleted meanwhile are left out."""
    ids = [hit.key for hit in hits if isinstance(hit.key, str)]
    if not ids:
        return []
    there = {one.message.id: one for one in messages.among.list(ids)}
    return [
        MessageHit(*there[hit.key], hit.snippet, hit.place)
        for hit in hits
        if isinstance(hit.key, str) and hit.key in there
    ]
