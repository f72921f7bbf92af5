"""Files that rows are imported from: only read, whatever they are and whoever has them open."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from stina_core import (
    ConfigError,
    InvalidValueError,
    SchemaTooNewError,
    StoreConfig,
    StoreCorruptError,
    StoreIOError,
    open_store,
)
from stina_core.testing import file_rows, running_python
from stina_core.transfer import import_file

from .conftest import Make, merged, of
from .shelf import PLUGINS, STEPS, config, loaded, rows, stepping
from .test_merge import ALL, AUTHORS

WRITER = """
import apsw
connection = apsw.Connection(sys.argv[1])
connection.execute("PRAGMA journal_mode = " + sys.argv[2])
connection.execute("PRAGMA cache_size = 1")
connection.execute("INSERT INTO shelf_author (id, name) VALUES ('c', 'Committed')")
connection.execute("BEGIN IMMEDIATE")
connection.execute("INSERT INTO shelf_author (id, name) VALUES ('d', 'Not committed')")
for number in range(9):  # more than its cache holds, so that it gets into the file
    connection.execute("INSERT INTO shelf_note VALUES (NULL, 'x', printf('%9999d', ?))", (number,))
say("ready")
sys.stdin.readline()
"""


@contextmanager
def others(path: Path) -> Iterator[None]:
    """See that nothing in the folder of *path* changes: no byte, no name."""

    def seen() -> dict[str, tuple[bytes, int]]:
        return {
            file.name: (file.read_bytes(), file.stat().st_mtime_ns)
            for file in path.parent.iterdir()
            if file.is_file()
        }

    before = seen()
    yield
    assert seen() == before


def moved(path: Path, folder: Path) -> Path:
    """Copy a file and all that SQLite keeps beside it, as a crash left them, into a folder of its own."""
    folder.mkdir()
    for suffix in ("", "-wal", "-shm", "-journal"):
        if Path(f"{path}{suffix}").exists():
            shutil.copyfile(f"{path}{suffix}", folder / f"source.db{suffix}")
    return folder / "source.db"


def left_by_a_crash(make: Make, folder: Path, journal: str) -> Path:
    source = make("crashed", *ALL)
    with running_python(WRITER, source, journal) as writer:
        writer.hear("ready")
        writer.signal(signal.SIGKILL)
    return moved(source, folder)


@pytest.mark.parametrize("shm", [True, False])
def test_a_log_that_a_crash_left_is_read_and_nothing_of_it_changes(
    make: Make, tmp_path: Path, shm: bool
) -> None:
    source = left_by_a_crash(make, tmp_path / "usb", "wal")
    assert Path(f"{source}-wal").stat().st_size > 0
    if not shm:
        Path(f"{source}-shm").unlink()
    store = make("store")

    with others(source):
        report = merged(store, source)

    assert of(report, "author").added == 3
    assert file_rows(store, "SELECT id FROM shelf_author ORDER BY id") == [("a",), ("b",), ("c",)]


def test_a_half_written_transaction_is_undone_in_the_copy_only(make: Make, tmp_path: Path) -> None:
    source = left_by_a_crash(make, tmp_path / "usb", "delete")
    assert Path(f"{source}-journal").stat().st_size > 0
    store = make("store")

    with others(source):
        report = merged(store, source)

    assert (of(report, "author").added, of(report, "note").added) == (3, 1)


def test_a_log_beside_a_file_that_cannot_be_written_is_read(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a read-only disk. SQLite would need to write its index there."""
    source = left_by_a_crash(make, tmp_path / "usb", "wal")
    Path(f"{source}-shm").unlink()
    store = make("store")
    access = os.access

    def read_only(path: str | Path, mode: int) -> bool:
        return access(path, mode) and not (mode & os.W_OK and str(path).startswith(str(source.parent)))

    monkeypatch.setattr(os, "access", read_only)
    with others(source):
        assert of(merged(store, source), "author").added == 3


def test_a_log_beside_an_empty_file_is_left_alone(make: Make, tmp_path: Path) -> None:
    """SQLite deletes it."""
    source = left_by_a_crash(make, tmp_path / "usb", "wal")
    source.write_bytes(b"")

    with others(source):
        assert merged(make("store"), source).added == 0


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_closed_file_is_read_without_a_trace(make: Make, tmp_path: Path, mode: str) -> None:
    source = moved(make("closed", *ALL, f"PRAGMA journal_mode = {mode}"), tmp_path / "usb")

    with others(source):
        assert merged(make("store"), source).added == 7


def test_a_file_in_use_gives_what_is_committed_in_it(make: Make, tmp_path: Path) -> None:
    source = moved(make("used", *ALL), tmp_path / "usb")
    store = make("store")

    with running_python(WRITER, source, "wal") as writer:
        writer.hear("ready")
        names = sorted(file.name for file in source.parent.iterdir())
        contents = source.read_bytes(), Path(f"{source}-wal").read_bytes()
        report = merged(store, source)
        assert sorted(file.name for file in source.parent.iterdir()) == names
        assert (source.read_bytes(), Path(f"{source}-wal").read_bytes()) == contents
        writer.finish()

    assert (of(report, "author").added, of(report, "note").added) == (3, 1)


def test_a_store_that_is_open_in_this_program_can_be_imported(make: Make) -> None:
    source = make("source", *ALL)

    with open_store(config=config(source), plugins=PLUGINS):
        assert merged(make("store"), source).added == 7


def test_a_file_of_an_older_version_is_brought_up_to_date_in_the_copy(make: Make, tmp_path: Path) -> None:
    older = loaded(stepping(STEPS["0001_initial"]))
    source = moved(make("older", AUTHORS, plugins=older), tmp_path / "usb")

    with others(source):
        assert of(merged(make("store"), source), "author").added == 2


NEWER = "INSERT INTO stina_ledger VALUES ('{}', '0099_later', 'x', 0, 0, '3', '9.9', 1)"


@pytest.mark.parametrize("name", ["stina", "shelf"])
def test_a_file_of_a_newer_version_is_refused_and_no_store_is_made(
    make: Make, tmp_path: Path, name: str
) -> None:
    source = make("source", *ALL, NEWER.format(name))
    store = tmp_path / "new" / "store.db"

    with pytest.raises(SchemaTooNewError, match="0099_later") as caught:
        merged(store, source)

    assert str(source) in str(caught.value)
    assert caught.value.plugin == name
    assert not store.parent.exists()


def damaged(source: Path, folder: Path) -> Path:
    content = bytearray(source.read_bytes())
    content[5000:20000] = bytes(15000)
    return written(folder, bytes(content))


def written(folder: Path, content: bytes) -> Path:
    folder.mkdir()
    file = folder / "source.db"
    file.write_bytes(content)
    return file


def test_a_damaged_file_is_refused_and_left_alone(make: Make, tmp_path: Path) -> None:
    source = damaged(make("source", *ALL), tmp_path / "usb")
    store = make("store")
    before = rows(store)

    with others(source), pytest.raises(StoreCorruptError) as caught:
        merged(store, source)

    assert str(source) in str(caught.value)
    assert rows(store) == before


def test_another_programs_file_is_refused(make: Make) -> None:
    source = make("source", *ALL, "PRAGMA application_id = 7")

    with pytest.raises(ConfigError, match=r"source\.db"):
        merged(make("store"), source)


@pytest.mark.parametrize(
    "content",
    [b"hello", b"{}", b"[1, 2]", b"\xff\xfe\x00", b'{"a": 1', b"\n\n", b"{" * 100_000, b"SQLite format 2\0"],
)
def test_any_other_file_is_refused_with_what_can_be_imported(
    make: Make, tmp_path: Path, content: bytes
) -> None:
    source = written(tmp_path / "usb", content)

    with pytest.raises(InvalidValueError, match=r"what can be imported is .*stina db export"):
        merged(make("store"), source)


def test_what_is_no_file_is_refused(make: Make, tmp_path: Path) -> None:
    store = make("store")
    os.mkfifo(tmp_path / "pipe")
    for name, message in {"": "ordinary file", "none": "No such file", "pipe": "ordinary file"}.items():
        with pytest.raises(StoreIOError, match=message):
            merged(store, tmp_path / name)


def test_an_empty_file_is_refused_for_it_may_be_what_a_failed_export_left(make: Make, tmp_path: Path) -> None:
    source = written(tmp_path / "usb", b"")

    with others(source), pytest.raises(InvalidValueError, match="the file is empty"):
        merged(make("store"), source)


def test_the_store_cannot_be_imported_into_itself_by_any_name(make: Make, tmp_path: Path) -> None:
    store = make("store", *ALL)
    (tmp_path / "link.db").symlink_to(store)
    (tmp_path / "hard.db").hardlink_to(store)

    for name in ("store.db", "link.db", "hard.db"):
        with pytest.raises(ConfigError, match="the store itself"):
            merged(store, tmp_path / name)
    with pytest.raises(ConfigError, match="the store itself"):
        merged(tmp_path / "link.db", store)


def test_a_store_in_memory_has_nothing_to_import_into(make: Make) -> None:
    with pytest.raises(ConfigError, match="in memory"):
        import_file(StoreConfig().located(":memory:"), PLUGINS, make("source"))


def test_a_file_that_is_opened_like_any_other_would_leave_a_trace(make: Make, tmp_path: Path) -> None:
    """The control of the tests above: SQLite itself writes an index beside a log that it reads."""
    source = left_by_a_crash(make, tmp_path / "usb", "wal")
    Path(f"{source}-shm").unlink()

    connection = apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READONLY)
    connection.execute("SELECT count(*) FROM shelf_author").fetchall()
    connection.close()

    assert Path(f"{source}-shm").exists()
