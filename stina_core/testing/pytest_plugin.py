"""Fixtures every test of a plugin has, once `stina-core` is installed.

Imports nothing of Stina until a fixture is used, so that other projects in the
same environment pay nothing for it.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from stina_core import Store
    from stina_core.testing.commands import StinaCommand

_SETTINGS = ("STINA_DB", "STINA_PLUGINS", "STINA_STRICT")


class _Session(NamedTuple):
    home: str
    environment: dict[str, str | None]  # as it was before


_SESSION = pytest.StashKey[_Session]()

_numbers = count()


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Keep the whole session off the real store, before the first conftest is imported."""
    kept = {name: os.environ.pop(name, None) for name in (*_SETTINGS, "STINA_HOME")}
    home = tempfile.mkdtemp(prefix="stina-tests-")
    os.environ["STINA_HOME"] = home
    early_config.stash[_SESSION] = _Session(home, kept)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Give the environment back, and remove the home this session made, whatever the variable says by now."""
    session = config.stash.get(_SESSION, None)
    if session is None:
        return
    os.environ.pop("STINA_HOME", None)
    os.environ.update({name: value for name, value in session.environment.items() if value is not None})
    shutil.rmtree(session.home, ignore_errors=True)


@pytest.fixture(autouse=True)
def stina_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point the default store of this test, and of processes it starts, into its own directory.

    It is not there until a store is made in it, so a test of another project costs no directory.
    """
    for name in _SETTINGS:
        monkeypatch.delenv(name, raising=False)
    home = tmp_path_factory.getbasetemp() / f"stina-home-{next(_numbers)}"
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


@pytest.fixture
def seeded_store(store: Store) -> Store:
    """Return the same store with the small example data of every installed plugin: tens of rows, always the same."""
    from stina_core import StoreConfig, installed_plugins, load_plugins
    from stina_core.seeding import SIZES, seed

    done = seed(store, load_plugins(installed_plugins(), StoreConfig(strict=True)), SIZES["small"], 0)
    for name, error in done.items():
        assert error is None, f"the example data of {name} cannot be written: {error}"
    return store


@pytest.fixture
def stina(store_path: Path) -> StinaCommand:
    """Return a function that runs the `stina` command on the test's store: `stina("kv", "list", "--json").document`."""
    from stina_core.testing.commands import StinaCommand

    return StinaCommand(store_path)
