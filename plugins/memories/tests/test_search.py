"""Full-text search."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stina_core import FullTextIndex, Store
from stina_core.testing import memory_store
from stina_memories import FoundMemory, MemoryRepository

from .conftest import PLUGINS

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

texts = st.text(st.sampled_from('abAå -"*'), max_size=8)
words = st.lists(st.sampled_from(["tea", "Tea", "téa", "milk", "and", "rain"]), min_size=1, max_size=4).map(
    " ".join
)


def ids(found: list[FoundMemory]) -> list[str]:
    return [one.memory.id for one in found]


def test_search_finds_words_in_title_and_content_with_a_snippet(memories: MemoryRepository) -> None:
    title = memories.add("Crème brûlée", "for dinner").memory
    content = memories.add("Dinner", "no CREME for the cat").memory

    second, first = memories.search("creme")

    assert (first.memory, second.memory) == (title, content)
    assert first.snippet.parts() == [("Crème", True), (" brûlée", False)]
    assert ("CREME", True) in second.snippet.parts()
    assert memories.search("creme -cat") == [first]
    assert memories.search("crocodile") == memories.search('"') == memories.search("") == []


def test_ranked_search_gives_the_best_first(memories: MemoryRepository) -> None:
    best = memories.add("tea", "tea tea").memory
    memories.add("walks", "a long walk in the rain, and after it a cup of tea with much milk in it")

    assert memories.search_ranked("tea", limit=1)[0].memory == best
    assert len(memories.search_ranked("tea")) == 2


def test_a_search_goes_on_after_the_last_hit_of_the_page_before(memories: MemoryRepository) -> None:
    for number in range(5):
        memories.add("t", f"tea {number}", id=str(number))
    first = memories.search("tea", limit=2)
    memories.add("t", "tea 5", id="5")
    memories.delete("2")

    second = memories.search("tea", limit=2, before=first[-1].place)

    assert (ids(first), ids(second)) == (["4", "3"], ["1", "0"])
    assert memories.search("tea", before=second[-1].place) == []


@pytest.mark.parametrize("limit", [1, 2, 3, 20])
def test_expired_ones_are_left_out_and_the_page_is_full_all_the_same(
    memories: MemoryRepository, store: Store, limit: int
) -> None:
    with store.transaction():
        for number in range(12):
            memories.add(
                "t", f"tea {number}", id=f"{number:02}", expires_at=NOON if number % 4 else None, hint=False
            )

    assert ids(memories.search("tea", limit=limit)) == ["08", "04", "00"][:limit]
    assert len(memories.search_ranked("tea", limit=limit)) == min(limit, 3)
    assert {one.id for one in memories.list()} == set(ids(memories.search_ranked("tea", limit=3)))
    assert len(memories.search("tea", include_expired=True)) == 12
    assert len(memories.search_ranked("tea", include_expired=True, limit=20)) == 12
    assert len(memories.search("tea", at=NOON - timedelta(milliseconds=1))) == 12


def test_a_hit_that_is_deleted_before_it_is_read_is_left_out(
    memories: MemoryRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = memories.add("t", "tea").memory
    gone = memories.add("t", "tea").memory
    newest = FullTextIndex.newest

    def ask(index: FullTextIndex, text: str, limit: int = 20, before: int | None = None) -> object:
        hits = newest(index, text, limit, before)
        memories.delete(gone.id)
        return hits

    monkeypatch.setattr(FullTextIndex, "newest", ask)

    assert ids(memories.search("tea")) == [kept.id]


@settings(max_examples=40)
@given(
    stored=st.lists(st.tuples(words, words, st.booleans()), max_size=8),
    word=st.sampled_from(["tea", "milk", "rain"]),
    limit=st.integers(1, 4),
)
def test_search_finds_exactly_what_has_the_word_in_pages_and_ranked(
    stored: list[tuple[str, str, bool]], word: str, limit: int
) -> None:
    with memory_store(PLUGINS) as store:
        memories = store[MemoryRepository]
        wanted = []
        for title, content, expired in stored:
            memory = memories.add(title, content, expires_at=NOON if expired else None, hint=False).memory
            if not expired and word in f"{title} {content}".lower().replace("é", "e").split():
                wanted.append(memory.id)

        pages: list[FoundMemory] = []
        while page := memories.search(word, limit=limit, before=pages[-1].place if pages else None):
            pages += page

        assert ids(pages) == wanted[::-1]
        assert sorted(ids(memories.search_ranked(word, limit=100))) == sorted(wanted)


@settings(max_examples=60)
@given(text=texts | st.text(max_size=10))
def test_no_text_that_somebody_types_is_an_error(text: str) -> None:
    with memory_store(PLUGINS) as store:
        memories = store[MemoryRepository]
        memories.add("a", f"b {text}")

        for found in (memories.search(text), memories.search_ranked(text)):
            assert len(found) <= 1
