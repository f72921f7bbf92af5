"""How long the log is kept, and how it is pruned."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from stina_core import Changes, Cursor, ResyncRequiredError, Store
from stina_core.feed import marker, retention
from stina_core.feed.retention import Retention
from stina_core.ids import now_ms
from stina_core.testing import file_rows

from .desk import Desk, beside, open_desk

ALL = 10**9


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep 10 rows for no time, 100 at most, and take away 4 at a time."""
    monkeypatch.setattr(retention, "KEPT_ROWS", 10)
    monkeypatch.setattr(retention, "KEPT_MS", -1000)
    monkeypatch.setattr(retention, "MOST_ROWS", 100)
    monkeypatch.setattr(retention, "CHUNK", 4)


def prune(store: Store, most: int = ALL) -> int:
    return Retention(store._backend, store._transactions).prune(most)


def numbers(store: Store) -> list[int]:
    return [seq for (seq,) in store._backend.execute("SELECT seq FROM stina_change ORDER BY seq")]


def kept(store: Store) -> list[Changes]:
    return list(store.changes())


def add(store: Store, count: int, each: int = 1) -> None:
    for _ in range(count):
        store[Desk].add_many(["a"] * each)


def test_newest_rows_are_kept_and_older_ones_go_whole(desk: Store) -> None:
    add(desk, 20, each=2)  # 3 rows of the log each
    everything = kept(desk)

    gone = prune(desk)

    rest = numbers(desk)
    assert gone == 48
    assert rest == list(range(49, 61))
    assert kept(desk) == everything[-4:]


def test_rows_that_are_young_are_kept_however_many(desk: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "KEPT_MS", 60_000)
    add(desk, 30)

    assert prune(desk) == 0
    assert len(kept(desk)) == 30


def test_old_ones_go_up_to_the_first_young_one(desk: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "KEPT_MS", 60_000)
    now = now_ms()
    add(desk, 30)
    data = '{"origin":"o","actor":null,"at":%d}'
    with desk.transaction():
        for seq in numbers(desk)[1::2]:
            at = now - (120_000 if seq <= 20 else 0)
            desk._backend.execute("UPDATE stina_change SET data = ? WHERE seq = ?", (data % at, seq))

    prune(desk)

    assert numbers(desk)[0] == 21


def test_however_young_there_is_an_end(desk: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "KEPT_MS", 60_000)
    add(desk, 80)

    prune(desk)

    assert 90 <= len(numbers(desk)) <= 100
    assert len(kept(desk)) == len(numbers(desk)) // 2


def test_transaction_longer_than_the_limit_stays_until_the_next_and_then_goes_whole(desk: Store) -> None:
    add(desk, 1, each=150)
    first = desk.cursor()

    prune(desk)
    assert len(kept(desk)) == 1

    add(desk, 1)
    prune(desk)
    assert numbers(desk) == [first.seq + 1, first.seq + 2]
    assert len(list(desk.changes(first))) == 1


def test_newest_row_stays_and_numbers_never_come_again(desk: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "KEPT_ROWS", 0)
    add(desk, 10)
    head = desk.cursor()

    prune(desk)
    assert numbers(desk) == [head.seq - 1, head.seq]  # the newest transaction
    add(desk, 1)

    assert numbers(desk) == [head.seq - 1, head.seq, head.seq + 1, head.seq + 2]
    assert len(list(desk.changes(head))) == 1
    assert prune(desk) == 2
    assert prune(desk) == 0


def test_pruning_an_empty_log_does_nothing(desk: Store) -> None:
    with desk.transaction():
        desk[Desk].notes()

    assert prune(desk) == 0


def test_rows_without_marks_go_beyond_the_limit_only(file_desk: Store, store_path: Path) -> None:
    for _ in range(9):
        file_rows(store_path, "INSERT INTO desk_note (text) VALUES " + ", ".join(["('a')"] * 10))
    assert prune(file_desk) == 0

    for _ in range(9):
        file_rows(store_path, "INSERT INTO desk_note (text) VALUES " + ", ".join(["('a')"] * 10))
    assert prune(file_desk) == 80

    assert numbers(file_desk) == list(range(81, 181))


@pytest.mark.parametrize("ours", [1, 5, 20])
def test_rows_without_marks_before_young_ones_of_ours_have_the_same_limit(
    file_desk: Store, store_path: Path, ours: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "KEPT_MS", 60_000)
    file_rows(store_path, "INSERT INTO desk_note (text) VALUES " + ", ".join(["('a')"] * 300))
    add(file_desk, ours)

    prune(file_desk)

    assert len(numbers(file_desk)) == 100
    assert sum(len(changes) for changes in kept(file_desk) if changes.origin) == ours


def test_rows_without_marks_go_with_the_marked_ones_after_them(file_desk: Store, store_path: Path) -> None:
    for _ in range(10):
        file_rows(store_path, "INSERT INTO desk_note (text) VALUES ('a'), ('b')")
        add(file_desk, 1)

    prune(file_desk)

    assert len(numbers(file_desk)) <= 14
    assert kept(file_desk)[0].origin is None


@pytest.mark.parametrize("spoiled", ["NULL", "'x'", "x'00'", "1.5"])
def test_mark_that_another_program_spoiled_stops_nothing(
    file_desk: Store, store_path: Path, spoiled: str
) -> None:
    add(file_desk, 20)
    file_rows(store_path, f"UPDATE stina_change SET key = {spoiled}, data = 'x' WHERE op = 'T'")

    prune(file_desk)

    assert len(numbers(file_desk)) <= 12


def test_who_comes_too_late_is_told_and_where_it_can_begin(desk: Store) -> None:
    begin = desk.cursor()
    desk.consumer("dead").start(begin)
    add(desk, 30)

    prune(desk)

    with pytest.raises(ResyncRequiredError) as caught:
        list(desk.changes(begin))
    assert caught.value.reason == "pruned"
    oldest = caught.value.oldest
    assert isinstance(oldest, Cursor)
    assert list(desk.changes(oldest)) == kept(desk) != []
    assert desk.consumer("dead").cursor == begin


def test_every_cursor_is_resumed_without_a_gap_or_refused(desk: Store) -> None:
    add(desk, 30)
    everything = kept(desk)
    prune(desk)
    rest = kept(desk)
    first = everything.index(rest[0])

    for place, changes in enumerate(everything):
        if place < first - 1:
            with pytest.raises(ResyncRequiredError):
                list(desk.changes(changes.cursor))
        else:
            assert list(desk.changes(changes.cursor)) == everything[place + 1 :]


def test_only_so_many_rows_are_taken_at_a_time_and_the_next_goes_on(desk: Store) -> None:
    add(desk, 30)

    assert prune(desk, 1) == 4
    interrupted = numbers(desk)
    oldest = kept(desk)[0]

    assert prune(desk, 1) == 4
    assert numbers(desk) == interrupted[4:]
    prune(desk)

    assert len(numbers(desk)) == 10
    assert oldest.cursor is not None


def test_pruning_that_was_interrupted_shows_nothing_of_what_is_half_gone(
    desk: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "KEPT_ROWS", 2)
    add(desk, 3, each=7)  # 8 rows each, and 4 at a time
    everything = kept(desk)
    begin = desk.cursor()
    seen = []

    while prune(desk, 1):
        seen.append(kept(desk))

    assert all(rest == everything[-len(rest) :] or rest == [] for rest in seen)
    assert list(desk.changes(begin)) == []


def test_busy_writer_is_not_waited_for(store_path: Path) -> None:
    with open_desk(store_path) as one, open_desk(store_path) as other:
        add(one, 30)
        with one.transaction():
            begin = time.monotonic()
            with beside(lambda: prune(other)) as raised:
                pass
            took = time.monotonic() - begin

        assert raised == []
        assert took < 2
        assert len(numbers(one)) == 60
        assert prune(other) == 50


def test_pruning_is_no_change_of_the_feed_and_rings_nobody(
    desk: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(desk, 30)
    head = desk.cursor()
    rings: list[bool] = []
    monkeypatch.setattr(desk._backend, "ring", lambda: rings.append(True))

    assert prune(desk) > 0

    assert desk.cursor() == head
    assert rings == []


def test_programs_that_only_write_keep_the_log_small(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marker, "PRUNE_EVERY", 20)

    with open_desk(place) as store:
        for _ in range(100):
            store[Desk].add("a")

        assert len(numbers(store)) <= 30


def test_big_transactions_are_pruned_by_who_wrote_them(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marker, "PRUNE_EVERY", 20)

    with open_desk(place) as store:
        add(store, 5, each=95)

        assert len(numbers(store)) <= 100
