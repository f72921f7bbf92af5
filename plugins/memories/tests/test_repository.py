from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import stina_memories.repository
from stina_core import ConstraintError, JsonValue, NotFoundError, Store, now, open_store
from stina_core.testing import file_rows
from stina_memories import KEEP, MemoryRepository, MemoryValue

from .conftest import PLUGINS

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)


def full(memories: MemoryRepository) -> MemoryValue:
    """A memory that has everything."""
    return memories.add(
        "Tea",
        "Anna likes green tea",
        metadata={"confidence": 0.5, "seen": [1, None]},
        source="chat",
        tags=["food", "anna"],
        expires_at=LATER,
        actor="assistant",
        conversation_id="conversation-1",
        created_at=NOON,
    ).memory


def test_add_returns_what_is_stored_and_get_reads_it_back(memories: MemoryRepository) -> None:
    before = now()

    memory = memories.add("  Tea\n", "Anna likes tea 🍵").memory

    assert memory == memories.get(memory.id) == memories.find(memory.id)
    assert (memory.title, memory.content) == ("Tea", "Anna likes tea 🍵")
    assert (memory.metadata, memory.source, memory.tags, memory.expires_at) == (None, None, (), None)
    assert (memory.actor, memory.conversation_id) == (None, None)
    assert before <= memory.created_at == memory.updated_at <= now()
    assert memory.created_at.tzinfo is UTC


def test_everything_that_is_given_is_kept(memories: MemoryRepository) -> None:
    memory = full(memories)

    assert memory == MemoryValue(
        id=memory.id,
        title="Tea",
        content="Anna likes green tea",
        metadata={"confidence": 0.5, "seen": [1, None]},
        source="chat",
        tags=("food", "anna"),
        expires_at=LATER,
        created_at=NOON,
        updated_at=NOON,
        actor="assistant",
        conversation_id="conversation-1",
    )
    assert memories.list(include_expired=True) == [memory]


def test_a_content_keeps_the_white_space_around_it(memories: MemoryRepository) -> None:
    """As in the original, which trimmed neither; of a title it is taken off."""
    memory = memories.add(" code ", "    first\n    second\n").memory

    assert (memory.title, memory.content) == ("code", "    first\n    second\n")


def test_a_title_may_have_500_characters(memories: MemoryRepository) -> None:
    assert memories.add(" " + "🍓" * 500 + " ", "x").memory.title == "🍓" * 500


@pytest.mark.parametrize("metadata", [{}, [], [1, "two"], 0, False, "", {"a": {"b": [None]}}, 1.5])
def test_any_json_is_metadata_and_an_empty_one_is_kept(
    memories: MemoryRepository, metadata: JsonValue
) -> None:
    """The original read an array as none and stored nothing for 0; `{}` it kept."""
    memory = memories.add("t", "c", metadata=metadata).memory

    assert repr(memories.get(memory.id).metadata) == repr(metadata)


def test_tags_are_trimmed_and_each_is_there_once_in_its_order(memories: MemoryRepository) -> None:
    memory = memories.add("t", "c", tags=iter(["work", " home ", "work", "Home"])).memory

    assert memory.tags == ("work", "home", "Home")
    assert memories.add("t", "c", tags=None).memory.tags == ()


def test_an_id_and_times_may_be_given(memories: MemoryRepository) -> None:
    old = memories.add("t", "c", id="5f8d 🍓", created_at=NOON, updated_at=LATER).memory
    once = memories.add("t", "c", created_at=NOON).memory

    assert (old.id, old.created_at, old.updated_at) == ("5f8d 🍓", NOON, LATER)
    assert once.updated_at == NOON
    assert memories.get("5f8d 🍓") == old


def test_an_id_that_is_taken_is_refused_and_the_memory_stays(memories: MemoryRepository) -> None:
    kept = memories.add("first", "first", id="a").memory

    with pytest.raises(ConstraintError) as caught:
        memories.add("second", "second", id="a")

    assert caught.value.kind == "primary_key"
    assert memories.list() == [kept]


def test_one_operation_reads_the_clock_once(
    memories: MemoryRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = [NOON + timedelta(hours=hour) for hour in range(9, -1, -1)]
    for module in (stina_memories.repository, stina_memories.rules):
        monkeypatch.setattr(module, "now", ticks.pop)

    memory = memories.add("t", "c").memory
    changed = memories.update(memory.id, title="u")
    memories.list()
    memories.count()
    memories.search("c")
    memories.search_ranked("c")
    memories.expired()
    memories.next_expiry()
    memories.delete_expired()

    assert memory.created_at == memory.updated_at == NOON
    assert changed.updated_at == LATER
    assert ticks == [NOON + timedelta(hours=9)]


def test_a_missing_memory_is_not_found(memories: MemoryRepository) -> None:
    assert memories.find("nobody") is None
    for call in (memories.get, lambda id: memories.update(id, title="t")):
        with pytest.raises(NotFoundError) as caught:
            call("nobody")
        assert (caught.value.table, caught.value.key) == ("memories_memory", "nobody")


def test_update_changes_what_is_given_and_keeps_the_rest(memories: MemoryRepository) -> None:
    memory = full(memories)

    changed = memories.update(memory.id, title=" Green tea ", tags=["food"], metadata=KEEP)

    assert (changed.title, changed.tags) == ("Green tea", ("food",))
    assert changed.updated_at > memory.updated_at
    assert (changed.content, changed.metadata, changed.source) == (
        memory.content,
        memory.metadata,
        memory.source,
    )
    assert (changed.expires_at, changed.actor, changed.conversation_id) == (
        LATER,
        "assistant",
        "conversation-1",
    )
    assert (changed.id, changed.created_at) == (memory.id, memory.created_at)
    assert memories.get(memory.id) == changed


def test_update_with_none_clears(memories: MemoryRepository) -> None:
    memory = full(memories)

    changed = memories.update(
        memory.id, metadata=None, source=None, tags=None, expires_at=None, actor=None, conversation_id=None
    )

    assert (changed.metadata, changed.source, changed.tags, changed.expires_at) == (None, None, (), None)
    assert (changed.actor, changed.conversation_id) == (None, None)
    assert (changed.title, changed.content) == (memory.title, memory.content)
    assert memories.get(memory.id) == changed


def test_update_with_nothing_or_with_what_is_there_writes_nothing(
    memories: MemoryRepository, store: Store
) -> None:
    memory = full(memories)
    before = store.cursor()

    same = memories.update(
        memory.id,
        title=memory.title,
        content=memory.content,
        metadata=memory.metadata,
        source=memory.source,
        tags=memory.tags,
        expires_at=memory.expires_at,
        actor=memory.actor,
        conversation_id=memory.conversation_id,
    )

    assert memories.update(memory.id) == same == memory
    assert store.cursor() == before


@pytest.mark.parametrize(("old", "new"), [(1, True), (1, 1.0), (0, False), ([1], [True]), ({}, [])])
def test_update_tells_metadata_apart_that_python_calls_equal(
    memories: MemoryRepository, old: JsonValue, new: JsonValue
) -> None:
    memory = memories.add("t", "c", metadata=old, created_at=NOON).memory

    changed = memories.update(memory.id, metadata=new)

    assert repr(changed.metadata) == repr(new)
    assert changed.updated_at > memory.updated_at


def test_update_takes_the_time_it_is_given(memories: MemoryRepository) -> None:
    """The original ignored `updatedAt` in a patch."""
    memory = full(memories)

    assert memories.update(memory.id, source="import", updated_at=LATER).updated_at == LATER
    assert memories.update(memory.id, updated_at=NOON).updated_at == NOON


def test_a_changed_content_is_found_as_it_is_now(memories: MemoryRepository) -> None:
    memory = full(memories)

    memories.update(memory.id, content="Anna has moved to Göteborg")

    assert memories.find_by_content("Anna likes green tea") is None
    assert memories.find_by_content("ANNA has moved to göteborg") == memories.get(memory.id)
    assert [found.memory.id for found in memories.search("goteborg", include_expired=True)] == [memory.id]


def test_delete_says_whether_the_memory_was_there(memories: MemoryRepository) -> None:
    memory = full(memories)

    assert memories.delete(memory.id) is True
    assert memories.delete(memory.id) is False
    assert memories.find(memory.id) is None


def test_changing_metadata_that_was_given_or_returned_changes_nothing_stored(
    memories: MemoryRepository,
) -> None:
    given: JsonValue = ["a"]
    memory = memories.add("t", "c", metadata=given).memory
    assert isinstance(given, list)
    assert isinstance(memory.metadata, list)

    given.append("b")
    memory.metadata.append("c")

    assert memories.get(memory.id).metadata == ["a"]


def test_a_repository_joins_the_transaction_around_it(memories: MemoryRepository, store: Store) -> None:
    kept = full(memories)

    def write_and_fail() -> None:
        with store.transaction():
            memories.add("t", "new")
            memories.update(kept.id, title="changed")
            memories.delete_expired()
            assert memories.count(include_expired=True) == 1
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()

    assert memories.list(include_expired=True) == [kept]


def test_memories_survive_closing_the_store(store_path: Path) -> None:
    with open_store(store_path, plugins=PLUGINS) as first:
        written = full(first[MemoryRepository])

    with open_store(store_path, plugins=PLUGINS) as second:
        assert second[MemoryRepository].list(include_expired=True) == [written]


def test_the_table_is_strict(store: Store, store_path: Path) -> None:
    rows = file_rows(store_path, "SELECT strict FROM pragma_table_list WHERE name = 'memories_memory'")

    assert rows == [(1,)]
