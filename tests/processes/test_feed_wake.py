"""A follower learns at once what any program commits, by each way of waking and without the safety polls."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from stina_core import Store
from stina_core.backends.wake import Way
from stina_core.backends.wake import waiter as waiting
from stina_core.feed import listener

from .feed_heard import heard_from
from .feed_programs import IMPORTS, program, until, writing, writing_outside
from .feed_shelf import open_shelf

COMMITS = 30
POLL = 30.0
"""Seconds between two safety polls here, as long as a test may take: what is seen sooner was not found by one."""

SOON = 5.0
"""Seconds within which a wake that came must have been heard, on a busy machine."""

LATE = 0.3
"""Seconds after which a commit counts as not seen."""

WAYS = {
    "doorbell": frozenset({Way.DOORBELL}),
    "loopback": frozenset({Way.LOOPBACK}),
    "watch": frozenset({Way.WATCH}),
    "all": frozenset(Way),
}


@pytest.fixture
def store(store_path: Path) -> Iterator[Store]:
    with open_shelf(store_path, "follower") as opened:
        yield opened


@pytest.fixture
def without_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "WATCHED_INTERVAL", POLL)
    monkeypatch.setattr(waiting, "UNWATCHED_INTERVAL", POLL)


# Programs of ours


@pytest.mark.usefixtures("without_polls")
@pytest.mark.parametrize("way", WAYS)
def test_each_way_tells_of_every_commit_of_another_program(store: Store, store_path: Path, way: str) -> None:
    with heard_from(store, WAYS[way]) as heard, writing(store_path) as write:
        for number in range(COMMITS):
            write(f"t{number}")

            assert until(lambda: len(heard.tokens) > number, SOON)  # noqa: B023  # asked in this round only

    assert heard.tokens == [f"t{number}" for number in range(COMMITS)]


def test_polls_alone_tell_of_every_commit(store: Store, store_path: Path) -> None:
    with heard_from(store, frozenset()) as heard, writing(store_path) as write:
        for number in range(COMMITS):
            write(f"t{number}")

        assert until(lambda: len(heard.tokens) == COMMITS)
    assert heard.tokens == [f"t{number}" for number in range(COMMITS)]


@pytest.mark.usefixtures("without_polls")
def test_nothing_is_heard_without_ways_and_polls(store: Store, store_path: Path) -> None:
    with heard_from(store, frozenset()) as heard, writing(store_path) as write:
        write("unheard")

        assert not until(lambda: heard.tokens, LATE)


# Programs outside Stina


@pytest.mark.usefixtures("without_polls")
def test_commit_that_waits_for_the_disk_is_seen_without_the_next_one(store: Store, store_path: Path) -> None:
    with heard_from(store) as heard, writing_outside(store_path) as write:
        for number in range(COMMITS):
            write(f"t{number}")

            assert until(lambda: len(heard.tokens) > number, SOON)  # noqa: B023  # asked in this round only

    assert heard.tokens == [f"t{number}" for number in range(COMMITS)]


@pytest.mark.usefixtures("without_polls")
def test_it_is_seen_with_the_next_one_without_the_rechecks(
    store: Store, store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "RECHECKS", ())
    with heard_from(store) as heard, writing_outside(store_path) as write:
        for number in range(COMMITS):
            write(f"t{number}")
            if not until(lambda: len(heard.tokens) > number, LATE):  # noqa: B023  # asked in this round only
                break
        else:
            pytest.fail("every commit was seen at once")

        write("next")

        assert until(lambda: f"t{number}" in heard.tokens, SOON)


def test_commit_from_outside_right_after_one_of_ours_is_seen(store: Store, store_path: Path) -> None:
    with (
        heard_from(store) as heard,
        writing(store_path) as write,
        writing_outside(store_path) as write_outside,
    ):
        for number in range(COMMITS):
            write(f"ours{number}")
            write_outside(f"other{number}")

            assert until(lambda: len(heard.tokens) > 2 * number + 1, SOON)  # noqa: B023  # asked in this round only

    assert heard.tokens == [f"{by}{number}" for number in range(COMMITS) for by in ("ours", "other")]


# A program that dies between its commit and the ring

DYING = f"""{IMPORTS}
import os, signal
from tests.processes.feed_shelf import ShelfRepository, open_shelf
store = open_shelf(sys.argv[2], "dying")
store._backend.ring = lambda: os.kill(os.getpid(), signal.SIGKILL)
say("open")
sys.stdin.readline()
store[ShelfRepository].add_pair("last")
"""


@pytest.mark.usefixtures("without_polls")
def test_commit_of_a_program_that_died_before_it_rang_is_seen(store: Store, store_path: Path) -> None:
    with heard_from(store) as heard, program(DYING, store_path) as dying:
        dying.hear("open")
        dying.say()

        assert until(lambda: heard.tokens == ["last"], SOON)
        with pytest.raises(AssertionError, match=f"ended with {-signal.SIGKILL}"):
            dying.finish()


@pytest.mark.usefixtures("without_polls")
def test_it_is_not_seen_by_who_hears_the_doorbell_only(store: Store, store_path: Path) -> None:
    with heard_from(store, WAYS["doorbell"]) as heard, program(DYING, store_path) as dying:
        dying.hear("open")
        dying.say()
        with pytest.raises(AssertionError):
            dying.finish()

        assert not until(lambda: heard.tokens, LATE)


# Programs started in different ways


@pytest.mark.usefixtures("without_polls")
def test_programs_of_different_environments_wake_each_other(
    store: Store, store_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    link = elsewhere / "other name.db"
    link.symlink_to(store_path)

    with heard_from(store, WAYS["doorbell"]) as heard:
        for name in os.environ:
            monkeypatch.delenv(name)  # the other program starts with nothing but these
        for name in ("HOME", "TMPDIR", "XDG_RUNTIME_DIR"):
            monkeypatch.setenv(name, str(elsewhere))
        monkeypatch.chdir(elsewhere)
        with writing(link) as write:
            for number in range(COMMITS):
                write(f"t{number}")

                assert until(lambda: len(heard.tokens) > number, SOON)  # noqa: B023  # asked in this round only
