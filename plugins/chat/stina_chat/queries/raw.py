"""Rows as their bytes are, for those who look for what cannot be read; from an id on, in the order of ids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from peewee import AsIs

from stina_core import query

from ..models import Conversation, Interaction, Message

if TYPE_CHECKING:
    from peewee import Cast, ModelSelect


@dataclass(frozen=True, slots=True)
class RawConversation:
    """A conversation."""

    id: bytes
    title: bytes
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class RawInteraction:
    """An interaction."""

    id: bytes
    provider: bytes | None
    model: bytes | None
    state: bytes
    created_at: int


@dataclass(frozen=True, slots=True)
class RawMessage:
    """A message."""

    id: bytes
    content: bytes
    provider: bytes | None
    role: bytes
    metadata: bytes | None
    created_at: int


def _text(id: bytes) -> Cast:
    return AsIs(id, False).cast("TEXT")


@query(RawConversation)
def conversations(first: bytes, limit: int) -> ModelSelect[Conversation]:
    """Conversations."""
    return (
        Conversation.select(
            Conversation.id.cast("BLOB").alias("id"),
            Conversation.title.cast("BLOB").alias("title"),
            Conversation.created_at.cast("INTEGER").alias("created_at"),
            Conversation.updated_at.cast("INTEGER").alias("updated_at"),
        )
        .where(Conversation.id >= _text(first))
        .order_by(Conversation.id)
        .limit(limit)
    )


@query(RawInteraction)
def interactions(first: bytes, limit: int) -> ModelSelect[Interaction]:
    """Interactions."""
    return (
        Interaction.select(
            Interaction.id.cast("BLOB").alias("id"),
            Interaction.provider.cast("BLOB").alias("provider"),
            Interaction.model.cast("BLOB").alias("model"),
            Interaction.state.cast("BLOB").alias("state"),
            Interaction.created_at.cast("INTEGER").alias("created_at"),
        )
        .where(Interaction.id >= _text(first))
        .order_by(Interaction.id)
        .limit(limit)
    )


@query(RawMessage)
def messages(first: bytes, limit: int) -> ModelSelect[Message]:
    """Messages."""
    return (
        Message.select(
            Message.id.cast("BLOB").alias("id"),
            Message.content.cast("BLOB").alias("content"),
            Message.provider.cast("BLOB").alias("provider"),
            Message.role.cast("BLOB").alias("role"),
            Message.metadata.cast("BLOB").alias("metadata"),
            Message.created_at.cast("INTEGER").alias("created_at"),
        )
        .where(Message.id >= _text(first))
        .order_by(Message.id)
        .limit(limit)
    )
