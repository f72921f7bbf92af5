"""What comes after a commit: whatever fails there, the caller is told of a success, for it is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from stina_core import Store
from stina_core.feed import marker as markers
from stina_core.feed.retention import Retention
from stina_core.testing import file_rows, run_python

from .desk import Desk

WITHOUT_DESCRIPTORS = """
import os, resource
from tests.feed.desk import Desk, open_desk
with open_desk(sys.argv[1]) as store:
    if sys.argv[2] == "heard":
        other = open_desk(sys.argv[1])
        other.subscribe(lambda changes: None)
    with store.transaction() as transaction:
        transaction.after_commit(lambda: print("called"))
        store[Desk].add("a")
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        taken = max(int(name) for name in os.listdir("/proc/self/fd")) + 1
        held = []
        resource.setrlimit(resource.RLIMIT_NOFILE, (taken + 1, hard))
        while True:
            try:
                held.append(os.dup(0))
            except OSError:
                break
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    for one in held:
        os.close(one)
    print(*store[Desk].notes().values())
    if sys.argv[2] == "heard":
        other.close()
"""


@pytest.mark.parametrize("heard", ["heard", "unheard"])
def test_first_write_of_a_process_without_descriptors_is_told_as_done(store_path: Path, heard: str) -> None:
    assert run_python(WITHOUT_DESCRIPTORS, store_path, heard).split() == ["called", "a"]


@pytest.mark.parametrize("error", [OSError(24, "Too many open files"), RuntimeError("bell"), MemoryError()])
def test_bell_that_raises_fails_no_commit(
    file_desk: Store,
    store_path: Path,
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
    logged: pytest.LogCaptureFixture,
) -> None:
    def ring() -> None:
        raise error

    monkeypatch.setattr(file_desk._backend, "ring", ring)

    assert added(file_desk) == ["first", "second"]
    assert file_rows(store_path, "SELECT text FROM desk_note") == [("a",)]
    assert "callback.failed" in logged.text


def test_pruning_that_raises_fails_no_commit(
    file_desk: Store, monkeypatch: pytest.MonkeyPatch, logged: pytest.LogCaptureFixture
) -> None:
    def fail(self: Retention, most: int) -> int:
        raise OSError(5, "Input/output error")

    def prune(most: int) -> object:
        return fail(Retention(file_desk._backend, file_desk._transactions), most)

    monkeypatch.setattr(markers, "PRUNE_EVERY", 1)
    monkeypatch.setattr(file_desk._marker, "_prune", prune)

    assert added(file_desk) == ["first", "second"]
    assert "callback.failed" in logged.text


def test_log_that_cannot_be_written_fails_no_commit(
    file_desk: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*words: object, **facts: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(file_desk._backend, "ring", fail)
    monkeypatch.setattr("stina_core.log.Logger.exception", fail)

    assert added(file_desk) == ["first", "second"]


def added(store: Store) -> list[str]:
    """Add a note; return which callbacks were called after it was committed."""
    called: list[str] = []
    with store.transaction() as transaction:
        transaction.after_commit(lambda: called.append("first"))
        store[Desk].add("a")
        transaction.after_commit(lambda: called.append("second"))
    return called
