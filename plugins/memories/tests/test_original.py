"""What the original app did where no other test looks: what is kept, and defects that must not come back."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import apsw
import pytest

from stina_core import Changes, InvalidValueError, Store, open_store
from stina_core.testing import file_rows, statements
from stina_memories import MemoryRepository, MemoryValue

from .conftest import PLUGINS

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DEADLINE = 10.0


class Heard:
    """The lists a listener was given, as they were then; afterwards it does to them what *then* does."""

    def __init__(self, then: Callable[[list[MemoryValue]], object] = lambda memories: None) -> None:
        self.all: list[list[str]] = []
        self._then = then
        self._news = threading.Condition()

    def __call__(self, memories: list[MemoryValue]) -> None:
        with self._news:
            self.all.append([memory.title for memory in memories])
            self._then(memories)
            self._news.notify_all()

    def until(self, *titles: str) -> None:
        """Wait until the last list it was given has these titles."""
        with self._news:
            assert self._news.wait_for(lambda: self.all[-1] == list(titles), DEADLINE), self.all


def test_a_start_reads_no_memory(store_path: Path) -> None:
    """`bootstrap()` loaded all of them into a snapshot at every start."""
    with open_store(store_path, plugins=PLUGINS) as store:
        store[MemoryRepository].add("t", "c")

    def reads(show: Callable[[Store], object]) -> list[str]:
        def run() -> None:
            with open_store(store_path, plugins=PLUGINS) as store:
                show(store)

        return [one.sql for one in statements(run) if 'FROM "memories_' in one.sql]

    assert reads(lambda store: None) == []
    assert len(reads(lambda store: store[MemoryRepository].list())) == 1  # a control: what is read is noticed


def test_a_listener_may_do_with_its_list_what_it_likes(memories: MemoryRepository, store: Store) -> None:
    """The list that `onMemories()` gave out was the cache itself, so one listener spoiled it for all."""
    memories.add("a", "content", id="a")
    spoiling, other = Heard(list.clear), Heard()

    with store.observe(memories.list, spoiling), store.observe(memories.list, other):
        memories.add("b", "content", id="b", created_at=NOON)
        spoiling.until("a", "b")
        other.until("a", "b")

    assert [memory.id for memory in memories.list()] == ["a", "b"]


def test_a_listener_that_changed_its_list_is_told_of_the_next_one_all_the_same(
    memories: MemoryRepository, store: Store
) -> None:
    """The list that `onMemories()` gave out was the cache, with which the next one was compared."""
    memories.add("a", "content", id="a")
    emptying = Heard(list.clear)

    with store.observe(memories.list, emptying):
        memories.delete("a")
        emptying.until()
        memories.add("end", "content")
        emptying.until("end")


def test_a_listener_is_told_of_what_is_committed_and_never_while_it_is_added(
    memories: MemoryRepository, store: Store, store_path: Path
) -> None:
    """The original called its listeners before `insertMemory()` returned; README.md says so."""
    heard: list[tuple[threading.Thread, bool]] = []
    told = threading.Event()
    with open_store(store_path, plugins=PLUGINS) as other:

        def hear(changes: Changes) -> None:
            found = other[MemoryRepository].find(str(changes[0].key))
            heard.append((threading.current_thread(), found is not None))
            told.set()

        with store.subscribe(hear, {"memories_memory"}):
            with store.transaction():
                memories.add("t", "c")
                assert heard == []
            assert told.wait(DEADLINE)

    [(thread, was_there)] = heard
    assert was_there
    assert thread is not threading.current_thread()


def test_an_empty_source_is_a_source_and_not_none(memories: MemoryRepository) -> None:
    """JavaScript's `??` keeps an empty text, and so do we."""
    memory = memories.add("t", "c", source="").memory

    assert memories.get(memory.id).source == ""
    assert memories.update(memory.id, source=None).source is None
    assert memories.update(memory.id, source="").source == ""


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_of_nothing_is_refused(memories: MemoryRepository, limit: int) -> None:
    """For `listMemories()` it was no limit; README.md says so."""
    memories.add("t", "c")

    with pytest.raises(InvalidValueError, match=r"^limit: "):
        memories.list(limit=limit)


def test_a_text_that_is_json_is_kept_as_the_text_it_is(memories: MemoryRepository) -> None:
    """The store kept metadata as JSON text; a text that looks like it is no object."""
    text = json.dumps({"a": 1})

    assert memories.get(memories.add("t", text, metadata=text).memory.id).metadata == text
    assert memories.find_by_content(text) is not None


@pytest.mark.parametrize("metadata", ["{", "", "NaN", "x"])
def test_metadata_that_is_no_json_never_comes_into_the_table(
    memories: MemoryRepository, store_path: Path, metadata: str
) -> None:
    """`listMemories()` read such metadata as null, and the next update would have lost it."""
    memory = memories.add("t", "c", metadata={"n": 1}).memory

    with pytest.raises(apsw.ConstraintError, match="metadata_json"):
        file_rows(store_path, "UPDATE memories_memory SET metadata = ?", [metadata])

    assert memories.list() == [memory]
