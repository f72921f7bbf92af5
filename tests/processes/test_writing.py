from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from stina_core import Plugins, Store, StoreBusyError, StoreConfig, open_store
from stina_core.testing import Running, file_rows, run_python, run_together, running_python

HERE = Path(__file__).parent
PROCESSES = 8
INCREMENTS = 100

START = """
sys.path.insert(0, sys.argv[1])
from counters import PLUGINS, STRICT, CounterRepository
from stina_core import open_store
store = open_store(sys.argv[2], STRICT, plugins=PLUGINS)
counters = store[CounterRepository]
"""


@pytest.fixture
def path(store_path: Path) -> Path:
    run_python(f"{START}\nstore.close()", HERE, store_path)
    return store_path


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with open_store(path, StoreConfig(busy_timeout=0.2), plugins=Plugins([])) as opened:
        yield opened


def sides(path: Path) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for number, side in file_rows(path, "SELECT number, side FROM counters_entry ORDER BY id"):
        found.setdefault(number, []).append(side)
    return found


def test_increments_of_many_processes_are_exact(path: Path) -> None:
    script = f"""
{START}
for number in range({INCREMENTS}):
    if number % 4:
        counters.increment("runs")
    else:
        with store.transaction():
            with store.transaction():
                counters.increment("runs")
            try:
                with store.transaction():
                    counters.increment("runs")
                    raise ZeroDivisionError
            except ZeroDivisionError:
                pass
store.close()
"""

    run_together(script, [(HERE, path)] * PROCESSES)

    assert file_rows(path, "SELECT value FROM counters_counter") == [(PROCESSES * INCREMENTS,)]


# A process that dies

INSIDE = f"""
{START}
counters.write_both(1)
with store.transaction():
    counters.write_left(2)
    say("inside")
    sys.stdin.readline()
    counters.write_right(2)
say("done")
"""


def test_process_killed_inside_a_transaction_leaves_nothing_of_it(path: Path, store: Store) -> None:
    with running_python(INSIDE, HERE, path) as writer:
        writer.hear("inside")
        with pytest.raises(StoreBusyError):
            store.transaction().__enter__()

        writer.signal(signal.SIGKILL)

        with store.transaction():  # the lock went with the process
            assert store._backend.execute("SELECT number, side FROM counters_entry") == [
                (1, "left"),
                (1, "right"),
            ]


WRITE = f"""
{START}
for number in range(int(sys.argv[3]), 10**9):
    counters.write_both(number)
    say("wrote", number)
"""


def write_until_killed(path: Path, first: int, acknowledged: int) -> int:
    """Start a writer, kill it after *acknowledged* writes, and return the last one it acknowledged."""
    with running_python(WRITE, HERE, path, first) as writer:
        last = first
        for _ in range(acknowledged):
            last = int(writer.hear("wrote"))
        writer.signal(signal.SIGKILL)
        return max(last, last_word(writer, last))


def last_word(writer: Running, last: int) -> int:
    try:
        while True:
            last = int(writer.hear("wrote"))
    except AssertionError:  # it says nothing any more
        return last


def test_what_a_killed_process_acknowledged_is_there_and_whole(path: Path) -> None:
    random = Random(20)
    first = 0

    for _ in range(20):
        last = write_until_killed(path, first, random.randint(1, 12))

        found = sides(path)
        assert set(range(last + 1)) <= set(found)
        assert len(found) <= last + 2, "only the write under way may be there without its word"
        assert all(both == ["left", "right"] for both in found.values())
        first = max(found) + 1
    assert file_rows(path, "PRAGMA integrity_check") == [("ok",)]


def test_reader_never_sees_half_of_a_transaction(path: Path, store: Store) -> None:
    with running_python(WRITE, HERE, path, 0) as writer:
        for _ in range(60):
            writer.hear("wrote")
            with store.snapshot():
                rows = store._backend.execute("SELECT count(*) FROM counters_entry")[0][0]
                pairs = store._backend.execute("SELECT count(DISTINCT number) FROM counters_entry")[0][0]

            assert rows == 2 * pairs
        writer.signal(signal.SIGKILL)


# A process that stands still


def test_process_stopped_inside_a_transaction_keeps_writers_out_and_readers_not(
    path: Path, store: Store
) -> None:
    with running_python(INSIDE, HERE, path) as writer:
        writer.hear("inside")
        writer.signal(signal.SIGSTOP)
        started = time.monotonic()

        with pytest.raises(StoreBusyError, match="nothing was written, try again"):
            store._backend.execute("INSERT INTO counters_entry (number, side) VALUES (9, 'other')")

        assert 0.2 <= time.monotonic() - started < 3
        assert store._backend.execute("SELECT count(*) FROM counters_entry") == [(2,)]
        writer.signal(signal.SIGCONT)
        writer.say()
        writer.hear("done")
        store._backend.execute("INSERT INTO counters_entry (number, side) VALUES (9, 'other')")
        writer.finish()

    assert sides(path) == {1: ["left", "right"], 2: ["left", "right"], 9: ["other"]}


def test_waiting_writer_gets_its_turn_when_the_other_goes_on(path: Path) -> None:
    with open_store(path, StoreConfig(busy_timeout=30), plugins=Plugins([])) as store:
        with running_python(INSIDE, HERE, path) as writer:
            writer.hear("inside")
            writer.signal(signal.SIGSTOP)
            writer.say()
            writer.signal(signal.SIGCONT)

            store._backend.execute("INSERT INTO counters_entry (number, side) VALUES (9, 'other')")

            writer.hear("done")
            writer.finish()

    assert sides(path) == {1: ["left", "right"], 2: ["left", "right"], 9: ["other"]}
