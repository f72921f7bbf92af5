"""Whatever is done, through either of two connections, the store equals a plain model of it."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from stina_chat import ChatRepository, ConversationRepository, Role, State
from stina_chat.testing import contents, titles
from stina_core import JsonValue, Store, StoreConfig, open_store
from stina_core.testing import memory_store

from .conftest import PLUGINS, at
from .talks import Model, Said, Talk, Turn, dump_of

connections = st.sampled_from([0, 1])
numbers = st.integers(0, 5)  # which conversation or interaction, counted around
minutes = st.integers(0, 4)
states = st.sampled_from(list(State))
roles = st.sampled_from(list(Role))
some_titles = st.sampled_from(["", "a", "å 🍓", "long " * 20])


class Undo(Exception):  # noqa: N818  # no error: it only rolls a transaction back
    pass


class ChatMachine(RuleBasedStateMachine):
    """Any sequence of writes leaves the store equal to the model; rolled-back ones leave no trace."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.model = Model()
        self.stores = [self.open_store(), self.open_store()]

    def teardown(self) -> None:
        for store in self.stores:
            store.close()
        self.directory.cleanup()

    def open_store(self) -> Store:
        path = Path(self.directory.name) / "stina.db"
        return open_store(path, StoreConfig(strict=True, synchronous="NORMAL"), plugins=PLUGINS)

    def chat(self, connection: int) -> ChatRepository:
        return self.stores[connection][ChatRepository]

    def them(self, connection: int) -> ConversationRepository:
        return self.stores[connection][ConversationRepository]

    def talk(self, number: int) -> Talk | None:
        talks = sorted(self.model.talks)
        return self.model.talks[talks[number % len(talks)]] if talks else None

    def turn(self, number: int) -> Turn | None:
        turns = sorted(
            (turn for talk in self.model.talks.values() for turn in talk.turns), key=lambda one: one.id
        )
        return turns[number % len(turns)] if turns else None

    @rule(connection=connections, title=some_titles)
    def start(self, connection: int, title: str) -> None:
        made = self.them(connection).start(title)

        self.model.talks[made.id] = Talk(made.id, title.strip(), made.updated_at)
        self.model.active = made.id

    @rule(connection=connections)
    def current(self, connection: int) -> None:
        found = self.them(connection).current()

        talk = self.model.current()
        if talk is None:
            self.model.talks[found.id] = Talk(found.id, "", found.updated_at)
            self.model.active = found.id
        assert found.id == self.model.active

    @rule(connection=connections, number=numbers)
    def switch(self, connection: int, number: int) -> None:
        if talk := self.talk(number):
            self.them(connection).switch(talk.id)
            self.model.active, talk.archived = talk.id, False

    @rule(
        connection=connections,
        number=numbers,
        title=some_titles,
        archived=st.booleans(),
        pinned=st.booleans(),
    )
    def change(self, connection: int, number: int, title: str, archived: bool, pinned: bool) -> None:
        if talk := self.talk(number):
            self.them(connection).rename(talk.id, title)
            self.them(connection).archive(talk.id, archived)
            self.them(connection).pin(talk.id, pinned)
            talk.title, talk.archived, talk.pinned = title.strip(), archived, pinned
            if archived and self.model.active == talk.id:
                self.model.active = None

    @rule(
        connection=connections, minute=minutes, role=roles, content=st.text(max_size=5), aborted=st.booleans()
    )
    def append_anywhere(self, connection: int, minute: int, role: Role, content: str, aborted: bool) -> None:
        talk = self.model.current()
        message = self.chat(connection).append_message(role, content, aborted=aborted, created_at=at(minute))

        if talk is None:
            id = self.chat(connection).get_interaction(message.interaction_id).conversation_id
            talk = self.model.talks[id] = Talk(id, "", at(minute))
            self.model.active = id
        state = State.ABORTED if aborted else State.COMPLETE
        turn = Turn(message.interaction_id, state, at(minute), [Said(message.id, role, content, at(minute))])
        talk.turns.append(turn)
        talk.updated = max(talk.updated, at(minute))

    @rule(connection=connections, number=numbers, minute=minutes, role=roles, aborted=st.booleans())
    def append_to(self, connection: int, number: int, minute: int, role: Role, aborted: bool) -> None:
        if turn := self.turn(number):
            chat = self.chat(connection)
            with chat.inside(turn.id):
                message = chat.append_message(role, "x", aborted=aborted, created_at=at(minute))
            turn.said.append(Said(message.id, role, "x", at(minute)))
            turn.state = State.ABORTED if aborted else turn.state
            talk = next(one for one in self.model.talks.values() if turn in one.turns)
            talk.updated = max(talk.updated, at(minute))

    @rule(connection=connections, number=numbers, state=states, only_running=st.booleans())
    def set_state(self, connection: int, number: int, state: State, only_running: bool) -> None:
        if turn := self.turn(number):
            if only_running:
                ended = self.chat(connection).end_interaction(turn.id, state)
                assert ended == (turn.state is State.RUNNING)
                turn.state = state if ended else turn.state
            else:
                turn.state = self.chat(connection).set_state(turn.id, state).state

    @rule(connection=connections, number=numbers, what=st.sampled_from(["talk", "turn", "said", "clear"]))
    def delete(self, connection: int, number: int, what: str) -> None:
        talk, turn = self.talk(number), self.turn(number)
        if what == "talk" and talk:
            assert self.them(connection).delete(talk.id)
            del self.model.talks[talk.id]
            self.model.active = None if self.model.active == talk.id else self.model.active
        elif what == "clear" and talk:
            assert self.them(connection).clear(talk.id) == len(talk.turns)
            talk.turns.clear()
        elif what == "turn" and turn:
            assert self.chat(connection).delete_interaction(turn.id)
            for one in self.model.talks.values():
                one.turns = [other for other in one.turns if other.id != turn.id]
        elif what == "said" and turn and turn.said:
            assert self.chat(connection).delete_message(turn.said.pop().id)

    @rule(connection=connections, number=numbers, role=roles)
    def roll_back(self, connection: int, number: int, role: Role) -> None:
        self.lose(connection, number, role)

    def lose(self, connection: int, number: int, role: Role) -> None:
        """Write much in a transaction that fails."""
        kept = deepcopy(self.model)

        def unit() -> None:
            with self.stores[connection].transaction():
                self.start(connection, "lost")
                self.append_anywhere(connection, 1, role, "lost", True)
                self.append_to(connection, number, 2, role, False)
                self.delete(connection, number, "talk")
                assert dump_of(self.stores[connection]) == self.model.dump()
                raise Undo

        with pytest.raises(Undo):
            unit()
        self.model = kept

    @rule(connection=connections)
    def reopen(self, connection: int) -> None:
        self.stores[connection].close()
        self.stores[connection] = self.open_store()

    @rule(connection=connections, limit=st.integers(1, 3))
    def pages(self, connection: int, limit: int) -> None:
        for talk in self.model.talks.values():
            found: list[str] = []
            page = self.chat(connection).page(talk.id, limit=limit)
            found = [one.interaction.id for one in page.interactions]
            while page.before is not None:
                page = self.chat(connection).page(talk.id, before=page.before, limit=limit)
                found = [one.interaction.id for one in page.interactions] + found
            assert found == [turn.id for turn in sorted(talk.turns, key=lambda turn: (turn.at, turn.id))]
            assert self.chat(connection).count_messages(talk.id) == sum(len(turn.said) for turn in talk.turns)
            last = [message.id for message in self.chat(connection).last_messages(talk.id, limit)]
            assert last == [message.id for message in self.chat(connection).history(talk.id)][-limit:]

    @rule(connection=connections)
    def read_in_another_thread(self, connection: int) -> None:
        with ThreadPoolExecutor(1) as threads:
            assert threads.submit(dump_of, self.stores[connection]).result() == self.model.dump()

    @invariant()
    def both_connections_see_the_model(self) -> None:
        for store in self.stores:
            assert dump_of(store) == self.model.dump()


TestChatMachine = ChatMachine.TestCase
TestChatMachine.settings = settings(
    max_examples=settings().max_examples // 3, stateful_step_count=25, deadline=None
)


def test_the_machine_finds_a_rollback_that_does_not_happen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A control: the machine must notice a store that keeps what it should undo."""
    machine = ChatMachine()
    monkeypatch.setattr(Store, "transaction", lambda store, actor=None: store.use())
    try:
        machine.start(0, "kept")
        machine.lose(0, 0, Role.USER)

        with pytest.raises(AssertionError):
            machine.both_connections_see_the_model()
    finally:
        machine.teardown()


def test_the_machine_finds_an_order_by_time_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A control: of equal times the greater id must be the later one."""
    machine = ChatMachine()
    try:
        for content in "ab":
            machine.append_anywhere(0, 1, Role.USER, content, False)
        machine.both_connections_see_the_model()
        for talk in machine.model.talks.values():
            for number, turn in enumerate(talk.turns):
                turn.at = at(-number)

        with pytest.raises(AssertionError):
            machine.both_connections_see_the_model()
    finally:
        machine.teardown()


json_values: st.SearchStrategy[JsonValue] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 63) - 1)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
    ),
    max_leaves=5,
)


@settings(max_examples=50)
@given(content=contents(), title=titles(), metadata=json_values, role=roles)
def test_every_text_and_metadata_comes_back_as_it_was_written(
    content: str, title: str, metadata: JsonValue, role: Role
) -> None:
    with memory_store(PLUGINS) as store:
        conversation = store[ConversationRepository].start(title)
        message = store[ChatRepository].append_message(role, content, metadata=metadata)

        assert conversation.title == title.strip()
        assert (message.role, message.content, repr(message.metadata)) == (role, content, repr(metadata))
        assert store[ChatRepository].history(conversation.id) == [message]
