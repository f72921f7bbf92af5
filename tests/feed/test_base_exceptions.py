"""Callbacks that raise what is no Exception: they silence nobody, and nobody waits for them at the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from stina_core import Changes, Store
from stina_core.feed import inbox, observation

from .desk import Desk, Heard, Values, open_desk
from .reads import Reads

KINDS = [asyncio.CancelledError, GeneratorExit, pytest.fail.Exception]


class Raising:
    """Raises an error of some kind, the first times it is called."""

    def __init__(self, kind: type[BaseException], times: int = 1) -> None:
        self._kind = kind
        self._times = times

    def __call__(self, changes: Changes | None = None) -> None:
        if self._times:
            self._times -= 1
            raise self._kind


@pytest.mark.parametrize("kind", KINDS)
def test_callback_that_raises_it_silences_neither_others_nor_itself(
    place: str, kind: type[BaseException]
) -> None:
    store = open_desk(place)
    bad, good = Heard(Raising(kind)), Heard()
    store.subscribe(bad)
    store.subscribe(good)

    for text in "abc":
        store[Desk].add(text)
    good.wait(3)
    bad.wait(3)

    assert _closing(store) < 1.5


@pytest.mark.parametrize("kind", KINDS)
def test_last_callback_that_raises_it_does_not_delay_closing(place: str, kind: type[BaseException]) -> None:
    store = open_desk(place)
    bad, good = Heard(Raising(kind)), Heard()
    store.subscribe(bad)
    store.subscribe(good)

    store[Desk].add("a")

    assert _closing(store) < 1.5
    assert (len(bad.all), len(good.all)) == (1, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_where_that_raises_it_silences_nobody(desk: Store, kind: type[BaseException]) -> None:
    heard, good = Heard(), Heard()
    raising = Raising(kind)

    def where(change: object) -> bool:
        raising()
        return True

    with desk.subscribe(heard, where=where), desk.subscribe(good):
        desk[Desk].add("a")
        desk[Desk].add("b")
        good.wait(2)
        (told,) = heard.wait(1)

    assert told == good.all[1]


@pytest.mark.parametrize("kind", KINDS)
def test_read_and_on_value_that_raise_it_silence_nobody_and_come_again(
    place: str, kind: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observation, "RETRY", 0.01)
    store = open_desk(place)
    reads, values, refusing, good = Reads(store[Desk].count), Values(), Values(), Values()
    raising = Raising(kind)

    def on_value(value: object) -> None:
        if value:
            raising()
        refusing(value)

    store.observe(reads, values)
    store.observe(store[Desk].count, on_value)
    store.observe(store[Desk].count, good)
    reads.before = Raising(kind)

    store[Desk].add("a")
    for one in (values, refusing, good):
        one.wait_for(1)

    assert _closing(store) < 1.5


@pytest.mark.parametrize("kind", KINDS)
def test_via_that_raises_it_silences_nobody_else(place: str, kind: type[BaseException]) -> None:
    def via(call: Callable[[], object]) -> None:
        raise kind

    store = open_desk(place)
    unreachable, good, values = Heard(), Heard(), Values()
    store.subscribe(unreachable, via=via)
    store.observe(store[Desk].count, lambda value: None, via=via)
    store.subscribe(good)
    store.observe(store[Desk].count, values)

    store[Desk].add("a")
    store[Desk].add("b")
    good.wait(2)
    values.wait_for(2)

    assert _closing(store) < 1.5
    assert unreachable.all == []


@pytest.mark.parametrize("kind", KINDS)
def test_callback_that_goes_on_raising_it_is_paused_like_any(
    desk: Store, kind: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "PAUSE", 0.01)
    heard = Heard(Raising(kind, times=inbox.FAILURES))

    with desk.subscribe(heard):
        for count in range(1, inbox.FAILURES + 1):
            desk[Desk].add("a")
            heard.wait(count)
        reset = heard.wait(inbox.FAILURES + 1)[-1]

    assert reset.resync == "paused"


def _closing(store: Store) -> float:
    begin = time.monotonic()
    store.close()
    return time.monotonic() - begin
