"""What every way of waking promises."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stina_core import StoreClosedError
from stina_core.backends.wake import (
    MemoryWake,
    Reason,
    Way,
    bell_of,
    default_ways,
    mailbox,
    waiter,
    waiter_of,
)
from stina_core.backends.wake.polling import Select
from stina_core.testing import forked, run_python

from .wakes import DEADLINE, WAYS, Rig, descriptors, place_of, rig_of


@pytest.fixture(params=[*WAYS, "memory"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["poll", "select"])
def rig(
    kind: str, store_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Rig]:
    if request.param == "select":  # what Windows has
        monkeypatch.setattr(waiter, "new_poll", Select)
        monkeypatch.setattr(mailbox, "new_poll", Select)
    with rig_of(kind, store_path) as made:
        yield made


def test_wake_before_the_wait_is_not_lost(rig: Rig) -> None:
    waiter = rig.listen()

    rig.wake()

    assert waiter.wait(DEADLINE) == rig.reason
    assert waiter.wait(0) == Reason(0)


def test_wake_ends_a_wait_of_another_thread(rig: Rig) -> None:
    waiter = rig.listen()
    got: list[Reason] = []
    thread = threading.Thread(target=lambda: got.append(waiter.wait(DEADLINE)))
    thread.start()

    rig.wake()
    thread.join(DEADLINE)

    assert got == [rig.reason]


def test_every_listener_is_woken(rig: Rig) -> None:
    waiters = [rig.listen() for _ in range(16)]

    rig.wake()

    assert [waiter.wait(DEADLINE) for waiter in waiters] == [rig.reason] * 16


def test_thousand_wakes_that_nobody_waits_for_block_nobody_and_are_few(rig: Rig) -> None:
    waiter = rig.listen()

    rig.wake(1000)

    wakes = 0
    while waiter.wait(0):
        wakes += 1
    assert 1 <= wakes <= 20


def test_wait_without_a_wake_lasts_its_time(rig: Rig) -> None:
    waiter = rig.listen()
    begin = time.monotonic()

    assert waiter.wait(0.05) == Reason(0)

    assert time.monotonic() - begin >= 0.05


def test_wake_before_the_listener_came_is_none(rig: Rig) -> None:
    rig.wake()

    assert rig.listen().wait(0) == Reason(0)


def test_interrupt_ends_the_present_or_the_next_wait(rig: Rig) -> None:
    waiter = rig.listen()
    thread = threading.Thread(target=waiter.interrupt)
    thread.start()

    assert waiter.wait(DEADLINE) == Reason.INTERRUPT

    thread.join(DEADLINE)
    assert waiter.wait(0) == Reason(0)


def test_interrupts_are_not_counted_and_never_block(rig: Rig) -> None:
    waiter = rig.listen()

    for _ in range(5000):
        waiter.interrupt()

    assert waiter.wait(DEADLINE) == Reason.INTERRUPT
    assert waiter.wait(0) == Reason(0)


def test_interrupt_does_not_hide_a_wake(rig: Rig) -> None:
    waiter = rig.listen()

    rig.wake()
    waiter.interrupt()

    assert waiter.wait(DEADLINE) == rig.reason | Reason.INTERRUPT


def test_closed_listener_waits_no_more_and_may_be_closed_again(rig: Rig) -> None:
    waiter = rig.listen()

    waiter.close()

    waiter.close()
    waiter.interrupt()
    rig.wake()
    with pytest.raises(StoreClosedError):
        waiter.wait(0)


def test_one_listener_leaves_and_the_others_are_still_woken(rig: Rig) -> None:
    leaving, staying = rig.listen(), rig.listen()

    leaving.close()
    rig.wake()

    assert staying.wait(DEADLINE) == rig.reason


def test_child_of_a_fork_has_no_listener_and_the_parent_still_has(rig: Rig) -> None:
    waiter = rig.listen()

    def work() -> str:
        with pytest.raises(StoreClosedError, match="belongs to the process"):
            waiter.wait(0)
        waiter.interrupt()
        waiter.close()
        return "done"

    rig.wake()
    assert [(child.code, child.said) for child in forked(work)] == [(0, "done")]

    assert waiter.wait(DEADLINE) == rig.reason
    rig.wake()
    assert waiter.wait(DEADLINE) == rig.reason


def test_nothing_is_left_of_listeners_and_bells_that_closed(kind: str, store_path: Path) -> None:
    def use() -> None:
        with rig_of(kind, store_path) as rig:
            waiters = [rig.listen() for _ in range(3)]
            rig.wake()
            for waiter in waiters:
                assert waiter.wait(DEADLINE) == rig.reason

    use()  # what is imported at first use may stay open
    before = descriptors()

    use()

    assert descriptors() == before
    assert not place_of(store_path).exists()


def test_closed_bell_does_nothing(store_path: Path) -> None:
    waiter, bell = waiter_of(str(store_path), WAYS["doorbell"]), bell_of(str(store_path))
    memory = MemoryWake()
    inside = memory.waiter()
    for one in (bell, bell, memory):
        one.close()

    bell.ring()
    memory.ring()

    assert waiter.wait(0) == inside.wait(0) == Reason(0)
    waiter.close()


def test_threads_may_ring_one_bell_while_it_is_closed(store_path: Path) -> None:
    waiter, bell = waiter_of(str(store_path), WAYS["doorbell"]), bell_of(str(store_path))
    rung = threading.Barrier(5)

    def ring() -> None:
        for _ in range(200):
            bell.ring()
        rung.wait(DEADLINE)
        for _ in range(200):
            bell.ring()

    threads = [threading.Thread(target=ring) for _ in range(4)]
    for thread in threads:
        thread.start()
    rung.wait(DEADLINE)
    bell.close()
    for thread in threads:
        thread.join(DEADLINE)

    assert waiter.wait(DEADLINE) == Reason.BELL
    waiter.close()


def test_bell_works_in_a_child_of_a_fork(store_path: Path) -> None:
    waiter, bell = waiter_of(str(store_path), WAYS["all"]), bell_of(str(store_path))
    bell.ring()
    assert waiter.wait(DEADLINE) == Reason.BELL

    def work() -> str:
        bell.ring()
        bell.close()
        return "rung"

    assert forked(work)[0].said == "rung"
    assert waiter.wait(DEADLINE) == Reason.BELL
    bell.ring()
    assert waiter.wait(DEADLINE) == Reason.BELL
    waiter.close()
    bell.close()


def test_ring_without_descriptors_raises_nothing_and_tells_once_it_can(store_path: Path) -> None:
    script = """
import logging, resource
from stina_core.backends.wake import bell_of
told = []
handler = logging.Handler()
handler.emit = told.append
logging.getLogger("stina").addHandler(handler)
bell = bell_of(sys.argv[1])
limits = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
bell.ring()
print(len(told))
resource.setrlimit(resource.RLIMIT_NOFILE, limits)
import structlog
resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
bell.ring()
bell.ring()
print([record.facts["error"] for record in told])
resource.setrlimit(resource.RLIMIT_NOFILE, limits)
bell.ring()
"""
    waiter = waiter_of(str(store_path), WAYS["doorbell"])

    assert run_python(script, store_path) == "0\n['Too many open files']\n"

    assert waiter.wait(DEADLINE) == Reason.BELL
    waiter.close()


def test_polls_are_rare_where_files_are_watched(store_path: Path) -> None:
    for ways, interval in (
        (WAYS["doorbell"], 0.05),
        (WAYS["watch"], 0.5),
        (WAYS["all"], 0.5),
        (frozenset(), 0.05),
    ):
        waiter = waiter_of(str(store_path), ways)
        assert waiter.interval == interval
        waiter.close()


def test_platforms_listen_in_their_own_ways() -> None:
    assert default_ways("linux") == {Way.DOORBELL, Way.WATCH}
    assert default_ways("darwin") == {Way.DOORBELL}
    assert default_ways("win32") == {Way.LOOPBACK}


def test_platform_without_unix_sockets_has_no_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("socket.AF_UNIX")

    assert default_ways("other") == frozenset()


def test_bell_that_nobody_hears_imports_and_opens_nothing(store_path: Path) -> None:
    script = """
import os
from stina_core.backends.wake import bell_of
bell = bell_of(sys.argv[1])
before = len(os.listdir("/proc/self/fd"))
bell.ring()
print(sorted({"asyncio", "ctypes", "inotify_simple", "selectors", "socket", "structlog"} & set(sys.modules)))
print(len(os.listdir("/proc/self/fd")) - before)
"""

    assert run_python(script, store_path) == "[]\n0\n"
