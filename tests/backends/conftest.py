from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stina_core import Store, open_store

from .library import CONFIG, PLUGINS


@pytest.fixture
def store(store_path: Path) -> Iterator[Store]:
    with open_store(store_path, CONFIG, plugins=PLUGINS) as opened:
        yield opened


@pytest.fixture
def memory() -> Iterator[Store]:
    with open_store(":memory:", CONFIG, plugins=PLUGINS) as opened:
        yield opened


@pytest.fixture(params=["file", "memory"])
def either(request: pytest.FixtureRequest, store_path: Path) -> Iterator[Store]:
    path = store_path if request.param == "file" else ":memory:"
    with open_store(path, CONFIG, plugins=PLUGINS) as opened:
        yield opened
