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
    schema.adopts(
        "chat_conversations",
        "chat_interactions",
        "chat_interaction_messages",
        "interactions",
        "interaction_messages",
        "chat_messages",
    )
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
