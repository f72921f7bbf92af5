"""Several programs that send at once."""

from __future__ import annotations

import signal
from pathlib import Path

from stina_chat import ChatRepository, ConversationRepository, State
from stina_core import StoreConfig, open_store
from stina_core.testing import run_together, running_python

from .conftest import PLUGINS, said

START = """
import sys
import stina_chat.plugin
from stina_chat import ChatRepository, ConversationRepository
from stina_core import StoreConfig, open_store
from stina_core.testing import plugins_of

store = open_store(
    sys.argv[1], StoreConfig(strict=True, synchronous="NORMAL"), plugins=plugins_of(chat=stina_chat.plugin)
)
chat, conversations = store[ChatRepository], store[ConversationRepository]
"""

SEND = f"""{START}
for turn in range(15):
    with chat.interaction() as interaction:
        for number in range(4):
            chat.append_message("user", f"{{sys.argv[2]}}/{{turn}}/{{number}}")
    print(interaction.id)
store.close()
"""

FIRST = f"""{START}
print(conversations.current().id)
store.close()
"""

SWITCH = f"""{START}
for number in range(40):
    conversations.start(f"{{sys.argv[2]}}/{{number}}")
store.close()
"""

STOPPED = f"""{START}
with chat.interaction() as interaction:
    chat.append_message("user", "question")
    say("inside", interaction.id)
    sys.stdin.readline()
"""


def test_processes_that_send_at_once_never_share_an_interaction(store_path: Path) -> None:
    printed = run_together(SEND, [(store_path, process) for process in range(4)])

    with open_store(store_path, StoreConfig(strict=True), plugins=PLUGINS) as store:
        chat, conversations = store[ChatRepository], store[ConversationRepository]
        ids = [output.split() for output in printed]
        assert len({id for of_one in ids for id in of_one}) == 60 == chat.count_interactions()
        for process, of_one in enumerate(ids):
            for turn, id in enumerate(of_one):
                whole = chat.read_interaction(id)
                assert said(list(whole.messages)) == [f"{process}/{turn}/{number}" for number in range(4)]
                assert whole.interaction.state is State.COMPLETE
        assert conversations.count() == 1
        assert len(chat.history(conversations.current().id)) == 240


def test_processes_that_ask_for_the_first_conversation_at_once_get_one(store_path: Path) -> None:
    printed = run_together(FIRST, [(store_path,)] * 6)

    assert len({output.strip() for output in printed}) == 1


def test_processes_that_start_conversations_at_once_leave_one_active(store_path: Path) -> None:
    run_together(SWITCH, [(store_path, process) for process in range(4)])

    with open_store(store_path, StoreConfig(strict=True), plugins=PLUGINS) as store:
        everything = store[ConversationRepository].export()
    assert len(everything) == 160
    assert sum(one.active for one in everything) == 1


def test_a_killed_process_leaves_its_interaction_running_and_what_it_wrote(store_path: Path) -> None:
    with running_python(STOPPED, store_path) as process:
        id = process.hear("inside")
        process.signal(signal.SIGKILL)

    with open_store(store_path, StoreConfig(strict=True), plugins=PLUGINS) as store:
        whole = store[ChatRepository].read_interaction(id)
    assert (whole.interaction.state, said(list(whole.messages))) == (State.RUNNING, ["question"])


def test_an_interrupted_process_ends_its_interaction(store_path: Path) -> None:
    with running_python(
        "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n" + STOPPED, store_path
    ) as process:
        id = process.hear("inside")
        process.signal(signal.SIGINT)
        process._process.wait(30)

    with open_store(store_path, StoreConfig(strict=True), plugins=PLUGINS) as store:
        assert store[ChatRepository].get_interaction(id).state is State.INTERRUPTED
