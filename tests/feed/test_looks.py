"""When a listener looks again: the kernel tells of a write before the commit can be seen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest

from stina_core import Changes, Cursor, StoreClosedError
from stina_core.backends.wake import Reason
from stina_core.feed import listener
from stina_core.feed.listener import RECHECKS, Listener

INTERVAL = 9.0
BELL, FILE, NOTHING = Reason.BELL, Reason.FILE, Reason(0)


class Scripted:
    """A waiter that is woken as it is told, and a log that has something new then or not."""

    interval = INTERVAL

    def __init__(self, *wakes: tuple[Reason, bool]) -> None:
        self._wakes = iter(wakes)
        self._has_news = False
        self.timeouts: list[float] = []

    def wait(self, timeout: float) -> Reason:
        self.timeouts.append(timeout)
        wake = next(self._wakes, None)
        if wake is None:
            raise StoreClosedError("the script is over")
        reason, self._has_news = wake
        return reason

    def interrupt(self) -> None:
        """Nobody waits."""

    def close(self) -> None:
        """Nothing is open."""

    def batches(self, since: Cursor) -> Iterator[list[Changes]]:
        if self._has_news:
            yield [Changes([], Cursor(since.epoch, since.seq + 1))]


def timeouts(*wakes: tuple[Reason, bool]) -> list[float]:
    """Return how long a listener that is woken so waits each time, after the first."""
    script: Any = Scripted(*wakes)
    following = Listener(
        script,
        Cursor("e", 0),
        script,
        pass_on=lambda changes: None,
        lost=lambda error, cursor: None,
        passed_on=lambda: None,
        tend=lambda: None,
        patience=lambda: float("inf"),
        ended=lambda: None,
        hurried=nullcontext(),
    )
    following._run()
    return script.timeouts[1:]  # type: ignore[no-any-return]


def test_listener_looks_again_until_a_flush_is_over() -> None:
    assert timeouts((FILE, False), *[(NOTHING, False)] * 8) == [*RECHECKS, INTERVAL]


def test_fewer_looks_follow_what_was_found() -> None:
    assert timeouts((FILE, True), *[(NOTHING, False)] * 3) == [*RECHECKS[1::3], INTERVAL]


def test_word_that_comes_with_a_bell_is_taken_for_its_commit() -> None:
    assert timeouts((BELL, True), (FILE, False), (NOTHING, False)) == [INTERVAL, *RECHECKS[4:6]]


@pytest.mark.parametrize("bell_found", [True, False])
def test_word_that_comes_later_or_after_a_bell_for_nothing_is_another_write(
    monkeypatch: pytest.MonkeyPatch, bell_found: bool
) -> None:
    if bell_found:
        monkeypatch.setattr(listener, "WORD", 0.0)

    assert timeouts((BELL, bell_found), (FILE, False), (NOTHING, False)) == [INTERVAL, *RECHECKS[:2]]
