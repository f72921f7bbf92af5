"""Which writes are told to whoever follows, in which order; and the list of memories as a live query."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Generic, TypeAlias, TypeVar

import pytest

from stina_core import Changes, ConstraintError, InvalidValueError, NotFoundError, Store, open_store
from stina_core.testing import running_python
from stina_memories import MemoryRepository, MemoryValue

from .conftest import PLUGINS

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DEADLINE = 30.0
TABLE = "memories_memory"

T = TypeVar("T")
Batch: TypeAlias = "list[tuple[str, object]]"

WRITER = """
import stina_memories.plugin
from stina_core import open_store
from stina_core.testing import plugins_of
from stina_memories import MemoryRepository

with open_store(sys.argv[1], plugins=plugins_of(memories=stina_memories.plugin)) as store:
    memories = store[MemoryRepository]
    say("open")
    for line in sys.stdin:
        what, id = line.split()
        if what == "add":
            memories.add(f"title {id}", f"content {id}", id=id)
        elif what == "change":
            memories.update(id, title="changed")
        else:
            memories.delete(id)
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


class Batches:
    """The transactions a subscription was told of, as pairs of what happened and to which memory."""

    def __init__(self) -> None:
        self.heard: Heard[Batch] = Heard()

    def __call__(self, changes: Changes) -> None:
        self.heard([(change.op.value, change.key) for change in changes])

    def up_to(self, key: str) -> list[Batch]:
        """Wait until the new memory *key* was told of; returns what came before."""
        return self.heard.until(lambda batches: ("insert", key) in batches[-1])[:-1]


@pytest.fixture
def other(store_path: Path, store: Store) -> Iterator[Store]:
    """A second store that is open on the same file."""
    with open_store(store_path, plugins=PLUGINS) as opened:
        yield opened


def add(memories: MemoryRepository, id: str, expires_at: datetime | None = None) -> None:
    memories.add(id, f"content {id}", id=id, expires_at=expires_at)


def test_each_kind_of_write_is_told_as_documented(memories: MemoryRepository, other: Store) -> None:
    heard = Batches()
    with other.subscribe(heard, {TABLE}):
        add(memories, "a")
        add(memories, "b", NOON)
        memories.add("twin", "content a", id="twin")
        memories.update("a", title="new")
        memories.update("a", content="new", tags=["x"], metadata={"n": 1})
        memories.update("a", updated_at=NOON)
        memories.delete("a")
        memories.delete_expired()
        add(memories, "end")

        told = heard.up_to("end")

    assert told == [
        [("insert", "a")],
        [("insert", "b")],
        [("insert", "twin")],
        [("update", "a")],
        [("update", "a")],
        [("update", "a")],
        [("delete", "a")],
        [("delete", "b")],
    ]


def test_expired_ones_are_deleted_in_one_batch(memories: MemoryRepository, other: Store) -> None:
    for id in "cab":
        add(memories, id, NOON)
    heard = Batches()
    with other.subscribe(heard, {TABLE}):
        assert memories.delete_expired() == 3
        add(memories, "end")

        (told,) = heard.up_to("end")

    assert sorted(told) == [("delete", "a"), ("delete", "b"), ("delete", "c")]


def test_what_writes_nothing_tells_nothing(memories: MemoryRepository, other: Store) -> None:
    add(memories, "a")
    heard = Batches()
    with other.subscribe(heard, {TABLE}):
        memories.update("a")
        memories.update("a", title="a", metadata=None, tags=())
        assert not memories.delete("absent")
        assert memories.delete_expired() == 0
        with pytest.raises(NotFoundError):
            memories.update("absent", title="t")
        with pytest.raises(InvalidValueError):
            memories.update("a", title=" ")
        with pytest.raises(InvalidValueError):
            memories.add("", "c")
        with pytest.raises(ConstraintError):
            add(memories, "a")
        memories.search("content")
        memories.find_by_content("tent")
        memories.similar("content a")
        with suppress(ZeroDivisionError), memories.transaction():
            add(memories, "undone")
            raise ZeroDivisionError
        add(memories, "end")

        assert heard.up_to("end") == []


def test_a_transaction_is_one_batch_in_the_order_of_its_writes(
    memories: MemoryRepository, other: Store
) -> None:
    heard = Batches()
    with other.subscribe(heard, {TABLE}):
        with memories.transaction():
            add(memories, "b")
            add(memories, "a")
            memories.update("b", title="new")
            with suppress(ZeroDivisionError), memories.transaction():
                memories.delete("a")
                raise ZeroDivisionError
            memories.delete("b")
        add(memories, "end")

        told = heard.up_to("end")

    assert told == [[("insert", "b"), ("insert", "a"), ("update", "b"), ("delete", "b")]]


def test_the_feed_says_who_wanted_a_write(memories: MemoryRepository, store: Store) -> None:
    since = store.cursor()
    with store.transaction(actor="assistant"):
        add(memories, "a")

    (changes,) = store.changes(since)

    assert (changes.actor, [change.actor for change in changes]) == ("assistant", ["assistant"])


def test_the_list_is_one_observation_that_another_process_changes(
    memories: MemoryRepository, store: Store, store_path: Path
) -> None:
    heard: Heard[list[MemoryValue]] = Heard()
    with running_python(WRITER, store_path) as writer, store.observe(memories.list, heard) as observation:
        writer.hear("open")
        assert heard.all == [[]]
        assert set(observation.tables) == {TABLE}
        for line in ("add a", "add b", "change a", "delete b"):
            writer.say(line)
            writer.hear("done")
        writer.finish()
        told = heard.until(lambda lists: [memory.title for memory in lists[-1]] == ["changed"])

    assert told[-1] == memories.list()
    assert all(one != other for one, other in pairwise(told))


def test_two_processes_hear_each_other(memories: MemoryRepository, store: Store, store_path: Path) -> None:
    heard = Batches()
    with running_python(WRITER, store_path) as writer, store.subscribe(heard, {TABLE}):
        writer.hear("open")
        for number in range(10):
            writer.say(f"add theirs-{number}")
            writer.hear("done")
            add(memories, f"ours-{number}")
        writer.finish()

        told = heard.up_to("ours-9")

    assert told == [[("insert", f"{who}-{n}")] for n in range(10) for who in ("theirs", "ours")][:-1]


def test_a_list_that_is_shown_says_when_it_is_to_be_read_anew(memories: MemoryRepository) -> None:
    """That a memory expires changes no row, so no observation tells it; `next_expiry` is for a timer."""
    add(memories, "soon", NOON)
    before = datetime(2026, 2, 1, tzinfo=UTC)

    assert [memory.id for memory in memories.list(at=before)] == ["soon"]
    when = memories.next_expiry(before)
    assert when is not None
    assert memories.list(at=when) == []
