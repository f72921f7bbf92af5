"""Adoption: the order of equal times, the active conversation, and what is made for rows whose parents are missing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stina_chat import ChatRepository, ConversationRepository, Page, State, WholeInteraction
from stina_core.testing import file_rows

from .old_files import (
    CHAT_SAID,
    CHAT_TALKS,
    CHAT_TURNS,
    KV,
    LOOSE,
    LOOSE_TALKS,
    SAID,
    STATE,
    TURNS,
    adopted,
    old_file,
    repairs,
    talks_of,
)

KV_ENTRY = (
    "CREATE TABLE kv_entry (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL, updated_at) WITHOUT ROWID"
)

TWO_TALKS = (
    "INSERT INTO chat_conversations VALUES ('older', NULL, 1, 10, 0, NULL, NULL), "
    "('newer', NULL, 2, 20, 0, NULL, NULL)"
)


def active(path: Path) -> str | None:
    with adopted(path) as store:
        found = store[ChatRepository].view().conversation
        return None if found is None else found.id


def pages(read: Callable[[str | None], Page]) -> list[WholeInteraction]:
    page = read(None)
    found = list(page.interactions)
    while page.before is not None:
        page = read(page.before)
        found = [*page.interactions, *found]
    return found


def test_equal_times_stay_in_the_order_in_which_they_were_written(store_path: Path) -> None:
    """Ids of the original say nothing about it, and several rows in a millisecond were usual."""
    old_file(
        store_path,
        TURNS,
        SAID,
        "INSERT INTO interactions VALUES ('z', 'c', 10, 0), ('m', 'd', 10, 0), ('a', 'c', 10, 0), ('k', 'c', 9, 0)",
        "INSERT INTO interaction_messages VALUES ('9', 'z', 'c', 'user', '1', 10, 0), "
        "('5', 'z', 'c', 'tool', '2', 10, 0), ('7', 'z', 'c', 'assistant', '3', 10, 0), "
        "('8', 'a', 'c', 'user', '4', 11, 0), ('6', 'a', 'c', 'user', '5', 11, 0)",
    )

    with adopted(store_path) as store:
        chat = store[ChatRepository]
        (talk,) = store[ConversationRepository].export("c")
        whole = pages(lambda before: chat.page("c", limit=1, before=before))
        everywhere = pages(lambda before: chat.page_all(limit=1, before=before))

        wanted = ["1", "2", "3", "4", "5"]
        assert [one.content for one in chat.history("c")] == wanted
        assert [one.content for one in chat.last_messages("c", 4)] == wanted[1:]
        assert [one.content for turn in talk.interactions for one in turn.messages] == wanted
        assert [one.content for one in chat.read_interaction("z").messages] == wanted[:3]
        assert [one.content for turn in whole for one in turn.messages] == wanted
        assert [turn.interaction.id for turn in everywhere] == ["k", "z", "m", "a"]
    times = "SELECT DISTINCT interaction_id, created_at FROM chat_message ORDER BY 2"
    assert file_rows(store_path, times) == [("z", 10), ("a", 11)]


def test_loose_messages_of_one_time_stay_in_the_order_in_which_they_were_written(store_path: Path) -> None:
    old_file(
        store_path,
        LOOSE,
        "INSERT INTO chat_messages VALUES ('z', 'info', '1', 5, 0), ('y', 'user', '2', 5, 0), "
        "('b', 'user', '3', 5, 0), ('a', 'tool', '4', 5, 0), ('x', 'info', '0', 4, 0)",
    )

    with adopted(store_path) as store:
        (talk,) = store[ConversationRepository].export()
        assert [one.content for one in store[ChatRepository].history(talk.id)] == ["0", "1", "2", "3", "4"]
        assert [turn.id for turn in talk.interactions] == ["ia_x", "ia_y", "ia_b"]


def test_without_positions_equal_times_would_be_in_the_order_of_their_ids(
    store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A control: what the tests above see if nothing keeps the order."""
    from stina_chat.adoption.rows import Rows

    add = Rows.add
    monkeypatch.setattr(Rows, "add", lambda self, **row: add(self, **{**row, **_first(row)}))

    with pytest.raises(AssertionError):
        test_equal_times_stay_in_the_order_in_which_they_were_written(store_path)


def _first(row: dict[str, object]) -> dict[str, int]:
    return {"position": 0} if "position" in row else {}


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ([], "newer"),
        ([KV, "INSERT INTO kv VALUES ('conversation_id', 'older')"], "older"),
        ([KV, "INSERT INTO kv VALUES ('conversation_id', '')"], "newer"),
        ([STATE, "INSERT INTO state VALUES ('conversation_id', 'older', 1)"], "older"),
        (
            [
                KV,
                STATE,
                "INSERT INTO kv VALUES ('conversation_id', 'newer')",
                "INSERT INTO state VALUES ('conversation_id', 'older', 1)",
            ],
            "older",
        ),
        ([KV, STATE, "INSERT INTO kv VALUES ('conversation_id', 'older')"], "older"),
        ([KV_ENTRY, "INSERT INTO kv_entry VALUES ('conversation_id', '\"older\"', 1)"], "older"),
        ([KV_ENTRY, "INSERT INTO kv_entry VALUES ('conversation_id', '[[', 1)"], "newer"),
        ([KV_ENTRY, "INSERT INTO kv_entry VALUES ('conversation_id', 'true', 1)"], "newer"),
        ([KV_ENTRY, "INSERT INTO kv_entry VALUES ('conversation', '\"older\"', 1)"], "newer"),
    ],
)
def test_the_active_conversation_is_the_one_the_old_settings_name_else_the_newest(
    store_path: Path, settings: list[str], wanted: str
) -> None:
    old_file(store_path, CHAT_TALKS, TWO_TALKS, *settings)

    assert active(store_path) == wanted
    assert repairs(store_path) == [("chat_conversations", wanted, "active", 0)]


def test_a_conversation_that_was_marked_active_wins_over_the_settings(store_path: Path) -> None:
    old_file(
        store_path,
        CHAT_TALKS,
        TWO_TALKS,
        "UPDATE chat_conversations SET active = 1 WHERE id = 'older'",
        KV,
        "INSERT INTO kv VALUES ('conversation_id', 'newer')",
    )

    assert active(store_path) == "older"
    assert repairs(store_path) == []


def test_of_several_active_conversations_the_last_updated_stays_and_the_others_are_listed(
    store_path: Path,
) -> None:
    old_file(store_path, CHAT_TALKS, TWO_TALKS, "UPDATE chat_conversations SET active = 1")

    assert active(store_path) == "newer"
    assert repairs(store_path) == [("chat_conversations", "older", "active", 1)]


def test_an_active_conversation_in_which_nothing_was_said_is_made(store_path: Path) -> None:
    old_file(
        store_path,
        KV,
        "INSERT INTO kv VALUES ('conversation_id', 'conv_empty')",
        TURNS,
        "INSERT INTO interactions VALUES ('ia', 'c', 10, 0), ('ib', 'c', 30, 0), ('ic', 'd', 20, 0)",
    )

    talks = {talk.id: talk for talk in talks_of(store_path)}

    assert talks["conv_empty"].active
    assert talks["conv_empty"].created_at == talks["conv_empty"].updated_at == talks["c"].updated_at
    assert talks["conv_empty"].interactions == ()
    assert file_rows(store_path, "SELECT value FROM kv") == [("conv_empty",)]


def test_a_file_without_any_chat_gets_no_conversation(store_path: Path) -> None:
    old_file(store_path, KV, "INSERT INTO kv VALUES ('conversation_id', 'conv_empty')", TURNS, SAID, LOOSE)

    assert talks_of(store_path) == []


def test_the_settings_are_never_asked_again(store_path: Path) -> None:
    old_file(
        store_path, KV, "INSERT INTO kv VALUES ('conversation_id', 'c')", LOOSE, LOOSE_TALKS,
        "INSERT INTO chat_messages (id, role, content, ts, conversation_id) VALUES ('1', 'user', '', 1, 'c'), "
        "('2', 'user', '', 1, 'd')",
    )  # fmt: skip
    with adopted(store_path) as store:
        store[ConversationRepository].switch("d")

    assert active(store_path) == "d"


def test_interactions_and_conversations_that_only_messages_name_are_made(store_path: Path) -> None:
    old_file(
        store_path,
        CHAT_TALKS,
        CHAT_TURNS,
        CHAT_SAID,
        "PRAGMA foreign_keys = OFF",
        "INSERT INTO chat_interaction_messages VALUES ('m1', 'gone', 'c', 'user', 'x', 10, NULL, 0), "
        "('m2', 'gone', 'd', 'assistant', 'y', 20, NULL, 1), ('m3', '', '', 'user', 'z', 30, NULL, 0)",
        "INSERT INTO chat_interactions VALUES ('i', 'e', 5, 0, NULL, NULL)",
    )

    found = {talk.id: talk for talk in talks_of(store_path)}

    assert {id: [turn.id for turn in talk.interactions] for id, talk in found.items()} == {
        "c": ["gone"],
        "conv_m3": ["ia_m3"],
        "e": ["i"],
    }
    (gone,) = found["c"].interactions
    assert [one.id for one in gone.messages] == ["m1", "m2"]
    assert gone.state is State.ABORTED
    assert gone.created_at == found["c"].created_at == datetime(1970, 1, 1, 0, 0, 0, 10_000, UTC)
    assert found["c"].updated_at == datetime(1970, 1, 1, 0, 0, 0, 20_000, UTC)
    table = "chat_interaction_messages"
    assert repairs(store_path) == [
        (table, "m2", "conversationId", "d"),
        (table, "m3", "interactionId", ""),
        (table, "m3", "conversationId", ""),
    ]


def test_a_message_that_names_another_conversation_than_its_interaction_is_listed(store_path: Path) -> None:
    old_file(
        store_path,
        TURNS,
        SAID,
        "INSERT INTO interactions VALUES ('i', 'c', 5, 0)",
        "INSERT INTO interaction_messages VALUES ('m', 'i', 'd', 'user', 'x', 10, 0)",
    )

    (talk,) = talks_of(store_path)

    assert talk.id == "c"
    assert repairs(store_path) == [("interaction_messages", "m", "conversation_id", "d")]


def test_ids_that_are_made_are_free(store_path: Path) -> None:
    old_file(
        store_path,
        TURNS,
        LOOSE,
        "INSERT INTO interactions VALUES ('ia_m', 'conv_m', 5, 0)",
        "INSERT INTO chat_messages VALUES ('m', 'user', 'x', 10, 0)",
    )

    assert {talk.id: [turn.id for turn in talk.interactions] for talk in talks_of(store_path)} == {
        "conv_m": ["ia_m"],
        "conv_m_2": ["ia_m_2"],
    }
