"""Which conversation everybody is in, and how that changes. Each function is part of its caller's transaction."""

from __future__ import annotations

from datetime import datetime

from stina_core import InvalidValueError, new_id

from .places import NEWEST, OLDEST, Place, place_in, place_of, token_of
from .queries import conversations as rows
from .values import ConversationPage, ConversationValue

TITLE = "chat_conversation.title"

_CHUNK = 500

_PINNED, _OTHERS = "p", "o"  # kinds of places in a list


def title_of(title: object) -> str:
    """Return *title* without blanks around it; InvalidValueError if it is no text."""
    if not isinstance(title, str):
        raise InvalidValueError(TITLE, f"expected text, got {type(title).__name__}")
    return str.__str__(title).strip()


def start(title: str, id: str | None, at: datetime) -> ConversationValue:
    """Make a conversation and let everybody be in it."""
    rows.leave()
    (made,) = rows.add(new_id() if id is None else id, title, at)
    return made


def current(at: datetime) -> tuple[ConversationValue, bool]:
    """Return the active conversation, and whether it had to be made; choose the last updated one if none is."""
    found = rows.active.find()
    if found is not None:
        return found, False
    newest = [
        one for pinned in (True, False) for one in rows.newest.list(False, pinned, NEWEST.ms, NEWEST.id, 1)
    ]
    if not newest:
        return start("", None, at), True
    (chosen,) = rows.enter(max(newest, key=lambda one: (one.updated_at, one.id)).id)
    return chosen, False


def switch(id: str) -> ConversationValue:
    """Let everybody be in another conversation."""
    found = rows.by_id.get(id)
    if found.active:
        return found
    rows.leave()
    (chosen,) = rows.enter(id)
    return chosen


def page(archived: bool, before: str | None, limit: int) -> ConversationPage:
    """Return conversations of one kind, pinned ones first, those last updated first."""
    kind, place = (_PINNED, NEWEST) if before is None else place_in(before, _PINNED + _OTHERS)
    found: list[ConversationValue] = []
    if kind == _PINNED:
        found = rows.newest.list(archived, True, place.ms, place.id, limit + 1)
        place = NEWEST
    if len(found) <= limit:
        found += rows.newest.list(archived, False, place.ms, place.id, limit + 1 - len(found))
    shown = found[:limit]
    if len(found) <= limit:
        return ConversationPage(tuple(shown), None)
    last = shown[-1]
    token = token_of(place_of(last.updated_at, last.id), _PINNED if last.pinned else _OTHERS)
    return ConversationPage(tuple(shown), token)


def every() -> list[ConversationValue]:
    """Return all conversations in the order in which they were made."""
    found: list[ConversationValue] = []
    place: Place = OLDEST
    while chunk := rows.after.list(place.ms, place.id, _CHUNK):
        found += chunk
        place = place_of(chunk[-1].created_at, chunk[-1].id)
    return found
