"""Rows of the log become transactions in one way, however they are read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stina_core import Change, Changes, Cursor, Op
from stina_core.backends.following import MARK, LogRow, mark_data
from stina_core.feed import grouping
from stina_core.feed.grouping import Grouping, InsideError

from .desk import short

EPOCH = "e"

Written = Sequence[tuple[bool, Sequence[str]]]
"""Transactions: whether one is an application's, and the tables of its rows."""

tables = st.sampled_from(("a", "b", "c"))
transactions = st.lists(st.tuples(st.booleans(), st.lists(tables, min_size=1, max_size=6)), max_size=8)


def log_of(written: Written) -> list[LogRow]:
    """Return the rows that the transactions leave in the log."""
    rows: list[LogRow] = []
    for number, (is_ours, changed) in enumerate(written):
        first = len(rows) + 1
        for table in changed:
            rows.append(LogRow(len(rows) + 1, table, "IUD"[len(rows) % 3], len(rows), None))
        if is_ours:
            rows.append(LogRow(len(rows) + 1, "", MARK, first, mark_data(f"o{number}", "user", number)))
    return rows


def expected(written: Written) -> list[tuple[str | None, list[str], int]]:
    """Return origin, tables and last number of what is to come out; outside ones in a row are one."""
    found: list[tuple[str | None, list[str], int]] = []
    seq = 0
    for number, (is_ours, changed) in enumerate(written):
        seq += len(changed) + is_ours
        if not is_ours and found and found[-1][0] is None:
            found[-1] = (None, [*found[-1][1], *changed], seq)
        else:
            found.append((f"o{number}" if is_ours else None, list(changed), seq))
    return found


def grouped(rows: Sequence[LogRow], cuts: Sequence[int] = (), since: int = 0) -> list[Changes]:
    """Return the transactions after *since*, the rows taken in pieces."""
    return list(_grouped(rows, cuts, since))


def _grouped(rows: Sequence[LogRow], cuts: Sequence[int], since: int) -> Iterator[Changes]:
    one = Grouping(Cursor(EPOCH, since))
    places = [since, *sorted(cut for cut in cuts if since <= cut <= len(rows)), len(rows)]
    for begin, end in pairwise(places):
        yield from one.take(rows[begin:end], at_end=False)
    yield from one.take([], at_end=True)


def told(found: Sequence[Changes]) -> list[tuple[str | None, list[str], int]]:
    return [(one.origin, [change.table for change in one], seq_of(one)) for one in found]


def seq_of(changes: Changes) -> int:
    assert changes.cursor is not None
    return changes.cursor.seq


@given(transactions, st.lists(st.integers(0, 60), max_size=8))
def test_same_transactions_come_out_however_the_rows_are_cut(written: Written, cuts: list[int]) -> None:
    assert told(grouped(log_of(written), cuts)) == expected(written)


@given(transactions)
def test_cursors_increase_and_leave_no_row_out(written: Written) -> None:
    rows = log_of(written)
    reached = 0

    for changes in grouped(rows):
        own = [row.seq for row in rows if reached < row.seq <= seq_of(changes) and row.op != MARK]
        assert [change.seq for change in changes] == own
        assert seq_of(changes) > reached
        reached = seq_of(changes)

    assert reached == len(rows)


@given(transactions)
def test_feed_goes_on_from_every_cursor_with_the_rest(written: Written) -> None:
    rows = log_of(written)
    found = grouped(rows)

    for place, changes in enumerate(found):
        assert grouped(rows, since=seq_of(changes)) == found[place + 1 :]


@given(transactions)
def test_cursor_inside_an_applications_transaction_is_recognised(written: Written) -> None:
    rows = log_of(written)
    first = 1

    for is_ours, changed in written:
        end = first + len(changed) - 1 + is_ours
        if is_ours:
            for inside in range(first, end):
                with pytest.raises(InsideError) as caught:
                    grouped(rows, since=inside)
                assert caught.value.first == first
        first = end + 1


@given(transactions, st.lists(st.integers(0, 60), max_size=8), st.integers(0, 8))
def test_transaction_that_is_too_long_comes_as_resets(
    written: Written, cuts: list[int], longest: int
) -> None:
    rows = log_of(written)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grouping, "LONGEST", longest)
        found = grouped(rows, cuts)

    assert [(origin, seq) for origin, _, seq in told(found)] == [
        (origin, seq) for origin, _, seq in expected(written)
    ]
    for one, (_, changed, seq) in zip(found, expected(written), strict=True):
        if any(change.op is Op.RESET for change in one):
            assert {(change.op, change.seq, change.key) for change in one} == {(Op.RESET, seq, None)}
            assert sorted(change.table for change in one) == sorted(set(changed))
        else:
            assert [change.table for change in one] == changed
        if len(changed) > longest:
            assert one[0].op is Op.RESET


def test_shorter_transaction_after_a_long_one_comes_row_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouping, "LONGEST", 3)

    long, short_one = grouped(log_of([(True, "abab"), (True, "ab")]))

    assert short(long) == [("a", "reset", None), ("b", "reset", None)]
    assert [change.op for change in short_one] != [Op.RESET] * 2


def test_long_outside_transaction_before_one_of_ours_keeps_it_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouping, "LONGEST", 3)

    outside, ours = grouped(log_of([(False, "abab"), (True, "c")]))

    assert (outside.origin, short(outside)) == (None, [("a", "reset", None), ("b", "reset", None)])
    assert (ours.origin, [change.table for change in ours]) == ("o1", ["c"])


def test_mark_tells_who_wrote_for_whom_when_and_why() -> None:
    rows = [LogRow(1, "a", "I", 7, None), LogRow(2, "", MARK, 1, mark_data("cli:1:x", "tool", 1500, 9, 3))]

    (changes,) = grouped(rows)

    assert (changes.origin, changes.actor, changes.cause, changes.depth) == (
        "cli:1:x",
        "tool",
        Cursor(EPOCH, 9),
        3,
    )
    assert changes.at is not None
    assert changes.at.timestamp() == 1.5
    assert changes[0] == Change(1, "a", Op.INSERT, 7, "cli:1:x", "tool", changes.at)


def test_actor_of_a_newer_program_is_none() -> None:
    data = json.dumps({"origin": "o", "actor": "robot", "at": 1})

    (changes,) = grouped([LogRow(1, "a", "I", 1, None), LogRow(2, "", MARK, 1, data)])

    assert (changes.origin, changes.actor) == ("o", None)


@pytest.mark.parametrize(
    "data",
    [
        None,
        "",
        "{",
        "[]",
        "1",
        '"x"',
        "{}",
        '{"origin":"o"}',
        '{"origin":"o","at":"x"}',
        '{"origin":"o","at":1e400}',
        '{"origin":"o","at":1,"cause":"x"}',
        '{"origin":"o","at":1,"depth":[]}',
        '{"origin":"o","at":999999999999999999}',
    ],
)
def test_mark_that_cannot_be_read_still_ends_its_transaction(data: str | None) -> None:
    rows = [LogRow(1, "a", "I", 1, None), LogRow(2, "b", "I", 1, None), LogRow(3, "", MARK, 2, data)]

    outside, changes = grouped(rows)

    assert [change.table for change in outside] == ["a"]
    assert [change.table for change in changes] == ["b"]
    assert (changes.origin, changes.at, changes.depth, seq_of(changes)) == (None, None, 0, 3)


@pytest.mark.parametrize("key", [None, "x", b"x", 1.5, 99])
def test_mark_without_its_first_row_ends_what_was_before(key: object) -> None:
    rows = [LogRow(1, "a", "I", 1, None), LogRow(2, "", MARK, key, mark_data("o", None, 1))]

    found = grouped(rows)

    assert [change.table for one in found for change in one] == ["a"]
    assert seq_of(found[-1]) == 2


@given(transactions)
def test_without_marks_nothing_tells_transactions_apart(written: Written) -> None:
    """The control of the marks: rows alone come as one transaction of nobody."""
    unmarked = [(False, changed) for _, changed in written]

    assert len(grouped(log_of(unmarked))) == bool(written)


@pytest.mark.parametrize(
    "data",
    [
        '{"origin":"x","actor":"tool","at":5,"cause":7,"depth":3,"consumer":"c"}',
        '{"origin":"x","actor":"tool","cause":7,"depth":3,"consumer":"c","at":5}',
        '{"consumer":"c","depth":3,"cause":7,"at":5,"actor":"tool","origin":"x"}',
    ],
)
def test_mark_says_the_same_in_any_order(data: str) -> None:
    rows = [LogRow(1, "a", "I", 7, None), LogRow(2, "", MARK, 1, data)]

    (changes,) = Grouping(Cursor("e", 0)).take(rows, at_end=True)

    said = (changes.origin, changes.actor, changes.cause, changes.depth, changes.consumer)
    assert said == ("x", "tool", Cursor("e", 7), 3, "c")


@pytest.mark.parametrize("end", ['"at":5', '"at":05}', '"at":\u0663}', '"at":5}}', '"at":}'])
def test_mark_with_a_broken_time_says_nothing(end: str) -> None:
    rows = [LogRow(1, "a", "I", 7, None), LogRow(2, "", MARK, 1, f'{{"origin":"x","actor":null,{end}')]

    (changes,) = Grouping(Cursor("e", 0)).take(rows, at_end=True)

    assert (changes.origin, changes.at) == (None, None)
