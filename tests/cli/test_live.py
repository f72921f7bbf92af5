"""Restoring, resetting and backing up while other programs have the store open, or are killed at it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import apsw
import pytest

from stina_core.testing import file_rows

if TYPE_CHECKING:
    from tests.cli.conftest import Run, Site

SCRIPT = str(Path(sys.executable).with_name("stina"))

WRITER = """
import sys
from stina_core import open_store
from stina_notes.plugin import NoteRepository

with open_store(sys.argv[1]) as store:
    repository = store[NoteRepository]
    number = 0
    print("open", flush=True)
    for line in sys.stdin:
        for _ in range(int(line)):
            number += 1
            repository.add(f"{sys.argv[2]}-{number}")
            print(number, flush=True)
"""


class Writer:
    """Another program that has the store open and writes as many notes as it is told."""

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        self.written = 0
        self.process = subprocess.Popen(
            [sys.executable, "-c", WRITER, path, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._out.readline() == "open\n", self.errors()

    @property
    def _out(self) -> IO[str]:
        assert self.process.stdout is not None
        return self.process.stdout

    def order(self, number: int) -> None:
        """Tell it to write *number* notes; returns at once."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{number}\n")
        self.process.stdin.flush()

    def confirmed(self, number: int) -> list[str]:
        """Wait until *number* more notes are committed, and return their titles."""
        for _ in range(number):
            line = self._out.readline()
            assert line, self.errors()
            self.written = int(line)
        return [f"{self.name}-{one}" for one in range(self.written - number + 1, self.written + 1)]

    def errors(self) -> str:
        """What it wrote on stderr, once it has ended."""
        return self.process.communicate(timeout=30)[1]


@contextmanager
def writing(path: Path, name: str) -> Iterator[Writer]:
    writer = Writer(path, name)
    try:
        yield writer
        out, err = writer.process.communicate(timeout=30)
        assert (writer.process.returncode, err) == (0, ""), (out, err)
    finally:
        writer.process.kill()
        writer.process.wait()


def titles(path: Path) -> list[str]:
    return [title for (title,) in file_rows(path, "SELECT title FROM notes_note ORDER BY id")]


@pytest.fixture
def made(notes: Site, stina: Run, store_path: Path) -> Path:
    """A backup of the store when it had one note."""
    stina("--db", store_path, "notes", "add", "saved")
    return Path(stina("--db", store_path, "db", "backup", "--json").document["path"])


def test_program_that_has_the_store_open_goes_on_with_the_restored_contents(
    made: Path, store_path: Path, stina: Run
) -> None:
    with writing(store_path, "w") as writer:
        writer.order(3)
        lost = writer.confirmed(3)

        result = stina("--db", store_path, "db", "restore", made, "--yes", "--json")

        writer.order(20)
        kept = writer.confirmed(20)

    assert result.code == 0, result.err
    assert sorted(titles(store_path)) == sorted(["saved", *kept])
    assert titles(Path(result.document["backup"]["path"])) == ["saved", *lost]
    assert file_rows(store_path, "PRAGMA integrity_check") == [("ok",)]


def test_program_that_has_the_store_open_goes_on_with_the_empty_store(
    made: Path, store_path: Path, stina: Run
) -> None:
    with writing(store_path, "w") as writer:
        writer.order(3)
        writer.confirmed(3)

        result = stina("--db", store_path, "db", "reset", "--yes")

        writer.order(20)
        kept = writer.confirmed(20)

    assert result.code == 0, result.err
    assert sorted(titles(store_path)) == sorted(kept)
    assert file_rows(store_path, "PRAGMA integrity_check") == [("ok",)]


@pytest.mark.parametrize("verb", ["restore", "reset", "backup"])
def test_two_programs_that_write_all_the_time_lose_nothing_after_it(
    verb: str, made: Path, store_path: Path, stina: Run
) -> None:
    arguments = {"restore": (str(made), "--yes"), "reset": ("--yes",), "backup": ()}[verb]
    with writing(store_path, "a") as one, writing(store_path, "b") as other:
        for writer in (one, other):
            writer.order(60)
            writer.confirmed(5)

        result = stina("--db", store_path, "db", verb, *arguments)

        before = set(titles(store_path))
        for writer in (one, other):
            writer.confirmed(55)
            writer.order(10)
        last = [title for writer in (one, other) for title in writer.confirmed(10)]

    after = set(titles(store_path))
    assert result.code == 0, result.err
    assert before <= after
    assert set(last) <= after
    assert file_rows(store_path, "PRAGMA integrity_check") == [("ok",)]


def test_file_put_in_place_by_hand_would_have_been_undone_by_the_writers_log(
    made: Path, store_path: Path
) -> None:
    """What the backup API is for: SQLite plays the log of the old file into the new one."""
    with writing(store_path, "w") as writer:
        writer.order(3)
        lost = writer.confirmed(3)

        made.replace(store_path)

        assert set(lost) <= set(titles(store_path))


KILLED_WHILE_COPYING = """
import sys
from pathlib import Path

import apsw
from stina_core.backends.sqlite import backup

if sys.argv[2] == "straight":  # what would be without temporary names
    source = apsw.Connection(sys.argv[1])
    folder = backup.directory(sys.argv[1])
    folder.mkdir()
    target = apsw.Connection(str(folder / "stina.db-20260101T000000000Z-manual.db"))
    with target.backup("main", source, "main") as copying:
        copying.step(-1)
else:
    from stina_core import StoreConfig
    from stina_core.maintenance import back_up

    back_up(StoreConfig.from_env(sys.argv[1]))
"""


@pytest.fixture
def large(store_path: Path) -> Path:
    """A file that takes a while to copy: 40 MB."""
    connection = apsw.Connection(str(store_path))
    connection.execute("CREATE TABLE t (a)")
    connection.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000) "
        "INSERT INTO t SELECT randomblob(10000) FROM n"
    )
    connection.close()
    return store_path


def bytes_in(folder: Path) -> int:
    total = 0
    for file in folder.glob("*") if folder.is_dir() else ():
        try:
            total += file.stat().st_size
        except FileNotFoundError:
            continue
    return total


def killed_at(path: Path, how: str, share: float) -> tuple[bool, list[Path]]:
    """Kill a backup when *share* of it is on the disk.

    Returns:
        Whether the kill came before its end, and the backups that have a final name then.
    """
    folder = path.parent / "backups"
    before = bytes_in(folder)
    enough = before + share * path.stat().st_size
    with subprocess.Popen([sys.executable, "-c", KILLED_WHILE_COPYING, path, how]) as process:
        deadline = time.monotonic() + 30
        while bytes_in(folder) <= enough and process.poll() is None:
            assert time.monotonic() < deadline
            os.sched_yield()
        process.send_signal(signal.SIGKILL)
    return process.returncode == -signal.SIGKILL, sorted(folder.glob("[!.]*.db"))


def usable(path: Path) -> bool:
    try:
        return file_rows(path, "PRAGMA quick_check") == [("ok",)] and bool(
            file_rows(path, "SELECT count(*) FROM t")[0][0] == 4000
        )
    except apsw.Error:
        return False


def test_killed_backup_leaves_no_unusable_file_with_a_final_name(large: Path, stina: Run) -> None:
    in_time = 0
    for share in (0.0, 0.3, 0.6, 0.95):
        killed, backups = killed_at(large, "temporary", share)
        in_time += killed
        assert all(map(usable, backups))

    assert in_time
    assert usable(Path(stina("--db", large, "db", "backup", "--json").document["path"]))


def test_backup_straight_to_its_final_name_would_leave_one(large: Path) -> None:
    killed, (left,) = killed_at(large, "straight", 0.3)

    assert killed
    assert not usable(left)
