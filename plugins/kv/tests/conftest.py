"""Fixtures of this plugin's tests."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

from stina_core import Store
from stina_kv import KvRepository


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


@pytest.fixture
def kv(store: Store) -> KvRepository:
    """Return the repository of a new store file."""
    return store[KvRepository]


@pytest.fixture
def stina(store_path: Path) -> Stina:
    """Return a function that runs `stina kv` and fails the test on a traceback."""

    def run(*arguments: str | bytes, stdin: bytes = b"") -> Run:
        command = [sys.executable, "-m", "stina_core", "--db", store_path, "kv", *arguments]
        ended = subprocess.run(command, input=stdin, capture_output=True, timeout=60, check=False)
        result = Run(ended.returncode, ended.stdout.decode(), ended.stderr.decode())
        assert "Traceback" not in result.err
        return result

    return run
