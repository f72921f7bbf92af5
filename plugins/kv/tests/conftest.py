"""Fixtures of this plugin's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from stina_core import Store
from stina_core.testing import StinaCommand
from stina_kv import KvRepository


@pytest.fixture
def kv(store: Store) -> KvRepository:
    """Return the repository of a new store file."""
    return store[KvRepository]


@pytest.fixture
def stina(store_path: Path) -> StinaCommand:
    """Return a function that runs `stina kv` and fails the test on a traceback."""
    return StinaCommand(store_path, ("kv",))
