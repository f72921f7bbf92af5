"""Pages, histories and counts: the order, and that nothing is repeated or left out while others write."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stina_chat import ChatRepository, ConversationRepository, MessageValue, Page, State
from stina_chat.models import Interaction
from stina_chat.places import place_of, token_of
from stina_core import InvalidValueError, NotFoundError, Store
from stina_core.testing import memory_store

from .conftest import PLUGINS, SetClock, at, ids, said

Read = Callable[[str | None], Page]


def all_pages(read: Read, between: Callable[[], object] = lambda: None) -> list[str]:
    """Return the ids on all pages, oldest first; *between* is called after each page."""
    found: list[str] = []
    page = read(None)
    while True:
        found = ids(page) + found
        if page.before is None:
            return found
        between()
        page = read(page.before)


def fill(store: Store, minutes: list[int], conversation_id: str | None = None) -> list[MessageValue]:
    chat = store[ChatRepository]
    return [
        chat.append_message("user", str(number), conversation_id=conversation_id, created_at=at(minute))
        for number, minute in enumerate(minutes)
    ]


def test_a_page_has_the_newest_interactions_oldest_first_with_their_messages(
    store: Store, chat: ChatRepository, conversations: ConversationRepository
) -> None:
    one = conversations.start()
    with chat.interaction(one.id) as interaction:
        for text in ("question", "tool", "answer"):
            chat.append_message("user", text)
    fill(store, [1_000_000, 2_000_000])
    empty = chat.begin_interaction(one.id)

    page = chat.page(one.id, limit=10)

    by_id = {whole.interaction.id: said(list(whole.messages)) for whole in page.interactions}
    assert by_id[interaction.id] == ["question", "tool", "answer"]
    assert by_id[empty.id] == []
    assert page.before is None
    times = [whole.interaction.created_at for whole in page.interactions]
    assert times == sorted(times)
    assert ids(chat.page(one.id, limit=2)) == ids(page)[-2:]


def test_pages_do_not_cross_conversations_and_page_all_has_them_all(
    store: Store, chat: ChatRepository, conversations: ConversationRepository
) -> None:
    """The original's pages mixed conversations, and there were no others."""
    one, two = conversations.start("One"), conversations.start("Two")
    of_one = fill(store, [1, 3, 5], one.id)
    of_two = fill(store, [2, 4, 6], two.id)

    assert ids(chat.page(one.id, limit=5)) == [message.interaction_id for message in of_one]
    everything = sorted((*of_one, *of_two), key=lambda message: message.created_at)
    wanted = [message.interaction_id for message in everything]
    assert all_pages(lambda before: chat.page_all(before=before, limit=4)) == wanted


def test_the_last_page_says_that_it_is_the_last(store: Store, chat: ChatRepository) -> None:
    """In the original the offset counted interactions and the total messages, so there was always more."""
    fill(store, [1, 2, 3, 4])
    conversation = store[ConversationRepository].current()

    assert chat.page(conversation.id, limit=4).before is None
    first = chat.page(conversation.id, limit=3)
    assert first.before is not None
    assert len(ids(chat.page(conversation.id, limit=3, before=first.before))) == 1


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_what_is_appended_while_somebody_pages_repeats_and_hides_nothing(
    store: Store, chat: ChatRepository, conversations: ConversationRepository, limit: int
) -> None:
    one = conversations.start()
    wanted = [message.interaction_id for message in fill(store, [7] * 8, one.id)]

    found = all_pages(
        lambda before: chat.page(one.id, before=before, limit=limit),
        lambda: chat.append_message("user", "new", conversation_id=one.id, created_at=at(8)),
    )

    assert found == sorted(wanted)


def test_deleting_where_a_page_ended_leaves_its_token_good(
    store: Store, chat: ChatRepository, conversations: ConversationRepository
) -> None:
    one = conversations.start()
    messages = fill(store, [1, 2, 3, 4, 5], one.id)
    page = chat.page(one.id, limit=2)

    chat.delete_interaction(ids(page)[0])

    assert ids(chat.page(one.id, before=page.before, limit=2)) == [
        message.interaction_id for message in messages[1:3]
    ]


@settings(max_examples=40)
@given(
    times=st.lists(st.integers(0, 3), max_size=12),
    late=st.lists(st.integers(0, 5), max_size=4),
    limit=st.integers(1, 5),
    everywhere=st.booleans(),
)
def test_pages_put_together_are_the_whole_list_whatever_is_inserted_meanwhile(
    times: list[int], late: list[int], limit: int, everywhere: bool
) -> None:
    with memory_store(PLUGINS) as store:
        chat, conversations = store[ChatRepository], store[ConversationRepository]
        one, two = conversations.start(), conversations.start()
        made = [
            chat.append_message("user", "x", conversation_id=(one, two)[number % 2].id, created_at=at(time))
            for number, time in enumerate(times)
        ]
        wanted = [
            message.interaction_id
            for number, message in sorted(
                enumerate(made), key=lambda pair: (pair[1].created_at, pair[1].interaction_id)
            )
            if everywhere or number % 2 == 0
        ]
        rest = list(late)

        def insert() -> None:
            if rest:
                chat.append_message("user", "late", conversation_id=one.id, created_at=at(rest.pop()))

        def read(before: str | None) -> Page:
            if everywhere:
                return chat.page_all(before=before, limit=limit)
            return chat.page(one.id, before=before, limit=limit)

        found = all_pages(read, insert)

        assert [id for id in found if id in set(wanted)] == wanted
        assert len(found) == len(set(found))


def test_with_a_place_without_the_id_equal_times_are_lost(
    store: Store, chat: ChatRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A control: what the tests above would see if a page went on by time alone, as the original's did."""
    fill(store, [7] * 5)
    monkeypatch.setattr("stina_chat.reading.place_of", lambda at, id, position: None)
    monkeypatch.setattr("stina_chat.reading.token_of", lambda place: token_of(place_of(at(7), "")))

    with pytest.raises(AssertionError):
        assert len(all_pages(lambda before: chat.page_all(before=before, limit=2))) == 5


def test_the_history_is_interaction_by_interaction_and_message_by_message(
    chat: ChatRepository, conversations: ConversationRepository, set_clock: SetClock
) -> None:
    one = conversations.start()
    set_clock(at(0))
    first = chat.begin_interaction(one.id)
    set_clock(at(1))
    second = chat.begin_interaction(one.id)
    for interaction, minute, text in (
        (second, 2, "second, early"),
        (first, 3, "first, late"),
        (first, 1, "first, early"),
        (second, 3, "second, late"),
    ):
        chat.append_message("user", text, interaction_id=interaction.id, created_at=at(minute))

    wanted = ["first, early", "first, late", "second, early", "second, late"]
    assert said(chat.history(one.id)) == wanted
    assert [said(chat.history(one.id, last)) for last in (1, 3, 9)] == [wanted[-1:], wanted[-3:], wanted]
    assert said(chat.last_messages(one.id, 2)) == wanted[-2:]
    assert said([m for whole in chat.page(one.id).interactions for m in whole.messages]) == wanted


def test_what_is_empty_is_empty_and_what_is_not_there_is_an_error(
    chat: ChatRepository, conversations: ConversationRepository
) -> None:
    """For the original an empty id meant all conversations."""
    one = conversations.start()

    assert chat.page(one.id) == chat.page_all() == Page((), None)
    assert chat.history(one.id) == chat.last_messages(one.id) == []
    for call in (chat.page, chat.history, chat.last_messages):
        for id in ("", "nobody"):
            with pytest.raises(NotFoundError):
                call(id)
    with pytest.raises(NotFoundError):
        chat.read_interaction("nobody")


def test_counts_are_of_one_conversation_or_of_all(
    store: Store, chat: ChatRepository, conversations: ConversationRepository
) -> None:
    one, two = conversations.start(), conversations.start()
    fill(store, [1, 2, 3], one.id)
    with chat.interaction(two.id):
        for text in "ab":
            chat.append_message("user", text)
    chat.begin_interaction(two.id)

    assert [chat.count_messages(id) for id in (one.id, two.id, None, "nobody")] == [3, 2, 5, 0]
    assert [chat.count_interactions(id) for id in (one.id, two.id, None, "nobody")] == [3, 2, 5, 0]


def test_a_page_takes_two_queries_however_much_is_on_it(store: Store, chat: ChatRepository) -> None:
    fill(store, list(range(40)))
    conversation = store[ConversationRepository].current()
    told: list[str] = []
    with store.use():
        Interaction._meta.database.query_hooks.append(lambda event: told.append(event.sql))

    for limit in (1, 40):
        told.clear()
        chat.page(conversation.id, limit=limit)
        assert len(told) == 2
    told.clear()
    chat.last_messages(conversation.id, 30)
    assert len(told) == 1


ENCODED = (
    b"i1", b"i1:0", b"ix:0:x", b"i1:x:x", b"o1:0:x", b":1:0:x", b"i1:0:\xff",
    b"i9223372036854775808:0:x", b"i1:9223372036854775808:x",
)  # fmt: skip
BAD_TOKENS = [base64.b64encode(text).decode() for text in ENCODED]


@pytest.mark.parametrize("token", ["", "x", "å", 7, b"aTE6MDp4", "aTE6MDp4eQ", *BAD_TOKENS])
def test_a_token_that_no_page_gave_is_refused(
    chat: ChatRepository, conversations: ConversationRepository, token: str
) -> None:
    one = conversations.start()

    with pytest.raises(InvalidValueError, match=r"^before: "):
        chat.page(one.id, before=token)
    with pytest.raises(InvalidValueError, match=r"^before: "):
        chat.page_all(before=token)


@pytest.mark.parametrize("limit", [0, -1, 1001, 1 << 64, True, 1.0, "3", None])
def test_a_limit_is_a_number_from_1_to_1000(
    chat: ChatRepository, conversations: ConversationRepository, limit: int
) -> None:
    one = conversations.start()
    calls = (
        lambda: chat.page(one.id, limit=limit),
        lambda: chat.page_all(limit=limit),
        lambda: chat.view(limit),
        lambda: chat.search("x", limit=limit),
        lambda: chat.ranked("x", limit=limit),
        lambda: conversations.page(limit=limit),
    )
    for call in calls:
        with pytest.raises(InvalidValueError, match=r"^limit: "):
            call()
    for last in (0, "1", 100_001):
        with pytest.raises(InvalidValueError, match=r"^limit: "):
            chat.last_messages(one.id, last)  # type: ignore[arg-type]


def test_the_view_is_the_active_conversation_with_its_newest_page(
    store: Store, chat: ChatRepository, conversations: ConversationRepository
) -> None:
    assert chat.view().conversation is None
    one = conversations.start()
    fill(store, [1, 2, 3], one.id)
    conversations.start("Other")
    conversations.switch(one.id)

    view = chat.view(2)

    assert view.conversation == conversations.current()
    assert view.page == chat.page(one.id, limit=2)
    assert all(whole.interaction.state is State.COMPLETE for whole in view.page.interactions)
    conversations.archive(one.id)
    assert chat.view().conversation is None
    assert ids(chat.view().page) == []
