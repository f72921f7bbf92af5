from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stina_core.backends.wake import Reason, Waiter

from .wakes import place_of, rig_of

ACTS = st.lists(
    st.one_of(
        st.sampled_from([("listen", 0), ("wake", 0), ("remove", 0)]),
        st.tuples(st.sampled_from(["wait", "interrupt", "leave"]), st.integers(0, 3)),
    ),
    max_size=40,
)


@contextmanager
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


@pytest.mark.parametrize("kind", ["doorbell", "loopback", "memory"])
@settings(max_examples=60)
@given(acts=ACTS)
def test_listener_learns_of_all_that_came_since_its_last_wait_and_of_nothing_else(
    kind: str, acts: list[tuple[str, int]]
) -> None:
    with directory() as made, rig_of(kind, made / "stina.db") as rig:
        due: list[tuple[Waiter, Reason]] = []
        for act, number in acts:
            if act == "listen":
                due.append((rig.listen(), Reason(0)))
            elif act == "wake":
                rig.wake()
                due = [(waiter, reason | Reason.BELL) for waiter, reason in due]
            elif act == "remove" and kind != "memory":
                shutil.rmtree(place_of(made / "stina.db"), ignore_errors=True)
                due = [(waiter, reason | Reason.BELL) for waiter, reason in due]
            elif number < len(due):
                waiter, reason = due[number]
                if act == "leave":
                    waiter.close()
                    del due[number]
                elif act == "interrupt":
                    waiter.interrupt()
                    due[number] = (waiter, reason | Reason.INTERRUPT)
                elif act == "wait":
                    assert waiter.wait(0) == reason
                    due[number] = (waiter, Reason(0))
