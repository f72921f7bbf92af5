"""What breaks the rules is refused, by its name, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import peewee
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stina_chat import ChatRepository, ConversationRepository, ExportedConversation, Role
from stina_chat.models import Message
from stina_core import InvalidValueError, NotFoundError, StinaError
from stina_core.testing import memory_store

from .conftest import PLUGINS

if TYPE_CHECKING:
    from stina_core.testing import StinaCommand

NO_TEXTS: list[Any] = [b"bytes", 7, 1.5, True, ["a"], object(), Message.id, peewee.SQL("1")]
BROKEN = ["\ud800", "a\udfff"]


def kind(value: object) -> str:
    return type(value).__name__


@pytest.fixture
def before(
    chat: ChatRepository, conversations: ConversationRepository
) -> Iterator[list[ExportedConversation]]:
    """Write some rows, yield them, and check at the end that they are still all there is."""
    conversations.start("One")
    chat.append_message("user", "hello", metadata=[1])
    there = conversations.export()
    yield there
    assert conversations.export() == there


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        *(("content", value) for value in [*NO_TEXTS, *BROKEN, None]),
        *(("role", value) for value in ["User", "system", "", b"user", 1, None]),
        *(("provider", value) for value in [*NO_TEXTS, *BROKEN]),
        *(("aborted", value) for value in [1, "yes", None]),
        *(("debug", value) for value in [0, "no", None]),
        *(
            ("metadata", value)
            for value in [(1,), {1: 2}, float("nan"), 1 << 63, b"x", {"a": "\ud800"}, object()]
        ),
        *(("id", value) for value in [*NO_TEXTS, *BROKEN]),
        *(("created_at", value) for value in [datetime(2026, 1, 1), date(2026, 1, 1), 0, "2026-01-01"]),
    ],
    ids=kind,
)
def test_append_refuses_by_column(
    chat: ChatRepository, conversations: ConversationRepository, argument: str, value: Any
) -> None:
    interaction = chat.begin_interaction()
    there = conversations.export()
    wheres: list[dict[str, Any]] = [{}, {"interaction_id": interaction.id}]
    for where in wheres:
        arguments: dict[str, Any] = {"role": "user", "content": "x", **where, argument: value}
        with pytest.raises(InvalidValueError) as caught:
            chat.append_message(**arguments)

        assert caught.value.field == f"chat_message.{argument}"
        assert len(str(caught.value)) < 200
        assert conversations.export() == there


@pytest.mark.usefixtures("before")
@pytest.mark.parametrize("value", [*NO_TEXTS, *BROKEN, None], ids=kind)
def test_an_id_that_is_no_text_is_refused_everywhere(
    chat: ChatRepository, conversations: ConversationRepository, value: Any
) -> None:
    calls: list[Callable[[], object]] = [
        lambda: conversations.switch(value),
        lambda: conversations.get(value),
        lambda: conversations.find(value),
        lambda: conversations.rename(value, "x"),
        lambda: conversations.archive(value),
        lambda: conversations.pin(value),
        lambda: conversations.delete(value),
        lambda: conversations.clear(value),
        lambda: chat.get_interaction(value),
        lambda: chat.get_message(value),
        lambda: chat.read_interaction(value),
        lambda: chat.end_interaction(value),
        lambda: chat.set_state(value, "error"),  # type: ignore[arg-type]
        lambda: chat.delete_interaction(value),
        lambda: chat.delete_message(value),
        lambda: chat.page(value),
        lambda: chat.history(value),
        lambda: chat.last_messages(value),
        lambda: chat.inside(value).__enter__(),
    ]
    if value is not None:
        calls += [
            lambda: chat.append_message("user", "x", conversation_id=value),
            lambda: chat.append_message("user", "x", interaction_id=value),
            lambda: chat.begin_interaction(value),
            lambda: chat.count_messages(value),
            lambda: chat.count_interactions(value),
            lambda: conversations.export(value),
            lambda: conversations.start("x", id=value),
        ]
    for call in calls:
        with pytest.raises((StinaError, TypeError) if isinstance(value, peewee.Node) else InvalidValueError):
            call()


@pytest.mark.usefixtures("before")
@pytest.mark.parametrize("value", [*NO_TEXTS, *BROKEN, None], ids=kind)
def test_a_title_that_is_no_text_is_refused(conversations: ConversationRepository, value: Any) -> None:
    one = conversations.current()
    calls: list[Callable[[], object]] = [
        lambda: conversations.start(value),
        lambda: conversations.rename(one.id, value),
    ]
    for call in calls:
        with pytest.raises(InvalidValueError) as caught:
            call()
        assert caught.value.field == "chat_conversation.title"


@pytest.mark.usefixtures("before")
@pytest.mark.parametrize("value", [1, "yes", None], ids=kind)
def test_what_is_neither_true_nor_false_is_refused(conversations: ConversationRepository, value: Any) -> None:
    one = conversations.current()
    for call in (
        lambda: conversations.archive(one.id, value),
        lambda: conversations.pin(one.id, value),
        lambda: conversations.page(archived=value),
    ):
        with pytest.raises(InvalidValueError):
            call()


@pytest.mark.usefixtures("before")
@pytest.mark.parametrize("value", ["done", "", 1, None], ids=kind)
def test_a_state_that_there_is_not_is_refused(
    chat: ChatRepository, conversations: ConversationRepository, value: Any
) -> None:
    [turn] = conversations.export()[0].interactions
    for call in (lambda: chat.set_state(turn.id, value), lambda: chat.end_interaction(turn.id, value)):
        with pytest.raises(InvalidValueError) as caught:
            call()
        assert caught.value.field == "chat_interaction.state"


@pytest.mark.usefixtures("before")
@pytest.mark.parametrize("value", [*NO_TEXTS[:4], *BROKEN], ids=kind)
def test_a_provider_or_model_that_is_no_text_is_refused(chat: ChatRepository, value: Any) -> None:
    for name in ("provider", "model"):
        arguments: dict[str, Any] = {name: value}
        with pytest.raises(InvalidValueError) as caught:
            chat.begin_interaction(**arguments)
        assert caught.value.field == f"chat_interaction.{name}"


any_text = st.text(st.characters(exclude_categories=()), max_size=10)
anything = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | any_text
    | st.binary(max_size=3)
    | st.datetimes()
)


@settings(max_examples=60)
@given(
    role=st.sampled_from(list(Role)) | anything,
    content=any_text | anything,
    metadata=anything | st.lists(anything, max_size=2) | st.dictionaries(any_text, anything, max_size=2),
    aborted=st.booleans() | anything,
    at=st.none() | st.datetimes(timezones=st.just(UTC)) | anything,
)
def test_anything_comes_back_exactly_or_is_refused_with_a_typed_error(
    role: Any, content: Any, metadata: Any, aborted: Any, at: Any
) -> None:
    with memory_store(PLUGINS) as store:
        chat = store[ChatRepository]
        message = None
        with suppress(InvalidValueError):
            message = chat.append_message(role, content, metadata=metadata, aborted=aborted, created_at=at)
        if message is None:
            assert (chat.count_interactions(), store[ConversationRepository].count()) == (0, 0)
        else:
            assert repr((message.content, message.metadata)) == repr((content, metadata))
            assert chat.get_message(message.id) == message


COMMANDS: list[tuple[list[str | bytes], bytes]] = [
    (["append", ""], b""),
    (["append", " \n"], b""),
    (["append", b"\xff"], b""),
    (["append", "-"], b"\xed\xa0\xbd"),
    (["append", "-"], b" "),
    (["append", "x", "--role", "system"], b""),
    (["rename", "nobody", "x" * 501], b""),
    (["new", "x" * 501], b""),
    (["show", "--before", "x"], b""),
    (["show", "--limit", "0"], b""),
    (["search", "x", "--before", "9" * 30], b""),
    (["swap"], b""),
]


@pytest.mark.usefixtures("before")
@pytest.mark.parametrize(("arguments", "stdin"), COMMANDS, ids=kind)
def test_the_command_refuses_bad_input_in_few_words(
    stina: StinaCommand, arguments: list[str | bytes], stdin: bytes
) -> None:
    result = stina(*arguments, stdin=stdin)

    assert result.code in (1, 2)
    assert result.out == ""
    assert result.err
    assert "should not happen" not in result.err


def test_a_message_that_is_not_there_is_named(chat: ChatRepository) -> None:
    for call, table in ((chat.get_message, "chat_message"), (chat.get_interaction, "chat_interaction")):
        with pytest.raises(NotFoundError) as caught:
            call("nobody")
        assert (caught.value.table, caught.value.key) == (table, "nobody")
