"""Which writes are told to whoever follows, in which order, and what `subscribe` and `watch` make of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Generic, TypeAlias, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stina_core import Changes, InvalidValueError, JsonValue, Store, TransactionError, open_store
from stina_core.testing import file_rows, memory_store, running_python
from stina_kv import MISSING, KvRepository, Missing
from stina_kv.testing import json_values

DEADLINE = 30.0

T = TypeVar("T")

JsonOrMissing: TypeAlias = "JsonValue | Missing"

WRITER = """
from stina_core import open_store
from stina_kv import KvRepository

with open_store(sys.argv[1]) as store:
    kv = store[KvRepository]
    say("open")
    for line in sys.stdin:
        key, number = line.split()
        kv.set(key, int(number))
        say("done")
"""


class Heard(Generic[T]):
    """What a callback was called with so far."""

    def __init__(self) -> None:
        self.all: list[T] = []
        self._news = threading.Condition()

    def __call__(self, one: T) -> None:
        with self._news:
            self.all.append(one)
            self._news.notify_all()

    def until(self, wanted: Callable[[list[T]], object]) -> list[T]:
        """Wait until what was heard is as *wanted*, and return it."""
        with self._news:
            assert self._news.wait_for(lambda: self.all and wanted(self.all), DEADLINE), self.all
            return list(self.all)


Batch: TypeAlias = "list[tuple[str, object]]"


class Batches:
    """The transactions a subscription was told of, as pairs of what happened and to which key."""

    def __init__(self) -> None:
        self.heard: Heard[Batch] = Heard()

    def __call__(self, changes: Changes) -> None:
        self.heard([(change.op.value, change.key) for change in changes])

    def up_to(self, key: str) -> list[Batch]:
        """Wait until the new key *key* was told of; returns what came before."""
        return self.heard.until(lambda batches: ("insert", key) in batches[-1])[:-1]


@pytest.fixture
def other(store_path: Path, store: Store) -> Iterator[KvRepository]:
    """The repository of a second store that is open on the same file."""
    with open_store(store_path) as opened:
        yield opened[KvRepository]


def test_each_kind_of_write_is_told_as_documented(kv: KvRepository, other: KvRepository) -> None:
    heard = Batches()
    with other.subscribe(heard):
        kv.set("a", 1)
        kv.set("a", 1)
        kv.increment("a")
        kv.increment("new")
        kv.compare_and_set("a", 2, 3)
        kv.compare_and_set("fresh", MISSING, 3)
        kv.delete("a")
        kv.set("end", 1)

        told = heard.up_to("end")

    assert told == [
        [("insert", "a")],
        [("update", "a")],
        [("update", "a")],
        [("insert", "new")],
        [("update", "a")],
        [("insert", "fresh")],
        [("delete", "a")],
    ]


def test_what_writes_nothing_tells_nothing(kv: KvRepository, other: KvRepository) -> None:
    kv.set("text", "no number")
    heard = Batches()
    with other.subscribe(heard):
        assert not kv.compare_and_set("text", "other", 1)
        assert not kv.compare_and_set("text", MISSING, 1)
        assert not kv.delete("absent")
        with pytest.raises(InvalidValueError):
            kv.increment("text")
        with pytest.raises(InvalidValueError):
            kv.set("text", float("nan"))
        with suppress(ZeroDivisionError), kv.transaction():
            kv.set("undone", 1)
            raise ZeroDivisionError
        kv.set("end", 1)

        assert heard.up_to("end") == []


def test_a_transaction_is_one_batch_in_the_order_of_its_writes(kv: KvRepository, other: KvRepository) -> None:
    heard = Batches()
    with other.subscribe(heard):
        with kv.transaction():
            kv.set("b", 1)
            kv.set("a", 1)
            kv.delete("b")
        kv.set("end", 1)

        told = heard.up_to("end")

    assert told == [[("insert", "b"), ("insert", "a"), ("delete", "b")]]


def test_only_keys_with_the_prefix_are_told_and_no_character_is_a_wildcard(
    kv: KvRepository, other: KvRepository
) -> None:
    heard = Batches()
    with other.subscribe(heard, prefix="ui_%"):
        with kv.transaction():
            kv.set("ui_%/theme", 1)
            kv.set("uix%", 1)
        kv.set("ui_", 1)
        kv.set("UI_%", 1)
        kv.set("ui_%end", 1)

        assert heard.up_to("ui_%end") == [[("insert", "ui_%/theme")]]


def test_a_reset_is_told_whatever_the_prefix(kv: KvRepository, store_path: Path) -> None:
    heard = Batches()
    with kv.subscribe(heard, prefix="ui/"):
        file_rows(store_path, "INSERT INTO stina_change (\"table\", op) VALUES ('kv_entry', 'R')")

        assert heard.heard.until(bool) == [[("reset", None)]]


def test_nothing_is_told_after_close(kv: KvRepository, other: KvRepository) -> None:
    closed, heard = Batches(), Batches()
    subscription = other.subscribe(closed)
    subscription.close()
    with other.subscribe(heard):
        kv.set("end", 1)
        heard.up_to("end")

    assert closed.heard.all == []


def test_another_process_is_heard_and_so_is_the_one_that_subscribes(
    kv: KvRepository, store_path: Path
) -> None:
    heard = Batches()
    with running_python(WRITER, store_path) as writer, kv.subscribe(heard):
        writer.hear("open")
        for number in range(20):
            writer.say(f"theirs-{number} 1")
            writer.hear("done")
            kv.set(f"ours-{number}", 1)
        writer.finish()

        told = heard.up_to("ours-19")

    assert told == [[("insert", f"{who}-{n}")] for n in range(20) for who in ("theirs", "ours")][:-1]


def test_a_prefix_that_is_no_text_is_refused(kv: KvRepository) -> None:
    with pytest.raises(InvalidValueError):
        kv.subscribe(print, prefix="\ud800")


def test_via_says_where_the_callback_runs(kv: KvRepository) -> None:
    batches = Batches()
    calls: Heard[Callable[[], object]] = Heard()
    with kv.subscribe(batches, via=calls):
        kv.set("a", 1)
        (call,) = calls.until(bool)
        assert batches.heard.all == []

        call()

    assert batches.heard.all == [[("insert", "a")]]


def test_watch_tells_the_value_at_once_and_each_other_one(kv: KvRepository, other: KvRepository) -> None:
    heard: Heard[JsonOrMissing] = Heard()
    with other.watch("a", heard):
        assert heard.all == [MISSING]
        for value in (None, {"x": [1]}, {"x": [1, 2]}):
            kv.set("a", value)
            heard.until(lambda values, value=value: values[-1] == value)  # type: ignore[misc]
        kv.delete("a")

        told = heard.until(lambda values: len(values) == 5)

    assert told == [MISSING, None, {"x": [1]}, {"x": [1, 2]}, MISSING]


def test_watch_tells_apart_what_only_python_takes_for_equal(kv: KvRepository, other: KvRepository) -> None:
    heard: Heard[JsonOrMissing] = Heard()
    kv.set("a", 1)
    with other.watch("a", heard):
        kv.set("a", True)
        heard.until(lambda values: len(values) == 2)
        kv.set("a", 1.0)

        told = heard.until(lambda values: len(values) == 3)

    assert list(map(repr, told)) == ["1", "True", "1.0"]


def test_watch_does_not_tell_the_same_value_twice(kv: KvRepository, other: KvRepository) -> None:
    heard: Heard[JsonOrMissing] = Heard()
    kv.set("a", 1)
    with other.watch("a", heard):
        kv.set("a", 1)
        kv.set("b", 2)
        kv.set("a", 3)

        assert heard.until(lambda values: values[-1] == 3) == [1, 3]


def test_a_callback_that_changes_its_value_misses_nothing(kv: KvRepository, other: KvRepository) -> None:
    heard: Heard[str] = Heard()

    def spoil(value: JsonOrMissing) -> None:
        heard(str(value))
        if isinstance(value, list):
            value.append(2)

    kv.set("a", [1])
    with other.watch("a", spoil):
        kv.set("a", [1, 2])

        assert heard.until(lambda values: len(values) == 2) == ["[1]", "[1, 2]"]


def test_watch_inside_a_transaction_and_of_a_bad_key_are_refused(kv: KvRepository) -> None:
    with pytest.raises(TransactionError), kv.transaction():
        kv.watch("a", print)
    with pytest.raises(InvalidValueError):
        kv.watch("", print)


@settings(max_examples=25)
@given(st.lists(json_values(), min_size=1, max_size=5))
def test_the_last_value_is_always_told_exactly(values: list[JsonValue]) -> None:
    with memory_store() as store:
        heard: Heard[JsonOrMissing] = Heard()
        kv = store[KvRepository]
        with kv.watch("a", heard):
            for value in values:
                kv.set("a", value)
            heard.until(lambda told: repr(told[-1]) == repr(kv.get("a")))
