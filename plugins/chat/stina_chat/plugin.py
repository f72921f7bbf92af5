"""The hooks of the plugin `chat`."""

from __future__ import annotations

from collections.abc import Iterable

from stina_core import Finding, Migrations, Schema, Store, hookimpl

from . import migrations as steps
from .models import Conversation, Interaction, Message


@hookimpl
def register_schema(schema: Schema) -> None:
    schema.add(Conversation, repository="stina_chat.conversation_repository:ConversationRepository")
    schema.add(Interaction, Message, repository="stina_chat.repository:ChatRepository")
    schema.adopts("chat_conversations", "id", "title", "createdAt", "updatedAt")
    schema.adopts("chat_interactions", "id", "conversationId", "createdAt")
    schema.adopts("chat_interaction_messages", "id", "interactionId", "role", "content", "ts")
    schema.adopts("interactions", "id", "conversation_id", "ts")
    schema.adopts("interactions", "id", "conversationId", "createdAt")
    schema.adopts("interaction_messages", "id", "interaction_id", "role", "content", "ts")
    schema.adopts("interaction_messages", "id", "interactionId", "role", "content", "ts")
    schema.adopts("chat_messages", "id", "role", "content", "ts")
    schema.merges(Conversation, using="stina_chat.merging:conversation", ignoring=("active",))


@hookimpl
def migrate(migrations: Migrations) -> None:
    migrations.step("0001_initial")(steps.initial)
    migrations.step("0002_adopt")(steps.adopt)


@hookimpl
def seed(store: Store, size: int, seed: int) -> None:
    from . import testing

    testing.seed(store, size, seed)


@hookimpl
def check(store: Store) -> Iterable[Finding]:
    from .checks import findings

    return findings(store)
