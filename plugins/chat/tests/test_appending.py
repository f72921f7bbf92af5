"""Where messages go, what is stored of them, and that a failed append leaves nothing."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta, timezone

import pytest

from stina_chat import ChatRepository, ConversationRepository, MessageValue, Role, State
from stina_chat.models import Message
from stina_core import ConstraintError, InvalidValueError, NotFoundError, StinaError, Store
from stina_core.testing import PlantedError, failing_at, statements

from .conftest import SetClock, at, said


def test_a_message_comes_back_exactly_as_it_was_given(chat: ChatRepository) -> None:
    content = " \x00 'quotes' 👩‍👩‍👧‍👦 å a\u030a \u2028\ufeff\r\n" + "x" * 70_000

    message = chat.append_message(
        Role.ASSISTANT,
        content,
        id="m_1",
        provider="ollama",
        debug=True,
        metadata={"tokens": [1, None, 2.5]},
        created_at=at(1),
    )

    assert message == MessageValue(
        "m_1",
        message.interaction_id,
        Role.ASSISTANT,
        content,
        "ollama",
        False,
        True,
        {"tokens": [1, None, 2.5]},
        at(1),
    )
    assert chat.get_message("m_1") == message
    assert chat.read_interaction(message.interaction_id).messages == (message,)


def test_a_bare_append_makes_a_complete_interaction_in_the_current_conversation(
    chat: ChatRepository, conversations: ConversationRepository
) -> None:
    message = chat.append_message("user", "hello", created_at=at(5))

    interaction = chat.get_interaction(message.interaction_id)
    current = conversations.current()
    assert (interaction.state, interaction.conversation_id) == (State.COMPLETE, current.id)
    assert interaction.created_at == message.created_at == at(5) == current.updated_at
    assert interaction.aborted is False


def test_two_bare_appends_are_two_interactions_of_one_conversation(
    chat: ChatRepository, conversations: ConversationRepository
) -> None:
    first, second = chat.append_message("user", "a"), chat.append_message("assistant", "b")

    assert first.interaction_id != second.interaction_id
    assert said(chat.history(conversations.current().id)) == ["a", "b"]
    assert conversations.count() == 1


def test_an_interaction_that_is_given_wins_over_the_conversation(
    chat: ChatRepository, conversations: ConversationRepository
) -> None:
    """As in the original: a message cannot be in another conversation than its interaction."""
    here = conversations.start("Here")
    interaction = chat.begin_interaction(here.id)
    there = conversations.start("There")

    message = chat.append_message("user", "hi", interaction_id=interaction.id, conversation_id=there.id)

    assert message.interaction_id == interaction.id
    assert (said(chat.history(here.id)), chat.history(there.id)) == (["hi"], [])


def test_a_conversation_that_is_given_need_not_be_the_current_one(
    chat: ChatRepository, conversations: ConversationRepository
) -> None:
    first, current = conversations.start("First"), conversations.start("Current")

    message = chat.append_message("user", "hi", conversation_id=first.id)

    assert chat.get_interaction(message.interaction_id).conversation_id == first.id
    assert conversations.current() == current


@pytest.mark.parametrize(
    ("where", "table"), [("interaction_id", "chat_interaction"), ("conversation_id", "chat_conversation")]
)
def test_a_place_that_is_not_there_is_refused_and_nothing_is_written(
    chat: ChatRepository, conversations: ConversationRepository, where: str, table: str
) -> None:
    """The later original put such a message silently into the active conversation."""
    with pytest.raises(NotFoundError) as caught:
        chat.append_message("user", "hi", **{where: "nowhere"})  # type: ignore[arg-type]

    assert (caught.value.table, caught.value.key) == (table, "nowhere")
    assert (conversations.count(), chat.count_interactions(), chat.count_messages()) == (0, 0, 0)


def test_the_time_of_a_conversation_moves_on_and_never_back(
    chat: ChatRepository, conversations: ConversationRepository, set_clock: SetClock
) -> None:
    set_clock(at(10))
    one = conversations.start("One")
    interaction = chat.begin_interaction(one.id)

    chat.append_message("user", "later", interaction_id=interaction.id, created_at=at(20))
    assert conversations.get(one.id).updated_at == at(20)
    chat.append_message("user", "earlier", interaction_id=interaction.id, created_at=at(1))
    assert conversations.get(one.id).updated_at == at(20)
    set_clock(at(30))
    chat.begin_interaction(one.id)
    assert conversations.get(one.id).updated_at == at(30)


def test_an_aborted_message_aborts_its_interaction_and_a_whole_one_does_not_undo_that(
    chat: ChatRepository,
) -> None:
    interaction = chat.begin_interaction()

    cut = chat.append_message("assistant", "half", interaction_id=interaction.id, aborted=True)
    assert (cut.aborted, chat.get_interaction(interaction.id).aborted) == (True, True)
    whole = chat.append_message("user", "more", interaction_id=interaction.id)
    assert (whole.aborted, chat.get_interaction(interaction.id).state) == (False, State.ABORTED)
    bare = chat.append_message("assistant", "half", aborted=True)
    assert chat.get_interaction(bare.interaction_id).state is State.ABORTED


def test_the_users_message_is_not_marked_because_the_answer_was_aborted(
    chat: ChatRepository, conversations: ConversationRepository
) -> None:
    """The original marked every message of an aborted interaction, the question too."""
    with chat.interaction():
        chat.append_message("user", "question")
        chat.append_message("assistant", "answ", aborted=True)

    assert [one.aborted for one in chat.history(conversations.current().id)] == [False, True]


def test_notes_have_their_roles_and_are_not_trimmed(
    chat: ChatRepository, conversations: ConversationRepository
) -> None:
    one = conversations.start()

    chat.append_info(" info ")
    chat.append_instruction("be brief", conversation_id=one.id)
    chat.append_tool("ran", metadata={"tool": "todo_list"})
    chat.append_error("")

    assert [(message.role, message.content) for message in chat.history(one.id)] == [
        (Role.INFO, " info "),
        (Role.INSTRUCTIONS, "be brief"),
        (Role.TOOL, "ran"),
        (Role.ERROR, ""),
    ]
    assert chat.history(one.id)[2].metadata == {"tool": "todo_list"}


@pytest.mark.parametrize(
    ("tool", "text", "content"),
    [
        ("clock", "  it is noon \n", "Automation (clock): it is noon"),
        (" clock ", "noon", "Automation (clock): noon"),
        (None, "noon", "Automation: noon"),
        ("  ", "\u2003noon\u00a0", "Automation: noon"),
    ],
)
def test_an_automation_message_is_trimmed_and_says_which_tool(
    chat: ChatRepository, tool: str | None, text: str, content: str
) -> None:
    message = chat.append_automation(tool, text)

    assert (message.role, message.content) == (Role.INFO, content)


@pytest.mark.parametrize(("tool", "text"), [("clock", " \n"), (None, ""), (7, "x"), ("clock", None)])
def test_an_automation_message_without_text_is_refused(chat: ChatRepository, tool: str, text: str) -> None:
    with pytest.raises(InvalidValueError):
        chat.append_automation(tool, text)

    assert chat.count_messages() == 0


def test_a_time_is_kept_to_the_millisecond_in_utc(chat: ChatRepository) -> None:
    moment = at(1).replace(microsecond=123_999).astimezone(timezone(timedelta(hours=2)))

    message = chat.append_message("user", "hi", created_at=moment)

    assert message.created_at == at(1).replace(microsecond=123_000)
    assert message.created_at == chat.get_interaction(message.interaction_id).created_at


def test_an_id_that_is_taken_is_refused_and_leaves_no_empty_interaction(
    chat: ChatRepository, conversations: ConversationRepository
) -> None:
    """In the original a failed message left its interaction behind."""
    chat.append_message("user", "first", id="same")
    before = conversations.export()

    with pytest.raises(ConstraintError):
        chat.append_message("user", "second", id="same", created_at=at(9_999_999))

    assert conversations.export() == before


def test_without_its_transaction_a_failed_append_leaves_an_empty_interaction(
    chat: ChatRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A control: what the tests around would see if an append were several writes, as it was in the original."""

    def no_transaction(self: ChatRepository, actor: str | None = None) -> AbstractContextManager[None]:
        return nullcontext()

    chat.append_message("user", "first", id="same")
    monkeypatch.setattr(ChatRepository, "transaction", no_transaction)

    with pytest.raises(ConstraintError):
        chat.append_message("user", "second", id="same")

    assert (chat.count_interactions(), chat.count_messages()) == (2, 1)


def append_on_a_new_connection(store: Store) -> None:
    with store.use():
        Message._meta.database.close()  # only statements of new connections are listed, and can fail
    store[ChatRepository].append_message("assistant", "hello", aborted=True, metadata={"a": 1})


def test_an_append_that_fails_at_any_statement_leaves_nothing(store: Store) -> None:
    conversations = store[ConversationRepository]
    conversations.start("One")
    ran = statements(lambda: append_on_a_new_connection(store))
    before = conversations.export()
    assert len(before[0].interactions) == 1
    assert any("chat_message" in one.sql for one in ran)

    for number in range(1, len(ran) + 1):
        with pytest.raises((PlantedError, StinaError)), failing_at(number) as fault:
            append_on_a_new_connection(store)

        assert fault.reached
        assert conversations.export() == before, ran[number - 1].sql


def test_an_append_reads_the_clock_once(chat: ChatRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([at(1)])
    monkeypatch.setattr("stina_chat.repository.now", lambda: next(times))

    message = chat.append_message("user", "hello")

    assert message.created_at == at(1) == chat.get_interaction(message.interaction_id).created_at


def test_a_message_can_be_deleted_and_its_interaction_stays(chat: ChatRepository) -> None:
    message = chat.append_message("user", "hello")

    assert chat.delete_message(message.id) is True
    assert chat.delete_message(message.id) is False
    assert chat.read_interaction(message.interaction_id).messages == ()
    with pytest.raises(NotFoundError):
        chat.get_message(message.id)
    assert chat.delete_interaction(message.interaction_id) is True
    assert chat.delete_interaction(message.interaction_id) is False


def test_an_append_takes_as_many_statements_in_a_long_history_as_in_a_short_one(
    chat: ChatRepository, store: Store
) -> None:
    """The original's append read, sorted and compared everything there was."""
    interaction = chat.begin_interaction()
    told: list[str] = []
    with store.use():
        Message._meta.database.query_hooks.append(lambda event: told.append(event.sql))

    def ran_by_one() -> list[str]:
        told.clear()
        chat.append_message("user", "x", interaction_id=interaction.id)
        return list(told)

    first = ran_by_one()
    for _ in range(200):
        ran_by_one()

    assert len(first) == 2  # the conversation's time, and the message
    assert ran_by_one() == first
