"""A program forks while its threads write, read, follow and end: no child hangs, and nothing acknowledged is lost."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from stina_core.testing import Running, file_rows

from .feed_programs import IMPORTS, program
from .feed_shelf import ShelfRepository, open_shelf

FORKS = int(os.environ.get("STINA_FORKS", "30"))
"""How often the busy program forks; a few hundred for a long look."""

BUSY = f"""{IMPORTS}
import os, signal, threading, time
from stina_core import StoreClosedError
store = feed_shelf.open_shelf(sys.argv[2], "forking", synchronous="NORMAL")
shelf = store[feed_shelf.ShelfRepository]
done = threading.Event()
told = []
troubles = []
store.subscribe(told.append)
shelf.add_pair("seed")

def always(work):
    def run():
        try:
            while not done.is_set(): work()
        except BaseException as error:
            troubles.append(repr(error))
    thread = threading.Thread(target=run)
    thread.start()
    return thread

def writing(name):
    numbers = iter(range(10**9))
    def write():
        token = f"{{name}}-{{next(numbers)}}"
        shelf.add_pair(token)
        acknowledged.append(token)
        done.wait(0.005)
    return write

def reading():
    assert "seed" in shelf.tokens()
    with store.snapshot():
        assert "seed" in shelf.tokens()

def short_lived():
    thread = threading.Thread(target=shelf.tokens)
    thread.start()
    thread.join()

def child(token, deeper):
    signal.alarm(20)
    try:
        shelf.add_pair(token)
        assert {{"seed", token}} <= set(shelf.tokens())
    except StoreClosedError:
        os._exit(7)
    except BaseException as error:
        sys.stderr.write(repr(error))
        os._exit(1)
    if deeper:
        below = os.fork()
        if not below: child(token + "-below", False)
        if os.waitstatus_to_exitcode(os.waitpid(below, 0)[1]): os._exit(1)
    store.close()
    os._exit(0)

acknowledged = []
threads = [always(one) for one in (writing("a"), writing("b"), reading, short_lived)]
say("open")
refused = 0
for number in range(int(sys.argv[3])):
    token = f"child-{{number}}"
    pid = os.fork()
    if not pid: child(token, number % 5 == 0)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    refused += code == 7
    assert code in (0, 7), code
    if not code: acknowledged += [token] + [token + "-below"] * (number % 5 == 0)
done.set()
for thread in threads: thread.join()
assert not troubles, troubles
store.close()
say("refused", refused)
say("acknowledged", *acknowledged)
"""


OTHER = f"""{IMPORTS}
import threading
store = feed_shelf.open_shelf(sys.argv[2], "other", synchronous="NORMAL")
number = 0
while True:
    store[feed_shelf.ShelfRepository].add_pair(f"other-{{number}}")
    number += 1
    threading.Event().wait(0.01)  # or so much is written that reading it all takes the time
"""


def test_children_of_a_busy_program_lose_nothing_and_never_hang(store_path: Path) -> None:
    with (
        program(BUSY, store_path, FORKS) as forking,
        program(OTHER, store_path) as other,
    ):
        forking.hear("open")
        refused = int(hear(forking, "refused"))
        acknowledged = hear(forking, "acknowledged").split()
        other.signal(signal.SIGKILL)
        forking.finish()

    with open_shelf(store_path) as store:
        tokens = store[ShelfRepository].tokens()
    assert set(acknowledged) <= set(tokens)
    assert len(tokens) == len(set(tokens))
    assert refused <= FORKS / 3
    assert file_rows(store_path, "PRAGMA integrity_check") == [("ok",)]


def hear(running: Running, wanted: str) -> str:
    """Wait as long as that many forks may take."""
    for _ in range(FORKS // 30):
        try:
            return running.hear(wanted)
        except AssertionError:
            continue
    return running.hear(wanted)


LOSING = f"""{IMPORTS}
import os
from stina_core.backends.sqlite import forking
if sys.argv[3] == "as it was":
    forking._is_idle = lambda *which: False
    forking.refuse = lambda path: None
store = feed_shelf.open_shelf(sys.argv[2])
shelf = store[feed_shelf.ShelfRepository]
shelf.add_pair("before")
done, wrote = os.pipe()
go, closed = os.pipe()
child = os.fork()
if not child:
    shelf.add_pair("first of the child")
    os.write(wrote, b"x")
    os.read(go, 1)
    shelf.add_pair("second of the child")
    os.write(wrote, b"x")
    os.read(go, 1)
    os._exit(0)
os.read(done, 1)
store.close()
os.write(closed, b"x")
os.read(done, 1)
say("acknowledged")
sys.stdin.readline()
os.write(closed, b"x")
os.waitpid(child, 0)
"""


@pytest.mark.parametrize("mode", ["quiet", "as it was"])
def test_commit_of_a_child_outlives_the_last_connection_of_its_parent(store_path: Path, mode: str) -> None:
    """Without the closing at the fork the parent deletes the log under the child, which believes it has a lock."""
    with program(LOSING, store_path, mode) as losing:
        losing.hear("acknowledged")
        seen = file_rows(store_path, "SELECT token FROM shelf_half WHERE side = 'left' ORDER BY token")
        losing.say()
        losing.finish()

    kept = ("second of the child",) in seen
    assert kept is (mode == "quiet")


LAST = f"""{IMPORTS}
import os
from pathlib import Path
store = feed_shelf.open_shelf(sys.argv[2], "forking", synchronous="NORMAL")
shelf = store[feed_shelf.ShelfRepository]
for number in range(int(sys.argv[3])):
    shelf.add_pair(f"parent-{{number}}")
    child = os.fork()
    if not child:
        shelf.add_pair(f"child-{{number}}")
        os._exit(0)
    shelf.add_pair(f"again-{{number}}")
    assert os.waitpid(child, 0)[1] == 0
store.close()
"""


def test_programs_whose_last_connection_closes_at_a_fork_lose_nothing_to_each_other(store_path: Path) -> None:
    open_shelf(store_path).close()
    number = FORKS // 2
    script = LAST.replace('f"', 'sys.argv[4] + f"')
    with (
        program(script, store_path, number, "one-") as one,
        program(script, store_path, number, "two-") as two,
    ):
        one.finish()
        two.finish()

    with open_shelf(store_path) as store:
        tokens = store[ShelfRepository].tokens()
    assert sorted(tokens) == sorted(
        f"{name}-{who}-{turn}"
        for name in ("one", "two")
        for who in ("parent", "child", "again")
        for turn in range(number)
    )
    assert file_rows(store_path, "PRAGMA integrity_check") == [("ok",)]
