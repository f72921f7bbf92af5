"""Queries of conversations."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from peewee import AsIs, Tuple, fn

from stina_core import query, returning, write

from ..models import Conversation, Interaction
from ..values import ConversationValue

if TYPE_CHECKING:
    from peewee import Expression, ModelDelete, ModelInsert, ModelSelect, ModelUpdate


def _is_active() -> Expression:
    """The first half lets SQLite use the partial index, the second makes it look up there instead of reading it."""
    return Conversation.active & (Conversation.active == AsIs(True))


@query(ConversationValue)
def by_id(id: str) -> ModelSelect[Conversation]:
    """The conversation with one id."""
    return Conversation.select().where(Conversation.id == id)


@query(ConversationValue)
def active() -> ModelSelect[Conversation]:
    """The conversation everybody is in, if there is one."""
    return Conversation.select().where(_is_active())


@query(ConversationValue)
def newest(archived: bool, pinned: bool, ms: int, id: str, limit: int) -> ModelSelect[Conversation]:
    """Those of one kind that were last updated before a place, newest first."""
    place = Tuple(Conversation.updated_at, Conversation.id)
    return (
        Conversation.select()
        .where(
            Conversation.archived == archived,
            Conversation.pinned == pinned,
            place < Tuple(AsIs(ms, False), AsIs(id, False)),
        )
        .order_by(Conversation.updated_at.desc(), Conversation.id.desc())
        .limit(limit)
    )


@query(str)
def of_kind(archived: bool) -> ModelSelect[Conversation]:
    """The ids of all of one kind, to be counted."""
    return Conversation.select(Conversation.id).where(Conversation.archived == archived)


@query(ConversationValue)
def after(ms: int, id: str, limit: int) -> ModelSelect[Conversation]:
    """Those that were made after a place, oldest first."""
    place = Tuple(Conversation.created_at, Conversation.id)
    return (
        Conversation.select()
        .where(place > Tuple(AsIs(ms, False), AsIs(id, False)))
        .order_by(Conversation.created_at, Conversation.id)
        .limit(limit)
    )


@returning(ConversationValue)
def add(id: str, title: str, at: datetime) -> ModelInsert:
    """A new active conversation; no other may be active."""
    row = Conversation.insert(id=id, title=title, created_at=at, updated_at=at, active=True)
    return row.returning(Conversation)


@write
def put(
    id: str, title: str, archived: bool, pinned: bool, created_at: datetime, updated_at: datetime
) -> ModelInsert:
    """A conversation as it is given, not active; for example data."""
    return Conversation.insert(
        id=id,
        title=title,
        archived=archived,
        pinned=pinned,
        created_at=created_at,
        updated_at=updated_at,
    )


@write
def leave() -> ModelUpdate:
    """The active conversation, not active any more."""
    return Conversation.update(active=False).where(_is_active())


@returning(ConversationValue)
def enter(id: str) -> ModelUpdate:
    """A conversation, active and not archived from now on; no other may be active."""
    return (
        Conversation.update(active=True, archived=False).where(Conversation.id == id).returning(Conversation)
    )


@returning(ConversationValue)
def rename(id: str, title: str) -> ModelUpdate:
    """A conversation with a new title."""
    return Conversation.update(title=title).where(Conversation.id == id).returning(Conversation)


@returning(ConversationValue)
def archive(id: str, archived: bool) -> ModelUpdate:
    """A conversation put away, or taken back; it is active neither way."""
    return (
        Conversation.update(archived=archived, active=False)
        .where(Conversation.id == id)
        .returning(Conversation)
    )


@returning(ConversationValue)
def pin(id: str, pinned: bool) -> ModelUpdate:
    """A conversation that comes first in lists, or does not any more."""
    return Conversation.update(pinned=pinned).where(Conversation.id == id).returning(Conversation)


@write
def touch(id: str, at: datetime) -> ModelUpdate:
    """A conversation in which something happened; its time never goes back."""
    later = fn.MAX(Conversation.updated_at, AsIs(at, Conversation.updated_at.db_value))
    return Conversation.update(updated_at=later).where(Conversation.id == id)


@write
def touch_around(interaction_id: str, at: datetime) -> ModelUpdate:
    """The same, of the conversation that an interaction is in."""
    around = Interaction.select(Interaction.conversation).where(Interaction.id == interaction_id)
    later = fn.MAX(Conversation.updated_at, AsIs(at, Conversation.updated_at.db_value))
    return Conversation.update(updated_at=later).where(Conversation.id == around)


@write
def remove(id: str) -> ModelDelete:
    """A conversation, deleted with all that is in it."""
    return Conversation.delete().where(Conversation.id == id)
