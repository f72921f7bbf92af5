"""What the original app gave back, where no other test looks: kept, or mended."""

from __future__ import annotations

import pytest

from stina_chat import ChatRepository, ConversationRepository, MessageValue
from stina_core import InvalidValueError, NotFoundError

from .conftest import at, said


def test_a_note_in_an_empty_store_comes_back_and_is_in_an_interaction(
    chat: ChatRepository, conversations: ConversationRepository
) -> None:
    """The original's smoke test of `appendInfoMessage()` and `getInteractions()`."""
    note = chat.append_info("hello")

    assert note.content == "hello"
    [whole] = chat.page(conversations.current().id).interactions
    assert whole.messages == (note,)


def test_every_way_of_reading_says_whether_a_message_was_aborted(
    chat: ChatRepository, conversations: ConversationRepository
) -> None:
    """`getMessagesPage()` did not read the flag of a message, and `buildMessageList()` took its interaction's."""
    one = conversations.start()
    with chat.interaction():
        chat.append_message("user", "question")
        answer = chat.append_message("assistant", "answ", aborted=True)

    read: list[list[MessageValue]] = [
        [m for whole in chat.page(one.id).interactions for m in whole.messages],
        [m for whole in chat.page_all().interactions for m in whole.messages],
        [m for whole in chat.view().page.interactions for m in whole.messages],
        list(chat.read_interaction(answer.interaction_id).messages),
        chat.history(one.id),
        chat.last_messages(one.id),
    ]
    for messages in read:
        assert [message.aborted for message in messages] == [False, True]
    [exported] = conversations.export(one.id)[0].interactions
    assert [message.aborted for message in exported.messages] == [False, True]
    assert chat.get_message(answer.id).aborted
    assert [hit.message.aborted for hit in chat.search("answ")] == [True]


def test_a_page_has_30_interactions_where_no_number_is_given(
    chat: ChatRepository, conversations: ConversationRepository
) -> None:
    """As `getMessagesPage()` was called by the desktop client."""
    one = conversations.start()
    for number in range(31):
        chat.append_message("user", str(number), created_at=at(number))

    for page in (chat.page(one.id), chat.page_all(), chat.view().page):
        assert [whole.messages[0].content for whole in page.interactions] == [str(n) for n in range(1, 31)]
        assert page.before is not None


def test_reading_and_writing_print_nothing(
    chat: ChatRepository, conversations: ConversationRepository, capfd: pytest.CaptureFixture[str]
) -> None:
    """`getMessagesPage()` printed the whole history to the console."""
    chat.append_message("user", "secret")
    chat.page(conversations.current().id)
    chat.page_all()
    chat.history(conversations.current().id)
    conversations.export()
    conversations.clear_all()

    assert capfd.readouterr() == ("", "")


def test_after_an_error_nothing_more_goes_into_the_interaction(chat: ChatRepository) -> None:
    """`withInteractionContext()` left its interaction in a `finally`, and so do we."""

    def fail() -> None:
        with chat.interaction():
            chat.append_message("user", "inner")
            raise ZeroDivisionError

    with chat.interaction() as outer:
        with pytest.raises(ZeroDivisionError):
            fail()
        chat.append_message("user", "outer")
    chat.append_message("user", "alone")

    turns = [said(list(whole.messages)) for whole in chat.page_all().interactions]
    assert sorted(turns) == [["alone"], ["inner"], ["outer"]]
    assert said(list(chat.read_interaction(outer.id).messages)) == ["outer"]


def test_an_empty_id_never_means_everything(
    chat: ChatRepository, conversations: ConversationRepository
) -> None:
    """For `getMessagesForConversation("")` it did. An interaction "" was none; here it is one that is not there."""
    chat.append_message("user", "hi")
    before = conversations.export()

    assert (chat.count_messages(""), chat.count_interactions("")) == (0, 0)
    assert conversations.find("") is None
    assert not conversations.delete("")
    assert not chat.delete_interaction("")
    assert not chat.delete_message("")
    for call in (
        lambda: conversations.clear(""),
        lambda: conversations.export(""),
        lambda: chat.append_message("user", "x", conversation_id=""),
        lambda: chat.append_message("user", "x", interaction_id=""),
        lambda: chat.interaction("").__enter__(),
        lambda: chat.inside("").__enter__(),
    ):
        with pytest.raises(NotFoundError):
            call()

    assert conversations.export() == before


def test_an_empty_text_is_a_text_and_not_none(chat: ChatRepository) -> None:
    """JavaScript's `??` keeps an empty text, and so do we; its `||` would not."""
    message = chat.append_message("assistant", "", provider="", metadata="")
    interaction = chat.begin_interaction(provider="", model="")

    assert (message.content, message.provider, message.metadata) == ("", "", "")
    assert chat.get_message(message.id) == message
    assert (interaction.provider, interaction.model) == ("", "")


def test_a_title_is_counted_in_characters_and_not_in_halves_of_them(
    conversations: ConversationRepository,
) -> None:
    """JavaScript counts, and cuts, UTF-16 units; half of an emoji cannot be stored."""
    assert conversations.start("🍓" * 500).title == "🍓" * 500
    with pytest.raises(InvalidValueError, match=r"^chat_conversation\.title"):
        conversations.start("🍓" * 501)


@pytest.mark.parametrize(("text", "said"), [("\x1fnoon\x85", "noon"), ("\ufeffnoon", "\ufeffnoon")])
def test_an_automation_message_is_trimmed_as_python_does(chat: ChatRepository, text: str, said: str) -> None:
    """`appendAutomationMessage()` took off a byte order mark, and left U+001F and U+0085; README.md says so."""
    assert chat.append_automation(None, text).content == f"Automation: {said}"
