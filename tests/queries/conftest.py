"""Stores of the tests of compiled queries: each test that takes `store` runs on a file and in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stina_core import Store
from stina_core.config import MEMORY

from .library import fill, open_library


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, store_path: Path) -> Iterator[Store]:
    """Open an empty store and make it current."""
    with open_library(MEMORY if request.param == "memory" else store_path) as opened, opened.use():
        yield opened


@pytest.fixture
def shelf(store: Store) -> Store:
    """Return one with the rows of `fill()`."""
    fill(store)
    return store


@pytest.fixture
def memory() -> Iterator[Store]:
    """Open a store in memory and make it current: for what is decided before anything reaches a database."""
    with open_library() as opened, opened.use():
        fill(opened)
        yield opened
