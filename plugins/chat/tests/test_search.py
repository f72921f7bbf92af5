"""Full-text search over messages, with where they are."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stina_chat import ChatRepository, ConversationRepository, MessageHit
from stina_core import Hit, InvalidValueError, Snippet, Store
from stina_core.testing import memory_store

from .conftest import PLUGINS


def found(hits: list[MessageHit]) -> list[str]:
    return [hit.message.content for hit in hits]


def test_a_hit_has_the_message_its_conversation_and_a_snippet(
    chat: ChatRepository, conversations: ConversationRepository
) -> None:
    one = conversations.start("Shopping")
    message = chat.append_message("user", "Köp mjölk och bröd", metadata=[1])

    (hit,) = chat.search("mjolk")

    assert hit == MessageHit(message, one.id, "Shopping", Snippet("Köp mjölk och bröd", ((4, 9),)), hit.place)
    assert chat.ranked("mjolk") == [hit]
    conversations.rename(one.id, "Food")
    assert chat.search("mjolk")[0].conversation_title == "Food"


def test_the_newest_come_first_and_the_best_ranked_first(chat: ChatRepository) -> None:
    for text in ("tea tea tea", "tea and a great many other words beside it", "coffee"):
        chat.append_message("user", text)

    assert found(chat.search("tea")) == ["tea and a great many other words beside it", "tea tea tea"]
    assert found(chat.ranked("tea")) == ["tea tea tea", "tea and a great many other words beside it"]
    assert found(chat.search("tea", limit=1)) == ["tea and a great many other words beside it"]


def test_messages_of_all_conversations_and_roles_are_found_and_deleted_ones_are_not(
    chat: ChatRepository, conversations: ConversationRepository, other: Store
) -> None:
    one = conversations.start("One")
    chat.append_instruction("needle 1")
    two = conversations.start("Two")
    gone = chat.append_error("needle 2")
    other[ChatRepository].append_tool("needle 3", conversation_id=one.id)

    assert [(hit.message.content, hit.conversation_id) for hit in chat.search("needle")] == [
        ("needle 3", one.id),
        ("needle 2", two.id),
        ("needle 1", one.id),
    ]
    chat.delete_message(gone.id)
    assert found(chat.search("needle")) == ["needle 3", "needle 1"]
    conversations.delete(one.id)
    assert chat.search("needle") == chat.ranked("needle") == []


def test_pages_of_hits_put_together_are_all_hits_while_others_write(chat: ChatRepository) -> None:
    for number in range(7):
        chat.append_message("user", f"needle {number}")
    wanted = found(chat.search("needle"))

    hits: list[MessageHit] = []
    while page := chat.search("needle", limit=3, before=hits[-1].place if hits else None):
        hits += page
        chat.append_message("user", "another needle")

    assert found(hits) == wanted == [f"needle {number}" for number in reversed(range(7))]


def test_inside_a_transaction_its_own_messages_are_found(chat: ChatRepository) -> None:
    chat.append_message("user", "needle one")
    with chat.transaction():
        chat.append_message("user", "needle two")

        assert found(chat.search("needle")) == ["needle two", "needle one"]


def test_a_message_that_was_deleted_after_it_was_found_makes_room_for_others(
    chat: ChatRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = [chat.append_message("user", f"needle {number}") for number in range(4)]
    chat.search("needle")
    index = chat.full_text
    deleted: list[bool] = []

    class Late:
        def newest(self, text: str, limit: int, before: int | None) -> list[Hit]:
            hits = index(chat_message()).newest(text, limit, before)
            if not deleted:
                deleted.append(chat.delete_message(messages[-1].id))
            return hits

    monkeypatch.setattr(type(chat), "full_text", lambda self, model: Late())

    assert found(chat.search("needle", limit=2)) == ["needle 2", "needle 1"]


def chat_message() -> type:
    from stina_chat.models import Message

    return Message


@pytest.mark.parametrize(
    "text", ['"unclosed AND (NEAR: *', "", "   ", "-only", "\x00", "\ud800", "a" * 10_000]
)
def test_no_text_is_a_syntax_error(chat: ChatRepository, text: str) -> None:
    chat.append_message("user", "hello")

    assert chat.search(text) == chat.ranked(text) == []


@pytest.mark.parametrize("before", [True, "1", 1.0, 1 << 63])
def test_a_place_is_one_of_a_hit_and_the_text_is_text(chat: ChatRepository, before: int) -> None:
    with pytest.raises(InvalidValueError, match=r"^before: "):
        chat.search("x", before=before)
    for call in (chat.search, chat.ranked):
        with pytest.raises(InvalidValueError, match=r"^text: "):
            call(b"x")  # type: ignore[arg-type]


words = st.sampled_from(["amber", "blå", "cedar", "dusk", "Amber", "日本"])


@settings(max_examples=30)
@given(texts=st.lists(st.lists(words, max_size=4).map(" ".join), max_size=8), word=words)
def test_a_search_finds_exactly_the_messages_with_the_word(texts: list[str], word: str) -> None:
    with memory_store(PLUGINS) as store:
        chat = store[ChatRepository]
        for text in texts:
            chat.append_message("user", text)
        wanted = [text for text in texts if word.lower() in text.lower().split()]

        assert found(chat.search(word)) == wanted[::-1]
        assert sorted(found(chat.ranked(word))) == sorted(wanted)
        marked = [
            hit.snippet.text[first:last].lower()
            for hit in chat.search(word)
            for first, last in hit.snippet.highlights
        ]
        assert marked == [word.lower()] * sum(text.lower().split().count(word.lower()) for text in wanted)
