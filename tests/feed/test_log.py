"""What the feed says of the transactions that were committed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stina_core import Changes, Cursor, ResyncRequiredError, Store
from stina_core.feed import log
from stina_core.testing import file_rows, run_python

from .desk import Desk, short, undo


def everything(store: Store, since: Cursor | None = None) -> list[Changes]:
    return list(store.changes(since))


def new(store: Store, since: Cursor) -> list[list[tuple[str, str, object]]]:
    return [short(changes) for changes in everything(store, since)]


def test_transaction_comes_whole_and_says_who_wrote_it(desk: Store) -> None:
    start = desk.cursor()
    before = datetime.now(UTC) - timedelta(milliseconds=1)

    with desk.transaction("assistant"):
        first = desk[Desk].add("a")
        desk[Desk].edit(first, "b")
        desk[Desk].tag("x")
        desk[Desk].remove(first)
    (changes,) = everything(desk, start)

    assert short(changes) == [
        ("desk_note", "insert", first),
        ("desk_note", "update", first),
        ("desk_tag", "insert", "x"),
        ("desk_note", "delete", first),
    ]
    assert (changes.origin, changes.actor, changes.cause, changes.depth) == (
        desk.origin,
        "assistant",
        None,
        0,
    )
    assert changes.at is not None
    assert before <= changes.at <= datetime.now(UTC)
    assert {(one.origin, one.actor, one.at) for one in changes} == {(desk.origin, "assistant", changes.at)}
    assert changes.cursor == desk.cursor()


def test_single_writes_are_transactions_of_their_own(desk: Store) -> None:
    start = desk.cursor()

    desk[Desk].add("a")
    desk[Desk].add("b")

    assert new(desk, start) == [[("desk_note", "insert", 1)], [("desk_note", "insert", 2)]]
    assert {changes.origin for changes in everything(desk, start)} == {desk.origin}


def test_nested_transactions_are_one_on_behalf_of_the_outermost(desk: Store) -> None:
    start = desk.cursor()

    with desk.transaction("user"):
        desk[Desk].add("a")
        with desk.transaction("tool"):
            desk[Desk].add("b")

    (changes,) = everything(desk, start)
    assert len(changes) == 2
    assert changes.actor == "user"


def test_what_was_undone_never_appears(desk: Store) -> None:
    start = desk.cursor()

    undo(desk, lambda: desk[Desk].add("undone"))
    with desk.transaction():
        desk[Desk].tag("kept")
        undo(desk, lambda: desk[Desk].tag("undone"))

    assert new(desk, start) == [[("desk_tag", "insert", "kept")]]


def test_change_of_a_key_is_a_delete_and_an_insert(desk: Store) -> None:
    desk[Desk].tag("old")
    start = desk.cursor()

    desk[Desk].rename_tag("old", "new")

    assert new(desk, start) == [[("desk_tag", "delete", "old"), ("desk_tag", "insert", "new")]]


def test_cursor_inside_a_transaction_is_before_its_own_rows(desk: Store) -> None:
    desk[Desk].add("before")
    start = desk.cursor()

    with desk.transaction():
        assert desk.cursor() == start
        desk[Desk].add("a")
        with desk.transaction():
            desk[Desk].add("b")
            assert desk.cursor() == start
        assert desk.cursor() == start

    assert [len(changes) for changes in everything(desk, start)] == [2]


def test_cursor_that_cuts_a_transaction_gets_the_whole_of_it(desk: Store) -> None:
    start = desk.cursor()
    with desk.transaction():
        for text in "abc":
            desk[Desk].add(text)
    end = desk.cursor()
    desk[Desk].add("after")
    whole = everything(desk, start)

    for seq in range(start.seq, end.seq):
        assert everything(desk, Cursor(start.epoch, seq)) == whole
    assert everything(desk, end) == whole[1:]


def test_every_cursor_of_the_feed_resumes_with_the_rest(desk: Store) -> None:
    for text in "abcde":
        desk[Desk].add(text)
    feed = everything(desk)

    for place, changes in enumerate(feed):
        assert everything(desk, changes.cursor) == feed[place + 1 :]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 7])
def test_transactions_longer_than_a_read_stay_whole(
    desk: Store, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for count in (1, 5, 2, 3):
        with desk.transaction():
            for _ in range(count):
                desk[Desk].add("a")
    expected = everything(desk)

    monkeypatch.setattr(log, "CHUNK", size)

    assert everything(desk) == expected


@pytest.mark.parametrize("rows", range(1, 9))
def test_outside_rows_that_fill_the_last_read_come_once(
    file_desk: Store, store_path: Path, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "CHUNK", 4)
    start = file_desk.cursor()
    for _ in range(rows):
        file_rows(store_path, "INSERT INTO desk_note (text) VALUES ('a')")

    found = everything(file_desk, start)

    assert sum(map(len, found)) == rows
    assert found[-1].cursor == file_desk.cursor()


def test_writer_in_another_program_has_no_origin(file_desk: Store, store_path: Path) -> None:
    start = file_desk.cursor()

    run_python(
        "import apsw, sys; apsw.Connection(sys.argv[1]).execute(\"INSERT INTO desk_note (text) VALUES ('a')\")",
        store_path,
    )

    (changes,) = everything(file_desk, start)
    assert short(changes) == [("desk_note", "insert", 1)]
    assert (changes.origin, changes.actor, changes.at, changes.cause) == (None, None, None, None)


def test_outside_transactions_may_be_merged_but_not_with_ours(file_desk: Store, store_path: Path) -> None:
    start = file_desk.cursor()
    file_rows(store_path, "INSERT INTO desk_note (text) VALUES ('a')")
    file_rows(store_path, "INSERT INTO desk_note (text) VALUES ('b'), ('c')")
    file_desk[Desk].add("ours")
    file_rows(store_path, "DELETE FROM desk_note")

    found = everything(file_desk, start)

    assert [(len(changes), changes.origin) for changes in found] == [
        (3, None),
        (1, file_desk.origin),
        (4, None),
    ]


def test_changes_of_a_snapshots_cursor_lead_to_the_present(desk: Store) -> None:
    desk[Desk].add("a")
    with desk.snapshot():
        cursor, keys = desk.cursor(), set(desk[Desk].notes())
    desk[Desk].add("b")
    desk[Desk].remove(1)

    for changes in desk.changes(cursor):
        for change in changes:
            if change.op == "delete":
                keys.discard(change.key)
            else:
                keys.add(change.key)  # type: ignore[arg-type]

    assert keys == set(desk[Desk].notes())


def test_snapshot_has_the_cursor_of_its_own_state(file_desk: Store, store_path: Path) -> None:
    with file_desk.snapshot():
        before = file_desk.cursor()
        file_rows(store_path, "INSERT INTO desk_note (text) VALUES ('a')")

        assert file_desk.cursor() == before

    assert file_desk.cursor() > before


def test_cursor_of_another_epoch_or_beyond_the_end_is_refused(desk: Store) -> None:
    desk[Desk].add("a")
    head = desk.cursor()

    for cursor in (Cursor("other", head.seq), Cursor(head.epoch, head.seq + 1), Cursor(head.epoch, 10**25)):
        with pytest.raises(ResyncRequiredError) as caught:
            everything(desk, cursor)
        assert caught.value.reason == "restored"
        assert isinstance(caught.value.oldest, Cursor)
        assert everything(desk, caught.value.oldest) == everything(desk)


def test_cursor_is_printed_and_read_back_and_compared() -> None:
    cursor = Cursor("k:3", 412)

    assert str(cursor) == "k:3:412"
    assert Cursor.parse("k:3:412") == cursor
    assert Cursor("k:3", 411) < cursor <= Cursor("k:3", 412)
    with pytest.raises(ValueError, match="two epochs"):
        assert cursor < Cursor("other", 413)


@pytest.mark.parametrize("text", ["", "412", ":412", "k:", "k:-1", "k:1.0", "k:²", "k: 1", "k"])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no cursor"):
        Cursor.parse(text)
