"""What a receiver did not take is told again, without any further change."""

from __future__ import annotations

from pathlib import Path

import pytest

from stina_core import Changes, Op, Store, StoreBusyError
from stina_core.feed import inbox, observation
from stina_core.testing import file_rows

from .desk import Desk, Heard, Values, short
from .reads import Reads


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "RETRY", 0.01)
    monkeypatch.setattr(observation, "RETRY", 0.01)


class RefusesResets:
    """A callback that raises on a reset, so many times."""

    def __init__(self, times: int) -> None:
        self._times = times

    def __call__(self, changes: Changes) -> None:
        if self._times and any(change.op is Op.RESET for change in changes):
            self._times -= 1
            raise LookupError("broken")


def reset_notes(path: Path) -> None:
    """Have the log say what a newer program may: that is a reset of the table."""
    file_rows(path, "INSERT INTO stina_change (\"table\", op) VALUES ('desk_note', 'Z')")


@pytest.mark.parametrize("times", [1, 3, inbox.FAILURES - 1])
def test_reset_that_raised_is_told_again_by_itself(file_desk: Store, store_path: Path, times: int) -> None:
    heard = Heard(RefusesResets(times))

    with file_desk.subscribe(heard):
        reset_notes(store_path)
        heard.wait(times + 1)
        file_desk[Desk].tag("x")
        last = heard.wait(times + 2)[-1]

    told = [short(changes) for changes in heard.all[:-1]]
    assert told == [[("desk_note", "reset", None)]] * (times + 1)
    assert short(last) == [("desk_tag", "insert", "x")]


def test_reset_that_raised_is_told_again_after_changes_of_other_tables_went_well(
    file_desk: Store, store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard, other = Heard(RefusesResets(1)), Heard()

    with file_desk.subscribe(heard), file_desk.subscribe(other):
        file_desk[Desk].tag("before")
        reset_notes(store_path)
        for number in range(5):
            file_desk[Desk].tag(str(number))
        other.wait(7)
        told = heard.wait_for(lambda told: sum("desk_note" in changes.tables for changes in told) == 2)
        file_desk[Desk].tag("after")
        heard.wait_for(lambda told: told[-1].cursor == file_desk.cursor())

    again = [changes for changes in told if "desk_note" in changes.tables][1]
    assert ("desk_note", "reset", None) in short(again)
    seen = {change.table for changes in heard.all for change in changes}
    assert seen == {"desk_note", "desk_tag"}


def test_reset_of_everything_that_raised_is_told_again_with_its_reason(
    file_desk: Store, store_path: Path
) -> None:
    heard = Heard(RefusesResets(1))

    with file_desk.subscribe(heard):
        file_rows(
            store_path,
            "BEGIN IMMEDIATE; INSERT INTO desk_note (text) VALUES ('a'), ('b'), ('c'); DELETE FROM stina_change "
            "WHERE seq = (SELECT max(seq) - 1 FROM stina_change); COMMIT",
        )
        first, again = heard.wait(2)

    assert first.resync == again.resync == "pruned"
    assert short(first) == short(again)


def test_read_that_found_the_store_busy_is_asked_again(desk: Store, logged: pytest.LogCaptureFixture) -> None:
    reads, values = Reads(desk[Desk].count), Values()

    def busy() -> None:
        if reads.count < 5:
            raise StoreBusyError("busy")

    with desk.observe(reads, values):
        reads.before = busy
        desk[Desk].add("a")
        values.wait_for(1)

    assert values.all == [0, 1]
    assert reads.count == 5
    assert "observation.failed" in logged.text


def test_value_on_which_the_callback_raised_is_told_again(desk: Store) -> None:
    told: list[int] = []
    values = Values()

    def on_value(value: int) -> None:
        told.append(value)
        if 1 < len(told) < 5:
            raise LookupError("broken")
        values(value)

    with desk.observe(desk[Desk].count, on_value):
        desk[Desk].add("a")
        values.wait_for(1)

    assert told == [0, 1, 1, 1, 1]
    assert values.all == [0, 1]


def test_value_that_raised_and_changed_back_meanwhile_is_the_last_one(desk: Store) -> None:
    told, values = Values(), Values()

    def on_value(value: int) -> None:
        told(value)
        if value == 1:
            desk[Desk].remove(1)
            raise LookupError("broken")
        values(value)

    with desk.observe(desk[Desk].count, on_value):
        desk[Desk].add("a")
        told.wait_for(1)
        desk[Desk].add("b")
        desk[Desk].add("c")
        values.wait_for(2)

    assert values.all[-1] == 2


def test_observation_that_was_closed_meanwhile_is_not_asked_again(desk: Store) -> None:
    reads, heard = Reads(desk[Desk].count), Heard()

    with desk.subscribe(heard):
        with desk.observe(reads, lambda value: None):
            reads.error = LookupError("broken")
            desk[Desk].add("a")
            heard.wait(1)
        count = reads.count
        desk[Desk].add("b")
        heard.wait(2)
        for _ in range(3):
            desk._feed._delivery.relieve()

    assert reads.count <= count + 1
