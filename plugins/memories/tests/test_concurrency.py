from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from stina_core import Query, Store, open_store
from stina_core.testing import run_together
from stina_memories import MemoryRepository, MemoryValue

from .conftest import PLUGINS

CHANGE = """
import sys
import stina_memories.plugin
from stina_core import StoreConfig, open_store
from stina_core.testing import plugins_of
from stina_memories import MemoryRepository

plugins = plugins_of(memories=stina_memories.plugin)
with open_store(sys.argv[1], StoreConfig(strict=True, synchronous="NORMAL"), plugins=plugins) as store:
    memories = store[MemoryRepository]
    for number in range(100):
        memories.update("a", **{sys.argv[2]: f"{sys.argv[2]} {number}"})
        memories.add(f"{sys.argv[2]} {number}", f"content {number}", hint=number % 10 == 0)
"""

PARTS = ("title", "content", "source", "conversation_id")


def test_programs_that_change_different_parts_of_one_memory_lose_none(store_path: Path) -> None:
    with open_store(store_path, plugins=PLUGINS) as store:
        store[MemoryRepository].add("t", "c", id="a")

    run_together(CHANGE, [(store_path, part) for part in PARTS])

    with open_store(store_path, plugins=PLUGINS) as store:
        memory = store[MemoryRepository].get("a")
        assert [getattr(memory, part) for part in PARTS] == [f"{part} 99" for part in PARTS]
        assert store[MemoryRepository].count() == 401
        assert len(store[MemoryRepository].search("content", limit=1000)) == 401


def test_without_its_transaction_an_update_takes_back_another_one(
    store: Store, memories: MemoryRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A control: what the test above would see if reading and writing were two steps."""
    memories.add("t", "c", id="a")
    both_have_read = threading.Barrier(2, timeout=30)
    get = Query.get

    def get_early(self: Query[..., MemoryValue], id: str) -> MemoryValue:
        found = get(self, id)
        if isinstance(found, MemoryValue):
            both_have_read.wait()
        return found

    def no_transaction(self: MemoryRepository, actor: str | None = None) -> AbstractContextManager[None]:
        return nullcontext()

    monkeypatch.setattr(Query, "get", get_early)
    monkeypatch.setattr(MemoryRepository, "transaction", no_transaction)
    changes: list[dict[str, str]] = [{"title": "new"}, {"source": "new"}]
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda change: memories.update("a", **change), changes))
    monkeypatch.undo()

    memory = memories.get("a")
    assert [memory.title, memory.source].count("new") == 1
