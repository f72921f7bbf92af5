"""Fixtures of this plugin's tests."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
from tzlocal import reload_localzone

from stina_core import Store
from stina_core.cli.main import main
from stina_todos import CommentRepository, ProjectRepository, StepRepository, TodoRepository

ZONE = "Europe/Stockholm"


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
    """Runs the command on the test's store, in Stockholm."""

    def __call__(self, *arguments: str | bytes, stdin: bytes = b"") -> Run: ...


@pytest.fixture
def todos(store: Store) -> TodoRepository:
    """Return the repository of a new store file."""
    return store[TodoRepository]


@pytest.fixture
def comments(store: Store) -> CommentRepository:
    """Return the comments of the same file."""
    return store[CommentRepository]


@pytest.fixture
def steps(store: Store) -> StepRepository:
    """Return the steps of the same file."""
    return store[StepRepository]


@pytest.fixture
def projects(store: Store) -> ProjectRepository:
    """Return the projects of the same file."""
    return store[ProjectRepository]


@pytest.fixture
def processes(store_path: Path) -> Stina:
    """Return a function that runs `stina todos` in a process of its own and fails the test on a traceback."""

    def run(*arguments: str | bytes, stdin: bytes = b"") -> Run:
        command = [sys.executable, "-m", "stina_core", "--db", store_path, "todos", *arguments]
        environment = {**os.environ, "TZ": ZONE}
        ended = subprocess.run(
            command, input=stdin, capture_output=True, timeout=60, check=False, env=environment
        )
        result = Run(ended.returncode, ended.stdout.decode(), ended.stderr.decode())
        assert "Traceback" not in result.err
        return result

    return run


@pytest.fixture
def stina(
    store_path: Path, capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stina]:
    """Return a function that runs `stina todos` from its entry, but in this process, which is quicker."""

    def run(*arguments: str | bytes, stdin: bytes = b"") -> Run:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsysbinary.readouterr()
        code = main(["--db", str(store_path), "todos", *map(os.fsdecode, arguments)])
        out, err = capsysbinary.readouterr()
        assert b"Traceback" not in err
        return Run(code, out.decode(), err.decode())

    with monkeypatch.context() as patched:
        patched.setenv("TZ", ZONE)
        time.tzset()
        reload_localzone()
        yield run
    time.tzset()
    reload_localzone()


@pytest.fixture
def living_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Return a function that puts this process into another time zone."""

    def move(zone: str) -> None:
        patched.setenv("TZ", zone)
        time.tzset()
        reload_localzone()

    with monkeypatch.context() as patched:
        yield move
    time.tzset()
    reload_localzone()
