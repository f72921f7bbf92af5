from __future__ import annotations

from pathlib import Path

import pytest

import stina_chat.checks
from stina_chat import ChatRepository, ConversationRepository
from stina_chat.plugin import check
from stina_core import InvalidValueError, Severity, Store
from stina_core.testing import file_rows

BAD_TEXT = "CAST(x'ff6b' AS TEXT)"


def write(
    path: Path, *, content: str = "'x'", metadata: str = "NULL", at: str = "0", id: str = "'m'"
) -> None:
    """Write a message past the plugin, in a conversation `c` and an interaction `i`; values are SQL."""
    file_rows(path, "INSERT OR IGNORE INTO chat_conversation (id) VALUES ('c')")
    file_rows(path, "INSERT OR IGNORE INTO chat_interaction (id, conversation_id) VALUES ('i', 'c')")
    columns = "id, interaction_id, role, content, metadata, created_at"
    file_rows(
        path, f"INSERT INTO chat_message ({columns}) VALUES ({id}, 'i', 'user', {content}, {metadata}, {at})"
    )


def test_a_store_the_repository_wrote_has_no_findings(
    store: Store, chat: ChatRepository, conversations: ConversationRepository
) -> None:
    conversations.start("å" * 500)
    chat.append_message("tool", "\x00🍓" * 100, metadata={"🍓": [None, 1.5, "x" * 1000]}, id="")

    assert list(check(store)) == []


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"content": BAD_TEXT}, "the row 'm' cannot be read: a text of it is not UTF-8"),
        ({"id": BAD_TEXT}, r"the row '\\xffk' cannot be read: a text of it is not UTF-8"),
        ({"metadata": f"'\"' || {BAD_TEXT} || '\"'"}, "'m' cannot be read: a text of it is not UTF-8"),
        ({"metadata": "'18446744073709551616'"}, "chat_message.metadata: the value has an integer"),
        ({"metadata": "printf('%.*c', 5000, '9')"}, "the stored text is not JSON that can be read"),
        ({"at": "9000000000000000000"}, "chat_message.created_at: the stored number is no time"),
    ],
)
def test_a_message_another_program_wrote_is_reported_without_its_content(
    store: Store, store_path: Path, row: dict[str, str], message: str
) -> None:
    write(store_path, id="'good'")
    write(store_path, **row)

    [finding] = list(check(store))

    assert (finding.severity, finding.subject) == (Severity.ERROR, "chat_message")
    assert message in finding.message
    assert len(finding.message) < 300


def test_broken_conversations_and_interactions_are_reported(store: Store, store_path: Path) -> None:
    write(store_path)
    file_rows(store_path, f"UPDATE chat_conversation SET title = {BAD_TEXT}")
    file_rows(store_path, "INSERT INTO chat_conversation (id, updated_at) VALUES ('d', 9000000000000000000)")
    file_rows(store_path, f"UPDATE chat_interaction SET model = {BAD_TEXT}")

    found = [(finding.subject, finding.message.split("'")[1]) for finding in check(store)]

    assert found == [("chat_conversation", "c"), ("chat_conversation", "d"), ("chat_interaction", "i")]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_every_row_is_looked_at_however_many_are_read_at_once(
    store: Store, store_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    ids = ["''", "'a'", BAD_TEXT, "'b'", "CAST(x'fe' AS TEXT)", "'z'"]
    for id in ids:
        write(store_path, content=BAD_TEXT, id=id)
    monkeypatch.setattr(stina_chat.checks, "CHUNK", size)

    assert len(list(check(store))) == len(ids)


def test_a_long_id_is_cut_visibly(store: Store, store_path: Path) -> None:
    write(store_path, content=BAD_TEXT, id="printf('%.*c', 61, 'k')")

    [finding] = list(check(store))

    assert f"the row '{'k' * 60}…' cannot" in finding.message


def test_an_unreadable_message_is_a_typed_error_and_hides_no_other_conversation(
    chat: ChatRepository, conversations: ConversationRepository, store_path: Path
) -> None:
    good = conversations.start()
    chat.append_message("user", "fine")
    write(store_path, content=BAD_TEXT)

    with pytest.raises(InvalidValueError):
        chat.history("c")
    assert [message.content for message in chat.history(good.id)] == ["fine"]
    assert chat.delete_message("m")
    assert chat.history("c") == []
