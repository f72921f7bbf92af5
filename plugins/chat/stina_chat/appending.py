"""Where a message goes, and how it gets there. Each function is part of its caller's transaction."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from stina_core import InvalidValueError, JsonLike, NotFoundError, new_id

from . import conversations
from .kinds import Role, State
from .models import Message
from .queries import conversations as conversation_rows
from .queries import interactions, messages
from .values import InteractionValue, MessageValue


class Draft(NamedTuple):
    """A message that is to be appended; see `ChatRepository.append_message`."""

    role: Role | str
    content: str
    id: str | None = None
    provider: str | None = None
    aborted: bool = False
    debug: bool = False
    metadata: JsonLike = None


def begin(
    conversation_id: str | None, state: State, provider: str | None, model: str | None, at: datetime
) -> InteractionValue:
    """Make an interaction in a conversation, or in the current one."""
    if conversation_id is None:
        conversation, is_new = conversations.current(at)
        conversation_id = conversation.id
        if not is_new:
            conversation_rows.touch(conversation_id, at)
    elif not conversation_rows.touch(conversation_id, at):
        raise NotFoundError("chat_conversation", conversation_id)
    (made,) = interactions.add(new_id(), conversation_id, state, provider, model, at)
    return made


def append(
    draft: Draft, conversation_id: str | None, interaction_id: str | None, inside: str | None, at: datetime
) -> MessageValue:
    """Append *draft* where it is to go.

    Args:
        interaction_id: The interaction it was given to.
        inside: The interaction that the caller is inside of.
    """
    for name in ("role", "content", "aborted", "debug"):
        if getattr(draft, name) is None:
            raise InvalidValueError(f"chat_message.{name}", "expected a value, got None")
    if interaction_id is None and inside is not None and _is_in(inside, conversation_id):
        interaction_id = inside
    if interaction_id is None:
        state = State.ABORTED if draft.aborted else State.COMPLETE
        interaction_id = begin(conversation_id, state, None, None, at).id
    else:
        if not conversation_rows.touch_around(interaction_id, at):
            raise NotFoundError("chat_interaction", interaction_id)
        if draft.aborted:
            interactions.abort(interaction_id)
    (message,) = messages.add(
        new_id() if draft.id is None else draft.id,
        interaction_id,
        draft.role,  # type: ignore[arg-type]  # its text will do
        draft.content,
        draft.provider,
        draft.aborted,
        draft.debug,
        draft.metadata,
        at,
    )
    return message


def _is_in(interaction_id: str, conversation_id: str | None) -> bool:
    """Whether an interaction is in a conversation; None stands for any."""
    if conversation_id is None:
        return True
    found = interactions.by_id.find(interaction_id)
    return found is not None and found.conversation_id == conversation_id


def check_time(at: datetime) -> datetime:
    """Return *at* as it is stored; InvalidValueError if it cannot be."""
    stored: datetime = Message.created_at.python_value(Message.created_at.db_value(at))
    return stored


def automation(tool: str | None, text: str) -> str:
    """Return what is said of something that happened by itself.

    Raises:
        InvalidValueError: *text* is blank, or one of both is no text.
    """
    for name, value in (("tool", tool), ("text", text)):
        if not isinstance(value, str) and (name, value) != ("tool", None):
            raise InvalidValueError(name, f"expected text, got {type(value).__name__}")
    said, by = text.strip(), (tool or "").strip()
    if not said:
        raise InvalidValueError("text", "there is no text; say what happened")
    return f"Automation ({by}): {said}" if by else f"Automation: {said}"
