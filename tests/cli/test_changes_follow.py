"""`stina changes --follow`: each line at once, until somebody ends it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stina_core import open_store
from stina_core.cli import while_read
from stina_core.testing import file_rows
from stina_kv import KvRepository
from tests.cli.conftest import DEADLINE
from tests.cli.followers import following

if TYPE_CHECKING:
    from tests.cli.conftest import Run


@pytest.fixture
def kv(store_path: Path) -> Iterator[KvRepository]:
    """The keys of an open store."""
    with open_store(store_path) as store:
        yield store[KvRepository]


def test_each_change_is_printed_at_once_until_an_interrupt(kv: KvRepository, store_path: Path) -> None:
    start = kv.store.cursor()
    with following("--db", store_path, "changes", "--follow", "--json", "--since", start) as follower:
        for number in range(3):
            kv.set("a", number)
            assert follower.document()["key"] == "a"
        file_rows(store_path, "INSERT INTO kv_entry VALUES ('shell', '1', 0)")
        last = follower.document()

        ended = follower.interrupt()

    assert (last["key"], last["origin"]) == ("shell", None)
    assert ended == (130, "stina: interrupted\n")


def test_with_since_what_was_missed_comes_first(kv: KvRepository, store_path: Path) -> None:
    start = kv.store.cursor()
    kv.set("missed", 1)
    with following("--db", store_path, "changes", "--follow", "--json", "--since", start) as follower:
        assert follower.document()["key"] == "missed"

        kv.set("next", 1)

        assert follower.document()["key"] == "next"


def test_without_since_only_what_comes_from_now_on(kv: KvRepository, store_path: Path) -> None:
    kv.set("before", 1)
    with following("--db", store_path, "changes", "--follow", "--table", "kv_entry") as follower:
        end = time.monotonic() + DEADLINE
        line = None
        while line is None and time.monotonic() < end:  # until it has begun to listen
            kv.set("after", 1)
            line = follower.line_within(0.05)

    assert line is not None
    assert line.split()[2:4] == ["kv_entry", "after"]


def test_it_ends_when_nobody_reads_it_though_nothing_more_is_committed(
    kv: KvRepository, store_path: Path
) -> None:
    start = kv.store.cursor()
    kv.set("a", 1)
    with following("--db", store_path, "changes", "--follow", "--since", start) as follower:
        follower.line()

        assert follower.look_away() == (141, "")


def test_a_restore_ends_it_with_a_line_that_says_how_to_go_on(
    kv: KvRepository, store_path: Path, stina: Run
) -> None:
    kv.set("saved", 1)
    backup = stina("--db", store_path, "db", "backup", "--json").document["path"]
    start = kv.store.cursor()
    kv.set("a", 1)
    with following("--db", store_path, "changes", "--follow", "--since", start) as follower:
        follower.line()

        assert stina("--db", store_path, "db", "restore", backup, "--yes").code == 0
        code, said = follower.ended()

    epoch = file_rows(store_path, "SELECT epoch FROM stina_feed")[0][0]
    assert code == 1
    assert said.splitlines()[-1] == (
        "stina: that cursor is of another state of this file, which was restored or reset since; "
        f"read what you follow anew, then go on with --since {epoch}:{oldest(store_path)}"
    )
    assert "Traceback" not in said


def held() -> tuple[int, int]:
    """How many threads and open files this process has."""
    return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))


def oldest(path: Path) -> int:
    return int(file_rows(path, "SELECT oldest FROM stina_feed")[0][0])


class Pipe:
    """A pipe in the place of stdout."""

    def __init__(self) -> None:
        self.reader, self._writer = os.pipe()

    def fileno(self) -> int:
        return self._writer

    def close(self) -> None:
        for descriptor in (self.reader, self._writer):
            with suppress(OSError):
                os.close(descriptor)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close()


def test_block_is_ended_once_nobody_reads(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    monkeypatch.setattr("sys.stdout", pipe)

    def look_away() -> None:
        with while_read(ended.set):
            os.close(pipe.reader)
            assert ended.wait(DEADLINE)

    with pytest.raises(BrokenPipeError):
        look_away()


def test_block_that_ends_by_itself_is_not_ended_and_leaves_nothing_behind(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()
    monkeypatch.setattr("sys.stdout", pipe)
    before = held()

    with while_read(ended.set):
        pass

    assert not ended.is_set()
    assert held() == before


def test_output_that_is_no_file_is_never_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    class Text:
        def fileno(self) -> int:
            raise ValueError("no file")

    monkeypatch.setattr("sys.stdout", Text())
    with while_read(lambda: pytest.fail("it was ended")):
        pass
