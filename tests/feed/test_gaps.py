"""Rows of the log that are missing or mean nothing to this core: nothing is skipped without a word."""

from __future__ import annotations

from pathlib import Path

import pytest

from stina_core import Changes, ResyncRequiredError, Store
from stina_core.changes import Cursor
from stina_core.feed.router import Router
from stina_core.testing import file_rows

from .desk import Desk, Heard, Values, open_desk, short

UNKNOWN = "INSERT INTO stina_change (\"table\", op, key) VALUES ('desk_note', 'Z', 7)"


def cut(path: Path, first: int, last: int) -> None:
    """Take rows out of the middle of the log, as a person with a shell may."""
    file_rows(path, f"DELETE FROM stina_change WHERE seq BETWEEN {first} AND {last}")


def fill(store: Store, count: int) -> Cursor:
    """Write *count* transactions, of two rows of the log each; return where they began."""
    begin = store.cursor()
    for number in range(count):
        store[Desk].add(str(number))
    return begin


@pytest.mark.parametrize(("first", "last"), [(5, 8), (1, 2), (6, 6), (19, 19), (2, 19)])
def test_stream_that_comes_to_a_gap_says_so(
    file_desk: Store, store_path: Path, first: int, last: int
) -> None:
    begin = fill(file_desk, 10)
    cut(store_path, begin.seq + first, begin.seq + last)

    for follow in (False, True):
        with file_desk.changes(begin, follow=follow) as stream, pytest.raises(ResyncRequiredError) as caught:
            list(stream)
        assert caught.value.reason == "pruned"


def test_gap_at_the_end_of_what_is_read_at_once_is_found(
    file_desk: Store, store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stina_core.feed.log.CHUNK", 4)
    begin = fill(file_desk, 10)
    cut(store_path, begin.seq + 5, begin.seq + 8)
    stream = file_desk.changes(begin)

    assert [short(next(stream)), short(next(stream))] == [
        [("desk_note", "insert", 1)],
        [("desk_note", "insert", 2)],
    ]
    with pytest.raises(ResyncRequiredError, match="not kept any more"):
        next(stream)


def test_stream_from_after_the_gap_goes_on(file_desk: Store, store_path: Path) -> None:
    begin = fill(file_desk, 10)
    cut(store_path, begin.seq + 5, begin.seq + 8)

    assert len(list(file_desk.changes(Cursor(begin.epoch, begin.seq + 8)))) == 6


def test_consumer_that_comes_to_a_gap_stops_with_it(file_desk: Store, store_path: Path) -> None:
    begin = fill(file_desk, 10)
    consumer = file_desk.consumer("counter")
    consumer.start(begin)
    cut(store_path, begin.seq + 5, begin.seq + 8)

    with pytest.raises(ResyncRequiredError) as caught:
        consumer.process(lambda changes: None)

    assert caught.value.reason == "pruned"


def test_changed_keys_leave_no_gap_out(file_desk: Store, store_path: Path) -> None:
    begin = fill(file_desk, 10)
    assert len(file_desk._feed.log.changed_keys("desk_note", begin, 100)[0]) == 10
    cut(store_path, begin.seq + 5, begin.seq + 8)

    for limit in (5, 6, 100):
        with pytest.raises(ResyncRequiredError) as caught:
            file_desk._feed.log.changed_keys("desk_note", begin, limit)
        assert caught.value.reason == "pruned"


def test_subscribers_and_observers_are_told_of_a_gap_as_a_reset(file_desk: Store, store_path: Path) -> None:
    heard, values = Heard(), Values()

    with file_desk.subscribe(heard), file_desk.observe(file_desk[Desk].count, values):
        file_rows(
            store_path,
            "BEGIN IMMEDIATE; INSERT INTO desk_note (text) VALUES ('a'), ('b'), ('c'), ('d'); "
            "DELETE FROM stina_change WHERE seq IN "
            "(SELECT seq FROM stina_change ORDER BY seq DESC LIMIT 2 OFFSET 1); COMMIT",
        )
        (reset,) = heard.wait(1)
        values.wait_for(4)
        file_desk[Desk].add("after")
        after = heard.wait(2)[1]

    assert (reset.resync, {op for _, op, _ in short(reset)}) == ("pruned", {"reset"})
    assert reset.tables == {"desk_note", "desk_tag"}
    assert (after.resync, after.origin) == ("", file_desk.origin)


def test_unknown_change_is_a_reset_of_its_table(
    file_desk: Store, store_path: Path, logged: pytest.LogCaptureFixture
) -> None:
    begin, heard = file_desk.cursor(), Heard()

    with file_desk.subscribe(heard):
        file_rows(store_path, UNKNOWN)
        (told,) = heard.wait(1)
        file_desk[Desk].tag("x")
        heard.wait(2)

    assert short(told) == [("desk_note", "reset", None)]
    assert [short(changes) for changes in file_desk.changes(begin)] == [
        [("desk_note", "reset", None)],
        [("desk_tag", "insert", "x")],
    ]
    assert "change.unknown" in logged.text


@pytest.mark.parametrize("error", [RuntimeError, MemoryError, AssertionError])
def test_error_in_passing_on_ends_no_listener_and_loses_nothing(
    place: str, error: type[Exception], monkeypatch: pytest.MonkeyPatch, logged: pytest.LogCaptureFixture
) -> None:
    real, heard, values = Router.route, Heard(), Values()
    failures = [error("broken")]
    monkeypatch.setattr("stina_core.feed.listener._AFTER_ERROR", 0.01)

    def route(self: Router, changes: Changes) -> None:
        if failures:
            raise failures.pop()
        real(self, changes)

    monkeypatch.setattr(Router, "route", route)
    with open_desk(place) as desk, desk.subscribe(heard), desk.observe(desk[Desk].count, values):
        begin = desk.cursor()
        for text in "abc":
            desk[Desk].add(text)
        heard.wait_for(lambda told: len({changes.cursor for changes in told}) == 3)
        values.wait_for(3)
        wanted = [changes.cursor for changes in desk.changes(begin)]

    assert [changes.cursor for changes in heard.all] == wanted
    assert "listener.failed" in logged.text


def test_marks_that_overlap_do_not_stop_the_feed(
    file_desk: Store, store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stina_core.feed.listener._AFTER_ERROR", 0.01)
    heard = Heard()

    with file_desk.subscribe(heard):
        file_desk[Desk].add("a")
        file_desk[Desk].add("b")
        heard.wait(2)
        seq = file_desk.cursor().seq
        file_rows(
            store_path,
            f"BEGIN IMMEDIATE; UPDATE stina_change SET key = 1 WHERE op = 'T'; INSERT INTO stina_change "
            f"(\"table\", op, key, data) VALUES ('', 'T', {seq - 1}, 'x'), ('', 'T', 1, 'x'); COMMIT",
        )
        file_desk[Desk].tag("x")
        heard.wait_for(lambda told: "desk_tag" in told[-1].tables)
