"""A program forks while it follows: parent and child each follow on their own."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from stina_core import Store
from stina_core.testing import Running

from .feed_heard import tokens_of
from .feed_programs import IMPORTS, WRITER, program
from .feed_shelf import ShelfRepository, open_shelf


@pytest.fixture
def store(store_path: Path) -> Iterator[Store]:
    with open_shelf(store_path, "follower") as opened:
        yield opened


FORKING = f"""{IMPORTS}
import os, threading
from tests.processes.feed_heard import tokens_of
store = feed_shelf.open_shelf(sys.argv[2], "forking")
last = threading.Event()
def follow(who):
    def told(changes):
        for token in tokens_of(changes):
            line = f"{{who}} {{token}} {{changes.origin == store.origin}}\\n"
            os.write(1, line.encode())  # in one piece: two processes share the pipe
            if token == "end": last.set()
    store.subscribe(told)
follow("parent")
say("open")
sys.stdin.readline()
child = os.fork()
if not child:
    follow("child")
    store[feed_shelf.ShelfRepository].add_pair("by the child")
    last.wait(30)
    store.close()
    os._exit(0)
last.wait(30)
say("ended", os.waitpid(child, 0)[1])
sys.stdin.readline()
store.close()
"""


def test_parent_and_child_follow_each_on_its_own_after_a_fork(store: Store, store_path: Path) -> None:
    shelf = store[ShelfRepository]
    with program(FORKING, store_path) as forking:
        forking.hear("open")
        shelf.add_pair("before")
        assert forking.hear("parent") == "before False"
        forking.say()

        assert words(forking, 2) == {"parent by the child False", "child by the child True"}
        for token in ("after", "end"):
            shelf.add_pair(token)
            assert words(forking, 2) == {f"parent {token} False", f"child {token} False"}
        assert forking.hear("ended") == "0"
        shelf.add_pair("last")
        assert forking.hear("parent") == "last False"
        forking.finish()


def words(running: Running, number: int) -> set[str]:
    return {running.hear("") for _ in range(number)}


FORKING_OFTEN = f"""{IMPORTS}
import os, signal
from tests.processes.feed_heard import tokens_of
store = feed_shelf.open_shelf(sys.argv[2], "forking")
shelf = store[feed_shelf.ShelfRepository]
found = []
store.subscribe(lambda changes: found.extend(tokens_of(changes)))
say("open")
def live(token):
    signal.alarm(20)  # a lock that some thread of the parent held would never be given back
    with store.changes(store.cursor(), follow=True) as stream:
        shelf.add_pair(token)
        while token not in tokens_of(next(stream)):
            pass
    store.close()
for number in range(int(sys.argv[3])):
    child = os.fork()
    if not child:
        try:
            live(f"child-{{number}}")
        except BaseException as error:
            sys.stderr.write(repr(error))
            os._exit(1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
shelf.add_pair("end")
store.close()
say("found", *found)
"""


def test_children_forked_at_any_moment_write_and_follow(store: Store, store_path: Path) -> None:
    cursor = store.cursor()
    with (
        program(FORKING_OFTEN, store_path, 20) as forking,
        program(WRITER, store_path, "busy", 0, "seed") as busy,
    ):
        forking.hear("open")
        found = forking.hear("found").split()
        busy.signal(signal.SIGKILL)
        forking.finish()

    committed = [token for changes in store.changes(cursor) for token in tokens_of(changes)]
    start = committed.index(found[0])
    assert found == committed[start : start + len(found)]
    assert {"end", *(f"child-{number}" for number in range(20))} <= set(found)
