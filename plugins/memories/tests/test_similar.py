"""The hint at near duplicates when a memory is added."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stina_core import FullTextIndex, Hit, Store, StoreBusyError
from stina_core.testing import memory_store
from stina_memories import AddedMemory, MemoryRepository, similar
from stina_memories.similar import THRESHOLD, similarity
from stina_memories.testing import contents
from stina_memories.texts import normal

from .conftest import PLUGINS

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LONG = " ".join(f"word{number}" for number in range(300))


def told(added: AddedMemory) -> list[str]:
    return [one.memory.content for one in added.similar]


def test_add_tells_what_says_almost_the_same_and_stores_it_all_the_same(memories: MemoryRepository) -> None:
    first = memories.add("Tea", "Anna likes green tea in the morning").memory
    memories.add("Tea", "Anna never drinks coffee in the evening")

    added = memories.add("Drinks", "Anna likes green teas in the morning")

    assert [one.memory for one in added.similar] == [first]
    assert 0.9 <= added.similar[0].similarity < 1.0
    assert memories.get(added.memory.id) == added.memory
    assert memories.count() == 3


def test_the_same_content_is_stored_again_with_a_hint_of_1(memories: MemoryRepository) -> None:
    first = memories.add("a", "Anna likes Köpenhamn").memory
    second = memories.add("b", "  anna likes ko\u0308penhamn\n")
    third = memories.add("c", "Anna likes Köpenhamn")

    assert [(one.memory, one.similarity) for one in second.similar] == [(first, 1.0)]
    assert [(one.memory.id, one.similarity) for one in third.similar] == [
        (second.memory.id, 1.0),
        (first.id, 1.0),
    ]
    assert memories.count() == 3


def test_a_memory_is_not_similar_to_itself(memories: MemoryRepository) -> None:
    assert memories.add("a", "only one").similar == ()


def test_titles_and_what_shares_a_few_words_are_not_similar(memories: MemoryRepository) -> None:
    memories.add("Anna likes green tea in the morning", "about the summer house")
    memories.add("a", "Anna likes green tea, and in the winter she drinks black coffee with her mother")

    assert memories.add("b", "Anna likes green tea in the morning").similar == ()


def test_at_most_three_are_told_most_similar_first_and_newest_of_equal_ones(
    memories: MemoryRepository,
) -> None:
    texts = [
        "the red car is at home xxx",
        "the red car is at home",
        "The red car is at home",
        "the red car is at home!",
    ]
    for number, content in enumerate(texts):
        memories.add("t", content, created_at=NOON + timedelta(minutes=number), hint=False)

    assert told(memories.add("t", "the red car is at  home")) == [texts[2], texts[1], texts[3]]


def test_an_expired_one_is_told_too(memories: MemoryRepository) -> None:
    old = memories.add("t", "the red car is at home", expires_at=NOON).memory

    assert [one.memory for one in memories.similar("the red car is at home.")] == [old]


def test_without_the_hint_nothing_is_looked_for(
    memories: MemoryRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    memories.add("t", "the red car is at home")
    monkeypatch.setattr(FullTextIndex, "ranked", None)

    assert memories.add("t", "the red car is at home", hint=False).similar == ()
    with pytest.raises(TypeError):
        memories.add("t", "the red car is at home")


def test_a_search_that_is_stopped_stops_no_memory(
    memories: MemoryRepository, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def ask(index: FullTextIndex, text: str, limit: int) -> list[Hit]:
        raise StoreBusyError("the statement took longer than it may and was stopped")

    monkeypatch.setattr(FullTextIndex, "ranked", ask)

    added = memories.add("t", "the red car is at home")

    assert added == AddedMemory(memories.get(added.memory.id), ())
    assert "hint.left" in caplog.text
    assert "red car" not in caplog.text
    with pytest.raises(StoreBusyError):
        memories.similar("the red car is at home!")


def test_one_of_the_transaction_around_it_is_told(memories: MemoryRepository, store: Store) -> None:
    with store.transaction():
        first = memories.add("t", "the red car is at home now").memory

        assert [one.memory for one in memories.add("t", "the red car is at home").similar] == [first]


def test_contents_without_any_word_are_compared_by_their_normal_form(memories: MemoryRepository) -> None:
    memories.add("t", "🍓🍓")

    assert told(memories.add("t", "🍓🍓 ")) == ["🍓🍓"]
    assert told(memories.add("t", "🍓🍓🍓")) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda words: [*words[1:]],
        lambda words: [*words[:-1], f"{words[-1]}s"],
        lambda words: [*words[: len(words) // 2], "and", *words[len(words) // 2 :]],
        lambda words: [*words[:3], words[3] + words[4], *words[5:]],
        lambda words: [word.upper() for word in words],
    ],
)
@pytest.mark.parametrize("length", [12, 40, 300])
def test_a_change_in_one_place_is_found_among_many_others(
    memories: MemoryRepository, store: Store, length: int, change: object
) -> None:
    assert callable(change)
    words = LONG.split()[:length]
    with store.transaction():
        for number in range(200):
            shifted = words[number % length :] + words[: number % length]
            memories.add("t", " ".join(shifted[:6]) + f" other{number}", hint=False)
        wanted = memories.add("t", " ".join(words), hint=False).memory

    assert wanted in [one.memory for one in memories.similar(" ".join(change(words)))]


def test_contents_are_compared_letter_by_letter_or_if_long_word_by_word() -> None:
    short, long = "the red car", LONG
    changed = long.replace("word7 ", "word_ ")

    assert similarity(short, "the red cars") == pytest.approx(22 / 23)
    assert similarity(long, changed) == pytest.approx(299 / 300)
    assert similarity(long, long[::-1]) < THRESHOLD
    assert (
        similarity("a" * 400, "a" * 400 + "b") == 0.0
    )  # longer than letters are compared: no word is the same


def test_comparing_takes_bounded_work_whatever_is_stored(
    memories: MemoryRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[int, int]] = []
    matcher = difflib.SequenceMatcher

    def measured(junk: None, one: Sequence[str], other: Sequence[str], autojunk: bool) -> object:
        compared.append((len(one), len(other)))
        return matcher(junk, one, other, autojunk=autojunk)

    monkeypatch.setattr(similar, "SequenceMatcher", measured)
    with memories.transaction():
        for number in range(30):
            memories.add("t", f"these words are once {number} " + "many words " * 1_000, hint=False)

    memories.add("t", "these words are once " + "many words " * 3_000)

    assert 0 < len(compared) <= similar.CANDIDATES
    assert all(max(lengths) <= similar.WORDS for lengths in compared)


def test_words_that_are_repeated_are_asked_for_once(
    memories: MemoryRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def ask(index: FullTextIndex, text: str, limit: int) -> list[Hit]:
        asked.append(text)
        return []

    monkeypatch.setattr(FullTextIndex, "ranked", ask)

    memories.add("t", "many words " * 1_000)
    memories.add("t", 'one "two" — three four five six seven eight')

    assert asked == [
        '"many words many words"',
        '"one  two " OR "three four five" OR "six seven eight"',
    ]


@settings(max_examples=50)
@given(contents())
def test_any_content_is_found_again_by_its_normal_form(content: str) -> None:
    with memory_store(PLUGINS) as store:
        memories = store[MemoryRepository]
        first = memories.add("t", content).memory

        (found,) = memories.similar(
            f" {normal(content).swapcase()}\n" if normal(content).isascii() else content
        )

        assert (found.memory, found.similarity) == (first, 1.0)


@given(st.text(max_size=30), st.text(max_size=30))
def test_similarity_is_1_of_the_same_form_only(one: str, other: str) -> None:
    form, other = normal(one), normal(other)

    assert (similarity(form, other) == 1.0) == (form == other)
    assert 0.0 <= similarity(form, other) <= 1.0
