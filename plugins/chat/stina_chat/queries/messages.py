"""Queries of messages."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from stina_core import JsonLike, JsonValue, query, returning, write

from ..kinds import Role
from ..models import Conversation, Interaction, Message
from ..values import MessageValue

if TYPE_CHECKING:
    from peewee import ModelDelete, ModelInsert, ModelSelect


class PlacedMessage(NamedTuple):
    """A message, and where it is."""

    message: MessageValue
    conversation_id: str
    conversation_title: str


def _placed(
    id: str,
    interaction_id: str,
    role: Role,
    content: str,
    provider: str | None,
    aborted: bool,
    debug: bool,
    metadata: JsonValue,
    created_at: datetime,
    conversation_id: str,
    conversation_title: str,
) -> PlacedMessage:
    message = MessageValue(id, interaction_id, role, content, provider, aborted, debug, metadata, created_at)
    return PlacedMessage(message, conversation_id, conversation_title)


@query(MessageValue)
def by_id(id: str) -> ModelSelect[Message]:
    """The message with one id."""
    return Message.select().where(Message.id == id)


@query(_placed)
def among(ids: Collection[str]) -> ModelSelect[Message]:
    """The messages with some ids and where they are, in no order."""
    return (
        Message.select(
            Message.id,
            Message.interaction,
            Message.role,
            Message.content,
            Message.provider,
            Message.aborted,
            Message.debug,
            Message.metadata,
            Message.created_at,
            Interaction.conversation,
            Conversation.title.alias("conversation_title"),
        )
        .join(Interaction)
        .join(Conversation)
        .where(Message.id.in_(ids))
    )


@query(MessageValue)
def of_interactions(ids: Collection[str]) -> ModelSelect[Message]:
    """The messages of some interactions; those of each oldest first."""
    return (
        Message.select()
        .where(Message.interaction.in_(ids))
        .order_by(Message.interaction, Message.created_at, Message.position, Message.id)
    )


@query(MessageValue)
def history(conversation_id: str) -> ModelSelect[Message]:
    """All messages of a conversation, interaction by interaction, oldest first."""
    return (
        Message.select()
        .join(Interaction)
        .where(Interaction.conversation == conversation_id)
        .order_by(
            Interaction.created_at,
            Interaction.position,
            Interaction.id,
            Message.created_at,
            Message.position,
            Message.id,
        )
    )


@query(MessageValue)
def last(conversation_id: str, limit: int) -> ModelSelect[Message]:
    """The last messages of a conversation, newest first."""
    return (
        Message.select()
        .join(Interaction)
        .where(Interaction.conversation == conversation_id)
        .order_by(
            Interaction.created_at.desc(),
            Interaction.position.desc(),
            Interaction.id.desc(),
            Message.created_at.desc(),
            Message.position.desc(),
            Message.id.desc(),
        )
        .limit(limit)
    )


@query(str)
def since(interaction_id: str) -> ModelSelect[Message]:
    """The ids of the messages in interactions from an id on; from "" on all, to be counted without their contents."""
    return Message.select(Message.id).where(Message.interaction >= interaction_id)


@returning(MessageValue)
def add(
    id: str,
    interaction_id: str,
    role: Role,
    content: str,
    provider: str | None,
    aborted: bool,
    debug: bool,
    metadata: JsonLike,
    at: datetime,
) -> ModelInsert:
    """A new message."""
    row = Message.insert(
        id=id,
        interaction=interaction_id,
        role=role,
        content=content,
        provider=provider,
        aborted=aborted,
        debug=debug,
        metadata=metadata,
        created_at=at,
    )
    return row.returning(Message)


@write
def remove(id: str) -> ModelDelete:
    """A message, deleted."""
    return Message.delete().where(Message.id == id)
