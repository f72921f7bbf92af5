"""What leaves the plugin: plain values, no database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from stina_core import JsonValue, Snippet

from .kinds import Role, State


@dataclass(frozen=True, slots=True)
class ConversationValue:
    """One conversation, without what was said in it.

    Attributes:
        title: Empty for an untitled one.
        active: Whether it is the one that everybody is in who has the file open.
        updated_at: When something was last said or begun in it; a new title does not count.
    """

    id: str
    title: str
    active: bool
    archived: bool
    pinned: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class InteractionValue:
    """One turn of a conversation: what somebody said, and all that came of it.

    Attributes:
        position: Where it stands among those of the same time, before its id is asked; not 0 only where
            the original app wrote it.
    """

    id: str
    conversation_id: str
    state: State
    provider: str | None
    model: str | None
    created_at: datetime
    position: int = 0

    @property
    def aborted(self) -> bool:
        """Whether somebody stopped it."""
        return self.state is State.ABORTED


@dataclass(frozen=True, slots=True)
class MessageValue:
    """One message.

    Attributes:
        provider: Who made it, where that is not the provider of its interaction.
        aborted: Whether it was cut off; its interaction is aborted then, too, unless it was begun again.
        debug: Whether it is shown only to those who look for faults.
        metadata: A copy of what is stored; None for none.
    """

    id: str
    interaction_id: str
    role: Role
    content: str
    provider: str | None
    aborted: bool
    debug: bool
    metadata: JsonValue
    created_at: datetime


@dataclass(frozen=True, slots=True)
class WholeInteraction:
    """An interaction with its messages, oldest first."""

    interaction: InteractionValue
    messages: tuple[MessageValue, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """Interactions that follow one another, oldest first.

    Attributes:
        before: What gives the page of the older ones, as `page(..., before=page.before)`; None where none is left.
    """

    interactions: tuple[WholeInteraction, ...]
    before: str | None


@dataclass(frozen=True, slots=True)
class ConversationPage:
    """Conversations, pinned ones first, of each kind those last updated.

    Attributes:
        before: What gives the next page; None where there is none.
    """

    conversations: tuple[ConversationValue, ...]
    before: str | None


@dataclass(frozen=True, slots=True)
class ChatView:
    """What a client draws: the conversation everybody is in, and its newest page.

    Attributes:
        conversation: None where none is active; `current()` then makes or chooses one.
    """

    conversation: ConversationValue | None
    page: Page


@dataclass(frozen=True, slots=True)
class MessageHit:
    """One message that was found.

    Attributes:
        snippet: Where the words are in it.
        place: `search(text, before=hit.place)` goes on after it.
    """

    message: MessageValue
    conversation_id: str
    conversation_title: str
    snippet: Snippet
    place: int


@dataclass(frozen=True, slots=True)
class ExportedMessage:
    """A message as `stina chats export --json` prints it."""

    id: str
    role: Role
    content: str
    provider: str | None
    aborted: bool
    debug: bool
    metadata: JsonValue
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ExportedInteraction:
    """An interaction as `stina chats export --json` prints it."""

    id: str
    state: State
    aborted: bool
    created_at: datetime
    messages: tuple[ExportedMessage, ...]


@dataclass(frozen=True, slots=True)
class ExportedConversation:
    """A conversation as `stina chats export --json` prints it, everything oldest first."""

    id: str
    title: str
    active: bool
    archived: bool
    pinned: bool
    created_at: datetime
    updated_at: datetime
    interactions: tuple[ExportedInteraction, ...]
