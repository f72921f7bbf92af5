from __future__ import annotations

import re
import threading
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stina_core import ids, new_id, now
from stina_core.testing import run_python


def test_ids_sort_in_the_order_they_were_made() -> None:
    made = [new_id() for _ in range(10_000)]

    assert made == sorted(set(made))


def test_id_is_26_characters_that_nobody_mixes_up() -> None:
    assert re.fullmatch(r"[0-9a-hjkmnp-tv-z]{26}", new_id())


def test_ids_of_many_threads_are_all_different_and_sorted_in_each() -> None:
    per_thread: list[list[str]] = [[] for _ in range(8)]
    start = threading.Barrier(8)

    def make(made: list[str]) -> None:
        start.wait(10)
        made.extend(new_id() for _ in range(2_000))

    threads = [threading.Thread(target=make, args=(made,)) for made in per_thread]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert len({id for made in per_thread for id in made}) == 16_000
    assert all(made == sorted(made) for made in per_thread)


def test_ids_go_on_upwards_when_the_clock_steps_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = new_id()
    monkeypatch.setattr(ids, "now_ms", lambda: 1_000)

    after = [new_id() for _ in range(100)]

    assert [before, *after] == sorted({before, *after})


PARENT_AND_CHILD = """
import os, sys, signal
from stina_core import ids, new_id
new_id()
ids.now_ms = lambda: 0  # the clock stands, as it does for all ids of one millisecond
if sys.argv[1] == "together":
    os.urandom = bytes  # what parts the child is nothing, as if it did not part
reading, writing = os.pipe()
child = os.fork()
mine = [new_id() for _ in range(500)]
if child == 0:
    os.write(writing, chr(10).join(mine).encode())
    os._exit(0)
os.close(writing)
with os.fdopen(reading) as pipe:
    childs = pipe.read().split()
os.waitpid(child, 0)
print(len(set(mine)), len(set(childs)), len(set(mine) & set(childs)))
"""


def test_child_of_fork_makes_other_ids_than_its_parent_in_the_same_millisecond() -> None:
    assert run_python(PARENT_AND_CHILD, "apart").split()[-3:] == ["500", "500", "0"]


def test_child_that_did_not_part_from_its_parent_would_repeat_its_ids() -> None:
    assert run_python(PARENT_AND_CHILD, "together").split()[-3:] == ["500", "500", "500"]


def test_child_of_fork_does_not_wait_for_a_lock_another_thread_held() -> None:
    output = run_python(
        """
import os, signal
from stina_core import ids, new_id
with ids._lock:
    child = os.fork()
    if child == 0:
        signal.alarm(10)  # a deadlock ends here, and not well
        os.write(1, new_id().encode())
        os._exit(0)
print("\\n", os.waitpid(child, 0)[1])
"""
    )

    assert output.split()[-1] == "0"


def test_now_has_whole_milliseconds_and_is_utc() -> None:
    moment = now()

    assert moment.tzinfo is UTC
    assert moment.microsecond % 1000 == 0
    assert ids.from_ms(ids.to_ms(moment)) == moment


@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_every_millisecond_from_year_1_to_9999_converts_both_ways(ms: int) -> None:
    assert ids.to_ms(ids.from_ms(ms)) == ms


@given(st.datetimes(timezones=st.just(UTC)))
def test_finer_than_a_millisecond_is_cut_off(moment: datetime) -> None:
    cut = ids.from_ms(ids.to_ms(moment))

    assert cut == moment.replace(microsecond=moment.microsecond // 1000 * 1000)
