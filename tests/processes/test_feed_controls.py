"""What the replicas rest on, taken away bit by bit: each time the comparison must notice."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from stina_core import Op, Store
from stina_core.feed.tending import Tending
from stina_core.testing import file_rows

from .feed_follower import start_followers
from .feed_programs import DEADLINE, run_shell, until
from .feed_replica import catch_up, differences, unseen
from .feed_shelf import ShelfRepository, open_shelf
from .feed_writer import shell_script

NAME = "control"
ROUNDS = 8
TRANSACTIONS = 15  # in each
FAST = "PRAGMA synchronous = OFF;\n"
OWN = ("insert", "update", "rekey", "delete")
"""The triggers that log what happens to a row itself; the others see to what REPLACE removes."""


def triggers(path: Path, own: bool) -> list[str]:
    found = file_rows(path, "SELECT name FROM sqlite_schema WHERE name GLOB 'stina_capture_shelf_*'")
    return [name for (name,) in found if (name.rpartition("_")[2] in OWN) is own]


def drop(path: Path, names: list[str]) -> None:
    run_shell(path, "".join(f"DROP TRIGGER {name};\n" for name in names))


def replicated(
    path: Path, sabotage: Callable[[], None], recursive: tuple[bool, ...] = (False, True)
) -> list[str]:
    """Return in what a replica is not like the tables at last, while a shell writes, with *sabotage* before."""
    with open_shelf(path, synchronous="NORMAL") as store:
        start_followers(store, NAME)
        sabotage()
        return wrong_after_rounds(store, path, recursive)


def wrong_after_rounds(store: Store, path: Path, recursive: tuple[bool, ...] = (False, True)) -> list[str]:
    """Let a shell write a little and the replica follow, in turns, until it is not like the tables."""
    random = Random(4)
    for number in range(ROUNDS):
        first = number * TRANSACTIONS
        run_shell(path, FAST + shell_script("shell", first, TRANSACTIONS, random, recursive))
        catch_up(store, NAME)
        assert unseen(path, NAME) == set()
        if wrong := differences(path, NAME):
            return wrong
    return []


def test_replica_is_right_while_nothing_is_taken_away(store_path: Path) -> None:
    assert replicated(store_path, lambda: None) == []


@pytest.mark.parametrize("what", OWN)
def test_replica_is_wrong_without_a_trigger(store_path: Path, what: str) -> None:
    wrong = replicated(store_path, lambda: drop(store_path, [f"stina_capture_shelf_book_{what}"]))

    assert "shelf_book" in " ".join(wrong)


def test_replica_is_wrong_if_nothing_sees_to_what_replace_removes(store_path: Path) -> None:
    wrong = replicated(store_path, lambda: drop(store_path, triggers(store_path, own=False)), (False,))

    assert "keys of" in " ".join(wrong)


def test_recursive_triggers_see_to_what_replace_removes_by_themselves(store_path: Path) -> None:
    assert replicated(store_path, lambda: drop(store_path, triggers(store_path, own=False)), (True,)) == []


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="there is no sqlite3 shell")
def test_replica_is_right_after_the_shell_of_the_system_wrote_alone(store_path: Path) -> None:
    """Alone, for the SQLite of Debian may lose commits of several programs at a time."""
    with open_shelf(store_path) as store:
        start_followers(store, NAME)
        script = FAST + shell_script("shell", 0, ROUNDS * TRANSACTIONS, Random(4))
        done = subprocess.run(
            ["sqlite3", store_path], input=script.encode(), capture_output=True, check=False, timeout=DEADLINE
        )
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout.count(b"wrote") == ROUNDS * TRANSACTIONS
        catch_up(store, NAME)

    assert (differences(store_path, NAME), unseen(store_path, NAME)) == ([], set())


def test_half_a_pair_is_noticed(store_path: Path) -> None:
    with open_shelf(store_path) as store:
        start_followers(store, NAME)
        store[ShelfRepository].add_half("lonely")

        with pytest.raises(AssertionError, match="came torn"):
            catch_up(store, NAME)


def test_transaction_that_was_skipped_is_noticed(store_path: Path) -> None:
    with open_shelf(store_path) as store:
        start_followers(store, NAME)
        store[ShelfRepository].add_pair("skipped")
        store.consumer(NAME).move_to(store.cursor())
        store[ShelfRepository].add_pair("seen")
        catch_up(store, NAME)

    assert unseen(store_path, NAME)
    assert differences(store_path, NAME)


# Mending


def sabotaged(path: Path, *names: str, sql: str = "") -> bool:
    """Drop the triggers *names* and run *sql* in one transaction; whether somebody makes them anew."""
    before = file_rows(path, "SELECT name FROM sqlite_schema ORDER BY 1")
    drops = "".join(f"DROP TRIGGER {name};\n" for name in names)
    run_shell(path, f"BEGIN IMMEDIATE;\n{drops}{sql}\nCOMMIT;\n")
    return until(lambda: file_rows(path, "SELECT name FROM sqlite_schema ORDER BY 1") == before)


def test_dropped_trigger_is_mended_and_the_table_reset(store_path: Path) -> None:
    with open_shelf(store_path) as store, store.subscribe(lambda changes: None):
        start_followers(store, NAME)

        assert sabotaged(store_path, "stina_capture_shelf_book_delete")
        assert wrong_after_rounds(store, store_path) == []


def test_mending_is_one_transaction_of_the_feed(store_path: Path) -> None:
    with open_shelf(store_path, "mender") as store, store.subscribe(lambda changes: None):
        start = store.cursor()
        assert sabotaged(store_path, "stina_capture_shelf_book_delete")

        (mended,) = store.changes(start)

        assert [(change.table, change.op) for change in mended] == [("shelf_book", Op.RESET)]
        assert mended.origin == store.origin
        assert mended.cursor == store.cursor()


def test_table_that_lost_all_triggers_and_then_all_rows_is_reset(store_path: Path) -> None:
    with open_shelf(store_path) as store, store.subscribe(lambda changes: None):
        start_followers(store, NAME)
        store[ShelfRepository].add_pair("gone")
        names = [name for name in triggers(store_path, own=True) if "_half_" in name]

        assert sabotaged(store_path, *names, sql="DELETE FROM shelf_half;")
        catch_up(store, NAME)

    assert differences(store_path, NAME) == []


def test_so_it_is_if_that_happened_while_nobody_had_it_open(store_path: Path) -> None:
    with open_shelf(store_path) as store:
        start_followers(store, NAME)
        store[ShelfRepository].add_pair("gone")
        catch_up(store, NAME)
    drop(store_path, [name for name in triggers(store_path, own=True) if "_half_" in name])
    run_shell(store_path, "DELETE FROM shelf_half;\n")

    with open_shelf(store_path) as store:
        catch_up(store, NAME)

    assert differences(store_path, NAME) == []


def test_replica_is_wrong_if_nobody_mends_the_dropped_trigger(
    store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Tending, "_see_to_capture", lambda tending: None)
    with open_shelf(store_path) as store, store.subscribe(lambda changes: None):
        start_followers(store, NAME)
        drop(store_path, ["stina_capture_shelf_book_delete"])

        assert "keys of shelf_book" in " ".join(wrong_after_rounds(store, store_path))
