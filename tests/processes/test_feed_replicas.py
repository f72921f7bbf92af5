"""Many programs write at random and are killed; whoever follows the feed, and is killed too, ends with the tables."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from random import Random

import pytest

from stina_core.testing import Running, file_rows

from .feed_follower import own_file, start_followers, start_stream
from .feed_programs import FOLLOWER, WRITER, last_words, program, writing
from .feed_replica import NEVER, differences, unseen
from .feed_shelf import open_shelf
from .feed_writer import shell_script

TIMES = int(os.environ.get("STINA_FEED_TIMES", "1"))
"""How many times the work of an everyday run is done."""

LIVES = 5
"""How often each program is started, to be killed."""

WRITERS = ("ann", "bob")
CONSUMERS = ("one", "two")
STREAM = "own"
FOLLOWERS = (
    ("consumer", 1000, "one"),
    ("consumer", 1000, "one"),
    ("consumer", 3, "two"),
    ("stream", 7, STREAM),
)
"""What each does, how many rows it reads at a time, and its name; the first two share a consumer."""


class Work:
    """Programs that write to one file, each killed again and again, and all they acknowledged."""

    def __init__(self, path: Path, seed: int) -> None:
        self._path = path
        self._seed = seed
        self.acknowledged: set[str] = set()

    def write(self, name: str) -> None:
        random = Random(f"{self._seed} {name}")
        first = 0
        for _ in range(LIVES * TIMES):
            with program(WRITER, self._path, name, first, f"{self._seed} {name} {first}") as running:
                self._hear(running, random)
                running.signal(signal.SIGKILL)
                for word in last_words(running):
                    self._note(word)
            first += 1000  # the one under way may be there without its word

    def _hear(self, running: Running, random: Random) -> None:
        """Listen for a while; often until just after it said that it is inside a transaction."""
        number, where, word = random.randint(0, 40), random.choice(("wrote", "inside", "")), ""
        while number or (where and not word.startswith(where)):
            word = running.hear("")
            self._note(word)
            number -= bool(number)

    def _note(self, word: str) -> None:
        said, _, token = word.partition(" ")
        if said == "wrote":
            self.acknowledged.add(token)

    def write_in_shell(self, name: str) -> None:
        random = Random(f"{self._seed} {name}")
        for life in range(LIVES * TIMES):
            script = self._path.with_name(f"{name}-{life}.sql")
            script.write_text(shell_script(name, 1000 * life, 30, random))
            self._run_shell(script, random.randint(1, 40))

    def _run_shell(self, script: Path, most: int) -> None:
        """Run *script*; end it, if it has not ended, with the transaction after *most* of them."""
        with (
            script.open() as orders,
            subprocess.Popen(
                [sys.executable, "-m", "apsw", self._path],
                stdin=orders,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            ) as shell,
        ):
            assert shell.stdout is not None
            for number, line in enumerate(shell.stdout, 1):
                self.acknowledged.add(line.removeprefix("wrote ").strip())
                if number == most:
                    shell.kill()
            assert shell.stderr is not None
            complaint = shell.stderr.read()
        assert not complaint, complaint

    def follow(self, kind: str, chunk: int, name: str) -> None:
        """Start a follower and kill it while it works, again and again."""
        random = Random(f"{self._seed} {name}")
        for _ in range(LIVES * TIMES):
            with program(FOLLOWER, kind, chunk, self._path, name) as running:
                for _ in range(random.randint(0, 20)):
                    running.hear("at ")
                if random.random() < 0.7:
                    running.hear("inside")
                running.signal(signal.SIGKILL)


@pytest.fixture
def path(store_path: Path) -> Path:
    with open_shelf(store_path) as store:
        start_followers(store, *CONSUMERS)
        start_stream(store, STREAM)
    return store_path


def finish(path: Path) -> None:
    """Let every follower come to the end of the feed."""
    newest = file_rows(path, "SELECT max(seq) FROM stina_change")[0][0]
    for kind, chunk, name in FOLLOWERS:
        with program(FOLLOWER, kind, chunk, path, name) as running:
            running.hear(f"at {newest}.")
            running.finish()


def all_of(futures: list[Future[None]], meanwhile: Callable[[], object]) -> None:
    """Wait for *futures*, and do something again and again until then: a follower waits for transactions."""
    while wait(futures, timeout=0.02).not_done:
        meanwhile()
    for future in futures:
        future.result()


def tokens(path: Path) -> set[str]:
    """The tokens of all pairs that were ever committed."""
    keys = "SELECT DISTINCT key ->> 0 FROM stina_change WHERE \"table\" = 'shelf_half' AND op IN ('i', 'I')"
    return {token for (token,) in file_rows(path, keys)}


def test_replicas_are_the_tables_after_writers_and_followers_were_killed(path: Path) -> None:
    work = Work(path, TIMES)
    with ThreadPoolExecutor() as threads, writing(path) as write:
        futures = [threads.submit(work.write, name) for name in WRITERS]
        futures.append(threads.submit(work.write_in_shell, "shell"))
        futures += [threads.submit(work.follow, *what) for what in FOLLOWERS]
        ticks = iter(range(10**9))
        all_of(futures, lambda: write(f"tick-{next(ticks)}"))

    finish(path)

    committed = tokens(path)
    numbers = [seq for (seq,) in file_rows(path, "SELECT seq FROM stina_change ORDER BY seq")]
    assert work.acknowledged <= committed, "a commit that was acknowledged is lost"
    assert not [token for token in committed if token.startswith(NEVER)]
    assert numbers == list(range(1, len(numbers) + 1))
    for name in CONSUMERS:
        assert (differences(path, name), unseen(path, name)) == ([], set())
    own = own_file(path, STREAM)
    assert (differences(path, STREAM, own), unseen(path, STREAM, own)) == ([], set())
    assert file_rows(path, "PRAGMA integrity_check") == [("ok",)]
