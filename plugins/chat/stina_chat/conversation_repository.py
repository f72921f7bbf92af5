"""Reads and writes of conversations."""

from __future__ import annotations

from stina_core import Repository, now

from . import conversations, reading
from .arguments import check_given, check_limit
from .models import Conversation
from .queries import conversations as rows
from .queries import interactions
from .values import ConversationPage, ConversationValue, ExportedConversation

EXPORT_DEADLINE = 600.0
"""Seconds that an export may read one state of the store."""


class ConversationRepository(Repository):
    """The conversations of a store; what is said in them is `ChatRepository`'s.

    Semantics:
        - Everybody is in one conversation, the active one; whoever starts or switches
          to another one does it for all programs.
        - Each write is one transaction, or a part of the one around it; what fails
          leaves nothing. A change that would change nothing is not written.
        - What is not there is NotFoundError, unless the method answers None or False for it.
        - README.md says which changes each method tells, in which order.
    """

    def current(self) -> ConversationValue:
        """Return the conversation everybody is in; without one the last updated that is not archived, or a new one."""
        found = rows.active.find()
        if found is not None:
            return found
        with self.transaction():
            return conversations.current(now())[0]

    def start(self, title: str = "", *, id: str | None = None) -> ConversationValue:
        """Make a conversation, let everybody be in it and return it; blanks around *title* are cut off."""
        title = conversations.title_of(title)
        with self.transaction():
            return conversations.start(title, id, now())

    def switch(self, conversation_id: str) -> ConversationValue:
        """Let everybody be in another conversation, which is taken back from the archive, and return it."""
        with self.transaction():
            return conversations.switch(conversation_id)

    def rename(self, conversation_id: str, title: str) -> ConversationValue:
        """Give a conversation another title and return it; empty makes it untitled."""
        title = conversations.title_of(title)
        with self.transaction():
            found = rows.by_id.get(conversation_id)
            if found.title == title:
                return found
            (changed,) = rows.rename(found.id, title)
            return changed

    def archive(self, conversation_id: str, archived: bool = True) -> ConversationValue:
        """Put a conversation away, or take it back, and return it; nobody is in one that was put away."""
        check_given("chat_conversation.archived", Conversation.archived.db_value(archived))
        with self.transaction():
            found = rows.by_id.get(conversation_id)
            if found.archived == archived:
                return found
            (changed,) = rows.archive(found.id, archived)
            return changed

    def pin(self, conversation_id: str, pinned: bool = True) -> ConversationValue:
        """Let a conversation come first in lists, or not any more, and return it."""
        check_given("chat_conversation.pinned", Conversation.pinned.db_value(pinned))
        with self.transaction():
            found = rows.by_id.get(conversation_id)
            if found.pinned == pinned:
                return found
            (changed,) = rows.pin(found.id, pinned)
            return changed

    def get(self, conversation_id: str) -> ConversationValue:
        """Return one conversation; NotFoundError if there is none with this id."""
        return rows.by_id.get(conversation_id)

    def find(self, conversation_id: str) -> ConversationValue | None:
        """Return one conversation, or None."""
        return rows.by_id.find(conversation_id)

    def page(self, *, archived: bool = False, before: str | None = None, limit: int = 50) -> ConversationPage:
        """Return those that are archived, or those that are not: pinned ones first, then those last updated.

        One that is updated while somebody pages moves to the front.
        """
        check_limit(limit)
        with self.store.snapshot():
            return conversations.page(archived, before, limit)

    def count(self, archived: bool | None = None) -> int:
        """Return how many there are; without *archived* of both kinds."""
        kinds = (False, True) if archived is None else (archived,)
        with self.store.snapshot():
            return sum(rows.of_kind.count(kind) for kind in kinds)

    def export(self, conversation_id: str | None = None) -> list[ExportedConversation]:
        """Return one conversation, or all, with everything in them, oldest first: one state of the store, in memory."""
        with self.store.snapshot(EXPORT_DEADLINE):
            if conversation_id is not None:
                return [reading.exported(rows.by_id.get(conversation_id))]
            return [reading.exported(one) for one in conversations.every()]

    def delete(self, conversation_id: str) -> bool:
        """Delete a conversation with all that is in it; return whether it was there."""
        return bool(rows.remove(conversation_id))

    def clear(self, conversation_id: str) -> int:
        """Delete all that is in a conversation, which stays; return how many interactions there were."""
        with self.transaction():
            return interactions.remove_of(rows.by_id.get(conversation_id).id)

    def clear_all(self) -> ConversationValue:
        """Delete all conversations and return a new one, in which everybody is now."""
        with self.transaction():
            for one in conversations.every():
                rows.remove(one.id)
            return conversations.start("", None, now())
