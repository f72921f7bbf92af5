"""Which conversation everybody is in, and what can be done with one."""

from __future__ import annotations

from pathlib import Path

import pytest

from stina_chat import ChatRepository, ConversationRepository, ConversationValue
from stina_core import ConstraintError, InvalidValueError, NotFoundError, Store
from stina_core.testing import file_rows

from .conftest import SetClock, at


def active(path: Path) -> list[str]:
    """Return the ids of the conversations that are active in the file."""
    return [id for (id,) in file_rows(path, "SELECT id FROM chat_conversation WHERE active = 1")]


def titles(conversations: ConversationRepository, archived: bool = False) -> list[str]:
    return [one.title for one in conversations.page(archived=archived).conversations]


def test_current_makes_the_first_conversation_and_keeps_to_it(conversations: ConversationRepository) -> None:
    first = conversations.current()

    assert (first.title, first.active, first.archived, first.pinned) == ("", True, False, False)
    assert first.created_at == first.updated_at
    assert conversations.current() == first
    assert conversations.count() == 1


def test_current_on_an_empty_file_is_there_at_once(conversations: ConversationRepository) -> None:
    """The original's smoke test: the id of the current conversation is truthy on an empty database."""
    assert conversations.current().id


def test_a_new_conversation_is_the_one_everybody_is_in(
    conversations: ConversationRepository, other: Store, store_path: Path
) -> None:
    first = conversations.start("One")
    second = conversations.start("  Two\n")

    assert second.title == "Two"
    assert other[ConversationRepository].current() == second
    assert active(store_path) == [second.id]
    assert conversations.get(first.id).active is False


def test_switching_moves_everybody_and_writes_nothing_where_they_are_already(
    conversations: ConversationRepository, other: Store, store_path: Path
) -> None:
    first, second = conversations.start("One"), conversations.start("Two")

    chosen = other[ConversationRepository].switch(first.id)

    assert (chosen.id, chosen.active) == (first.id, True)
    assert conversations.current() == chosen == conversations.switch(first.id)
    assert active(store_path) == [first.id]
    assert conversations.get(second.id).active is False


def test_the_database_itself_lets_no_second_one_be_active(
    conversations: ConversationRepository, store_path: Path
) -> None:
    conversations.start("One")
    other = conversations.start("Two")
    file_rows(store_path, "UPDATE chat_conversation SET active = 0")
    conversations.switch(other.id)

    with pytest.raises(Exception, match="UNIQUE"):
        file_rows(store_path, "UPDATE chat_conversation SET active = 1")
    with pytest.raises(Exception, match="active_is_not_archived"):
        file_rows(store_path, "UPDATE chat_conversation SET archived = 1")
    assert active(store_path) == [other.id]


def test_without_an_active_one_current_takes_the_last_updated_that_is_not_archived(
    conversations: ConversationRepository, chat: ChatRepository
) -> None:
    old, newest, middle, gone = (conversations.start(title) for title in ("Old", "Newest", "Middle", "Gone"))
    for one, minutes in ((old, 1), (newest, 9), (middle, 5), (gone, 99)):
        chat.append_message("user", "hello", conversation_id=one.id, created_at=at(1e6 + minutes))
    conversations.pin(middle.id)
    conversations.archive(gone.id)

    assert conversations.current().id == newest.id
    conversations.delete(newest.id)
    assert conversations.current().id == middle.id
    conversations.archive(middle.id)
    assert conversations.current().id == old.id
    conversations.archive(old.id)
    made = conversations.current()
    assert made.id not in {old.id, newest.id, middle.id, gone.id}
    assert made.active


def test_archiving_or_deleting_the_active_one_leaves_none(
    conversations: ConversationRepository, store_path: Path
) -> None:
    first, second = conversations.start("One"), conversations.start("Two")

    put_away = conversations.archive(second.id)
    assert (put_away.archived, put_away.active) == (True, False)
    assert active(store_path) == []

    conversations.switch(first.id)
    assert conversations.delete(first.id) is True
    assert active(store_path) == []
    assert conversations.delete(first.id) is False


def test_switching_to_an_archived_one_takes_it_back(conversations: ConversationRepository) -> None:
    first = conversations.start("One")
    conversations.start("Two")
    conversations.archive(first.id)

    chosen = conversations.switch(first.id)

    assert (chosen.active, chosen.archived) == (True, False)


def test_archiving_pinning_and_renaming_can_be_undone_and_move_no_time(
    conversations: ConversationRepository, set_clock: SetClock
) -> None:
    set_clock(at(0))
    conversations.start("Other")
    one = conversations.start("One")
    conversations.start("Third")
    set_clock(at(60))

    assert conversations.rename(one.id, " Uno ").title == "Uno"
    assert conversations.pin(one.id).pinned is True
    assert conversations.archive(one.id).archived is True
    assert conversations.rename(one.id, "").title == ""
    assert conversations.pin(one.id, False).pinned is False
    back = conversations.archive(one.id, False)

    assert back.archived is False
    assert back.updated_at == at(0)
    assert back == conversations.get(one.id) == conversations.find(one.id)


@pytest.mark.parametrize("call", ["switch", "archive", "pin", "get", "clear"])
def test_what_is_not_there_is_named_by_table_and_key(
    conversations: ConversationRepository, call: str
) -> None:
    with pytest.raises(NotFoundError) as caught:
        getattr(conversations, call)("nobody")

    assert (caught.value.table, caught.value.key) == ("chat_conversation", "nobody")
    with pytest.raises(NotFoundError):
        conversations.rename("nobody", "title")
    assert conversations.find("nobody") is None
    assert conversations.count() == 0


def test_a_title_has_500_characters_at_most(conversations: ConversationRepository) -> None:
    one = conversations.start("å" * 500)

    with pytest.raises(InvalidValueError, match=r"^chat_conversation\.title"):
        conversations.start("å" * 501)
    with pytest.raises(InvalidValueError, match=r"^chat_conversation\.title"):
        conversations.rename(one.id, "å" * 501)
    assert titles(conversations) == ["å" * 500]
    assert conversations.current() == one


def test_an_id_may_be_given_and_is_refused_where_it_is_taken(conversations: ConversationRepository) -> None:
    one = conversations.start("Imported", id="conv_m3k9_x1")

    with pytest.raises(ConstraintError):
        conversations.start("Again", id="conv_m3k9_x1")

    assert one.id == "conv_m3k9_x1"
    assert conversations.current() == one


def test_lists_have_pinned_ones_first_then_those_last_updated(
    conversations: ConversationRepository, set_clock: SetClock
) -> None:
    for minutes, title in enumerate(("a", "b", "c", "d", "e")):
        set_clock(at(minutes))
        conversations.start(title)
    by_title = {one.title: one.id for one in conversations.page().conversations}
    conversations.pin(by_title["b"])
    conversations.archive(by_title["d"])

    assert titles(conversations) == ["b", "e", "c", "a"]
    assert titles(conversations, archived=True) == ["d"]
    assert [conversations.count(which) for which in (None, False, True)] == [5, 4, 1]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 7, 8])
def test_pages_of_conversations_put_together_are_the_whole_list(
    conversations: ConversationRepository, set_clock: SetClock, limit: int
) -> None:
    set_clock(at(0))  # equal times: ids decide
    for number in range(7):
        one = conversations.start(str(number))
        conversations.pin(one.id, number in (2, 3, 5))
    whole = conversations.page(limit=100)
    assert (whole.before, len(whole.conversations)) == (None, 7)

    found: list[ConversationValue] = []
    before, pages = None, 0
    while pages == 0 or before is not None:
        page = conversations.page(before=before, limit=limit)
        found += page.conversations
        before, pages = page.before, pages + 1

    assert found == list(whole.conversations)
    assert pages == -(-7 // limit)


def test_deleting_a_conversation_deletes_what_is_in_it_and_nothing_else(
    conversations: ConversationRepository, chat: ChatRepository
) -> None:
    one, two = conversations.start("One"), conversations.start("Two")
    for conversation in (one, two):
        chat.append_message("user", conversation.title, conversation_id=conversation.id)

    conversations.delete(one.id)

    assert [message.content for message in chat.history(two.id)] == ["Two"]
    assert (chat.count_interactions(), chat.count_messages()) == (1, 1)


def test_clear_empties_one_conversation_and_clear_all_begins_anew(
    conversations: ConversationRepository, chat: ChatRepository
) -> None:
    one, two = conversations.start("One"), conversations.start("Two")
    for conversation in (one, one, two):
        chat.append_message("user", "hello", conversation_id=conversation.id)

    assert conversations.clear(one.id) == 2
    assert conversations.clear(one.id) == 0
    assert chat.history(one.id) == []
    assert conversations.get(one.id).title == "One"
    assert chat.count_messages() == 1

    fresh = conversations.clear_all()
    assert conversations.page().conversations == (fresh,)
    assert fresh.id not in {one.id, two.id}
    assert (fresh.active, chat.count_messages(), chat.count_interactions()) == (True, 0, 0)
