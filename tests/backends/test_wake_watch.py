"""Writers that know nothing of Stina."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NoReturn

import pytest

from stina_core.backends.wake import Reason, Waiter, bell_of, waiter, waiter_of

from .wakes import DEADLINE, WAYS

WATCH = WAYS["watch"]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has inotify")


@pytest.fixture
def watching(store_path: Path) -> Iterator[Waiter]:
    one = waiter_of(str(store_path), WATCH)
    yield one
    one.close()


def write_outside(path: Path, statement: str) -> None:
    script = (
        "import sqlite3, sys; sqlite3.connect(sys.argv[1], isolation_level=None).executescript(sys.argv[2])"
    )
    subprocess.run([sys.executable, "-c", script, str(path), statement], check=True)


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_write_of_another_sqlite_wakes(watching: Waiter, store_path: Path, mode: str) -> None:
    write_outside(store_path, f"PRAGMA journal_mode = {mode}; CREATE TABLE t (a)")

    assert watching.wait(DEADLINE) == Reason.FILE


def test_watch_rests_after_a_ring_and_then_tells(store_path: Path) -> None:
    listening, bell = waiter_of(str(store_path), WAYS["all"]), bell_of(str(store_path))
    with closing(listening), closing(bell):
        store_path.touch()
        listening.wait(0)
        bell.ring()
        store_path.write_bytes(b"x")
        begin = time.monotonic()

        assert listening.wait(DEADLINE) == Reason.BELL
        assert listening.wait(DEADLINE) == Reason.FILE

        assert time.monotonic() - begin >= waiter.REST
        assert listening.wait(0) == Reason(0)


def test_ring_is_heard_while_the_watch_rests(store_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiter, "REST", DEADLINE / 2)
    listening, bell = waiter_of(str(store_path), WAYS["all"]), bell_of(str(store_path))
    with closing(listening), closing(bell):
        store_path.touch()
        listening.wait(0)
        for _ in range(3):
            bell.ring()
            store_path.write_bytes(b"x")
            assert listening.wait(DEADLINE) == Reason.BELL

        begin = time.monotonic()
        assert listening.wait(DEADLINE / 4) == Reason.FILE  # a wait that is shorter leaves it no rest
        assert time.monotonic() - begin < DEADLINE / 4


def test_file_put_in_its_place_wakes(watching: Waiter, store_path: Path) -> None:
    copy = store_path.with_name("copy")
    copy.touch()
    assert watching.wait(0) == Reason(0)

    copy.replace(store_path)

    assert watching.wait(DEADLINE) == Reason.FILE


def test_what_is_no_data_of_this_store_wakes_nobody_and_cuts_no_wait_short(
    watching: Waiter, store_path: Path
) -> None:
    listening = waiter_of(str(store_path), WAYS["doorbell"])
    for name in ("other.db", "other.db-wal", "stina.db.lock"):
        store_path.with_name(name).write_bytes(b"x")
    begin = time.monotonic()

    assert watching.wait(0.05) == Reason(0)

    assert time.monotonic() - begin >= 0.05
    listening.close()


def test_reports_that_were_dropped_count_as_a_change(watching: Waiter, store_path: Path) -> None:
    queue = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    other = store_path.with_name("other")
    for _ in range(queue // 2 + 1):
        os.close(os.open(other, os.O_CREAT | os.O_WRONLY))
        other.unlink()

    assert watching.wait(DEADLINE) == Reason.FILE
    store_path.touch()
    assert watching.wait(DEADLINE) == Reason.FILE


def test_directory_that_goes_and_comes_back_is_watched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(waiter, "_RETRY", 0.0)
    directory = tmp_path / "data"
    directory.mkdir()
    one = waiter_of(str(directory / "stina.db"))
    assert one.interval == 0.5

    shutil.rmtree(directory)
    assert Reason.FILE in one.wait(DEADLINE)
    for _ in range(3):
        assert one.wait(0) == Reason(0)
    assert one.interval == 0.05
    assert len(caplog.records) == 2
    assert all(caplog.text.count(f"way='{way}'") == 1 for way in ("doorbell", "watch"))

    directory.mkdir()
    assert one.wait(DEADLINE) == Reason.FILE | Reason.BELL
    assert one.interval == 0.5
    (directory / "stina.db").touch()
    assert one.wait(DEADLINE) == Reason.FILE
    one.close()


def test_directory_that_another_took_the_path_of_is_let_go(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    directory.mkdir()
    one = waiter_of(str(directory / "stina.db"), WATCH)
    directory.rename(tmp_path / "old")
    directory.mkdir()

    assert one.wait(DEADLINE) == Reason.FILE
    (tmp_path / "old" / "stina.db").touch()
    assert one.wait(0) == Reason(0)
    (directory / "stina.db").touch()
    assert one.wait(DEADLINE) == Reason.FILE
    one.close()


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOSPC])
def test_used_up_watches_make_polls_frequent_until_one_is_free(
    store_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, number: int
) -> None:
    def refuse(*args: object, **options: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(waiter, "_RETRY", 0.0)
    with monkeypatch.context() as patched:
        what = "INotify" if number == errno.EMFILE else "INotify.add_watch"
        patched.setattr(f"inotify_simple.{what}", refuse)
        one = waiter_of(str(store_path), WATCH)
        for _ in range(3):
            assert one.wait(0) == Reason(0)
        assert one.interval == 0.05
        assert len(caplog.records) == 1

    assert one.wait(0) == Reason.FILE
    assert one.interval == 0.5
    one.close()


def test_way_that_is_off_is_not_tried_at_every_wait(
    store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[object] = []

    def refuse(*args: object, **options: object) -> NoReturn:
        tries.append(args)
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(waiter, "_RETRY", 1000.0)
    monkeypatch.setattr("inotify_simple.INotify", refuse)
    one = waiter_of(str(store_path), WATCH)

    for _ in range(10):
        one.wait(0)

    assert len(tries) == 1
    one.close()
