"""What else happens to a file while it is followed: its log goes, readers stay, its schema changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stina_core import Store
from stina_core.testing import file_rows

from .feed_heard import heard_from, streamed
from .feed_programs import IMPORTS, program, run_shell, until, writing
from .feed_replica import TRACKED
from .feed_shelf import ShelfRepository, open_shelf


@pytest.fixture
def store(store_path: Path) -> Iterator[Store]:
    with open_shelf(store_path, "follower") as opened:
        yield opened


# The log file


def test_truncated_log_file_hides_no_commit(store: Store, store_path: Path) -> None:
    tokens = [f"t{number}" for number in range(24)]
    truncated = 0
    with streamed(store) as stream, heard_from(store) as heard, writing(store_path) as write:
        for number, token in enumerate(tokens):
            write(token)
            if number % 4 == 0:
                said = run_shell(store_path, ".timeout 5000\nPRAGMA wal_checkpoint(TRUNCATE);\n")
                truncated += said.startswith("0")

        assert until(lambda: heard.tokens == stream.tokens == tokens)
    assert truncated > 0


def test_file_that_everybody_left_is_followed_again(store_path: Path) -> None:
    with open_shelf(store_path) as store:
        store[ShelfRepository].add_pair("seen")
        cursor = store.cursor()
        store[ShelfRepository].add_pair("missed")
    assert not log_file(store_path).exists()
    with writing(store_path) as write:
        write("by another")
    assert not log_file(store_path).exists()

    with open_shelf(store_path) as store, streamed(store, cursor) as stream:
        for number in range(3):
            with writing(store_path) as write:  # comes and goes
                write(f"t{number}")

        expected = ["missed", "by another", "t0", "t1", "t2"]
        assert until(lambda: stream.tokens == expected)


def log_file(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def test_reader_that_stays_holds_up_no_follower(store: Store, store_path: Path) -> None:
    reading = f"""{IMPORTS}
with feed_shelf.open_shelf(sys.argv[2]) as store, store.snapshot(60):
    say("tokens", store[feed_shelf.ShelfRepository].tokens())
    sys.stdin.readline()
    say("tokens", store[feed_shelf.ShelfRepository].tokens())
"""
    with heard_from(store) as heard, program(reading, store_path) as reader, writing(store_path) as write:
        assert reader.hear("tokens") == "[]"
        for number in range(10):
            write(f"t{number}")

        assert until(lambda: heard.tokens == [f"t{number}" for number in range(10)])
        reader.say()
        assert reader.hear("tokens") == "[]"
        reader.finish()


# Another schema

MIGRATE = f"""{IMPORTS}
from tests.processes import feed_newer
with feed_newer.open_newer(sys.argv[2]) as store, store.use():
    say("migrated")
    for line in sys.stdin:
        author = feed_newer.Author.create(name=line.strip())
        feed_newer.Book.create(id=line.strip(), author=author, code=line.strip(), pages="many")
        say("wrote", line.strip())
"""


def test_table_that_another_program_builds_anew_is_reset_and_followed_on(
    store: Store, store_path: Path
) -> None:
    add_books(store_path, "first", "second")
    before = place_of_books(store_path)
    keys: list[tuple[str, str, object]] = []
    with (
        streamed(store) as stream,
        store.subscribe(lambda changes: keys.extend((one.table, one.op, one.key) for one in changes)),
        heard_from(store) as heard,
    ):
        with program(MIGRATE, store_path) as newer:
            newer.hear("migrated")
            assert until(lambda: heard.resets)
            del keys[:]
            for title in ("third", "fourth"):
                newer.say(title)
                newer.hear("wrote")
            newer.finish()

        assert until(lambda: len(keys) == 4)
        assert stream.error is None
    assert place_of_books(store_path) != before
    assert heard.resets == [("", TRACKED)]
    assert [key for table, op, key in keys if (table, op) == ("shelf_book", "insert")] == ["third", "fourth"]


def add_books(path: Path, *titles: str) -> None:
    for title in titles:
        run_shell(
            path,
            f"INSERT INTO shelf_author (name) VALUES ('{title}');\n"
            f"INSERT INTO shelf_book SELECT '{title}', max(id), '{title}', 1 FROM shelf_author;\n",
        )


def place_of_books(path: Path) -> object:
    return file_rows(path, "SELECT rootpage FROM sqlite_schema WHERE name = 'shelf_book'")
