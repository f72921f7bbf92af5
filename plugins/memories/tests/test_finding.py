"""`find_by_content`: what a text means, how much is read for it, and what it is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stina_core import FullTextIndex, InvalidValueError, Query, Store
from stina_core.testing import memory_store
from stina_memories import MemoryRepository, MemoryValue, finding, queries
from stina_memories.texts import Wanted, digest, normal

from .conftest import PLUGINS

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def fill(memories: MemoryRepository, *contents: str) -> list[MemoryValue]:
    """Store *contents*, each a minute newer than the one before."""
    with memories.transaction():
        return [
            memories.add(
                f"title {number}", content, created_at=NOON + timedelta(minutes=number), hint=False
            ).memory
            for number, content in enumerate(contents)
        ]


def meant(memories: MemoryRepository, text: str) -> str | None:
    found = memories.find_by_content(text)
    return None if found is None else found.content


def test_the_very_content_comes_before_all_others(memories: MemoryRepository) -> None:
    fill(memories, "Likes tea", "likes  TEA", "She likes tea a lot", "likes tea")

    assert meant(memories, "Likes tea") == "Likes tea"
    assert meant(memories, "likes  TEA") == "likes  TEA"


def test_of_equal_contents_the_newest_is_meant(memories: MemoryRepository) -> None:
    _, second = fill(memories, "Likes tea", "Likes tea")

    assert memories.find_by_content("Likes tea") == second


def test_the_same_but_for_its_form_comes_before_what_only_contains_it(memories: MemoryRepository) -> None:
    fill(memories, "Gillar Köpmangatan\n", "Hon gillar köpmangatan nu")

    assert meant(memories, "gillar ko\u0308pmangatan") == "Gillar Köpmangatan\n"


def test_otherwise_the_newest_that_contains_it_is_meant(memories: MemoryRepository) -> None:
    fill(memories, "green tea with milk", "black tea with milk", "black coffee")

    assert meant(memories, "tea with") == "black tea with milk"
    assert meant(memories, "ea wit") == "black tea with milk"
    assert meant(memories, "BLACK") == "black coffee"
    assert meant(memories, "tea  with") == "black tea with milk"
    assert meant(memories, "tea without") is None


def test_the_newest_is_by_time_and_not_by_when_it_was_stored(memories: MemoryRepository) -> None:
    memories.add("t", "the newer of two", created_at=NOON + timedelta(days=1))
    memories.add("t", "the older of two", created_at=NOON)

    assert meant(memories, "er of two") == "the newer of two"


@pytest.mark.parametrize(
    "text", ["%", "_", "*", "?", "[a]", "\\", '"', "'", "%tea%", "t_a", '"tea', "tea*", "OR", "-"]
)
def test_no_character_of_a_text_is_a_wildcard(memories: MemoryRepository, text: str) -> None:
    """Of the original `%` found, and deleted, whatever came first."""
    fill(memories, f"x{text}y", "green tea with milk")

    assert meant(memories, text) == f"x{text}y"
    assert meant(memories, f"x{text}") == f"x{text}y"
    assert meant(memories, f"{text} tea") is None


@pytest.mark.parametrize("text", ["%", "_", "te_", "*", "green%tea", "gr??n", '"'])
def test_a_text_that_is_nowhere_means_nothing(memories: MemoryRepository, text: str) -> None:
    fill(memories, "green tea", "black coffee")

    assert memories.find_by_content(text) is None


@pytest.mark.parametrize("text", ["", " ", "\n\t\u2003"])
def test_a_blank_text_is_refused(memories: MemoryRepository, text: str) -> None:
    """In the original it meant any memory."""
    fill(memories, "green tea")

    with pytest.raises(InvalidValueError) as caught:
        memories.find_by_content(text)

    assert caught.value.field == "text"


def test_expired_ones_are_found_and_titles_are_not(memories: MemoryRepository) -> None:
    memory = memories.add("secret title", "gone by now", expires_at=NOON).memory

    assert memories.find_by_content("by now") == memory
    assert memories.find_by_content("secret title") is None


def test_a_memory_of_the_transaction_around_it_is_found(memories: MemoryRepository, store: Store) -> None:
    with store.transaction():
        fill(memories, "said a moment ago, not committed")

        assert meant(memories, "moment ago, not c") == "said a moment ago, not committed"


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Count what reads contents: `walk` for a chunk of the list, `index` for a question."""
    done: list[str] = []
    newest, rows = FullTextIndex.newest, Query.list

    def ask(index: FullTextIndex, text: str, limit: int = 20, before: int | None = None) -> object:
        done.append(f"index {text}")
        return newest(index, text, limit, before)

    def read(self: Query[..., object], *arguments: object) -> object:
        if self is queries.words_page:
            done.append("walk")
        return rows(self, *arguments)

    monkeypatch.setattr(FullTextIndex, "newest", ask)
    monkeypatch.setattr(Query, "list", read)
    return done


def test_the_very_content_is_looked_up_and_nothing_else_read(
    memories: MemoryRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(memories, "green tea", "GREEN tea")
    done = counted(monkeypatch)

    assert meant(memories, "green tea") == "green tea"
    assert meant(memories, "Green Tea") == "GREEN tea"
    assert done == []


def test_whole_words_are_asked_of_the_index_and_the_list_is_not_walked(
    memories: MemoryRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(memories, "the green tea of Göteborg", "the greenish tea")
    done = counted(monkeypatch)

    assert meant(memories, "reen tea of Gö") == "the green tea of Göteborg"
    assert meant(memories, 'reen "tea" of') is None
    assert done == ['index "tea of gö"*', 'index " tea  of"*']


def test_letters_the_index_may_fold_otherwise_are_not_asked_for(
    memories: MemoryRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(memories, "on the mountain 日本 in the north")
    done = counted(monkeypatch)

    assert meant(memories, "untain 日本 IN THE n") == "on the mountain 日本 in the north"
    assert done == ['index "in the n"*']


def test_without_a_whole_word_the_newest_are_walked_and_older_ones_found_by_how_a_word_begins(
    memories: MemoryRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(memories, "old buttermilk", "milky old", *(f"memory {number}" for number in range(20)))
    monkeypatch.setattr(finding, "CHUNK", 5)
    done = counted(monkeypatch)

    assert meant(memories, "ilk") == "milky old"
    assert done == ["walk"] * 5
    done.clear()
    monkeypatch.setattr(finding, "WALKED", 10)

    assert meant(memories, "ilk") is None
    assert done == ["walk", "walk", 'index "ilk"*']
    assert meant(memories, "milk") == "milky old"


def test_beyond_the_hits_that_are_read_the_newest_of_the_list_is_taken(
    memories: MemoryRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The index knows what was stored first, not what is newest; so its first hits may be old ones."""
    for number in range(12):
        memories.add("t", f"a cup of tea {number}", created_at=NOON - timedelta(days=number), hint=False)
    monkeypatch.setattr(finding, "CHUNK", 5)
    monkeypatch.setattr(finding, "HITS", 5)
    done = counted(monkeypatch)

    assert meant(memories, "cup of tea") == "a cup of tea 0"
    assert done == ['index "of tea"*', "walk"]
    monkeypatch.setattr(finding, "WALKED", 0)

    assert meant(memories, "cup of tea") == "a cup of tea 7"


def test_more_hits_than_a_chunk_are_all_read(
    memories: MemoryRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "CHUNK", 3)
    fill(memories, "one cup of tea!", *("a cup of tea" for _ in range(7)))

    assert meant(memories, "one cup of tea") == "one cup of tea!"


letters = st.sampled_from(  # whose case or form is a trap, and what parts words
    'abABåÅöK\u212a\u017fß\ufb01İ\u0131\u0307\u030aµΣς.,-"*% \n\t\u00a0\u2003\x00日🍓'
) | st.characters(codec="utf-8")
pieces = st.text(letters, min_size=1, max_size=12)


@settings(max_examples=60)
@given(
    contents=st.lists(pieces.filter(str.strip), min_size=1, max_size=6),
    words=st.lists(pieces, max_size=3),
    data=st.data(),
)
@example(contents=["a straße b c"], words=["a", "STRASSE", "b"], data=None)
@example(contents=["x İ y z", "x i y z"], words=["x", "i", "y"], data=None)
@example(contents=["1 2\x003 4 5"], words=["1", "2\x003", "4"], data=None)
def test_it_finds_what_reading_everything_finds(
    contents: list[str], words: list[str], data: st.DataObject | None
) -> None:
    """A law: the index only spares reading. Every text, parts of contents too, means the newest that has it."""
    texts = [" ".join(words)]
    if data is not None:
        content = data.draw(st.sampled_from(contents))
        first = data.draw(st.integers(0, len(content) - 1))
        texts.append(content[first : data.draw(st.integers(first + 1, len(content)))])
    with memory_store(PLUGINS) as store:
        memories = store[MemoryRepository]
        stored = fill(memories, *contents)
        for text in filter(str.strip, texts):
            exact = [memory for memory in stored if memory.content == text]
            same = [memory for memory in stored if normal(memory.content) == normal(text)]
            containing = [memory for memory in stored if Wanted(text).is_in(memory.content)]
            wanted = [None, *(exact or same or containing)][-1]

            assert memories.find_by_content(text) == wanted


def test_the_law_finds_a_question_that_asks_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """A control: the first word of a text may be the end of a longer one."""
    question = finding._question
    monkeypatch.setattr(finding, "_question", lambda words: question(["reen", *words]))
    with memory_store(PLUGINS) as store:
        fill(store[MemoryRepository], "green tea for two")

        assert store[MemoryRepository].find_by_content("reen tea for") is None


@given(text=st.text(letters, max_size=30), other=st.text(letters, max_size=5))
def test_the_normal_form_is_one_and_keeps_what_a_text_contains(text: str, other: str) -> None:
    form = normal(text)

    assert normal(form) == form
    assert normal(f"\n {text}\t") == form
    assert digest(form) == digest(text)
    assert len(digest(text)) == 32
    assert Wanted(other).is_in(f"{text}{other}{text}")


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("Å\u00a0 b\n", "å b"),
        ("A\u030a", "å"),
        ("KÖP", "köp"),
        ("\u212a", "k"),
        ("Straße", "straße"),
        ("ΔΣ ς", "δ\u03c3 \u03c3"),
        ("", ""),
    ],
)
def test_the_normal_form_folds_letter_by_letter(text: str, form: str) -> None:
    assert normal(text) == form


def test_digests_stay_what_they_are() -> None:
    """They are in people's files; a step would have to write them anew."""
    assert digest("Köp  Mjölk\n") == digest("köp mjölk") == "47fa734a8e8976d336609c88675ca90e"


def test_a_walk_goes_through_chunks_without_losing_one(
    memories: MemoryRepository, monkeypatch: pytest.MonkeyPatch, store_path: Path
) -> None:
    monkeypatch.setattr(finding, "CHUNK", 3)
    with memories.transaction():
        for number in range(10):
            memories.add("t", f"c{number}", id=f"{number}", created_at=NOON, hint=False)

    assert [meant(memories, str(number)) for number in range(10)] == [f"c{number}" for number in range(10)]
