"""Fixtures of this plugin's tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

import stina_memories.plugin
from stina_core import Store, StoreConfig, open_store
from stina_core.testing import plugins_of
from stina_memories import MemoryRepository, MemoryValue

PLUGINS = plugins_of(memories=stina_memories.plugin)


@dataclass(frozen=True)
class Run:
    """How one run of the command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """What `--json` printed."""
        return json.loads(self.out)


class Stina(Protocol):
    """Runs the command in a process of its own, on the test's store."""

    def __call__(self, *arguments: str | bytes, stdin: bytes = b"") -> Run: ...


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
def stina(store_path: Path) -> Stina:
    """Return a function that runs `stina memories` and fails the test on a traceback."""

    def run(*arguments: str | bytes, stdin: bytes = b"") -> Run:
        command = [sys.executable, "-m", "stina_core", "--db", store_path, "memories", *arguments]
        ended = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            timeout=60,
            check=False,
            env={**os.environ, "STINA_PLUGINS": "memories", "TZ": "Europe/Stockholm"},
        )
        result = Run(ended.returncode, ended.stdout.decode(), ended.stderr.decode())
        assert "Traceback" not in result.err
        return result

    return run


@pytest.fixture
def before(memories: MemoryRepository) -> Iterator[list[MemoryValue]]:
    """Write some rows, yield them, and check at the end that they are still all there is."""
    memories.add("first", "content", id="a", metadata={"n": 1})
    memories.add("second", "other content", id="b")
    rows = memories.list()
    yield rows
    assert memories.list() == rows
