"""Adoption: values nobody expected, tables of other programs, and that nothing is lost without a word."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import apsw
import pytest

from stina_chat import ChatRepository, ConversationRepository, Role
from stina_chat.checks import findings
from stina_core import open_store
from stina_core.testing import file_rows

from .conftest import PLUGINS
from .old_files import (
    CHAT_SAID,
    CHAT_SAID_METADATA,
    CHAT_TALKS,
    CHAT_TURNS,
    LOOSE,
    SAID,
    TURNS,
    adopted,
    everything,
    old_file,
    repairs,
    tables_in,
    talks_of,
)


def test_a_title_is_cut_at_500_characters_and_listed_whole(store_path: Path) -> None:
    title = "å🍓" * 300
    old_file(
        store_path, CHAT_TALKS, f"INSERT INTO chat_conversations VALUES ('c', '{title}', 1, 1, 1, NULL, NULL)"
    )

    (talk,) = talks_of(store_path)

    assert talk.title == title[:500]
    assert repairs(store_path) == [("chat_conversations", "c", "title", title)]


def test_provider_and_model_of_a_conversation_have_no_place_and_are_listed(store_path: Path) -> None:
    old_file(
        store_path, CHAT_TALKS, "INSERT INTO chat_conversations VALUES ('c', '', 1, 1, 1, 'openai', 'gpt-4o')"
    )

    assert [talk.id for talk in talks_of(store_path)] == ["c"]
    assert repairs(store_path) == [
        ("chat_conversations", "c", "provider", "openai"),
        ("chat_conversations", "c", "aiModel", "gpt-4o"),
    ]


@pytest.mark.parametrize(
    "role", ["'system'", "''", "'User'", "7", "x'75736572'", "CAST(x'75736572ff' AS TEXT)"]
)
def test_an_unknown_role_becomes_info_and_is_listed(store_path: Path, role: str) -> None:
    old_file(store_path, LOOSE, f"INSERT INTO chat_messages VALUES ('m', {role}, 'x', 1, 0)")

    (talk,) = talks_of(store_path)

    assert talk.interactions[0].messages[0].role is Role.INFO
    assert [row[:3] for row in repairs(store_path)] == [("chat_messages", "m", "role")]


@pytest.mark.parametrize(
    "metadata", ["{", "", "[1e999]", '{"a": NaN}', "[18446744073709551616]", '"\\ud800"']
)
def test_metadata_that_is_no_json_is_left_out_and_listed(store_path: Path, metadata: str) -> None:
    old_file(
        store_path,
        CHAT_SAID,
        CHAT_SAID_METADATA,
        f"INSERT INTO chat_interaction_messages VALUES ('m', 'i', 'c', 'tool', 'x', 1, NULL, 0, '{metadata}')",
    )

    (talk,) = talks_of(store_path)

    assert talk.interactions[0].messages[0].metadata is None
    assert repairs(store_path) == [("chat_interaction_messages", "m", "metadata", metadata)]


def test_a_time_that_is_none_becomes_one_that_is_near_and_is_listed(store_path: Path) -> None:
    old_file(
        store_path,
        CHAT_TALKS,
        CHAT_TURNS,
        CHAT_SAID,
        "INSERT INTO chat_conversations VALUES ('c', '', 'soon', 9e99, 1, NULL, NULL)",
        "INSERT INTO chat_interactions VALUES ('i', 'c', 1e18, 0, NULL, NULL), ('j', 'c', 40, 0, NULL, NULL), "
        "('k', 'c', 'x', 0, NULL, NULL)",
        "INSERT INTO chat_interaction_messages VALUES ('a', 'i', 'c', 'user', '', 'x', NULL, 0), "
        "('b', 'i', 'c', 'user', '', 20, NULL, 0), ('c', 'i', 'c', 'user', '', '', NULL, 0), "
        "('d', 'j', 'c', 'user', '', -1e15, NULL, 0), ('e', 'i', 'c', 'user', '', 30, NULL, 0), "
        "('f', 'i', 'c', 'user', '', ' 25', NULL, 0), ('g', 'j', 'c', 'user', '', 2.5, NULL, 0)",
    )

    talks_of(store_path)

    stored = dict(file_rows(store_path, "SELECT id, created_at FROM chat_message"))
    assert stored == {"a": 20, "b": 20, "c": 20, "d": 40, "e": 30, "f": 25, "g": 2}
    assert file_rows(store_path, "SELECT id, created_at FROM chat_interaction ORDER BY id") == [
        ("i", 20),
        ("j", 40),
        ("k", 2),
    ]
    assert file_rows(store_path, "SELECT created_at, updated_at FROM chat_conversation") == [(2, 40)]
    listed = {row[1]: row[3] for row in repairs(store_path) if row[0] == "chat_interaction_messages"}
    assert listed == {"a": "x", "c": "", "d": -(10**15), "g": 2.5}


def test_rows_without_a_usable_id_are_given_one_that_others_still_find(store_path: Path) -> None:
    turns, said = TURNS.replace(" TEXT", ""), SAID.replace(" TEXT", "")
    old_file(
        store_path,
        turns,
        said,
        "INSERT INTO interactions VALUES (x'ff', 'c', 1, 0), (1.5, 'c', 2, 0), ('', 'c', 3, 0), (NULL, 'c', 4, 0), "
        "(NULL, 'c', 4, 0), (CAST(x'ff61' AS TEXT), 'c', 5, 0), (77, 'c', 6, 0)",
        "INSERT INTO interaction_messages VALUES (NULL, x'ff', 'c', 'user', 'a', 1, 0), "
        "(1, 1.5, 'c', 'user', 'b', 2, 0), ('', '', 'c', 'user', 'c', 3, 0), "
        "(x'', CAST(x'ff61' AS TEXT), 'c', 'user', 'd', 5, 0), "
        "(2, 77, 'c', 'user', 'e', 6, 0)",
    )

    (talk,) = talks_of(store_path)

    assert [[one.content for one in turn.messages] for turn in talk.interactions] == [
        ["a"], ["b"], ["c"], [], [], ["d"], ["e"],
    ]  # fmt: skip
    assert talk.interactions[6].id == "77"
    given = [row for row in repairs(store_path) if row[2] == "id"]
    assert [row[3] for row in given] == [b"\xff", 1.5, "", None, None, b"\xffa", None, "", b""]
    assert len({row[:2] for row in given}) == 9


def test_the_same_file_gives_the_same_rows_whenever_it_is_adopted(tmp_path: Path) -> None:
    found = []
    for name in ("one.db", "two.db"):
        path = tmp_path / name / "stina.db"
        path.parent.mkdir()
        old_file(
            path,
            LOOSE,
            "INSERT INTO chat_messages VALUES (NULL, 'user', 'x', 7, 0), (NULL, 'user', 'x', 7, 0), "
            "(x'00', 'user', 'y', 'soon', 0)",
        )
        with adopted(path) as store:
            found.append((store[ConversationRepository].export(), repairs(path)))

    assert found[0] == found[1]


@pytest.mark.parametrize(
    "table",
    [
        "CREATE TABLE interactions (id, ts, customer)",
        "CREATE TABLE interaction_messages (id, role, content, ts)",
        "CREATE TABLE chat_messages (id, sender, content, ts)",
        "CREATE TABLE chat_conversations (id, title)",
        "CREATE TABLE chat_interactions (conversationId, createdAt)",
        "CREATE TABLE chat_interaction_messages (id, interactionId, role, content, ts)",
    ],
)
def test_another_programs_table_of_that_name_is_left_alone(store_path: Path, table: str) -> None:
    name = table.split()[2]
    old_file(store_path, table, f"INSERT INTO {name} DEFAULT VALUES")
    before = everything(store_path)

    assert talks_of(store_path) == []
    assert everything(store_path)[name] == before[name]
    assert repairs(store_path) == []


def test_a_table_that_something_else_uses_is_adopted_and_stays(store_path: Path) -> None:
    old_file(
        store_path,
        LOOSE,
        "INSERT INTO chat_messages VALUES ('m', 'user', 'x', 1, 0)",
        "CREATE VIEW mine AS SELECT content FROM chat_messages",
    )

    first = talks_of(store_path)

    assert tables_in(store_path) == ["chat_messages"]
    assert file_rows(store_path, "SELECT * FROM mine") == [("x",)]
    assert talks_of(store_path) == first


def test_what_the_plugin_has_already_stays_and_wins(store_path: Path) -> None:
    """Somebody tried a version that made its tables and adopted nothing yet."""
    with adopted(store_path) as store:
        own = store[ConversationRepository].start("Mine", id="c")
        with store[ChatRepository].interaction() as turn:
            message = store[ChatRepository].append_message("user", "mine", id="m")
    file_rows(store_path, "DELETE FROM stina_ledger WHERE id = '0002_adopt'")
    old_file(
        store_path,
        CHAT_TALKS,
        TURNS,
        LOOSE,
        "INSERT INTO chat_conversations VALUES ('c', 'Theirs', 1, 1, 0, NULL, NULL), ('d', '', 1, 1, 1, NULL, NULL)",
        f"INSERT INTO interactions VALUES ('{turn.id}', 'c', 1, 0), ('new', 'c', 1, 0)",
        "INSERT INTO chat_messages VALUES ('m', 'user', 'theirs', 1, 0), ('n', 'user', 'x', 1, 0)",
    )

    with adopted(store_path) as store:
        chat = store[ChatRepository]
        assert store[ConversationRepository].current().title == own.title
        assert chat.get_message("m") == message
        assert [one.interaction.id for one in chat.page("c").interactions] == ["new", turn.id]
        assert chat.history("conv_n")[0].id == "n"
        assert findings(store) == []
    assert [row[:3] for row in repairs(store_path)] == [
        ("chat_conversations", "c", "*"),
        ("interactions", turn.id, "*"),
        ("chat_messages", "m", "*"),
        ("chat_conversations", "d", "active"),
    ]


def test_a_row_that_is_left_out_is_listed_whole(store_path: Path) -> None:
    old_file(
        store_path,
        SAID.replace(" PRIMARY KEY", ""),
        "INSERT INTO interaction_messages VALUES ('m', 'i', 'c', 'user', 'a', 1, 0), "
        "('m', 'i', 'c', 'user', x'00ff', 1, 0)",
    )

    talks_of(store_path)

    left_out = [json.loads(row[3]) for row in repairs(store_path) if row[2] == "*"]
    assert left_out == [
        {
            "id": "m", "interaction_id": "i", "conversation_id": "c", "role": "user",
            "content": {"$hex": "00ff"}, "ts": 1, "aborted": 0,
        }
    ]  # fmt: skip


def forgetful(change: Any) -> Any:
    from stina_chat.adoption.rows import Rows

    add = Rows.add

    def changed(self: Any, **row: Any) -> None:
        found = change(row)
        if found is not None:
            add(self, **found)

    return changed


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda row: None if row["id"] == "m2" else row,
            "a row of interaction_messages is not in chat_message",
        ),
        (lambda row: {**row, "content": row["content"][:3]} if "content" in row else row, "another value"),
        (lambda row: {**row, "created_at": 5}, "another value"),
        (lambda row: {**row, "state": "complete"} if "state" in row else row, "another value"),
        (lambda row: {**row, "aborted": 0} if "aborted" in row else row, "another value"),
    ],
)
def test_a_step_that_forgets_a_row_or_changes_a_value_is_refused_and_the_old_tables_stay(
    store_path: Path, monkeypatch: pytest.MonkeyPatch, change: Any, said: str
) -> None:
    old_file(
        store_path,
        TURNS,
        SAID,
        "INSERT INTO interactions VALUES ('i', 'c', 1, 1)",
        "INSERT INTO interaction_messages VALUES ('m1', 'i', 'c', 'user', 'first', 1, 0), "
        "('m2', 'i', 'c', 'user', 'second', 2, 1)",
    )
    before = everything(store_path)
    monkeypatch.setattr("stina_chat.adoption.rows.Rows.add", forgetful(change))

    with open_store(store_path, plugins=PLUGINS) as store:
        assert said in str(store.outcome.failed["chat"])

    found = everything(store_path)
    assert {name: found[name] for name in before} == before
    assert "chat_message" not in found
    monkeypatch.undo()
    assert [talk.id for talk in talks_of(store_path)] == ["c"]
    connection = apsw.Connection(str(store_path))
    assert list(connection.execute("PRAGMA foreign_key_check")) == []
    connection.close()
