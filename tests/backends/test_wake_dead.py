"""Listeners that were killed, and children that outlive them."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from stina_core.backends.wake import Reason, bell, bell_of, loopback, waiter_of
from stina_core.testing import running_python

from .wakes import DEADLINE, LISTENING, WAYS, place_of, until

WAITING = LISTENING + "waiter.wait(60)"


@pytest.mark.parametrize("way", ["doorbell", "loopback"])
def test_a_killed_listener_is_forgotten_by_the_next_ring(store_path: Path, way: str) -> None:
    ringer = bell_of(str(store_path))
    with running_python(WAITING, store_path, way) as listener:
        listener.hear("listening")
        listener.signal(signal.SIGKILL)
        assert len(list(place_of(store_path).iterdir())) == 1

        ringer.ring()

    assert not place_of(store_path).exists()
    ringer.close()


def test_a_killed_listener_leaves_the_living_alone(store_path: Path) -> None:
    ringer, living = bell_of(str(store_path)), waiter_of(str(store_path), WAYS["doorbell"])
    with running_python(WAITING, store_path, "doorbell", "loopback") as listener:
        listener.hear("listening")
        listener.signal(signal.SIGKILL)
        assert len(list(place_of(store_path).iterdir())) == 3

        ringer.ring()

    assert len(list(place_of(store_path).iterdir())) == 1
    assert living.wait(DEADLINE) == Reason.BELL
    living.close()
    ringer.close()


@pytest.mark.parametrize("probing", [True, False])
def test_a_port_that_was_rung_before_is_probed_again(
    store_path: Path, monkeypatch: pytest.MonkeyPatch, probing: bool
) -> None:
    """A datagram to a closed port is accepted; the control shows that sending alone tells nothing."""
    monkeypatch.setattr(bell, "_PROBE_INTERVAL", 0.0)
    if not probing:
        monkeypatch.setattr(loopback, "is_deserted", lambda port: False)
    ringer = bell_of(str(store_path))
    with running_python(
        LISTENING + "say(waiter.wait(60).name); waiter.wait(60)", store_path, "loopback"
    ) as listener:
        listener.hear("listening")
        ringer.ring()
        listener.hear("BELL")
        listener.signal(signal.SIGKILL)

        ringer.ring()
        ringer.ring()

    assert place_of(store_path).exists() is not probing
    ringer.close()


def test_a_port_is_probed_once_in_a_while(store_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    probed: list[int] = []
    is_deserted = loopback.is_deserted

    def probe(port: int) -> bool:
        probed.append(port)
        return is_deserted(port)

    monkeypatch.setattr(loopback, "is_deserted", probe)
    monkeypatch.setattr(bell, "_PROBE_INTERVAL", 1000.0)
    ringer, one = bell_of(str(store_path)), waiter_of(str(store_path), WAYS["loopback"])

    for _ in range(100):
        ringer.ring()

    assert len(probed) == 1
    one.close()
    ringer.close()


def test_two_bells_may_find_the_same_dead_listener(store_path: Path) -> None:
    ringers = [bell_of(str(store_path)) for _ in range(2)]
    living = waiter_of(str(store_path), WAYS["doorbell"])
    with running_python(WAITING, store_path, "doorbell") as listener:
        listener.hear("listening")
        for ringer in ringers:
            ringer.ring()
        listener.signal(signal.SIGKILL)
        for ringer in ringers:
            ringer.ring()

    assert len(list(place_of(store_path).iterdir())) == 1
    living.close()
    for ringer in ringers:
        ringer.close()


@pytest.mark.parametrize("way", ["doorbell", "loopback"])
@pytest.mark.parametrize("parted", [True, False])
def test_a_child_does_not_keep_its_dead_parent_listening(store_path: Path, way: str, parted: bool) -> None:
    """The control forks without the hook: the child's copy of the socket holds the place."""
    forking = """
import os
from stina_core.backends.wake import forks
if not PARTED: forks._known.clear()
if os.fork() == 0:
    say("child")
    os.read(0, 1)  # until the test ends
    os._exit(0)
waiter.wait(60)
"""
    ringer = bell_of(str(store_path))
    script = LISTENING + forking.replace("PARTED", str(parted))
    with running_python(script, store_path, way) as listener:
        listener.hear("child")
        listener.signal(signal.SIGKILL)

        ringer.ring()

        assert place_of(store_path).exists() is not parted
    ringer.close()


def test_listeners_that_come_and_go_find_their_place_while_others_remove_it(store_path: Path) -> None:
    script = (
        LISTENING
        + """
for _ in range(200):
    waiter.close()
    waiter = waiter_of(sys.argv[1], frozenset({Way.DOORBELL}))
    assert list(waiter._kept.values())[0].source
waiter.close()
say("done")
"""
    )
    ringer = bell_of(str(store_path))
    with running_python(script, store_path) as one, running_python(script, store_path) as other:
        for process in (one, other):
            process.hear("listening")
        for process in (one, other):
            process.hear("done")
            process.finish()

    def nobody_left() -> bool:
        ringer.ring()
        return not place_of(store_path).exists()

    until(nobody_left)
    ringer.close()
