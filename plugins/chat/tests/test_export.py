"""The export: everything, nested, in the order of time, of one state of the store."""

from __future__ import annotations

from dataclasses import fields

import pytest

import stina_chat.conversations
import stina_chat.reading
from stina_chat import (
    ChatRepository,
    ConversationRepository,
    ExportedConversation,
    ExportedInteraction,
    ExportedMessage,
)
from stina_core import NotFoundError, Store
from stina_core.testing import memory_store

from .conftest import PLUGINS, SetClock, at


def names(value: type) -> list[str]:
    return [field.name for field in fields(value)]


def test_the_values_have_exactly_the_keys_of_the_documented_json() -> None:
    conversation = "id title active archived pinned created_at updated_at interactions"
    assert names(ExportedConversation) == conversation.split()
    assert names(ExportedInteraction) == ["id", "state", "aborted", "created_at", "messages"]
    message = "id role content provider aborted debug metadata created_at"
    assert names(ExportedMessage) == message.split()


def test_everything_is_there_in_the_order_of_time(
    chat: ChatRepository, conversations: ConversationRepository, set_clock: SetClock
) -> None:
    set_clock(at(5))
    late = conversations.start("Late", id="a")
    set_clock(at(1))
    early = conversations.start("Early", id="b")
    conversations.archive(early.id)
    for minute in (9, 3, 6):
        chat.append_message("user", str(minute), conversation_id=late.id, created_at=at(minute))

    first, second = conversations.export()

    assert (first.id, first.archived, first.interactions) == ("b", True, ())
    said = [message.content for turn in second.interactions for message in turn.messages]
    assert (second.title, said) == ("Late", ["3", "6", "9"])
    assert second.updated_at == at(9)
    assert conversations.export(late.id) == [second]
    with pytest.raises(NotFoundError):
        conversations.export("nobody")


def test_an_empty_store_exports_nothing(conversations: ConversationRepository) -> None:
    assert conversations.export() == []


def test_an_export_of_more_than_one_chunk_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    from stina_chat.testing import seed

    with memory_store(PLUGINS) as store:
        seed(store, 4, 1)
        whole = store[ConversationRepository].export()
        monkeypatch.setattr(stina_chat.conversations, "_CHUNK", 3)
        monkeypatch.setattr(stina_chat.reading, "_CHUNK", 2)

        assert store[ConversationRepository].export() == whole
        assert len(whole) == 8
        assert sum(len(one.interactions) for one in whole) == store[ChatRepository].count_interactions()


def test_an_export_is_of_one_state_though_others_write(
    store: Store, other: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversations = store[ConversationRepository]
    for number in range(3):
        conversations.start(str(number))
    before = conversations.export()
    exported = stina_chat.reading.exported
    theirs = other[ChatRepository]

    def exported_late(one: object) -> object:
        theirs.append_message("user", "meanwhile")
        return exported(one)  # type: ignore[arg-type]

    monkeypatch.setattr("stina_chat.reading.exported", exported_late)

    assert conversations.export() == before
