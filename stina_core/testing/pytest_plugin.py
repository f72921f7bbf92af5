"""Fixtures every test of a plugin has, once `stina-core` is installed.

Imports nothing of Stina until a fixture is used, so that other projects in the
same environment pay nothing for it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from stina_core import Store

_SETTINGS = ("STINA_DB", "STINA_PLUGINS", "STINA_STRICT")


@pytest.fixture(autouse=True)
def stina_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point the default store of this test, and of processes it starts, into its own directory."""
    for name in _SETTINGS:
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "stina-home"
    monkeypatch.setenv("STINA_HOME", str(home))
    return home


@pytest.fixture(autouse=True)
def stina_log() -> Iterator[None]:
    """Give the log back as this test found it; a command run inside a test configures it."""
    root = logging.getLogger("stina")
    handlers, level, propagate = list(root.handlers), root.level, root.propagate
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    root.propagate = propagate


@pytest.fixture
def store_path(tmp_path: Path) -> Path:
    """Return the path of a store file that does not exist yet."""
    return tmp_path / "stina.db"


@pytest.fixture
def store(store_path: Path) -> Iterator[Store]:
    """Open a strict store in a new file, with every installed plugin."""
    from stina_core import StoreConfig, open_store

    with open_store(store_path, StoreConfig(strict=True)) as opened:
        yield opened
