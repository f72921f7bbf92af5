"""Stores of the tests of the feed: each test that takes `desk` runs on a file and in memory."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from stina_core import Store
from stina_core.config import MEMORY

from .desk import feed_threads, open_desk, until


@pytest.fixture(params=["file", "memory"])
def place(request: pytest.FixtureRequest, store_path: Path) -> str:
    """Return where a store is to be opened."""
    return MEMORY if request.param == "memory" else str(store_path)


@pytest.fixture
def desk(place: str) -> Iterator[Store]:
    """Open a store with the tables of `desk.py`."""
    with open_desk(place) as store:
        yield store


@pytest.fixture
def file_desk(store_path: Path) -> Iterator[Store]:
    """Open one in a file, which others may open too."""
    with open_desk(store_path) as store:
        yield store


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """Fail a test after which a thread of a feed goes on."""
    yield
    until(lambda: not feed_threads())


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Keep what is logged from here on."""
    caplog.set_level(logging.DEBUG, "stina")
    return caplog
