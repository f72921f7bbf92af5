"""Full-text search: the hits of the index, with the memories they are, expired ones left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stina_core import InvalidValueError, check_text

from .queries import by_ids
from .values import FoundMemory

if TYPE_CHECKING:
    from datetime import datetime

    from stina_core import FullTextIndex, Hit


def newest(
    index: FullTextIndex, text: str, limit: int, before: int | None, at: datetime | None
) -> list[FoundMemory]:
    """Return at most *limit* hits that count at the moment *at*, those last that were first indexed."""
    asked = _text(text)
    found: list[FoundMemory] = []
    while len(found) < limit:
        hits = index.newest(asked, limit, before)
        found += _living(hits, at)
        if len(hits) < limit:
            break
        before = hits[-1].place
    return found[:limit]


def ranked(index: FullTextIndex, text: str, limit: int, at: datetime | None) -> list[FoundMemory]:
    """Return at most *limit* hits that count at the moment *at*, best first."""
    asked = _text(text)
    wanted = limit
    while True:
        hits = index.ranked(asked, wanted)
        found = _living(hits, at)
        if len(found) >= limit or len(hits) < wanted:
            return found[:limit]
        wanted *= 4  # until the index has no more, which it says by giving fewer


def _living(hits: list[Hit], at: datetime | None) -> list[FoundMemory]:
    keys = [hit.key for hit in hits if isinstance(hit.key, str)]
    memories = {memory.id: memory for memory in by_ids.list(keys)}  # one may have been deleted meanwhile
    found = [
        FoundMemory(memories[hit.key], hit.snippet, hit.place)
        for hit in hits
        if isinstance(hit.key, str) and hit.key in memories
    ]
    return [one for one in found if at is None or not one.memory.is_expired(at)]


def _text(text: object) -> str:
    if not isinstance(text, str):
        raise InvalidValueError("text", f"expected text, got {type(text).__name__}")
    return check_text(str.__str__(text), "text")
