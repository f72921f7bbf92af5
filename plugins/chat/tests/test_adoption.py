"""What people find again who open a file of the original app, whichever of its versions wrote it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stina_chat import ChatRepository, ConversationRepository, ExportedConversation, Role, State
from stina_chat.checks import findings
from stina_core.testing import file_rows

from .old_files import (
    CHAT_SAID,
    CHAT_SAID_METADATA,
    CHAT_TALKS,
    CHAT_TURNS,
    KV,
    LOOSE,
    LOOSE_TALKS,
    NUMBERED_SAID,
    NUMBERED_TURNS,
    SAID,
    STATE,
    TURNS,
    TURNS_WITHOUT_ABORTED,
    adopted,
    everything,
    old_file,
    repairs,
    tables_in,
    talks_of,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def ms(number: int) -> datetime:
    return EPOCH + timedelta(milliseconds=number)


def shape(talk: ExportedConversation) -> list[tuple[str, State, list[tuple[str, Role, str]]]]:
    """Return a conversation's interactions with the messages in them."""
    return [
        (turn.id, turn.state, [(one.id, one.role, one.content) for one in turn.messages])
        for turn in talk.interactions
    ]


def test_a_new_file_has_both_steps_and_nothing_is_repaired(store_path: Path) -> None:
    with adopted(store_path) as store:
        applied = [step.id for step in store.outcome.applied if step.plugin == "chat"]
        assert applied == ["0001_initial", "0002_adopt"]
        assert store[ConversationRepository].export() == []
    assert repairs(store_path) == []


def test_loose_messages_become_interactions_that_begin_with_what_somebody_said(store_path: Path) -> None:
    old_file(
        store_path,
        LOOSE,
        "INSERT INTO chat_messages VALUES ('i', 'info', 'welcome', 1, 0), ('u1', 'user', 'hi', 2, 0), "
        "('t', 'tool', 'todo_list', 3, 0), ('a1', 'assistant', 'hel', 4, 1), ('n', 'instructions', 'be kind', 5, 0), "
        "('a2', 'assistant', 'I am', 6, 0), ('u2', 'user', 'bye', 7, NULL)",
    )

    (talk,) = talks_of(store_path)

    assert (talk.id, talk.title, talk.active) == ("conv_i", "", True)
    assert (talk.created_at, talk.updated_at) == (ms(1), ms(7))
    assert shape(talk) == [
        ("ia_i", State.COMPLETE, [("i", Role.INFO, "welcome")]),
        (
            "ia_u1",
            State.ABORTED,
            [("u1", Role.USER, "hi"), ("t", Role.TOOL, "todo_list"), ("a1", Role.ASSISTANT, "hel")],
        ),
        ("ia_n", State.COMPLETE, [("n", Role.INSTRUCTIONS, "be kind"), ("a2", Role.ASSISTANT, "I am")]),
        ("ia_u2", State.COMPLETE, [("u2", Role.USER, "bye")]),
    ]
    assert [one.aborted for turn in talk.interactions for one in turn.messages] == [False] * 3 + [True] + [
        False
    ] * 3
    assert [turn.created_at for turn in talk.interactions] == [ms(1), ms(2), ms(5), ms(7)]
    assert repairs(store_path) == []
    assert tables_in(store_path) == []


def test_loose_messages_that_were_in_no_conversation_come_into_one_and_are_listed(store_path: Path) -> None:
    """An older version of the app wrote into a file of a newer one."""
    old_file(
        store_path,
        LOOSE,
        LOOSE_TALKS,
        KV,
        "INSERT INTO kv VALUES ('conversation_id', 'conv_1')",
        "INSERT INTO chat_messages (id, role, content, ts, conversation_id) VALUES ('b', 'user', 'two', 20, NULL), "
        "('c', 'user', 'one', 5, 'conv_1'), ('a', 'user', 'first', 10, NULL), ('d', 'tool', 'x', 30, NULL)",
    )

    first, second = talks_of(store_path)

    assert [one.id for one in (first, second)] == ["conv_1", "conv_a"]
    assert [one.active for one in (first, second)] == [True, False]
    assert [turn.id for turn in second.interactions] == ["ia_a", "ia_b"]
    assert repairs(store_path) == [("chat_messages", id, "conversation_id", None) for id in "bad"]
    assert [row[0] for row in file_rows(store_path, "SELECT key FROM kv")] == ["conversation_id"]


def test_an_interaction_keeps_its_conversation_flag_and_time(store_path: Path) -> None:
    """The original read the interaction's flag and wrote both; they need not agree."""
    old_file(
        store_path,
        TURNS,
        SAID,
        "INSERT INTO interactions VALUES ('ia_1', 'conv_1', 10, 0), ('ia_2', 'conv_1', 30, 1), ('ia_3', 'conv_2', 20, "
        "NULL)",
        "INSERT INTO interaction_messages VALUES ('m1', 'ia_1', 'conv_1', 'user', 'hi', 10, 0), "
        "('m2', 'ia_1', 'conv_1', 'assistant', 'he', 25, 1), ('m3', 'ia_2', 'conv_1', 'user', 'stop', 31, 0)",
    )

    one, two = talks_of(store_path)

    assert shape(one) == [
        ("ia_1", State.COMPLETE, [("m1", Role.USER, "hi"), ("m2", Role.ASSISTANT, "he")]),
        ("ia_2", State.ABORTED, [("m3", Role.USER, "stop")]),
    ]
    assert [m.aborted for turn in one.interactions for m in turn.messages] == [False, True, False]
    assert [m.created_at for turn in one.interactions for m in turn.messages] == [ms(10), ms(25), ms(31)]
    assert shape(two) == [("ia_3", State.COMPLETE, [])]
    assert [(talk.created_at, talk.updated_at) for talk in (one, two)] == [(ms(10), ms(31)), (ms(20), ms(20))]
    assert repairs(store_path) == []
    assert tables_in(store_path) == []


def test_interactions_without_the_column_aborted_are_complete(store_path: Path) -> None:
    old_file(
        store_path,
        TURNS_WITHOUT_ABORTED,
        SAID,
        "INSERT INTO interactions VALUES ('ia_1', 'conv_1', 10)",
        "INSERT INTO interaction_messages VALUES ('m1', 'ia_1', 'conv_1', 'user', 'hi', 10, 1)",
    )

    (talk,) = talks_of(store_path)

    assert shape(talk) == [("ia_1", State.COMPLETE, [("m1", Role.USER, "hi")])]
    assert talk.interactions[0].messages[0].aborted


def test_numbered_interactions_keep_their_numbers_and_their_seconds_become_times(store_path: Path) -> None:
    content = '{"messageType":"user","content":"hi"}'
    old_file(
        store_path,
        NUMBERED_TURNS,
        NUMBERED_SAID,
        "INSERT INTO interactions VALUES (1, 1001, 1762502400, 1762502400, 0, 'openai', 'gpt'), "
        "(2, 1002, 1762502500, 1762502600, 1, NULL, NULL)",
        f"INSERT INTO interaction_messages VALUES (7, 1, 'user', '{content}', 1762502482)",
    )

    one, two = talks_of(store_path)

    assert (one.id, two.id) == ("1001", "1002")
    assert shape(one) == [("1", State.COMPLETE, [("7", Role.USER, content)])]
    assert one.interactions[0].messages[0].created_at == datetime(2025, 11, 7, 8, 1, 22, tzinfo=UTC)
    assert two.interactions[0].state is State.ABORTED
    assert two.updated_at == datetime(2025, 11, 7, 8, 3, 20, tzinfo=UTC)
    assert file_rows(store_path, "SELECT id, provider, model FROM chat_interaction ORDER BY id") == [
        ("1", "openai", "gpt"),
        ("2", None, None),
    ]
    assert repairs(store_path) == [("interactions", "2", "modifiedAt", 1762502600)]
    assert tables_in(store_path) == []


@pytest.mark.parametrize("has_metadata", [False, True])
def test_conversations_with_titles_keep_everything(store_path: Path, has_metadata: bool) -> None:
    document = '{"tool": "todo_add", "big":9007199254740993, "x": 1e+21}'
    old_file(
        store_path,
        CHAT_TALKS,
        CHAT_TURNS,
        CHAT_SAID,
        "INSERT INTO chat_conversations VALUES ('c_1', 'Åsa 🍓', 5, 90, 0, NULL, NULL), "
        "('c_2', NULL, 6, 80, 1, NULL, NULL)",
        "INSERT INTO chat_interactions VALUES ('ia_1', 'c_1', 10, 1, 'ollama', 'llama3.1:8b')",
        "INSERT INTO chat_interaction_messages VALUES ('m_1', 'ia_1', 'c_1', 'tool', 'x', 11, NULL, 0), "
        "('m_2', 'ia_1', 'c_1', 'assistant', 'y', 12, 'gemini', 1)",
        *(
            (
                CHAT_SAID_METADATA,
                f"UPDATE chat_interaction_messages SET metadata = '{document}' WHERE id = 'm_1'",
            )
            if has_metadata
            else ()
        ),
    )

    one, two = talks_of(store_path)

    assert (one.title, one.created_at, one.updated_at, one.active) == ("Åsa 🍓", ms(5), ms(90), False)
    assert (two.title, two.created_at, two.updated_at, two.active) == ("", ms(6), ms(80), True)
    assert shape(one) == [("ia_1", State.ABORTED, [("m_1", Role.TOOL, "x"), ("m_2", Role.ASSISTANT, "y")])]
    tool, answer = one.interactions[0].messages
    assert tool.metadata == (json.loads(document) if has_metadata else None)
    assert (answer.provider, answer.aborted) == ("gemini", True)
    assert file_rows(store_path, "SELECT provider, model FROM chat_interaction") == [
        ("ollama", "llama3.1:8b")
    ]
    stored = file_rows(store_path, "SELECT metadata, debug FROM chat_message ORDER BY id")
    assert stored == [(document if has_metadata else None, 0), (None, 0)]
    assert repairs(store_path) == []
    assert tables_in(store_path) == []


def test_all_generations_in_one_file_are_adopted_together_and_the_newer_wins(store_path: Path) -> None:
    old_file(
        store_path,
        CHAT_TALKS, CHAT_TURNS, CHAT_SAID, TURNS, SAID, LOOSE,
        "INSERT INTO chat_conversations VALUES ('c', '', 1, 1, 0, NULL, NULL)",
        "INSERT INTO chat_interactions VALUES ('same', 'c', 10, 0, NULL, NULL), ('other', 'c', 11, 0, 'p', NULL)",
        "INSERT INTO interactions VALUES ('same', 'c', 10, 0), ('other', 'c', 11, 0), ('old', 'conv', 12, 0)",
        "INSERT INTO chat_interaction_messages VALUES ('m1', 'same', 'c', 'user', 'x', 10, NULL, 0), "
        "('m2', 'same', 'c', 'user', 'new', 11, NULL, 0), ('m3', 'same', 'c', 'user', 'z', 12, 'p', 0)",
        "INSERT INTO interaction_messages VALUES ('m1', 'same', 'c', 'user', 'x', 10, 0), "
        "('m2', 'same', 'c', 'user', 'old', 11, 0), ('m4', 'old', 'conv', 'user', 'w', 12, 0)",
        "INSERT INTO chat_messages VALUES ('m3', 'user', 'z', 12, 0), ('m4', 'user', 'W', 12, 0), "
        "('m5', 'user', 'v', 13, 0)",
    )  # fmt: skip

    talks = {talk.id: shape(talk) for talk in talks_of(store_path)}

    m1, m2, m3, m4, m5 = (
        (f"m{number}", Role.USER, text) for number, text in enumerate(["x", "new", "z", "w", "v"], 1)
    )
    assert talks == {
        "c": [("same", State.COMPLETE, [m1, m2, m3]), ("other", State.COMPLETE, [])],
        "conv": [("old", State.COMPLETE, [m4])],
        "conv_m5": [("ia_m5", State.COMPLETE, [m5])],
    }
    assert [row[:3] for row in repairs(store_path) if row[2] == "*"] == [
        ("interactions", "other", "*"),
        ("interaction_messages", "m2", "*"),
        ("chat_messages", "m4", "*"),
    ]
    before = json.loads(next(row[3] for row in repairs(store_path) if row[1] == "m2"))
    assert before["content"] == "old"
    assert tables_in(store_path) == []


def test_what_was_adopted_is_found_shown_and_gone_on_with(store_path: Path) -> None:
    long = "🍓x" * 20_000
    old_file(
        store_path,
        TURNS,
        SAID,
        STATE,
        "INSERT INTO interactions VALUES ('ia_1', 'conv_1', 10, 0)",
        "INSERT INTO interaction_messages VALUES ('m1', 'ia_1', 'conv_1', 'user', 'nul' || char(0) || ' behind', "
        "1, 0), "
        f"('m2', 'ia_1', 'conv_1', 'user', '{long} needle', 2, 0), "
        "('m3', 'ia_1', 'conv_1', 'tool', CAST(x'7072657669657720eda0bd' AS TEXT), 3, 0), "
        "('m4', 'ia_1', 'conv_1', 'user', CAST(x'eda0bcedbd93' AS TEXT), 4, 0)",
    )

    with adopted(store_path) as store:
        chat = store[ChatRepository]
        assert [m.content for m in chat.history("conv_1")][:2] == ["nul\0 behind", f"{long} needle"]
        assert chat.get_message("m4").content == "🍓"
        for word, id in (("behind", "m1"), ("needle", "m2"), ("preview", "m3")):
            assert [hit.message.id for hit in chat.search(word)] == [id]
        assert findings(store) == []
        new = chat.append_message("user", "new")
        assert chat.history("conv_1")[-1] == new
    assert ("interaction_messages", "m4", "content", b"\xed\xa0\xbc\xed\xbd\x93") in repairs(store_path)


def test_a_second_start_changes_nothing(store_path: Path) -> None:
    old_file(
        store_path,
        LOOSE,
        "INSERT INTO chat_messages VALUES ('u', 'user', 'hi', 2, 0), (NULL, 'odd', 'x', 'soon', 7)",
    )
    before = talks_of(store_path)
    rows = everything(store_path)
    backups = sorted((store_path.parent / "backups").iterdir())

    with adopted(store_path) as store:
        assert store.outcome.applied == []
        assert store[ConversationRepository].export() == before

    assert everything(store_path) == rows
    assert sorted((store_path.parent / "backups").iterdir()) == backups
