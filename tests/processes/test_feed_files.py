"""What followers learn when the file gets other contents, or another file its place."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from stina_core import ResyncRequiredError, Store, StoreConfig, maintenance
from stina_core.testing import run_python

from .feed_follower import start_followers
from .feed_heard import heard_from, streamed
from .feed_programs import DEADLINE, IMPORTS, ROOT, run_shell, until, writing
from .feed_replica import TRACKED, catch_up, differences, read_anew
from .feed_shelf import ShelfRepository, open_shelf

NAME = "replica"

SOON = 5.0
"""Seconds within which somebody looks whether the file is still the one he opened; he does so twice in one."""


@pytest.fixture
def store(store_path: Path) -> Iterator[Store]:
    with open_shelf(store_path, "follower") as opened:
        yield opened


RESTORE = f"""{IMPORTS}
from pathlib import Path
from stina_core import StoreConfig, maintenance
maintenance.restore(StoreConfig(path=sys.argv[2], busy_timeout=30), Path(sys.argv[3]))
"""


def restore(path: Path, source: Path) -> None:
    run_python(RESTORE, ROOT, path, source, deadline=DEADLINE)


def test_followers_of_a_restored_file_read_anew_and_go_on(store: Store, store_path: Path) -> None:
    start_followers(store, NAME)
    store[ShelfRepository].add_pair("kept")
    copy = maintenance.back_up(StoreConfig(path=str(store_path))).path
    store[ShelfRepository].add_pair("gone")
    read_anew(store, NAME)
    with streamed(store) as stream, heard_from(store) as heard, writing(store_path) as write:
        restore(store_path, copy)

        assert until(lambda: stream.error and heard.resets)
        assert stream.error is not None
        assert stream.error.reason == "restored"
        assert heard.resets == [("restored", TRACKED)]
        with pytest.raises(ResyncRequiredError, match="restored"):
            store.consumer(NAME).process(lambda changes: None)

        write("later")  # by a program that had the file open, too
        assert until(lambda: heard.tokens == ["later"])
        read_anew(store, NAME)
        write("last")
        assert until(lambda: heard.tokens == ["later", "last"])
        catch_up(store, NAME)
    assert differences(store_path, NAME) == []
    assert store[ShelfRepository].tokens() == ["kept", "last", "later"]


def test_cursor_from_before_a_restore_is_refused_however_far_the_restored_file_has_come(
    store: Store, store_path: Path
) -> None:
    copy = maintenance.back_up(StoreConfig(path=str(store_path))).path
    store[ShelfRepository].add_pair("gone")
    cursor = store.cursor()
    restore(store_path, copy)
    for number in range(5):
        store[ShelfRepository].add_pair(f"t{number}")

    with pytest.raises(ResyncRequiredError) as caught:
        list(store.changes(cursor))

    assert caught.value.reason == "restored"
    assert store.cursor().seq > cursor.seq


def another_file(path: Path) -> Path:
    other = path.with_name("other.db")
    with open_shelf(other) as store:
        store[ShelfRepository].add_pair("other")
    return other


def test_followers_learn_that_another_file_was_put_in_its_place(store: Store, store_path: Path) -> None:
    other = another_file(store_path)
    with streamed(store) as stream, heard_from(store) as heard:
        store[ShelfRepository].add_pair("own")
        assert until(lambda: heard.tokens == stream.tokens == ["own"])  # all have the old file open
        for suffix in ("-wal", "-shm"):
            store_path.with_name(f"{store_path.name}{suffix}").unlink()
        other.replace(store_path)

        assert until(lambda: heard.resets)
        assert heard.resets == [("replaced", TRACKED)]
        assert until(lambda: stream.error, SOON)
        assert stream.error is not None
        assert stream.error.reason == "replaced"
    with open_shelf(store_path) as again:
        assert again[ShelfRepository].tokens() == ["other"]


DAMAGE = """
import sys
with open(sys.argv[1], "r+b") as file:
    size = file.seek(0, 2)
    file.seek(4096)
    file.write(b"x" * (size - 4096))
"""
CHANGE = """
import apsw, sys
apsw.Connection(sys.argv[1]).execute("PRAGMA user_version = 7")
"""


@pytest.mark.parametrize("unreadable", [False, True])
def test_followers_learn_that_the_damaged_file_was_replaced(store_path: Path, unreadable: bool) -> None:
    with open_shelf(store_path) as first:
        first[ShelfRepository].add_pair("kept")
    copy = shutil.copyfile(store_path, store_path.with_name("copy.db"))
    with open_shelf(store_path, "follower") as store, heard_from(store) as heard:
        store[ShelfRepository].add_pair("own")
        assert until(lambda: heard.tokens == ["own"])
        run_shell(store_path, "PRAGMA wal_checkpoint(TRUNCATE);\n")
        run_python(DAMAGE, store_path)
        if unreadable:
            run_python(CHANGE, store_path)  # the follower's pages in memory are none any more

        restore(store_path, copy)

        assert until(lambda: heard.resets, SOON)
        assert heard.resets == [("replaced", TRACKED)]
    with open_shelf(store_path) as again:
        assert again[ShelfRepository].tokens() == ["kept"]
