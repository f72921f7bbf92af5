"""Starts the programs of these tests, and kills them at moments that depend on what they say, never on a clock."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from stina_core.testing import Running, running_python

ROOT = Path(__file__).parents[2]
DEADLINE = 30.0

IMPORTS = """
sys.path.insert(0, sys.argv[1])
from tests.processes import feed_follower, feed_shelf, feed_writer
"""

WRITER = f"{IMPORTS}\nfeed_writer.main(*sys.argv[2:])"
FOLLOWER = f"{IMPORTS}\nfeed_follower.main(*sys.argv[2:])"

OBEYING = f"""{IMPORTS}
from tests.processes.feed_shelf import ShelfRepository, open_shelf
store = open_shelf(sys.argv[2], "writer")
say("open")
for line in sys.stdin:
    store[ShelfRepository].add_pair(line.strip())
    say("wrote", line.strip())
store.close()
"""
"""Writes one pair for each token it is told."""

FOREIGN = """
import apsw, threading
class Disk(apsw.VFS):
    "One whose flush takes three milliseconds, so that a commit can be seen no sooner after it was written."
    def __init__(self): super().__init__("disk", "")
    def xOpen(self, name, flags): return DiskFile(name, flags)
class DiskFile(apsw.VFSFile):
    def __init__(self, name, flags): super().__init__("", name, flags)
    def xSync(self, flags):
        threading.Event().wait(0.003)
        super().xSync(flags)
disk = Disk()
database = apsw.Connection(sys.argv[1], vfs="disk")
database.set_busy_timeout(30000)
database.execute("PRAGMA synchronous = FULL")
say("open")
for line in sys.stdin:
    database.execute("INSERT INTO shelf_half VALUES (?, 'left'), (?, 'right')", (line.strip(), line.strip()))
    say("wrote", line.strip())
database.close()
"""
"""The same, by a program outside Stina that waits for the disk at each commit."""


def program(script: str, *arguments: object) -> AbstractContextManager[Running]:
    """Run *script*, which begins with IMPORTS, with *arguments*."""
    return running_python(script, ROOT, *arguments, deadline=DEADLINE)


@contextmanager
def writing(path: Path) -> Iterator[Callable[[str], object]]:
    """Give a function that has another program of ours commit one pair."""
    with program(OBEYING, path) as running:
        yield _orders(running)
        running.finish()


@contextmanager
def writing_outside(path: Path) -> Iterator[Callable[[str], object]]:
    """Give a function that has a program outside Stina commit one pair."""
    with running_python(FOREIGN, path, deadline=DEADLINE) as running:
        yield _orders(running)
        running.finish()


def _orders(running: Running) -> Callable[[str], None]:
    running.hear("open")

    def write(token: str) -> None:
        running.say(token)
        running.hear(f"wrote {token}")

    return write


def run_shell(path: Path, script: str) -> str:
    """Run *script* in the shell of APSW, which knows nothing of Stina, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "apsw", path],
        input=script,
        text=True,
        capture_output=True,
        check=False,
        timeout=DEADLINE,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def last_words(running: Running) -> Iterator[str]:
    """Yield the lines that a program said before it was killed."""
    while True:
        try:
            word = running.hear("")
        except AssertionError:  # it says nothing any more
            return
        yield word


def until(true: Callable[[], object], seconds: float = DEADLINE) -> bool:
    """Ask again until it is, or *seconds* are over; whether it was."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() >= end:
            return False
        time.sleep(0.001)
    return True
