"""Fixtures of this plugin's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import stina_memories.plugin
from stina_core import Store, StoreConfig, open_store
from stina_core.testing import StinaCommand, plugins_of
from stina_memories import MemoryRepository, MemoryValue

PLUGINS = plugins_of(memories=stina_memories.plugin)


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.fixture
def store(store_path: Path) -> Iterator[Store]:
    """Open a strict store in a new file, with this plugin alone."""
    with open_store(store_path, StoreConfig(strict=True), plugins=PLUGINS) as opened:
        yield opened


@pytest.fixture
def memories(store: Store) -> MemoryRepository:
    """Return the repository of a new store file."""
    return store[MemoryRepository]


@pytest.fixture
def stina(store_path: Path) -> StinaCommand:
    """Return a function that runs `stina memories` and fails the test on a traceback."""
    return StinaCommand(store_path, ("memories",), {"STINA_PLUGINS": "memories", "TZ": "Europe/Stockholm"})


@pytest.fixture
def before(memories: MemoryRepository) -> Iterator[list[MemoryValue]]:
    """Write some rows, yield them, and check at the end that they are still all there is."""
    memories.add("first", "content", id="a", metadata={"n": 1})
    memories.add("second", "other content", id="b")
    rows = memories.list()
    yield rows
    assert memories.list() == rows
