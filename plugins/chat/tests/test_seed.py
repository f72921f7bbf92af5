from __future__ import annotations

from hypothesis import given, settings

from stina_chat import ChatRepository, ConversationRepository, ExportedConversation, Role, State
from stina_chat.checks import findings
from stina_chat.models import Conversation, Message
from stina_chat.plugin import seed
from stina_chat.testing import contents, titles
from stina_core import Store
from stina_core.testing import memory_store, run_python

from .conftest import PLUGINS


def seeded(size: int, number: int) -> list[ExportedConversation]:
    with memory_store(PLUGINS) as store:
        seed(store, size, number)
        assert findings(store) == []
        return store[ConversationRepository].export()


def test_the_same_size_and_seed_write_the_same_data_ids_and_times_included() -> None:
    assert seeded(2, 7) == seeded(2, 7)
    assert seeded(2, 7) != seeded(2, 8)
    assert seeded(2, 7)[:2] == seeded(1, 7)
    assert seeded(0, 7) == []


def test_another_process_seeds_the_same_data() -> None:
    output = run_python(
        "import stina_chat.plugin\n"
        "from stina_chat import ConversationRepository\n"
        "from stina_core.testing import memory_store, plugins_of\n"
        "with memory_store(plugins_of(chat=stina_chat.plugin)) as store:\n"
        "    stina_chat.plugin.seed(store, 1, 3)\n"
        "    print(ascii(store[ConversationRepository].export()))\n"
    )

    assert output.strip() == ascii(seeded(1, 3))


def test_one_size_is_some_tens_of_rows_of_every_kind() -> None:
    everything = seeded(20, 1)

    turns = [turn for one in everything for turn in one.interactions]
    messages = [message for turn in turns for message in turn.messages]
    assert 20 <= len(messages) / 20 <= 100
    assert {turn.state for turn in turns} == set(State) - {State.RUNNING}
    assert {message.role for message in messages} == set(Role) - {Role.INSTRUCTIONS, Role.ERROR}
    assert {one.archived for one in everything} == {one.pinned for one in everything} == {True, False}
    assert not any(one.active for one in everything)


def test_seeding_needs_no_hypothesis_and_keeps_what_else_is_there(store: Store) -> None:
    conversations = store[ConversationRepository]
    mine = conversations.start("Mine")
    store[ChatRepository].append_message("user", "hello")

    seed(store, 1, 1)
    there = conversations.export()
    seed(store, 1, 1)

    assert conversations.export() == there
    assert conversations.count() == 3
    assert conversations.current().id == mine.id
    output = run_python("import sys, stina_chat.testing; print('hypothesis' in sys.modules)")
    assert output.split() == ["False"]


@given(content=contents(), title=titles())
@settings(max_examples=50)
def test_the_strategies_give_what_the_repository_takes(content: str, title: str) -> None:
    assert Message.content.db_value(content) == content
    assert Conversation.title.db_value(title) == title
