from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stina_chat import ChatRepository, ConversationRepository, State
from stina_core import Store
from stina_core.testing import run_python

from .conftest import at

if TYPE_CHECKING:
    from stina_core.testing import StinaCommand

CONVERSATION = ["id", "title", "active", "archived", "pinned", "created_at", "updated_at", "interactions"]
INTERACTION = ["id", "state", "aborted", "created_at", "messages"]
MESSAGE = ["id", "role", "content", "provider", "aborted", "debug", "metadata", "created_at"]


def moment(text: str) -> datetime:
    assert len(text) == len("2026-03-01T12:00:00.000Z")
    assert text.endswith("Z")
    return datetime.fromisoformat(text)


def test_new_use_rename_and_list(stina: StinaCommand) -> None:
    one = stina("new", "Shopping", "--json").document
    two = stina("new", "--json").document

    assert list(one) == CONVERSATION[:-1]
    assert (one["title"], one["active"], two["title"]) == ("Shopping", True, "")
    assert moment(one["created_at"])
    assert stina("use", one["id"]).out == f"{one['id']} Shopping [active]\n"
    assert stina("rename", two["id"], "Later", "--json").document["title"] == "Later"
    assert stina("pin", two["id"]).out == f"{two['id']} Later [pinned]\n"
    listed = stina("list", "--json").document
    assert [(row["id"], row["active"], row["pinned"]) for row in listed] == [
        (two["id"], False, True),
        (one["id"], True, False),
    ]
    head, *rows = stina("list").out.splitlines()
    assert head.split() == ["id", "title", "active", "pinned", "updated_at"]
    assert [row.split()[1:3] for row in rows] == [["Later", "yes"], ["Shopping", "yes"]]


def test_list_goes_on_where_it_said_it_ended(
    stina: StinaCommand, conversations: ConversationRepository, store: Store
) -> None:
    wanted = {conversations.start(title).id for title in ("One", "", "Three")}
    seen: list[str] = []
    more: list[str] = []
    while len(seen) < 3:
        page = stina("list", "--limit", "1", "--json", *more)
        seen += [row["id"] for row in page.document]
        more = page.err.removeprefix("(more: ").removesuffix(")\n").split()

    assert (set(seen), more) == (wanted, [])
    assert "(untitled)" in stina("list").out


def test_archive_puts_away_and_undo_takes_back(
    stina: StinaCommand, conversations: ConversationRepository, store: Store
) -> None:
    one = conversations.start("One")

    assert stina("archive", one.id).out == f"{one.id} One [archived]\n"
    assert [row["id"] for row in stina("list", "--archived", "--json").document] == [one.id]
    assert stina("list").out == ""
    assert stina("archive", one.id, "--undo").out == f"{one.id} One\n"
    assert not conversations.get(one.id).archived


def test_append_writes_into_the_current_conversation_or_another(
    stina: StinaCommand, chat: ChatRepository, conversations: ConversationRepository
) -> None:
    one, two = conversations.start("One"), conversations.start("Two")

    written = stina("append", "hej", "--json").document
    assert stina("append", "hello", "--to", one.id, "--role", "assistant").out == "assistant: hello\n"
    stina("append", "-", "--to", one.id, stdin="från\nrör\n".encode())
    long = stina("append", "x" * 1000).out

    assert list(written) == MESSAGE
    assert [message.content for message in chat.history(two.id)] == ["hej", "x" * 1000]
    assert [(m.role, m.content) for m in chat.history(one.id)] == [
        ("assistant", "hello"),
        ("user", "från\nrör\n"),
    ]
    assert long == f"user: {'x' * 200}… (1,000 characters)\n"
    interaction = chat.get_message(written["id"]).interaction_id
    stina("append", "more", "--interaction", interaction)
    assert [message.content for message in chat.read_interaction(interaction).messages] == ["hej", "more"]


@pytest.fixture
def talk(chat: ChatRepository, conversations: ConversationRepository) -> str:
    """Make a conversation with an aborted and a complete interaction; return its id."""
    one = conversations.start("Talk")
    with chat.interaction(one.id) as interaction:
        chat.append_message("user", "question", created_at=at(1), metadata={"a": [1, None]})
        chat.append_message("debug", "hidden", debug=True, created_at=at(2))
        chat.append_message("assistant", "ans", aborted=True, provider="echo", created_at=at(3))
        interaction.abort()
    chat.append_info("noted")
    return one.id


def test_show_prints_what_was_said(stina: StinaCommand, talk: str, chat: ChatRepository) -> None:
    assert stina("show").out == (
        f"{talk} Talk [active]\nuser: question\nassistant: ans …\n(aborted)\ninfo: noted\n"
    )
    newest = stina("show", talk, "--limit", "1", "--json").document
    assert list(newest) == [*CONVERSATION, "before"]
    assert [m["content"] for one in newest["interactions"] for m in one["messages"]] == ["noted"]
    older = stina("show", talk, "--before", newest["before"], "--json").document
    assert (older["before"], [one["state"] for one in older["interactions"]]) == (None, ["aborted"])
    assert newest["before"] in stina("show", "--limit", "1").out


def test_export_has_the_documented_shape_in_the_order_of_time(
    stina: StinaCommand, talk: str, conversations: ConversationRepository
) -> None:
    empty = conversations.start("Empty")

    document = stina("export", "--json").document

    assert [one["id"] for one in document] == [talk, empty.id]
    whole: Any = document[0]
    first, second = whole["interactions"]
    assert list(whole) == CONVERSATION
    assert list(first) == INTERACTION
    assert [list(message) for message in first["messages"]] == [MESSAGE] * 3
    assert (first["state"], first["aborted"], second["state"], second["aborted"]) == (
        "aborted", True, "complete", False,
    )  # fmt: skip
    assert first["messages"][0] == {
        "id": first["messages"][0]["id"],
        "role": "user",
        "content": "question",
        "provider": None,
        "aborted": False,
        "debug": False,
        "metadata": {"a": [1, None]},
        "created_at": "2026-03-01T12:01:00.000Z",
    }
    assert first["messages"][2]["provider"] == "echo"
    assert stina("export", talk, "--json").document == [whole]


def test_search_finds_with_snippets_and_goes_on(stina: StinaCommand, chat: ChatRepository) -> None:
    for number in range(3):
        chat.append_message("user", f"mjölk {number}")
    chat.append_message("user", "bröd")

    page = stina("search", "mjolk", "--limit", "2", "--json").document
    rest = stina("search", "mjolk", "--before", str(page[-1]["place"]), "--json").document

    assert [row["message"]["content"] for row in page + rest] == ["mjölk 2", "mjölk 1", "mjölk 0"]
    assert page[0]["snippet"] == {"text": "mjölk 2", "highlights": [[0, 5]]}
    assert "[mjölk] 2" in stina("search", "mjolk", "--ranked").out
    assert stina("search", "ingenting").out == ""
    assert stina("search", "x", "--ranked", "--before", "1").code == 2


def test_delete_needs_a_yes_where_nobody_can_be_asked(
    stina: StinaCommand, talk: str, conversations: ConversationRepository
) -> None:
    refused = stina("delete", talk)
    assert (refused.code, "--yes" in refused.err) == (2, True)
    assert conversations.get(talk)

    assert stina("delete", talk, "--yes", "--json").document == {"id": talk, "deleted": True}
    assert conversations.find(talk) is None


@pytest.mark.parametrize(
    ("arguments", "table"),
    [
        (["show", "nobody"], "chat_conversation"),
        (["use", "nobody"], "chat_conversation"),
        (["export", "nobody"], "chat_conversation"),
        (["delete", "nobody", "--yes"], "chat_conversation"),
        (["append", "x", "--to", "nobody"], "chat_conversation"),
        (["append", "x", "--interaction", "nobody"], "chat_interaction"),
    ],
)
def test_what_is_not_there_is_one_line_on_stderr_and_exit_code_1(
    stina: StinaCommand, arguments: list[str], table: str
) -> None:
    result = stina(*arguments, "--json")

    assert (result.code, result.out) == (1, "")
    assert result.err == f"stina: {table} has no row 'nobody'\n"


def test_what_the_command_wrote_is_there_for_a_program(stina: StinaCommand, store_path: Path) -> None:
    run_python(
        "import sys, stina_chat.plugin\n"
        "from stina_chat import ChatRepository\n"
        "from stina_core import open_store\n"
        "with open_store(sys.argv[1]) as store:\n"
        "    store[ChatRepository].begin_interaction()\n",
        store_path,
    )

    assert stina("show", "--json").document["interactions"][0]["state"] == State.RUNNING
    assert stina("show").out.splitlines()[1:] == ["(running)"]


def test_the_command_is_imported_without_the_database() -> None:
    output = run_python(
        "import sys, stina_chat.commands\n"
        "heavy = {'peewee', 'apsw', 'stina_core.store', 'stina_chat.repository', 'importlib.metadata', 'dataclasses'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )

    assert output.strip() == "[]"
