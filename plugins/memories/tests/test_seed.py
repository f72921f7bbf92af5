from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given, settings

from stina_core import Store
from stina_core.testing import memory_store, run_python
from stina_memories import MemoryRepository, MemoryValue, rules
from stina_memories.checks import findings
from stina_memories.plugin import seed
from stina_memories.testing import MemoryDraft, drafts

from .conftest import PLUGINS


def seeded(size: int, number: int) -> list[MemoryValue]:
    with memory_store(PLUGINS) as store:
        seed(store, size, number)
        assert findings(store) == []
        return store[MemoryRepository].list(include_expired=True)


def test_the_same_size_and_seed_write_the_same_data_ids_and_times_included() -> None:
    assert seeded(2, 7) == seeded(2, 7)
    assert seeded(2, 7) != seeded(2, 8)
    assert len(seeded(1, 7)) == 40
    assert seeded(0, 7) == []


def test_another_process_seeds_the_same_data() -> None:
    output = run_python(
        "import stina_memories.plugin\n"
        "from stina_memories import MemoryRepository\n"
        "from stina_core.testing import memory_store, plugins_of\n"
        "with memory_store(plugins_of(memories=stina_memories.plugin)) as store:\n"
        "    stina_memories.plugin.seed(store, 1, 3)\n"
        "    print(ascii(store[MemoryRepository].list(include_expired=True)))\n"
    )

    assert output.strip() == ascii(seeded(1, 3))


def test_the_data_has_what_there_is_to_show(store: Store) -> None:
    seed(store, 2, 1)
    memories = store[MemoryRepository]
    every = memories.list(include_expired=True)
    twins = [memory for memory in every if memory.content.endswith("!")]

    assert len(memories.expired(datetime(2026, 1, 1, tzinfo=UTC))) == 8
    assert all(len(memories.similar(memory.content)) > 1 for memory in twins)
    assert len(twins) == 4
    for name in ("metadata", "source", "expires_at", "actor", "conversation_id"):
        assert {getattr(memory, name) is None for memory in every} == {True, False}, name
    assert any(memory.tags for memory in every)


def test_seeding_needs_no_hypothesis_and_keeps_what_else_is_there(store: Store) -> None:
    mine = store[MemoryRepository].add("mine", "mine").memory

    seed(store, 1, 1)
    seed(store, 1, 1)

    assert store[MemoryRepository].get(mine.id) == mine
    assert store[MemoryRepository].count(include_expired=True) == 41
    output = run_python("import sys, stina_memories.testing; print('hypothesis' in sys.modules)")
    assert output.split() == ["False"]


@given(draft=drafts())
@settings(max_examples=50)
def test_the_strategies_give_what_the_repository_takes_as_it_is(draft: MemoryDraft) -> None:
    assert rules.title_of(draft["title"]) == draft["title"]
    assert rules.content_of(draft["content"]) == draft["content"]
    assert rules.tags_of(draft["tags"]) == draft["tags"]


@given(draft=drafts())
@settings(max_examples=60, deadline=None)
def test_everything_comes_back_as_it_was_written(draft: MemoryDraft) -> None:
    with memory_store(PLUGINS) as store:
        memories = store[MemoryRepository]

        written = memories.add(**draft).memory

        assert memories.list(include_expired=True) == [written]
        assert repr({name: getattr(written, name) for name in draft}) == repr(
            {**draft, "tags": tuple(draft["tags"])}
        )
        assert memories.update(written.id, **draft) == written
        assert memories.find_by_content(draft["content"]) == written
