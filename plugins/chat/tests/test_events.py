"""The contract of events in README.md: which changes each method tells, in which order; and live queries."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Generic, TypeAlias, TypeVar

import pytest

from stina_chat import ChatRepository, ChatView, ConversationRepository, State
from stina_core import Changes, InvalidValueError, NotFoundError, Store, TransactionError
from stina_core.testing import running_python

DEADLINE = 30.0

T = TypeVar("T")

Told: TypeAlias = "list[str]"

WRITER = """
import stina_chat.plugin
from stina_chat import ChatRepository, ConversationRepository
from stina_core import open_store
from stina_core.testing import plugins_of

with open_store(sys.argv[1], plugins=plugins_of(chat=stina_chat.plugin)) as store:
    say("open")
    for line in sys.stdin:
        what, text = line.rstrip("\\n").split(" ", 1)
        if what == "start":
            store[ConversationRepository].start(text)
        else:
            store[ChatRepository].append_message("user", text)
        say("done")
"""


class Heard(Generic[T]):
    """What a callback was called with so far."""

    def __init__(self) -> None:
        self.all: list[T] = []
        self._news = threading.Condition()

    def __call__(self, one: T) -> None:
        with self._news:
            self.all.append(one)
            self._news.notify_all()

    def until(self, wanted: Callable[[list[T]], object]) -> list[T]:
        """Wait until what was heard is as *wanted*, and return it."""
        with self._news:
            assert self._news.wait_for(lambda: self.all and wanted(self.all), DEADLINE), self.all
            return list(self.all)


def told_by(store: Store, run: Callable[[], object]) -> list[Told]:
    """Return what the feed tells of *run*: of each transaction its changes as `table op`, without the plugin."""
    since = store.cursor()
    run()
    return [
        [f"{change.table.removeprefix('chat_')} {change.op}" for change in changes]
        for changes in store.changes(since=since)
    ]


def test_the_first_append_makes_conversation_interaction_and_message(
    store: Store, chat: ChatRepository
) -> None:
    told = told_by(store, lambda: chat.append_message("user", "hi"))

    assert told == [["conversation insert", "interaction insert", "message insert"]]


def test_each_method_of_messages_and_interactions_tells_what_the_readme_says(
    store: Store, chat: ChatRepository, conversations: ConversationRepository
) -> None:
    one = conversations.start()
    running = chat.begin_interaction(one.id)
    second = chat.begin_interaction(one.id)
    message = chat.append_message("user", "x", interaction_id=second.id)
    into_new = ["conversation update", "interaction insert", "message insert"]
    into_old = ["conversation update", "message insert"]

    def inside() -> None:
        with chat.interaction() as interaction:
            chat.append_tool("x")
            interaction.abort()

    contract: list[tuple[Callable[[], object], list[Told]]] = [
        (lambda: chat.append_message("user", "x"), [into_new]),
        (lambda: chat.append_info("x", conversation_id=one.id), [into_new]),
        (lambda: chat.append_automation("clock", "x"), [into_new]),
        (lambda: chat.append_error("x", interaction_id=running.id), [into_old]),
        (
            lambda: chat.append_message("user", "x", interaction_id=running.id, aborted=True),
            [["conversation update", "interaction update", "message insert"]],
        ),
        (lambda: chat.append_message("user", "x", interaction_id=running.id, aborted=True), [into_old]),
        (chat.begin_interaction, [["conversation update", "interaction insert"]]),
        (inside, [["conversation update", "interaction insert"], into_old, ["interaction update"]]),
        (lambda: chat.end_interaction(second.id, State.ERROR), [["interaction update"]]),
        (lambda: chat.set_state(second.id, State.COMPLETE), [["interaction update"]]),
        (lambda: chat.delete_message(message.id), [["message delete"]]),
        (lambda: chat.delete_interaction(running.id), [["message delete"] * 3 + ["interaction delete"]]),
        (lambda: chat.delete_interaction(second.id), [["interaction delete"]]),
    ]
    for run, wanted in contract:
        assert told_by(store, run) == wanted


def test_each_method_of_conversations_tells_what_the_readme_says(
    store: Store, conversations: ConversationRepository, chat: ChatRepository
) -> None:
    first = conversations.start()
    full = conversations.start()
    chat.append_message("user", "x", conversation_id=full.id)
    update, insert = "conversation update", "conversation insert"
    contents = ["message delete", "interaction delete"]

    contract: list[tuple[Callable[[], object], list[Told]]] = [
        (lambda: conversations.start("x"), [[update, insert]]),
        (lambda: conversations.switch(first.id), [[update, update]]),
        (lambda: conversations.rename(first.id, "y"), [[update]]),
        (lambda: conversations.pin(first.id), [[update]]),
        (lambda: conversations.archive(first.id), [[update]]),
        (conversations.current, [[update]]),
        (lambda: conversations.switch(first.id), [[update, update]]),
        (lambda: conversations.clear(full.id), [contents]),
        (
            lambda: chat.append_message("user", "x", conversation_id=full.id),
            [[update, "interaction insert", "message insert"]],
        ),
        (lambda: conversations.delete(full.id), [[*contents, "conversation delete"]]),
        (conversations.clear_all, [["conversation delete"] * 2 + [insert]]),
        (lambda: conversations.delete(conversations.current().id), [["conversation delete"]]),
        (conversations.current, [[insert]]),
    ]
    for run, wanted in contract:
        assert told_by(store, run) == wanted


def test_the_keys_are_the_ids_and_parents_come_first(store: Store, chat: ChatRepository) -> None:
    since = store.cursor()
    message = chat.append_message("user", "hi")

    [changes] = store.changes(since=since)

    interaction = chat.get_interaction(message.interaction_id)
    assert [change.key for change in changes] == [interaction.conversation_id, interaction.id, message.id]


def test_what_writes_nothing_or_is_undone_tells_nothing(
    store: Store, chat: ChatRepository, conversations: ConversationRepository
) -> None:
    one = conversations.start("One")
    done = chat.begin_interaction()
    chat.end_interaction(done.id)

    def nothing() -> None:
        conversations.current()
        conversations.switch(one.id)
        conversations.rename(one.id, " One ")
        conversations.pin(one.id, False)
        conversations.archive(one.id, False)
        assert not conversations.delete("nobody")
        chat.end_interaction(done.id, State.ERROR)
        chat.set_state(done.id, State.COMPLETE)
        assert not chat.delete_message("nobody")
        assert not chat.delete_interaction("nobody")
        with pytest.raises(NotFoundError):
            chat.append_message("user", "x", conversation_id="nobody")
        with pytest.raises(InvalidValueError):
            chat.append_message("user", "\ud800")
        with suppress(ZeroDivisionError), chat.transaction():
            chat.append_message("user", "undone")
            raise ZeroDivisionError
        chat.view()
        chat.search("x")
        conversations.export()

    assert told_by(store, nothing) == []


def test_a_transaction_is_one_batch_in_the_order_of_its_writes(store: Store, chat: ChatRepository) -> None:
    def both() -> None:
        with chat.transaction(actor="assistant"):
            chat.append_message("user", "a")
            with suppress(InvalidValueError):
                chat.append_message("nobody", "b")
            chat.append_message("user", "c")

    made = ["interaction insert", "message insert"]
    assert told_by(store, both) == [["conversation insert", *made, "conversation update", *made]]


@contextmanager
def writer(path: Path) -> Iterator[Callable[[str], None]]:
    """Another process; the function it gives makes it write, and waits until it did."""
    with running_python(WRITER, path) as process:
        process.hear("open")

        def write(line: str) -> None:
            process.say(line)
            process.hear("done")

        yield write
        process.finish()


def test_another_process_is_heard_message_by_message(
    store: Store, chat: ChatRepository, store_path: Path
) -> None:
    heard: Heard[Changes] = Heard()
    with writer(store_path) as write, store.subscribe(heard, {"chat_message"}):
        for number in range(5):
            write(f"append theirs {number}")
            chat.append_message("user", f"ours {number}")
        told = heard.until(lambda batches: len(batches) == 10)

    keys = [change.key for changes in told for change in changes]
    texts = [chat.get_message(str(key)).content for key in keys]
    assert texts == [f"{who} {number}" for number in range(5) for who in ("theirs", "ours")]


def test_one_observation_gives_what_a_client_draws_whoever_writes(
    chat: ChatRepository, conversations: ConversationRepository, store_path: Path
) -> None:
    heard: Heard[ChatView] = Heard()

    def shows(title: str | None, *texts: str) -> Callable[[list[ChatView]], bool]:
        def shown(views: list[ChatView]) -> bool:
            view = views[-1]
            found = [one.content for whole in view.page.interactions for one in whole.messages]
            return (view.conversation and view.conversation.title) == title and found == list(texts)

        return shown

    with writer(store_path) as write, chat.observe(heard, limit=2):
        assert shows(None)(heard.all)
        write("start Shopping")
        heard.until(shows("Shopping"))
        write("append milk")
        heard.until(shows("Shopping", "milk"))
        chat.append_message("user", "bread")
        heard.until(shows("Shopping", "milk", "bread"))
        write("append tea")
        heard.until(shows("Shopping", "bread", "tea"))
        conversations.rename(conversations.current().id, "Food")
        heard.until(shows("Food", "bread", "tea"))
        write("start Other")
        heard.until(shows("Other"))
        conversations.archive(conversations.current().id)
        heard.until(shows(None))


def test_an_observation_is_told_only_what_is_another_view(
    chat: ChatRepository, conversations: ConversationRepository
) -> None:
    heard: Heard[ChatView] = Heard()
    first = conversations.start("First")
    conversations.start("Second")
    with chat.observe(heard):
        chat.append_message("user", "not shown", conversation_id=first.id)
        chat.append_message("user", "shown")
        told = heard.until(lambda views: views[-1].page.interactions)

    assert len(told) == 2


def test_observing_inside_a_transaction_is_refused(chat: ChatRepository) -> None:
    with pytest.raises(TransactionError), chat.transaction():
        chat.observe(print)
