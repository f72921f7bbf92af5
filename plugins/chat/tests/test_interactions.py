"""Being inside an interaction: what goes into it, and how it ends."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from stina_chat import ChatRepository, ConversationRepository, State
from stina_core import NotFoundError, Store, StoreClosedError, TransactionError, open_store

from .conftest import PLUGINS, said


def state(chat: ChatRepository, interaction_id: str) -> State:
    return chat.get_interaction(interaction_id).state


def test_what_is_appended_inside_goes_into_the_interaction(
    chat: ChatRepository, conversations: ConversationRepository
) -> None:
    with chat.interaction(provider="ollama", model="llama3.1:8b") as interaction:
        chat.append_message("user", "question")
        chat.append_tool("looked it up")
        assert state(chat, interaction.id) is State.RUNNING
    chat.append_message("user", "outside")

    whole = chat.read_interaction(interaction.id)
    assert said(list(whole.messages)) == ["question", "looked it up"]
    assert (whole.interaction.provider, whole.interaction.model) == ("ollama", "llama3.1:8b")
    assert whole.interaction.state is State.COMPLETE
    assert interaction.conversation_id == conversations.current().id
    assert chat.count_interactions() == 2


class Failed(Exception):  # noqa: N818  # says which interaction it ended
    pass


class Cancelled(BaseException):
    """Some other end of a program."""


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (ValueError(), State.ERROR),
        (NotFoundError("t", "k"), State.ERROR),
        (KeyboardInterrupt(), State.INTERRUPTED),
        (asyncio.CancelledError(), State.INTERRUPTED),
        (SystemExit(), State.INTERRUPTED),
        (Cancelled(), State.INTERRUPTED),
    ],
)
def test_what_ends_the_block_decides_the_state_and_goes_on(
    chat: ChatRepository, error: BaseException, wanted: State
) -> None:
    with pytest.raises(type(error)), chat.interaction() as interaction:
        raise error

    assert state(chat, interaction.id) is wanted


def test_abort_is_kept_however_the_block_ends(chat: ChatRepository) -> None:
    with chat.interaction() as first:
        first.abort()
        chat.append_message("assistant", "half")

    def fail() -> str:
        with chat.interaction() as interaction:
            interaction.abort()
            raise Failed(interaction.id)

    with pytest.raises(Failed) as caught:
        fail()

    assert (state(chat, first.id), state(chat, str(caught.value))) == (State.ABORTED, State.ABORTED)
    assert said(list(chat.read_interaction(first.id).messages)) == ["half"]


@pytest.mark.parametrize("wanted", [one for one in State if one is not State.RUNNING])
def test_a_state_that_another_program_set_is_kept(chat: ChatRepository, other: Store, wanted: State) -> None:
    with chat.interaction() as interaction:
        other[ChatRepository].set_state(interaction.id, wanted)

    assert state(chat, interaction.id) is wanted


def test_only_a_running_interaction_ends_and_set_state_sets_any(chat: ChatRepository) -> None:
    one = chat.begin_interaction()

    assert chat.end_interaction(one.id, State.ERROR) is True
    assert chat.end_interaction(one.id) is False
    assert state(chat, one.id) is State.ERROR
    assert chat.set_state(one.id, State.RUNNING).state is State.RUNNING
    assert chat.set_state(one.id, State.ABORTED).aborted
    assert chat.end_interaction("nobody") is False
    with pytest.raises(NotFoundError):
        chat.set_state("nobody", State.ERROR)


def test_blocks_stand_inside_one_another_and_the_innermost_counts(chat: ChatRepository) -> None:
    with chat.interaction() as outer:
        chat.append_message("user", "1")
        with chat.interaction() as inner:
            chat.append_message("user", "2")
            with chat.inside(outer.id):
                chat.append_message("user", "3")
            chat.append_message("user", "4")
            assert state(chat, outer.id) is State.RUNNING
        chat.append_message("user", "5")

    assert said(list(chat.read_interaction(outer.id).messages)) == ["1", "3", "5"]
    assert said(list(chat.read_interaction(inner.id).messages)) == ["2", "4"]


def test_inside_enters_one_that_is_there_and_does_not_end_it(chat: ChatRepository) -> None:
    running = chat.begin_interaction()

    with chat.inside(running.id) as entered:
        assert entered.value == running
        chat.append_message("user", "hi")
    assert state(chat, running.id) is State.RUNNING
    with chat.inside(running.id) as entered:
        entered.abort()
    assert state(chat, running.id) is State.ABORTED
    with pytest.raises(NotFoundError), chat.inside("nobody"):
        pass


def test_a_conversation_that_is_given_inside_is_not_mixed_with_that_of_the_block(
    chat: ChatRepository, conversations: ConversationRepository
) -> None:
    here, there = conversations.start("Here"), conversations.start("There")
    with chat.interaction(here.id) as interaction:
        mine = chat.append_message("user", "here", conversation_id=here.id)
        theirs = chat.append_message("user", "there", conversation_id=there.id)

    assert mine.interaction_id == interaction.id
    assert theirs.interaction_id != interaction.id
    assert said(chat.history(there.id)) == ["there"]


def test_switching_in_the_middle_moves_nothing_that_is_under_way(
    chat: ChatRepository, conversations: ConversationRepository
) -> None:
    """The original read the history of the conversation that was active, not of the one it answered in."""
    with chat.interaction() as interaction:
        chat.append_message("user", "question")
        other = conversations.start("Other")
        chat.append_message("assistant", "answer")

    assert said(chat.history(interaction.conversation_id)) == ["question", "answer"]
    assert chat.history(other.id) == []


def test_it_holds_no_transaction(chat: ChatRepository, other: Store) -> None:
    with chat.interaction() as interaction:
        other[ChatRepository].append_message("user", "from elsewhere", interaction_id=interaction.id)

        assert said(list(chat.read_interaction(interaction.id).messages)) == ["from elsewhere"]


def test_deleting_the_interaction_inside_it_is_no_error_at_its_end(chat: ChatRepository) -> None:
    with chat.interaction() as interaction:
        chat.delete_interaction(interaction.id)
        with pytest.raises(NotFoundError):
            chat.append_message("user", "too late")

    assert chat.count_interactions() == 0


def test_it_is_entered_once_and_closed_any_number_of_times(chat: ChatRepository) -> None:
    interaction = chat.interaction()
    with pytest.raises(TransactionError):
        _ = interaction.id
    interaction.close()
    assert chat.count_interactions() == 0
    with interaction:
        interaction.close()
        assert chat.append_message("user", "outside").interaction_id != interaction.id
        interaction.close()
    with pytest.raises(TransactionError), interaction:
        pass

    assert state(chat, interaction.id) is State.COMPLETE
    assert chat.append_message("user", "outside").interaction_id != interaction.id


def test_the_error_of_the_block_is_not_hidden_by_one_of_its_end(store_path: Path) -> None:
    store = open_store(store_path, plugins=PLUGINS)
    chat = store[ChatRepository]

    def fail() -> None:
        with chat.interaction() as interaction:
            store.close()
            raise Failed(interaction.id)

    with pytest.raises(Failed) as caught:
        fail()
    with open_store(store_path, plugins=PLUGINS) as again:
        assert state(again[ChatRepository], str(caught.value)) is State.RUNNING
        with pytest.raises(StoreClosedError), again[ChatRepository].interaction():
            again.close()
