"""Checked by mypy; running it shows that the same lines work."""

from __future__ import annotations

from datetime import datetime
from typing import assert_type

from stina_chat import (
    ChatRepository,
    ChatView,
    ConversationPage,
    ConversationRepository,
    ConversationValue,
    ExportedConversation,
    InteractionValue,
    MessageHit,
    MessageValue,
    OpenInteraction,
    Page,
    Role,
    State,
    WholeInteraction,
)
from stina_core import JsonValue, Observation, Store


def test_the_repositories_and_what_they_return_have_exact_types(store: Store) -> None:
    them = assert_type(store[ConversationRepository], ConversationRepository)
    one = assert_type(them.current(), ConversationValue)
    assert_type(them.start("x", id="a"), ConversationValue)
    assert_type(them.switch(one.id), ConversationValue)
    assert_type(them.rename(one.id, "y"), ConversationValue)
    assert_type(them.find("x"), ConversationValue | None)
    assert_type(them.page(), ConversationPage)
    assert_type(them.page().conversations, tuple[ConversationValue, ...])
    assert_type(them.count(), int)
    assert_type(them.export(), list[ExportedConversation])
    assert_type(one.updated_at, datetime)

    chat = assert_type(store[ChatRepository], ChatRepository)
    with chat.interaction(one.id, provider="p", model=None) as interaction:
        assert_type(interaction, OpenInteraction)
        message = assert_type(chat.append_message(Role.USER, "hi"), MessageValue)
        assert_type(chat.append_message("tool", "hi", metadata={"a": [1]}).metadata, JsonValue)
        assert_type(chat.append_info("x", conversation_id=one.id), MessageValue)
        assert_type(interaction.value, InteractionValue)
    assert_type(message.role, Role)
    assert_type(chat.get_interaction(message.interaction_id).state, State)
    page = assert_type(chat.page(one.id), Page)
    assert_type(page.interactions, tuple[WholeInteraction, ...])
    assert_type(page.before, str | None)
    assert_type(chat.history(one.id, 5), list[MessageValue])
    assert_type(chat.search("hi"), list[MessageHit])
    assert_type(chat.view(), ChatView)
    with assert_type(chat.observe(print), Observation[ChatView]):
        pass
    assert_type(chat.end_interaction("x"), bool)
    assert_type(chat.delete_message("x"), bool)
    assert_type(them.clear(one.id), int)


def test_wrong_arguments_are_errors_to_a_type_checker(store: Store) -> None:
    chat = store[ChatRepository]
    wrong: list[object] = []
    try:
        wrong.append(chat.append_info("x", conversation="y"))  # type: ignore[call-arg]
    except TypeError as error:
        wrong.append(error)
    try:
        wrong.append(chat.page(7))  # type: ignore[arg-type]
    except ValueError as error:
        wrong.append(error)

    assert [type(one).__name__ for one in wrong] == ["TypeError", "InvalidValueError"]
