"""The list of memories, in pages, and what has expired of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from stina_core import Store
from stina_core.testing import memory_store
from stina_memories import MemoryPlace, MemoryRepository, MemoryValue

from .conftest import PLUGINS

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)

minutes = st.integers(0, 2)


def add(memories: MemoryRepository, content: str, at: datetime = NOON, id: str | None = None) -> MemoryValue:
    return memories.add(content, content, id=id, created_at=at, hint=False).memory


def test_list_is_newest_first_and_of_one_moment_by_id(memories: MemoryRepository) -> None:
    for at, id in ((NOON, "b"), (LATER, "a"), (NOON, "c"), (NOON, "a2"), (NOON, "🍓"), (NOON, "B")):
        add(memories, id, at, id)

    assert [memory.id for memory in memories.list()] == ["a", "🍓", "c", "b", "a2", "B"]


def test_a_page_goes_on_after_a_memory_that_is_gone(memories: MemoryRepository) -> None:
    for id in "abcde":
        add(memories, id, NOON, id)
    first = memories.list(limit=2)
    memories.delete(first[-1].id)
    add(memories, "newer", LATER)
    add(memories, "d2", NOON, "d2")

    second = memories.list(limit=2, before=first[-1].place)

    assert [memory.id for memory in first + second] == ["e", "d", "c", "b"]
    assert memories.list(before=MemoryPlace(NOON, "a")) == []


def test_list_leaves_out_what_has_expired_at_the_moment_asked_for(memories: MemoryRepository) -> None:
    lasting = add(memories, "lasting")
    ending = memories.add("t", "ending", expires_at=LATER, created_at=NOON).memory

    assert memories.list() == [lasting]
    assert set(map(id_of, memories.list(at=LATER - timedelta(milliseconds=1)))) == {lasting.id, ending.id}
    assert memories.list(at=LATER) == [lasting]
    assert len(memories.list(include_expired=True)) == 2
    assert (memories.count(), memories.count(at=NOON), memories.count(include_expired=True)) == (1, 2, 2)
    assert memories.get(ending.id).is_expired(LATER)
    assert not ending.is_expired(LATER - timedelta(milliseconds=1))
    assert not lasting.is_expired(LATER)


def id_of(memory: MemoryValue) -> str:
    return memory.id


def test_what_has_expired_is_listed_and_deleted_only_when_asked(memories: MemoryRepository) -> None:
    last = memories.add("t", "a", expires_at=LATER).memory
    first = memories.add("t", "b", expires_at=NOON).memory
    lasting = memories.add("t", "c").memory

    assert memories.next_expiry(NOON - timedelta(hours=1)) == NOON
    assert memories.next_expiry(NOON) == LATER
    assert memories.next_expiry() is None
    assert memories.expired() == memories.expired(LATER) == [first, last]
    assert memories.expired(NOON) == [first]
    assert memories.delete_expired(NOON) == 1
    assert memories.find(first.id) is None
    assert memories.get(last.id) == last
    assert memories.delete_expired() == 1
    assert memories.delete_expired() == 0
    assert memories.list(include_expired=True) == [lasting]


def test_list_is_whole_without_a_limit(memories: MemoryRepository, store: Store) -> None:
    """A later version of the original cut it after 100."""
    with store.transaction():
        for number in range(150):
            add(memories, str(number))

    assert len(memories.list()) == memories.count() == 150


@settings(max_examples=40)
@given(
    stored=st.lists(st.tuples(minutes, st.booleans()), max_size=12),
    added=st.lists(minutes, max_size=6),
    limit=st.integers(1, 5),
    include_expired=st.booleans(),
)
def test_pages_one_after_another_are_the_whole_list_whatever_is_added_meanwhile(
    stored: list[tuple[int, bool]], added: list[int], limit: int, include_expired: bool
) -> None:
    """A law: no memory twice and none left out, also where many are of one moment."""
    with memory_store(PLUGINS) as store:
        memories = store[MemoryRepository]
        for minute, expired in stored:
            memories.add(
                "t",
                "c",
                created_at=NOON + timedelta(minutes=minute),
                expires_at=NOON if expired else None,
                hint=False,
            )
        whole = memories.list(include_expired=include_expired)
        meanwhile = iter(added)
        pages: list[MemoryValue] = []
        place: MemoryPlace | None = None
        while page := memories.list(limit=limit, before=place, include_expired=include_expired):
            pages += page
            place = page[-1].place
            for minute in meanwhile:
                memories.add("t", "new", created_at=NOON + timedelta(minutes=minute), hint=False)
                break

        assert len({memory.id for memory in pages}) == len(pages)
        assert [memory for memory in pages if memory.content == "c"] == whole
        assert pages == sorted(pages, key=lambda memory: (memory.created_at, memory.id), reverse=True)
        assert memories.count(include_expired=include_expired) == len(
            memories.list(include_expired=include_expired)
        )
