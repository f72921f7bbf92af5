"""Conversations, the interactions they consist of, and their messages, shared by every program on the store.

Names are resolved at first use, so that the command's `--help` loads no database code.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .context import OpenInteraction
    from .conversation_repository import ConversationRepository
    from .kinds import Role, State
    from .repository import ChatRepository
    from .values import (
        ChatView,
        ConversationPage,
        ConversationValue,
        ExportedConversation,
        ExportedInteraction,
        ExportedMessage,
        InteractionValue,
        MessageHit,
        MessageValue,
        Page,
        WholeInteraction,
    )

_HOMES = {
    "ChatRepository": ".repository",
    "ChatView": ".values",
    "ConversationPage": ".values",
    "ConversationRepository": ".conversation_repository",
    "ConversationValue": ".values",
    "ExportedConversation": ".values",
    "ExportedInteraction": ".values",
    "ExportedMessage": ".values",
    "InteractionValue": ".values",
    "MessageHit": ".values",
    "MessageValue": ".values",
    "OpenInteraction": ".context",
    "Page": ".values",
    "Role": ".kinds",
    "State": ".kinds",
    "WholeInteraction": ".values",
}

__all__ = [
    "ChatRepository",
    "ChatView",
    "ConversationPage",
    "ConversationRepository",
    "ConversationValue",
    "ExportedConversation",
    "ExportedInteraction",
    "ExportedMessage",
    "InteractionValue",
    "MessageHit",
    "MessageValue",
    "OpenInteraction",
    "Page",
    "Role",
    "State",
    "WholeInteraction",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'stina_chat' has no attribute {name!r}")
    value: object = getattr(importlib.import_module(_HOMES[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
