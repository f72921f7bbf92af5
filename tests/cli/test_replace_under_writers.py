"""No acknowledged write is lost, and no backup either, when a store is emptied or restored in use."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import apsw
import pytest

from stina_core import StoreConfig, maintenance
from stina_core.backends.base import Backup
from stina_core.backends.sqlite import backup as copies
from stina_core.backends.sqlite import connection
from stina_core.cli.invocation import Invocation
from stina_core.testing import file_rows, running_python

if TYPE_CHECKING:
    from stina_core.config import Settings
    from tests.cli.conftest import Run

WRITES_ALL_THE_TIME = """
import threading
from pathlib import Path
from stina_core import StoreConfig, open_store
from stina_kv import KvRepository

asked, ended = threading.Event(), threading.Event()

def listen():
    for _ in sys.stdin:
        asked.set()
    ended.set()

threading.Thread(target=listen, daemon=True).start()
name, log = sys.argv[2], Path(sys.argv[3]).open("w")
with open_store(sys.argv[1], StoreConfig(synchronous="NORMAL")) as store:
    number = 0
    while not ended.is_set():
        store[KvRepository].set(f"{name}-{number}", number)
        log.write(f"{name}-{number}\\n")
        log.flush()
        number += 1
        if asked.is_set():
            asked.clear()
            say("wrote")
"""

WRITES_WHEN_TOLD = """
from stina_core import StoreBusyError, StoreConfig, open_store
from stina_kv import KvRepository

with open_store(sys.argv[1], StoreConfig(busy_timeout=0.05)) as store:
    say("open")
    for line in sys.stdin:
        try:
            store[KvRepository].set(line.strip(), 1)
        except StoreBusyError:
            say("answer busy")
        else:
            say("answer written")
"""

HOLDS_THE_WRITE_LOCK = """
import apsw

connection = apsw.Connection(sys.argv[1])
connection.execute("BEGIN IMMEDIATE")
say("holding")
sys.stdin.readline()
"""


@pytest.fixture
def original(stina: Run, store_path: Path) -> Path:
    """A backup of the store when it had one key."""
    stina("--db", store_path, "kv", "set", "first", "1")
    return Path(stina("--db", store_path, "db", "backup", "--json").document["path"])


def replacing(verb: str, store_path: Path, original: Path) -> tuple[object, ...]:
    return ("--db", store_path, "db", verb, *([original] if verb == "restore" else []), "--yes")


def kept_keys(store_path: Path) -> set[str]:
    """Every key in the store or in one of its backups."""
    files = [store_path, *(backup.path for backup in copies.listed(str(store_path)))]
    return {key for file in files for (key,) in file_rows(file, "SELECT key FROM kv_entry")}


def test_every_acknowledged_write_is_in_the_store_or_in_a_backup(
    original: Path, store_path: Path, tmp_path: Path, stina: Run
) -> None:
    logs = [tmp_path / f"log-{name}" for name in "abc"]
    with ExitStack() as stack:
        writers = [
            stack.enter_context(running_python(WRITES_ALL_THE_TIME, store_path, log.name, log))
            for log in logs
        ]
        for verb in ("reset", "restore") * 4:  # fewer of each than are kept
            for writer in writers:
                writer.say()
            for writer in writers:
                writer.hear("wrote")
            result = stina(*replacing(verb, store_path, original))
            assert result.code == 0, result.err
        for writer in writers:
            writer.finish()

    acknowledged = {key for log in logs for key in log.read_text().split()}
    assert len(acknowledged) > 100
    assert acknowledged - kept_keys(store_path) == set()
    assert file_rows(store_path, "PRAGMA integrity_check") == [("ok",)]


def after_the_copy(monkeypatch: pytest.MonkeyPatch, action: Callable[[], None]) -> None:
    """Do *action* once the present contents are copied and before the new ones are there."""
    copy = maintenance._copy_of

    def and_then(path: str, reason: str) -> Backup | None:
        made = copy(path, reason)
        action()
        return made

    monkeypatch.setattr(maintenance, "_copy_of", and_then)


@pytest.mark.parametrize("verb", ["reset", "restore"])
def test_write_after_the_copy_waits_for_the_new_contents(
    verb: str, original: Path, store_path: Path, stina: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[str] = []
    with running_python(WRITES_WHEN_TOLD, store_path) as writer:

        def write() -> None:
            writer.say("late")
            answers.append(writer.hear("answer"))

        writer.hear("open")
        after_the_copy(monkeypatch, write)

        result = stina(*replacing(verb, store_path, original))

        write()
        writer.finish()

    assert result.code == 0, result.err
    assert answers == ["busy", "written"]
    assert ("late",) in file_rows(store_path, "SELECT key FROM kv_entry")


@pytest.mark.parametrize("verb", ["reset", "restore"])
def test_copy_that_is_made_before_the_lock_is_taken_would_lose_a_write(
    verb: str, original: Path, store_path: Path, stina: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    overwrite = copies.restore

    def in_two_steps(
        source: Path, live: apsw.Connection, path: str, save: Callable[[], Backup | None]
    ) -> Backup | None:
        saved = save()
        overwrite(source, live, path, lambda: None)
        return saved

    monkeypatch.setattr(copies, "restore", in_two_steps)
    answers: list[str] = []
    with running_python(WRITES_WHEN_TOLD, store_path) as writer:

        def write() -> None:
            writer.say("late")
            answers.append(writer.hear("answer"))

        writer.hear("open")
        after_the_copy(monkeypatch, write)

        result = stina(*replacing(verb, store_path, original))

        writer.finish()

    assert result.code == 0, result.err
    assert answers == ["written"]
    assert "first" in kept_keys(store_path)
    assert "late" not in kept_keys(store_path)


# Refused: nothing is added to the backups, nothing taken away


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command gives up on another writer soon, and keeps one automatic backup of a reason."""
    read = Invocation.config

    def config(self: Invocation, **settings: Unpack[Settings]) -> StoreConfig:
        hurried: Settings = {"busy_timeout": 0.05, "backups_kept": 1}
        return read(self, **(settings | hurried))

    monkeypatch.setattr(Invocation, "config", config)


def backups(store_path: Path) -> list[tuple[str, int, int]]:
    """All files beside the backups too, by name, identity and time of the last change."""
    found = [(file.name, file.stat()) for file in (store_path.parent / "backups").iterdir()]
    return sorted((name, facts.st_ino, facts.st_mtime_ns) for name, facts in found)


@contextmanager
def locked(store_path: Path) -> Iterator[None]:
    with running_python(HOLDS_THE_WRITE_LOCK, store_path) as holder:
        holder.hear("holding")
        yield
        holder.finish()


@pytest.mark.parametrize("network", [False, True], ids=["wal", "rollback_journal"])
@pytest.mark.parametrize("verb", ["reset", "restore"])
def test_refused_replacement_leaves_the_backups_and_a_successful_one_rotates_them(
    verb: str, network: bool, hasty: None, stina: Run, store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "on_network", lambda path: network)  # where no log can be used
    stina("--db", store_path, "kv", "set", "first", "1")
    original = Path(stina("--db", store_path, "db", "backup", "--json").document["path"])
    command = replacing(verb, store_path, original)
    assert stina(*command).code == 0
    stina("--db", store_path, "kv", "set", "second", "2")
    before = backups(store_path)

    with locked(store_path):
        refused = stina(*command)
        after_refusal = backups(store_path)
        keys = file_rows(store_path, "SELECT key FROM kv_entry WHERE key = 'second'")
    done = stina(*command, "--json")

    assert file_rows(store_path, "PRAGMA journal_mode") == [("delete" if network else "wal",)]
    assert (refused.code, refused.out, len(refused.err.splitlines())) == (1, "", 1)
    assert after_refusal == before
    assert keys == [("second",)]
    assert done.code == 0, done.err
    automatic = {backup.path for backup in copies.listed(str(store_path)) if backup.reason != "manual"}
    assert automatic == {Path(done.document["backup"]["path"])}
    assert len(backups(store_path)) == len(before) == 2
    assert backups(store_path) != before


@pytest.mark.parametrize("verb", ["reset", "restore"])
def test_replacement_that_fails_after_the_copy_takes_its_backup_back(
    verb: str,
    hasty: None,
    original: Path,
    store_path: Path,
    stina: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    command = replacing(verb, store_path, original)
    assert stina(*command).code == 0
    stina("--db", store_path, "kv", "set", "second", "2")
    before = backups(store_path)
    seen: list[int] = []
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def let_no_file_grow() -> None:
        seen.append(len(backups(store_path)))
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))

    after_the_copy(monkeypatch, let_no_file_grow)
    try:
        result = stina(*command)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert (result.code, result.out, len(result.err.splitlines())) == (1, "", 1)
    assert seen == [len(before) + 1]
    assert backups(store_path) == before
    assert ("second",) in file_rows(store_path, "SELECT key FROM kv_entry")
