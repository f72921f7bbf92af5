"""Interactions with their messages: pages, one for one, and everything for an export."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .places import NEWEST, Place, place_in, place_of, token_of
from .queries import interactions, messages
from .values import (
    ConversationValue,
    ExportedConversation,
    ExportedInteraction,
    ExportedMessage,
    InteractionValue,
    MessageValue,
    Page,
    WholeInteraction,
)

_CHUNK = 500  # interactions whose messages are read at once


def page_in(conversation_id: str, before: str | None, limit: int) -> Page:
    """Return the newest interactions of a conversation before a place: two queries."""
    return _page(interactions.newest_in.list(conversation_id, *_place(before), limit + 1), limit)


def page_of_all(before: str | None, limit: int) -> Page:
    """Return the newest interactions of all conversations before a place: two queries."""
    return _page(interactions.newest.list(*_place(before), limit + 1), limit)


def _place(before: str | None) -> Place:
    return NEWEST if before is None else place_in(before)[1]


def _page(found: list[InteractionValue], limit: int) -> Page:
    """Make a page of what was *found*, newest first, one more than *limit* where there are older ones."""
    shown = found[:limit]
    token = None
    if len(found) > limit:
        token = token_of(place_of(shown[-1].created_at, shown[-1].id, shown[-1].position))
    return Page(tuple(whole(shown[::-1])), token)


def whole(them: Sequence[InteractionValue]) -> list[WholeInteraction]:
    """Return interactions, in their order, with their messages: one query."""
    if not them:
        return []
    grouped: dict[str, list[MessageValue]] = {one.id: [] for one in them}
    for message in messages.of_interactions.list(list(grouped)):
        grouped[message.interaction_id].append(message)
    return [WholeInteraction(one, tuple(grouped[one.id])) for one in them]


def exported(conversation: ConversationValue) -> ExportedConversation:
    """Return a conversation with all that is in it."""
    found = interactions.of.list(conversation.id)
    chunks = (whole(found[start : start + _CHUNK]) for start in range(0, len(found), _CHUNK))
    return nested(conversation, (one for chunk in chunks for one in chunk))


def nested(conversation: ConversationValue, them: Iterable[WholeInteraction]) -> ExportedConversation:
    """Return *conversation* with interactions inside, as commands print it."""
    return ExportedConversation(
        conversation.id,
        conversation.title,
        conversation.active,
        conversation.archived,
        conversation.pinned,
        conversation.created_at,
        conversation.updated_at,
        tuple(map(_interaction, them)),
    )


def _interaction(one: WholeInteraction) -> ExportedInteraction:
    facts = one.interaction
    return ExportedInteraction(
        facts.id, facts.state, facts.aborted, facts.created_at, tuple(map(exported_message, one.messages))
    )


def exported_message(one: MessageValue) -> ExportedMessage:
    """Return a message as commands print it."""
    return ExportedMessage(
        one.id,
        one.role,
        one.content,
        one.provider,
        one.aborted,
        one.debug,
        one.metadata,
        one.created_at,
    )
