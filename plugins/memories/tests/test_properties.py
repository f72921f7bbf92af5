from __future__ import annotations

import json
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from stina_core import ConstraintError, NotFoundError, Store, StoreConfig, open_store
from stina_memories import MemoryRepository, MemoryValue
from stina_memories.drafts import Draft
from stina_memories.testing import json_values, tag_lists, titles
from stina_memories.texts import normal

from .conftest import PLUGINS

Model: TypeAlias = "dict[str, MemoryValue]"

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

ids = st.sampled_from(["a", "B", "c", "å", "🍓", "", "a b"])
times = st.integers(0, 3).map(lambda hour: NOON + timedelta(hours=hour))
contents = st.sampled_from(
    ["tea", "Tea ", "green tea", "a cup of green tea", "100 % tea_", "%", "köp te", "ko\u0308p te"]
)
parts = st.sampled_from(["tea", "TEA", "green", "n te", "%", "_", "köp", "k", "up of gr"])
ends = st.none() | times
small = st.fixed_dictionaries(
    {
        "title": titles(),
        "content": contents,
        "tags": tag_lists(),
        "expires_at": ends,
        "metadata": json_values(),
    }
)
patches = st.fixed_dictionaries(
    {},
    optional={
        "title": titles(),
        "content": contents,
        "tags": tag_lists() | st.none(),
        "expires_at": ends,
        "metadata": json_values(),
        "source": st.none() | st.sampled_from(["chat", ""]),
        "actor": st.sampled_from([None, "user", "tool"]),
        "conversation_id": st.none() | st.just("c1"),
    },
)
connections = st.sampled_from([0, 1])
writes = st.lists(st.tuples(ids, small | st.none()), min_size=1, max_size=3)  # None deletes


class Undo(Exception):  # noqa: N818  # no error: it only rolls a transaction back
    pass


def exact(memory: MemoryValue) -> list[object]:
    """Return *memory* in a form in which 1, 1.0 and True differ, as they do in JSON."""
    parts = {field.name: getattr(memory, field.name) for field in fields(memory)}
    return [parts | {"metadata": None}, json.dumps(memory.metadata)]


class MemoryMachine(RuleBasedStateMachine):
    """Any sequence of writes, through either of two connections, leaves the store equal to a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.model: Model = {}
        self.stores = [self.open_store(), self.open_store()]

    def teardown(self) -> None:
        for store in self.stores:
            store.close()
        self.directory.cleanup()

    def open_store(self) -> Store:
        path = Path(self.directory.name) / "stina.db"
        return open_store(path, StoreConfig(strict=True, synchronous="NORMAL"), plugins=PLUGINS)

    def memories(self, connection: int) -> MemoryRepository:
        return self.stores[connection][MemoryRepository]

    @rule(connection=connections, id=ids, draft=small, at=times, hint=st.booleans())
    def add(self, connection: int, id: str, draft: Any, at: datetime, hint: bool) -> None:
        self.put(connection, id, draft, at, hint, self.model)

    @rule(connection=connections, id=ids, patch=patches, at=ends)
    def update(self, connection: int, id: str, patch: dict[str, Any], at: datetime | None) -> None:
        memories = self.memories(connection)
        old = self.model.get(id)
        if old is None:
            with pytest.raises(NotFoundError):
                memories.update(id, **patch, updated_at=at)
            return
        wanted = replace(
            old, **{**patch, **({"tags": tuple(patch["tags"] or ())} if "tags" in patch else {})}
        )

        new = memories.update(id, **patch, updated_at=at)

        if at is not None:
            assert new.updated_at == at
        elif exact(wanted) == exact(old):
            assert new.updated_at == old.updated_at
        else:
            assert new.updated_at > NOON + timedelta(days=1)
        assert exact(new) == exact(replace(wanted, updated_at=new.updated_at))
        self.model[id] = new

    @rule(connection=connections, id=ids)
    def delete(self, connection: int, id: str) -> None:
        assert self.memories(connection).delete(id) == (id in self.model)

        self.model.pop(id, None)

    @rule(connection=connections, at=times)
    def delete_expired(self, connection: int, at: datetime) -> None:
        gone = sorted((one.expires_at, id) for id, one in self.model.items() if one.is_expired(at))

        assert [memory.id for memory in self.memories(connection).expired(at)] == [id for _, id in gone]
        assert self.memories(connection).delete_expired(at) == len(gone)
        for _, id in gone:
            del self.model[id]

    @rule(
        connection=connections, at=times, include_expired=st.booleans(), limit=st.none() | st.integers(1, 3)
    )
    def list(self, connection: int, at: datetime, include_expired: bool, limit: int | None) -> None:
        memories = self.memories(connection)
        wanted = [one for one in self.newest_first() if include_expired or not one.is_expired(at)]

        found = memories.list(at=at, include_expired=include_expired, limit=limit)

        assert found == wanted[:limit]
        assert memories.count(at=at, include_expired=include_expired) == len(wanted)
        if found:
            assert (
                memories.list(at=at, include_expired=include_expired, before=found[-1].place)
                == wanted[len(found) :]
            )

    @rule(connection=connections, at=times)
    def next_expiry(self, connection: int, at: datetime) -> None:
        later = [one.expires_at for one in self.model.values() if one.expires_at and one.expires_at > at]

        assert self.memories(connection).next_expiry(at) == min(later, default=None)

    @rule(
        connection=connections,
        text=st.sampled_from(["tea", "TEA", "green", "n te", "%", "_", "köp", "k", "up of gr"]),
    )
    def find_by_content(self, connection: int, text: str) -> None:
        newest = self.newest_first()
        found = [one for one in newest if one.content == text]
        found += [one for one in newest if normal(one.content) == normal(text)]
        found += [one for one in newest if normal(text) in normal(one.content)]

        assert self.memories(connection).find_by_content(text) == (found[0] if found else None)

    @rule(connection=connections, word=st.sampled_from(["tea", "te", "kop", "cup"]))
    def search(self, connection: int, word: str) -> None:
        wanted = {
            one.id
            for one in self.model.values()
            if word in normal(one.content).replace("ö", "o").replace("%", " ").replace("_", " ").split()
        }
        hits = self.memories(connection).search(word, include_expired=True)
        titled = {hit.memory.id for hit in hits if hit.memory.id not in wanted}

        assert wanted <= {hit.memory.id for hit in hits}
        assert all(word in normal(self.model[id].title).replace("ö", "o") for id in titled)

    @rule(connection=connections, lost=writes, at=times)
    def roll_back(self, connection: int, lost: Any, at: datetime) -> None:
        self.lose(connection, lost, at)

    @rule(connection=connections, before=writes, lost=writes, after=writes, at=times)
    def roll_back_to_savepoint(
        self, connection: int, before: Any, lost: Any, after: Any, at: datetime
    ) -> None:
        with self.stores[connection].transaction():
            self.write(connection, before, at, self.model)
            self.lose(connection, lost, at)
            self.write(connection, after, at, self.model)

    @rule(connection=connections)
    def reopen(self, connection: int) -> None:
        self.stores[connection].close()
        self.stores[connection] = self.open_store()

    @rule(connection=connections)
    def read_in_another_thread(self, connection: int) -> None:
        with ThreadPoolExecutor(1) as threads:
            found = threads.submit(self.memories(connection).list, include_expired=True).result()

        assert found == self.newest_first()

    @invariant()
    def both_connections_see_the_model(self) -> None:
        for connection in (0, 1):
            found = self.memories(connection).list(include_expired=True)
            assert [exact(one) for one in found] == [exact(one) for one in self.newest_first()]

    def newest_first(self, model: Model | None = None) -> Any:
        every = (self.model if model is None else model).values()
        return sorted(every, key=lambda one: (one.created_at, one.id), reverse=True)

    def put(self, connection: int, id: str, draft: Any, at: datetime, hint: bool, model: Model) -> None:
        memories = self.memories(connection)
        if id in model:
            with pytest.raises(ConstraintError):
                memories.add(id=id, created_at=at, hint=hint, **draft)
            return
        added = memories.add(id=id, created_at=at, hint=hint, **draft)
        wanted = MemoryValue(
            **{**draft, "tags": tuple(draft["tags"])},
            id=id,
            created_at=at,
            updated_at=at,
            source=None,
            actor=None,
            conversation_id=None,
        )
        assert exact(added.memory) == exact(wanted)
        same = [one for one in self.newest_first(model) if normal(one.content) == normal(wanted.content)]
        if hint:
            assert [one.memory for one in added.similar][: len(same)] == same[:3]
        model[id] = wanted

    def write(self, connection: int, them: Any, at: datetime, model: Model) -> None:
        for id, draft in them:
            if draft is None:
                assert self.memories(connection).delete(id) == (id in model)
                model.pop(id, None)
            else:
                self.put(connection, id, draft, at, False, model)

    def lose(self, connection: int, them: Any, at: datetime) -> None:
        """Write *them* in a transaction, or a savepoint of the one that is open, that fails."""
        inside = dict(self.model)

        def unit() -> None:
            with self.stores[connection].transaction():
                self.write(connection, them, at, inside)
                found = self.memories(connection).list(include_expired=True)
                assert {one.id for one in found} == inside.keys()
                raise Undo

        with pytest.raises(Undo):
            unit()


TestMemoryMachine = MemoryMachine.TestCase
TestMemoryMachine.settings = settings(
    max_examples=settings().max_examples // 4, stateful_step_count=25, deadline=None
)


@pytest.fixture
def machine() -> Any:
    made = MemoryMachine()
    yield made
    made.teardown()


DRAFT = {"title": "t", "content": "tea", "tags": ["x"], "expires_at": None, "metadata": 1}


def test_the_machine_finds_a_rollback_that_does_not_happen(
    machine: MemoryMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A control: the machine must notice a store that keeps what it should undo."""
    monkeypatch.setattr(Store, "transaction", lambda store, actor=None: store.use())
    machine.lose(0, [("a", DRAFT)], NOON)

    with pytest.raises(AssertionError):
        machine.both_connections_see_the_model()


def test_the_machine_finds_an_update_that_takes_true_for_1(
    machine: MemoryMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A control: an update that compares as Python does writes nothing here."""
    machine.put(0, "a", DRAFT, NOON, True, machine.model)
    monkeypatch.setattr(Draft, "stored", lambda draft: [draft.title, draft.content, draft.metadata])

    with pytest.raises(AssertionError):
        machine.update(0, "a", {"metadata": True}, None)
