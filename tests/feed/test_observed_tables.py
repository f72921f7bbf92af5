"""Which tables a live query has read, and so which commits have it read again."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from stina_core import InvalidValueError, Store
from stina_core.testing import file_rows

from .desk import DEADLINE, Desk, Heard, Values, beside
from .reads import Reads, settle


def test_only_changes_of_the_tables_it_read_make_it_read_again(desk: Store) -> None:
    reads = Reads(desk[Desk].count)

    with desk.observe(reads, Values()):
        for number in range(5):
            desk[Desk].tag(str(number))
            desk[Desk].draft("a")
        settle(desk)

        assert reads.count == 1


def test_statement_that_was_prepared_before_is_still_noticed(desk: Store) -> None:
    for _ in range(3):
        desk[Desk].notes()
    values = Values()

    with desk.observe(desk[Desk].notes, values):
        desk[Desk].add("a")
        values.wait_for({1: "a"})


def test_without_the_note_of_tables_by_statement_nothing_would_be_noticed(
    desk: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: reads that are recorded without their tables."""
    monkeypatch.setattr(desk._backend._reads, "of", lambda connection, statements: set())  # type: ignore[attr-defined]
    values, heard = Values(), Heard()

    with desk.observe(desk[Desk].notes, values), desk.subscribe(heard):
        desk[Desk].add("a")
        heard.wait(1)
        settle(desk)

    assert values.all == [{}]


QUERIES = {
    "join": "SELECT count(*) FROM desk_note AS n JOIN desk_tag AS t ON t.weight = n.id",
    "subquery": "SELECT count(*) FROM desk_note WHERE id IN (SELECT weight FROM desk_tag)",
    "exists": "SELECT 1 WHERE EXISTS (SELECT 1 FROM desk_note) AND EXISTS (SELECT 1 FROM desk_tag)",
    "cte": "WITH c AS (SELECT id FROM desk_note UNION ALL SELECT weight FROM desk_tag) SELECT count(*) FROM c",
    "union": "SELECT id FROM desk_note UNION SELECT weight FROM desk_tag",
    "counts": "SELECT (SELECT count(*) FROM desk_note) + (SELECT count(*) FROM desk_tag)",
    "upper case": "SELECT DESK_NOTE.ID FROM DESK_NOTE, Desk_Tag WHERE WEIGHT > 1",
}


@pytest.mark.parametrize("kind", QUERIES)
def test_tables_are_found_in_every_kind_of_query(desk: Store, kind: str) -> None:
    for _ in range(2):  # the second time it is served from what is remembered
        with desk.observe(lambda: desk._backend.execute(QUERIES[kind]), Values()) as observation:
            assert observation.tables == {"desk_note", "desk_tag"}


def test_counted_table_is_found_in_whatever_case_it_is_written(desk: Store) -> None:
    with desk.observe(lambda: desk._backend.execute("SELECT count(*) FROM DESK_NOTE"), Values()) as counted:
        assert counted.tables == {"desk_note"}


def test_tables_behind_a_view_are_found(file_desk: Store, store_path: Path) -> None:
    file_rows(store_path, "CREATE VIEW heavy AS SELECT name FROM desk_tag WHERE weight > 5")
    values = Values()

    with file_desk.observe(
        lambda: file_desk._backend.execute("SELECT name FROM heavy"), values
    ) as observation:
        assert observation.tables == {"desk_tag"}
        file_desk[Desk].tag("x", 6)
        values.wait_for([("x",)])


def test_tables_follow_the_answer(desk: Store) -> None:
    def notes_if_tagged() -> object:
        return desk[Desk].notes() if desk[Desk].tags() else None

    values, reads = Values(), Reads(notes_if_tagged)
    with desk.observe(reads, values) as observation:
        desk[Desk].add("a")
        settle(desk)
        assert (reads.count, set(observation.tables)) == (1, {"desk_tag"})

        desk[Desk].tag("on")
        values.wait_for({1: "a"})
        settle(desk)
        assert observation.tables == {"desk_note", "desk_tag"}
        desk[Desk].add("b")
        values.wait_for({1: "a", 2: "b"})

        desk[Desk].untag("on")
        values.wait_for(None)
        settle(desk)
        assert observation.tables == {"desk_tag"}
        count = reads.count
        desk[Desk].add("c")
        settle(desk)
        assert reads.count == count


def test_change_of_a_table_that_is_being_read_for_the_first_time_is_not_missed(file_desk: Store) -> None:
    """It comes after the snapshot was read, and before it is known which tables were read.

    In memory nobody can commit while another one reads.
    """
    values = Values()
    reads = Reads(lambda: file_desk[Desk].notes() if file_desk[Desk].tags() else None)

    def write_meanwhile() -> None:
        if reads.count == 2:
            with beside(lambda: file_desk[Desk].add("meanwhile")):
                pass
            feed = file_desk._feed
            assert feed._listener is not None
            assert feed._listener.reach(lambda: feed._marker.newest, time.monotonic() + DEADLINE)

    reads.after = write_meanwhile
    with file_desk.observe(reads, values):
        file_desk[Desk].tag("on")
        values.wait_for({1: "meanwhile"})


def test_read_of_an_untracked_table_is_refused(desk: Store) -> None:
    with pytest.raises(InvalidValueError, match="desk_draft"):
        desk.observe(desk[Desk].drafts, Values())
