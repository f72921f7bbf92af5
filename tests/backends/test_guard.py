from __future__ import annotations

import io
import os
import shutil
import sqlite3
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from stina_core import Plugins, Store, StoreConfig, UnsafeOpenError, open_store
from stina_core.backends.sqlite.connection import make_file
from stina_core.testing import file_rows, run_python


def plain_open(path: str | bytes | Path, mode: str = "rb") -> None:
    open(path, mode).close()  # noqa: PTH123, the function itself is meant


def open_with_os(path: Path) -> None:
    os.close(os.open(path, os.O_RDONLY))


def pack(path: Path) -> None:
    with tarfile.open(path.parent / "copy.tar", "w", dereference=True) as archive:
        archive.add(path)


RAW: dict[str, Callable[[Path], object]] = {
    "open": plain_open,
    "open to append": lambda path: plain_open(path, "ab"),
    "open a name in bytes": lambda path: plain_open(os.fsencode(path)),
    "open a relative name": lambda path: plain_open(os.path.relpath(path)),
    "open through a dot": lambda path: plain_open(f"{path.parent}/./{path.name}"),
    "io.FileIO": lambda path: io.FileIO(path).close(),
    "os.open": open_with_os,
    "Path.read_bytes": Path.read_bytes,
    "Path.open": lambda path: path.open("r+b").close(),
    "shutil.copy": lambda path: shutil.copy(path, path.parent / "copy"),
    "shutil.copyfile": lambda path: shutil.copyfile(path, path.parent / "copy"),
    "tarfile": pack,
}
SQL: dict[str, Callable[[Path], object]] = {
    "path": lambda path: sqlite3.connect(path).close(),
    "text": lambda path: sqlite3.connect(str(path)).close(),
    "bytes": lambda path: sqlite3.connect(os.fsencode(path)).close(),
    "URI": lambda path: sqlite3.connect(path.as_uri(), uri=True).close(),
    "URI with one slash": lambda path: sqlite3.connect(f"file:{path}", uri=True).close(),
    "URI with a host": lambda path: sqlite3.connect(f"file://localhost{path}", uri=True).close(),
    "URI with a mode": lambda path: sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True).close(),
    "URI with a fragment": lambda path: sqlite3.connect(f"{path.as_uri()}#here", uri=True).close(),
    "URI with escapes": lambda path: sqlite3.connect(
        "file:" + "".join(f"%{byte:02x}" for byte in os.fsencode(path)), uri=True
    ).close(),
}


def link(path: Path) -> Path:
    name = path.parent / f"symbolic-{path.name}"
    name.unlink(missing_ok=True)
    name.symlink_to(path)
    return name


def hard_link(path: Path) -> Path:
    name = path.parent / f"hard-{path.name}"
    name.unlink(missing_ok=True)
    name.hardlink_to(path)
    return name


FILES: dict[str, Callable[[Path], Path]] = {
    "database": lambda path: path,
    "-wal": lambda path: Path(f"{path}-wal"),
    "-shm": lambda path: Path(f"{path}-shm"),
    "symbolic link": link,
    "hard link": hard_link,
    "link to the -shm": lambda path: link(Path(f"{path}-shm")),
    "hard link to the -wal": lambda path: hard_link(Path(f"{path}-wal")),
    "file through a linked directory": lambda path: link(path.parent) / path.name,
}


def opened(path: Path) -> Store:
    store = open_store(path, plugins=Plugins([]))
    store._backend.execute(
        "CREATE TABLE IF NOT EXISTS t (a INTEGER) STRICT"
    )  # now there are a -wal and a -shm
    return store


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("live") / "stina.db"
    with opened(path):
        yield path


@pytest.mark.parametrize("act", RAW.values(), ids=RAW)
@pytest.mark.parametrize("file", FILES.values(), ids=FILES)
def test_raw_open_of_a_live_stores_file_is_refused(
    live: Path, file: Callable[[Path], Path], act: Callable[[Path], object]
) -> None:
    target = file(live)

    with pytest.raises(UnsafeOpenError, match="is open as a Stina store in this process"):
        act(target)


@pytest.mark.parametrize("act", SQL.values(), ids=SQL)
@pytest.mark.parametrize("file", [FILES["database"], FILES["symbolic link"], FILES["hard link"]])
def test_second_sqlite_library_is_refused_on_a_live_store(
    live: Path, file: Callable[[Path], Path], act: Callable[[Path], object]
) -> None:
    target = file(live)

    with pytest.raises(UnsafeOpenError):
        act(target)


def test_the_same_is_allowed_before_and_after(store_path: Path) -> None:
    acts = [*RAW.values(), *SQL.values()]
    file_rows(store_path, "CREATE TABLE t (a INTEGER) STRICT")
    for act in acts:
        act(store_path)
    with opened(store_path), pytest.raises(UnsafeOpenError):
        acts[0](store_path)

    for act in acts:
        act(store_path)


def test_refusal_is_a_permission_error_for_whoever_knows_nothing_of_stina(live: Path) -> None:
    with pytest.raises(PermissionError):
        live.read_bytes()


def test_other_files_beside_a_live_store_are_free(live: Path) -> None:
    for name in ("notes.txt", "other.db", "stina.db.lock", "stina.db-wal.txt", "nothing-wal"):
        path = live.parent / name
        path.write_text("free")

        assert path.read_text() == "free"
    sqlite3.connect(":memory:").close()
    sqlite3.connect("file::memory:?cache=shared", uri=True).close()
    sqlite3.connect(live.parent / "second.db").close()
    assert live.stat().st_size > 0


@pytest.mark.usefixtures("live")
def test_handle_that_is_open_already_can_be_wrapped() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as one, os.fdopen(writing, "wb"):
        assert one.readable()


def test_another_process_may_open_it_at_any_time(live: Path) -> None:
    script = """
import sqlite3
assert open(sys.argv[1], "rb").read(15) == b"SQLite format 3"
print(sqlite3.connect(sys.argv[1]).execute("SELECT count(*) FROM t").fetchone())
"""

    assert run_python(script, live) == "(0,)\n"


def test_each_of_several_stores_is_protected_until_it_is_closed(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.db" for number in range(3)]
    with ExitStack() as stack:
        stores = [stack.enter_context(opened(path)) for path in paths]
        for number, store in enumerate(stores):
            store.close()
            for path in paths[: number + 1]:
                path.read_bytes()
            for path in paths[number + 1 :]:
                with pytest.raises(UnsafeOpenError):
                    path.read_bytes()


def test_file_open_twice_is_protected_until_both_are_closed(live: Path) -> None:
    with opened(live):
        pass

    with pytest.raises(UnsafeOpenError):
        live.read_bytes()


def test_protection_covers_all_threads(live: Path) -> None:
    refused: list[BaseException] = []

    def read() -> None:
        try:
            live.read_bytes()
        except UnsafeOpenError as error:
            refused.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    thread.join()

    assert len(refused) == 1


def test_store_that_failed_to_open_protects_nothing(store_path: Path) -> None:
    file_rows(store_path, "PRAGMA application_id = 7")

    with pytest.raises(Exception, match="belongs to another program"):
        open_store(store_path, StoreConfig(), plugins=Plugins([]))

    assert store_path.read_bytes()


def test_thread_that_is_late_to_make_a_file_leaves_it_alone(
    live: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = live.stat()
    monkeypatch.setattr(Path, "exists", lambda path: False)  # as it was a moment ago

    make_file(str(live))

    after = live.stat()
    assert (after.st_ino, after.st_size) == (before.st_ino, before.st_size)


def test_store_in_memory_protects_nothing(tmp_path: Path) -> None:
    with open_store(":memory:", plugins=Plugins([])):
        (tmp_path / ":memory:").write_text("free")


# What it is for: both harms happen at once when it is off

LOCK = """
import pathlib
from stina_core import Plugins, UnsafeOpenError, open_store
from stina_core.backends.sqlite import guard
from stina_core.testing import running_python
if sys.argv[2] == "off":
    guard._is_protected = lambda path: False
other = '''
import apsw
connection = apsw.Connection(sys.argv[1])
try:
    connection.execute("BEGIN IMMEDIATE")
    say("has the lock too")
except apsw.BusyError:
    say("waits")
'''
with open_store(sys.argv[1], plugins=Plugins([])) as store, store.transaction():
    store._backend.execute("CREATE TABLE t (a INTEGER) STRICT")
    try:
        pathlib.Path(sys.argv[1] + "-shm").read_bytes()
    except UnsafeOpenError:
        pass
    with running_python(other, sys.argv[1]) as process:
        print(process.hear(""))
"""

ROWS = """
import os, shutil
from stina_core import Plugins, UnsafeOpenError, open_store
from stina_core.backends.sqlite import guard
from stina_core.testing import running_python
if sys.argv[2] == "off":
    guard._is_protected = lambda path: False
other = '''
import apsw
for number in range(20):
    sys.stdin.readline()
    connection = apsw.Connection(sys.argv[1])
    connection.set_busy_timeout(5000)
    connection.execute("INSERT INTO t VALUES (?)", [number])
    connection.close()
    say("committed")
'''
def copy(path):
    for file in (path, path + "-wal", path + "-shm"):
        if os.path.exists(file):
            shutil.copy(file, file + ".copy")
with open_store(sys.argv[1], plugins=Plugins([])) as store, running_python(other, sys.argv[1]) as process:
    store._backend.execute("CREATE TABLE t (a INTEGER) STRICT")
    try:
        copy(sys.argv[1])
    except UnsafeOpenError:
        pass
    for number in range(20):
        process.say()
        process.hear("committed")
        store._backend.execute("INSERT INTO t VALUES (?)", [100 + number])
"""


@pytest.mark.parametrize(("guarded", "outcome"), [("on", "waits"), ("off", "has the lock too")])
def test_reading_a_live_file_would_give_its_write_lock_away(
    store_path: Path, guarded: str, outcome: str
) -> None:
    assert run_python(LOCK, store_path, guarded) == f"{outcome}\n"


@pytest.mark.parametrize(("guarded", "lost"), [("on", False), ("off", True)])
def test_copying_a_live_file_would_lose_what_other_processes_committed(
    store_path: Path, guarded: str, lost: bool
) -> None:
    run_python(ROWS, store_path, guarded)

    ((kept,),) = file_rows(store_path, "SELECT count(*) FROM t WHERE a < 100")
    assert (kept < 20) is lost
    assert file_rows(store_path, "PRAGMA integrity_check") == [("ok",)]
