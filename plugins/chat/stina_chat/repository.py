"""Reads and writes of what is said in conversations."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, TypedDict, Unpack

from stina_core import JsonLike, Repository, now

from . import appending, reading, searching
from .arguments import check_given, check_limit
from .context import OpenInteraction, entered
from .kinds import Role, State
from .models import Message
from .queries import conversations as conversation_rows
from .queries import interactions as interaction_rows
from .queries import messages as message_rows
from .values import (
    ChatView,
    InteractionValue,
    MessageHit,
    MessageValue,
    Page,
    WholeInteraction,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from stina_core import Observation, Via

MOST_MESSAGES = 100_000
"""Messages that `last_messages()` gives at most; `history()` without a number has no bound."""


class Where(TypedDict, total=False):
    """Where a message is to go, where that is not the present interaction; see `append_message`."""

    conversation_id: str | None
    interaction_id: str | None


class ChatRepository(Repository):
    """Interactions and their messages, shared by every program that has the store open.

    Semantics:
        - Interactions are in the order of their times, equal ones in that of their
          ids; messages likewise within their interaction. Equal times that the
          original app wrote stay in the order in which it wrote them.
        - Each write is one transaction, or a part of the one around it; what fails
          leaves nothing.
        - What is not there is NotFoundError, unless the method answers False for it.
        - README.md says which changes each method tells, in which order.
    """

    # Interactions

    def interaction(
        self, conversation_id: str | None = None, *, provider: str | None = None, model: str | None = None
    ) -> OpenInteraction:
        """Return a new interaction to enter, `with chat.interaction() as interaction:`; see `OpenInteraction`.

        Args:
            conversation_id: Where; the current conversation if None.
        """
        return OpenInteraction(
            self.store,
            lambda: self.begin_interaction(conversation_id, provider=provider, model=model),
            self.end_interaction,
            ends=True,
        )

    def inside(self, interaction_id: str) -> OpenInteraction:
        """Return an interaction that is there already, to enter elsewhere too; leaving does not end it."""
        return OpenInteraction(
            self.store, lambda: self.get_interaction(interaction_id), self.end_interaction, ends=False
        )

    def begin_interaction(
        self, conversation_id: str | None = None, *, provider: str | None = None, model: str | None = None
    ) -> InteractionValue:
        """Make a running interaction, in the current conversation if none is given, without entering it."""
        with self.transaction():
            return appending.begin(conversation_id, State.RUNNING, provider, model, now())

    def end_interaction(self, interaction_id: str, state: State = State.COMPLETE) -> bool:
        """Let a running interaction end in *state*; return whether it was running."""
        check_given("chat_interaction.state", state)
        return bool(interaction_rows.end(interaction_id, state))

    def set_state(self, interaction_id: str, state: State) -> InteractionValue:
        """Put an interaction in any state, whatever it was in, and return it."""
        check_given("chat_interaction.state", state)
        with self.transaction():
            found = interaction_rows.by_id.get(interaction_id)
            if found.state == state:
                return found
            (changed,) = interaction_rows.set_state(interaction_id, state)
            return changed

    def get_interaction(self, interaction_id: str) -> InteractionValue:
        """Return one interaction; NotFoundError if there is none with this id."""
        return interaction_rows.by_id.get(interaction_id)

    def read_interaction(self, interaction_id: str) -> WholeInteraction:
        """Return one interaction with its messages."""
        with self.store.snapshot():
            (found,) = reading.whole([interaction_rows.by_id.get(interaction_id)])
        return found

    def count_interactions(self, conversation_id: str | None = None) -> int:
        """Return how many there are, in one conversation or in all."""
        if conversation_id is None:
            return interaction_rows.since.count("")
        return interaction_rows.of.count(conversation_id)

    def delete_interaction(self, interaction_id: str) -> bool:
        """Delete an interaction with its messages; return whether it was there."""
        return bool(interaction_rows.remove(interaction_id))

    # Messages

    def append_message(
        self,
        role: Role | str,
        content: str,
        *,
        conversation_id: str | None = None,
        interaction_id: str | None = None,
        id: str | None = None,
        provider: str | None = None,
        aborted: bool = False,
        debug: bool = False,
        metadata: JsonLike = None,
        created_at: datetime | None = None,
    ) -> MessageValue:
        """Append a message, exactly as it is given, and return it; the conversation's `updated_at` moves on.

        It goes into *interaction_id*; else into the interaction this code is inside of,
        unless that is in another conversation than *conversation_id*; else into a new
        complete one, in *conversation_id* or in the current conversation.

        Args:
            aborted: Whether it was cut off; that aborts its interaction.
            created_at: When it was said, which is also the time of a new interaction; now if None.
        """
        at = now() if created_at is None else appending.check_time(created_at)
        draft = appending.Draft(role, content, id, provider, aborted, debug, metadata)
        inside = entered(self.store)
        with self.transaction():
            return appending.append(draft, conversation_id, interaction_id, inside, at)

    def append_info(self, text: str, **where: Unpack[Where]) -> MessageValue:
        """Append a note for people."""
        return self.append_message(Role.INFO, text, **where)

    def append_instruction(self, text: str, **where: Unpack[Where]) -> MessageValue:
        """Append what the assistant is told by the program, not by a person."""
        return self.append_message(Role.INSTRUCTIONS, text, **where)

    def append_tool(self, text: str, *, metadata: JsonLike = None, **where: Unpack[Where]) -> MessageValue:
        """Append what a tool did."""
        return self.append_message(Role.TOOL, text, metadata=metadata, **where)

    def append_error(self, text: str, **where: Unpack[Where]) -> MessageValue:
        """Append what went wrong; the state of the interaction stays as it is."""
        return self.append_message(Role.ERROR, text, **where)

    def append_automation(self, tool: str | None, text: str, **where: Unpack[Where]) -> MessageValue:
        """Append a note that something, perhaps *tool*, did by itself; blanks are cut off, a blank *text* refused."""
        return self.append_message(Role.INFO, appending.automation(tool, text), **where)

    def get_message(self, message_id: str) -> MessageValue:
        """Return one message; NotFoundError if there is none with this id."""
        return message_rows.by_id.get(message_id)

    def count_messages(self, conversation_id: str | None = None) -> int:
        """Return how many there are, in one conversation or in all; of all it walks an index."""
        if conversation_id is None:
            return message_rows.since.count("")
        return message_rows.history.count(conversation_id)

    def delete_message(self, message_id: str) -> bool:
        """Delete a message, also the last of its interaction, which stays; return whether it was there."""
        return bool(message_rows.remove(message_id))

    # Reading

    def page(self, conversation_id: str, *, before: str | None = None, limit: int = 30) -> Page:
        """Return the newest interactions of a conversation with their messages, or those *before* a page.

        Pages put together are the whole list, each interaction once, whatever is
        appended meanwhile. NotFoundError if there is no such conversation.
        """
        check_limit(limit)
        with self.store.snapshot():
            found = reading.page_in(conversation_id, before, limit)
            if not found.interactions:
                conversation_rows.by_id.get(conversation_id)
            return found

    def page_all(self, *, before: str | None = None, limit: int = 30) -> Page:
        """Return the same of all conversations, in the order of time."""
        check_limit(limit)
        with self.store.snapshot():
            return reading.page_of_all(before, limit)

    def history(self, conversation_id: str, last: int | None = None) -> list[MessageValue]:
        """Return the messages of a conversation, oldest first; only the *last* ones if that is given.

        NotFoundError if there is no such conversation.
        """
        if last is not None:
            return self.last_messages(conversation_id, last)
        found = message_rows.history.list(conversation_id)
        return found if found or conversation_rows.by_id.get(conversation_id) else []

    def last_messages(self, conversation_id: str, limit: int = 50) -> list[MessageValue]:
        """Return the last *limit* messages of a conversation, oldest first; it costs the same however long that is."""
        check_limit(limit, most=MOST_MESSAGES)
        found = message_rows.last.list(conversation_id, limit)
        return found[::-1] if found or conversation_rows.by_id.get(conversation_id) else []

    def view(self, limit: int = 30) -> ChatView:
        """Return what a client draws: the active conversation, if there is one, and its newest page. Writes nothing."""
        check_limit(limit)
        with self.store.snapshot():
            found = conversation_rows.active.find()
            page = Page((), None) if found is None else reading.page_in(found.id, None, limit)
            return ChatView(found, page)

    def observe(
        self, on_value: Callable[[ChatView], object], *, limit: int = 30, via: Via | None = None
    ) -> Observation[ChatView]:
        """Call *on_value* with `view()`: at once, and whenever any program made it another one.

        The promises and *via* are those of `Store.observe()`; it ends by `close()` or with its with-block.
        """
        check_limit(limit)
        return self.store.observe(lambda: self.view(limit), on_value, via=via)

    def search(self, text: str, *, limit: int = 20, before: int | None = None) -> list[MessageHit]:
        """Return the messages that answer *text*, those last that were first indexed; *before* is a hit's place."""
        return searching.newest(
            self.full_text(Message),
            searching.check_text(text),
            check_limit(limit),
            searching.check_place(before),
        )

    def ranked(self, text: str, *, limit: int = 20) -> list[MessageHit]:
        """Return the messages that answer *text* best, of the newest 2,000 that answer it."""
        index = self.full_text(Message)
        return searching.messages_of(index.ranked(searching.check_text(text), check_limit(limit)))
