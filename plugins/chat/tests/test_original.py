"""Defects of the original app that must not come back, where no other test would see them: starts, events, writes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any

import apsw
import pytest

from stina_chat import ChatRepository, ConversationRepository, ExportedConversation, WholeInteraction
from stina_chat.models import Message
from stina_core import Changes, StinaError, Store, StoreConfig, open_store
from stina_core.testing import PlantedError, failing_at, file_rows, running_python, statements

from .conftest import PLUGINS, said
from .old_files import SAID, TURNS, adopted, old_file

DEADLINE = 30.0

APPEND = """
import stina_chat.plugin
from stina_chat import ChatRepository
from stina_core import open_store
from stina_core.testing import plugins_of

with open_store(sys.argv[1], plugins=plugins_of(chat=stina_chat.plugin)) as store:
    for number in range(int(sys.argv[2])):
        store[ChatRepository].append_message("user", f"theirs {number}")
    say("done")
    sys.stdin.readline()
"""


def filled(path: Path, count: int) -> list[ExportedConversation]:
    """Make a file with *count* messages, and return all that is in it."""
    with open_store(path, plugins=PLUGINS) as store, store.transaction():
        for number in range(count):
            store[ChatRepository].append_message("user", str(number))
        return store[ConversationRepository].export()


# Starts


def test_everything_is_there_after_every_start(store_path: Path) -> None:
    """`getChatRepository()` of the refactor dropped all chat tables at every start."""
    before = filled(store_path, 5)

    for _ in range(3):
        with open_store(store_path, StoreConfig(strict=True), plugins=PLUGINS) as store:
            assert store[ConversationRepository].export() == before


def test_a_start_that_shows_the_chat_writes_nothing(store_path: Path) -> None:
    """`bootstrap()` wrote `kv` at every start."""
    filled(store_path, 5)
    watching = apsw.Connection(str(store_path))

    def version() -> list[Any]:
        return list(watching.execute("PRAGMA data_version"))

    before = version()
    with open_store(store_path, plugins=PLUGINS) as store:
        store[ConversationRepository].current()
        assert len(store[ChatRepository].view().page.interactions) == 5
    assert version() == before
    filled(store_path, 1)  # a control: a write is noticed
    assert version() != before
    watching.close()


def test_a_start_reads_none_of_the_history(store_path: Path) -> None:
    """`bootstrap()` loaded every interaction and message, so a start took as long as the history."""
    filled(store_path, 5)

    def reads(show: Callable[[Store], object]) -> list[str]:
        def run() -> None:
            with open_store(store_path, plugins=PLUGINS) as store:
                show(store)

        return [one.sql for one in statements(run) if 'FROM "chat_' in one.sql]

    assert reads(lambda store: None) == []
    assert len(reads(lambda store: store[ChatRepository].view())) == 3  # a control: what is read is noticed


def test_our_indexes_are_there_beside_the_originals_of_the_same_purpose(
    store_path: Path, tmp_path: Path
) -> None:
    """`initSchema` of the refactor made indexes under names the old tables had taken, so it made none."""
    of_ours = "SELECT name, tbl_name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name GLOB 'chat_*'"
    old_file(
        store_path, TURNS, SAID,
        "CREATE INDEX idx_interactions_conversation ON interactions (conversation_id, ts)",
        "CREATE INDEX idx_messages_interaction ON interaction_messages (interaction_id, ts)",
        "CREATE VIEW v AS SELECT * FROM interactions JOIN interaction_messages USING (conversation_id)",
    )  # fmt: skip
    fresh = tmp_path / "fresh.db"
    for path in (store_path, fresh):
        adopted(path).close()

    old = file_rows(store_path, "SELECT tbl_name FROM sqlite_schema WHERE name GLOB 'idx_*'")
    assert sorted(old) == [("interaction_messages",), ("interactions",)]
    assert file_rows(store_path, of_ours) == file_rows(fresh, of_ours)
    assert {row[1] for row in file_rows(fresh, of_ours)} >= {"chat_interaction", "chat_message"}


# Being told


def test_another_program_is_heard_though_the_file_itself_does_not_change(
    store: Store, chat: ChatRepository, store_path: Path
) -> None:
    """`fs.watch` on the file saw nothing before SQLite's checkpoint, after some 157 messages, or ever."""
    chat.append_message("user", "first")
    heard = threading.Semaphore(0)

    def hear(changes: Changes) -> None:
        for change in changes:
            if change.table == "chat_message":
                heard.release()

    before = store_path.stat()
    with store.subscribe(hear, {"chat_message"}), running_python(APPEND, store_path, 20) as process:
        for _ in range(20):
            assert heard.acquire(timeout=DEADLINE)
        process.hear("done")
        after = store_path.stat()
        process.say("end")
        process.finish()

    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert chat.count_messages() == 21


def test_whoever_is_told_of_a_message_finds_it_whole(chat: ChatRepository, other: Store) -> None:
    """Events of the refactor were emitted between the writes of one append."""
    found: list[WholeInteraction] = []
    told = threading.Event()

    def hear(changes: Changes) -> None:
        theirs = other[ChatRepository]
        found.extend(
            theirs.read_interaction(theirs.get_message(str(change.key)).interaction_id) for change in changes
        )
        told.set()

    with other.subscribe(hear, {"chat_message"}):
        with chat.transaction():
            message = chat.append_message("user", "question")
            chat.append_message("assistant", "answer", interaction_id=message.interaction_id)
        assert told.wait(DEADLINE)

    assert [said(list(whole.messages)) for whole in found] == [["question", "answer"]] * 2


def test_what_a_reader_does_to_its_answer_is_nobody_elses_matter(
    chat: ChatRepository, conversations: ConversationRepository
) -> None:
    """`getMessages()` and the events gave out the cache itself, which a listener could spoil for all."""
    one = conversations.start()
    chat.append_message("user", "a", metadata={"n": [1]})
    before = conversations.export()

    for messages in (chat.history(one.id), chat.last_messages(one.id)):
        assert isinstance(messages[0].metadata, dict)
        messages[0].metadata.clear()
        messages.clear()
    conversations.export().clear()

    assert conversations.export() == before
    assert chat.history(one.id)[0].metadata == {"n": [1]}


# All or nothing

CHANGES: dict[str, Callable[[ConversationRepository, str], object]] = {
    "clear_all": lambda conversations, first: conversations.clear_all(),
    "clear": lambda conversations, first: conversations.clear(first),
    "start": lambda conversations, first: conversations.start("New"),
    "switch": lambda conversations, first: conversations.switch(first),
}


def two_talks(store: Store) -> str:
    """Make two conversations with messages, and return the id of the one that is not active."""
    first, _ = (store[ConversationRepository].start(title) for title in ("One", "Two"))
    for one in store[ConversationRepository].export():
        for text in "ab":
            store[ChatRepository].append_message("user", text, conversation_id=one.id)
    return first.id


def on_a_new_connection(store: Store, change: Callable[[], object]) -> None:
    with store.use():
        Message._meta.database.close()  # only statements of new connections are listed, and can fail
    change()


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_conversations_that_fails_at_any_statement_changes_nothing(
    store: Store, name: str
) -> None:
    """`clearMessages()` and `startNewConversation()` were several writes without a transaction."""
    conversations, first = store[ConversationRepository], two_talks(store)
    before = conversations.export()

    def change() -> None:
        on_a_new_connection(store, lambda: CHANGES[name](conversations, first))

    number, fault = 0, None
    while fault is None or fault.reached:
        number += 1
        with failing_at(number) as fault, suppress(PlantedError, StinaError):
            change()
        if fault.reached:
            assert conversations.export() == before, number

    assert number > 5
    assert conversations.export() != before


def test_without_its_transaction_a_failed_clearing_loses_something(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A control of the test above: the original's way."""

    def no_transaction(self: object, actor: str | None = None) -> AbstractContextManager[None]:
        return nullcontext()

    monkeypatch.setattr(ConversationRepository, "transaction", no_transaction)

    with pytest.raises(AssertionError):
        test_a_change_of_conversations_that_fails_at_any_statement_changes_nothing(store, "clear_all")


def test_everything_but_the_active_conversation_can_be_deleted_at_once(
    store: Store, conversations: ConversationRepository
) -> None:
    """`clearHistoryExceptActive()` of a later version threw at its transaction, and deleted nothing."""
    two_talks(store)
    since = store.cursor()

    with store.transaction():
        for one in conversations.page().conversations:
            if not one.active:
                conversations.delete(one.id)

    assert [one.title for one in conversations.export()] == ["Two"]
    assert len(conversations.export()[0].interactions) == 2
    assert len(list(store.changes(since=since))) == 1


def test_a_transaction_in_an_async_function_is_kept_or_undone_as_anywhere(
    store: Store, chat: ChatRepository, conversations: ConversationRepository
) -> None:
    """`withTransaction(async ...)` of the refactor always threw: its driver refuses promises."""
    one = conversations.start()

    async def send(*texts: str, fail: bool = False) -> None:
        with store.transaction():
            for text in texts:
                chat.append_message("user", text)
            if fail:
                raise ZeroDivisionError

    async def main() -> None:
        await send("a", "b")
        with pytest.raises(ZeroDivisionError):
            await send("undone", fail=True)
        await send("c")

    asyncio.run(main())

    assert said(chat.history(one.id)) == ["a", "b", "c"]
