"""Checked by mypy; running it shows that the same lines work."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias, assert_type

from stina_core import Actor, JsonValue, Snippet, Store, now
from stina_memories import (
    KEEP,
    AddedMemory,
    FoundMemory,
    MemoryPlace,
    MemoryRepository,
    MemoryValue,
    SimilarMemory,
)

MaybeMemory: TypeAlias = "MemoryValue | None"
MaybeText: TypeAlias = "str | None"
MaybeTime: TypeAlias = "datetime | None"
MaybeActor: TypeAlias = "Actor | None"


def test_the_repository_and_what_it_returns_have_exact_types(store: Store) -> None:
    memories = assert_type(store[MemoryRepository], MemoryRepository)
    added = assert_type(memories.add("Tea", "green", tags=["a"], expires_at=now()), AddedMemory)
    assert_type(added.similar, tuple[SimilarMemory, ...])
    memory = assert_type(added.memory, MemoryValue)
    assert_type(memories.get(memory.id), MemoryValue)
    assert_type(memories.find("nobody"), MaybeMemory)
    assert_type(memories.find_by_content("green"), MaybeMemory)
    assert_type(memories.update(memory.id, title=KEEP, source=None, tags=("b",), actor="tool"), MemoryValue)
    assert_type(memories.list(limit=1, before=memory.place), list[MemoryValue])
    assert_type(memories.expired(), list[MemoryValue])
    assert_type(memories.next_expiry(), MaybeTime)
    assert_type(memories.count(include_expired=True), int)
    assert_type(memories.similar("green"), tuple[SimilarMemory, ...])
    for found in assert_type(memories.search("tea", include_expired=True), list[FoundMemory]):
        assert_type(found.snippet, Snippet)
        assert_type(found.place, int)
    assert_type(memories.search_ranked("tea"), list[FoundMemory])
    assert_type(memories.delete_expired(), int)
    assert_type(memories.delete(memory.id), bool)

    assert memories.list() == []


def test_the_parts_of_a_memory_have_exact_types(store: Store) -> None:
    memory = store[MemoryRepository].add("Tea", "green", metadata={"tags": ["a"], "n": 1}).memory
    assert_type(memory.title, str)
    assert_type(memory.metadata, JsonValue)
    assert_type(memory.source, MaybeText)
    assert_type(memory.tags, tuple[str, ...])
    assert_type(memory.expires_at, MaybeTime)
    assert_type(memory.actor, MaybeActor)
    assert_type(memory.place, MemoryPlace)
    assert_type(memory.is_expired(now()), bool)

    assert memory.metadata == {"tags": ["a"], "n": 1}
