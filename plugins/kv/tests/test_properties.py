from __future__ import annotations

import json
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import stina_kv.plugin
from stina_core import InvalidValueError, JsonValue, NotFoundError, Store, StoreConfig, open_store
from stina_core.testing import memory_store, plugins_of
from stina_kv import MISSING, KvRepository, Missing
from stina_kv.keys import end_of_prefix
from stina_kv.testing import json_values, keys

PLUGINS = plugins_of(kv=stina_kv.plugin)
INTEGERS = range(-(1 << 63), 1 << 63)

Writes: TypeAlias = "list[tuple[str, JsonValue | Missing]]"  # MISSING deletes
Model: TypeAlias = "dict[str, JsonValue]"

few_keys = st.sampled_from(
    ["a", "a/", "a/b", "a/b/c", "A", "%", "a%", "å", "🍓", "\ud7ff", "\U0010ffff", "\U0010ffffz"]
)
prefixes = st.sampled_from(["", "a", "a/", "a/b", "%", "a%", "_", "\ud7ff", "\U0010ffff", "b", "a\x00"])
steps = st.integers(-3, 3) | st.sampled_from([INTEGERS.start, INTEGERS.stop - 1])
values = steps | json_values()
maybe_values = values | st.just(MISSING)
writes: st.SearchStrategy[Writes] = st.lists(st.tuples(few_keys, maybe_values), min_size=1, max_size=4)
connections = st.sampled_from([0, 1])


class Undo(Exception):  # noqa: N818  # no error: it only rolls a transaction back
    pass


def exact(value: JsonValue | Missing) -> str:
    """Return *value* in a form in which 1, 1.0 and True differ, as they do in JSON."""
    return repr(value) if isinstance(value, Missing) else json.dumps(value, sort_keys=True)


class KvMachine(RuleBasedStateMachine):
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

    def kv(self, connection: int) -> KvRepository:
        return self.stores[connection][KvRepository]

    @rule(connection=connections, key=few_keys, value=values)
    def set_value(self, connection: int, key: str, value: JsonValue) -> None:
        entry = self.kv(connection).set(key, value)

        assert exact(entry.value) == exact(value)
        self.model[key] = value

    @rule(connection=connections, key=few_keys)
    def get_value(self, connection: int, key: str) -> None:
        kv = self.kv(connection)

        assert kv.contains(key) == (key in self.model)
        assert exact(kv.get(key, MISSING)) == exact(self.model.get(key, MISSING))
        if key not in self.model:
            with pytest.raises(NotFoundError):
                kv.get(key)

    @rule(connection=connections, key=few_keys)
    def delete_value(self, connection: int, key: str) -> None:
        assert self.kv(connection).delete(key) == (key in self.model)

        self.model.pop(key, None)

    @rule(connection=connections, key=few_keys, by=steps)
    def increment_value(self, connection: int, key: str, by: int) -> None:
        old = self.model.get(key, 0)
        if isinstance(old, int) and not isinstance(old, bool) and old + by in INTEGERS:
            assert self.kv(connection).increment(key, by) == old + by
            self.model[key] = old + by
        else:
            with pytest.raises(InvalidValueError):
                self.kv(connection).increment(key, by)

    @rule(connection=connections, key=few_keys, expected=maybe_values, value=values)
    def compare_and_set_value(
        self, connection: int, key: str, expected: JsonValue | Missing, value: JsonValue
    ) -> None:
        held = self.model.get(key, MISSING)

        written = self.kv(connection).compare_and_set(key, expected, value)

        assert written == (exact(expected) == exact(held))
        if written:
            self.model[key] = value

    @rule(connection=connections, key=few_keys, value=values)
    def compare_and_set_what_is_there(self, connection: int, key: str, value: JsonValue) -> None:
        held = self.model.get(key, MISSING)
        if isinstance(held, int):
            twin = bool(held) if type(held) is int and held in (0, 1) else float(held)
            assert not self.kv(connection).compare_and_set(key, twin, value)

        assert self.kv(connection).compare_and_set(key, held, value)
        self.model[key] = value

    @rule(connection=connections, prefix=prefixes)
    def list_values(self, connection: int, prefix: str) -> None:
        wanted = sorted(key for key in self.model if key.startswith(prefix))

        assert [entry.key for entry in self.kv(connection).list(prefix)] == wanted
        assert self.kv(connection).count(prefix) == len(wanted)

    @rule(connection=connections, lost=writes)
    def roll_back(self, connection: int, lost: Writes) -> None:
        self.lose(connection, lost)

    @rule(connection=connections, before=writes, lost=writes, after=writes)
    def roll_back_to_savepoint(self, connection: int, before: Writes, lost: Writes, after: Writes) -> None:
        with self.stores[connection].transaction():
            self.write(connection, before, self.model)
            self.lose(connection, lost)
            self.write(connection, after, self.model)

    @rule(connection=connections)
    def reopen(self, connection: int) -> None:
        self.stores[connection].close()
        self.stores[connection] = self.open_store()

    @rule(connection=connections)
    def read_in_another_thread(self, connection: int) -> None:
        with ThreadPoolExecutor(1) as threads:
            entries = threads.submit(self.kv(connection).list).result()

        assert {entry.key: exact(entry.value) for entry in entries} == self.wanted()

    @invariant()
    def both_connections_see_the_model(self) -> None:
        for connection in (0, 1):
            entries = self.kv(connection).list()
            assert {entry.key: exact(entry.value) for entry in entries} == self.wanted()

    def wanted(self) -> dict[str, str]:
        return {key: exact(value) for key, value in self.model.items()}

    def write(self, connection: int, them: Writes, model: Model) -> None:
        for key, value in them:
            if isinstance(value, Missing):
                assert self.kv(connection).delete(key) == (key in model)
                model.pop(key, None)
            else:
                self.kv(connection).set(key, value)
                model[key] = value

    def lose(self, connection: int, them: Writes) -> None:
        """Write *them* in a transaction, or a savepoint of the one that is open, that fails."""
        inside = dict(self.model)

        def unit() -> None:
            with self.stores[connection].transaction():
                self.write(connection, them, inside)
                assert {entry.key for entry in self.kv(connection).list()} == inside.keys()
                raise Undo

        with pytest.raises(Undo):
            unit()


TestKvMachine = KvMachine.TestCase
TestKvMachine.settings = settings(
    max_examples=settings().max_examples // 3, stateful_step_count=30, deadline=None
)


def test_the_machine_finds_a_rollback_that_does_not_happen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A control: the machine must notice a store that keeps what it should undo."""
    machine = KvMachine()
    monkeypatch.setattr(Store, "transaction", lambda store, actor=None: store.use())
    try:
        machine.lose(0, [("a", 1)])

        with pytest.raises(AssertionError):
            machine.both_connections_see_the_model()
    finally:
        machine.teardown()


@given(key=keys(), value=json_values())
@settings(deadline=None)
def test_every_key_and_value_comes_back_as_it_was_written(key: str, value: JsonValue) -> None:
    with memory_store(PLUGINS) as store:
        kv = store[KvRepository]

        written = kv.set(key, value)

        assert exact(written.value) == exact(value) == exact(kv.get(key))
        assert kv.list() == [written]
        assert kv.list(key[:3]) == [written]


@given(prefix=st.text(max_size=5), text=st.text(max_size=8), same=st.booleans())
def test_the_end_of_a_prefix_bounds_exactly_the_texts_that_begin_with_it(
    prefix: str, text: str, same: bool
) -> None:
    text = prefix + text if same else text
    end = end_of_prefix(prefix)

    inside = prefix <= text and (end is None or text < end)

    assert inside == text.startswith(prefix)
