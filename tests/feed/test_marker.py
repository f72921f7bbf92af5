"""When a transaction is marked, and when others are woken."""

from __future__ import annotations

from pathlib import Path

import pytest

from stina_core import Op, Store, StoreClosedError
from stina_core.feed import marker as markers
from stina_core.feed import retention
from stina_core.feed.retention import Retention
from stina_core.testing import file_rows

from .desk import Desk, open_desk, undo


@pytest.fixture
def rung(desk: Store, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Return a list that has an entry for each ring of the bell."""
    rings: list[bool] = []
    monkeypatch.setattr(desk._backend, "ring", lambda: rings.append(True))
    return rings


def test_commit_rings_once(desk: Store, rung: list[bool]) -> None:
    with desk.transaction():
        desk[Desk].add("a")
        desk[Desk].add("b")

    assert len(rung) == 1


def test_what_changes_nothing_that_is_tracked_writes_nothing_and_rings_nobody(
    desk: Store, rung: list[bool]
) -> None:
    start = desk.cursor()

    desk[Desk].draft("a")
    with desk.transaction():
        pass
    with desk.transaction():
        desk[Desk].notes()
    desk[Desk].remove(99)
    undo(desk, lambda: desk[Desk].add("a"))

    assert desk.cursor() == start
    assert rung == []
    assert list(desk.changes(start)) == []


def test_rows_of_tracked_and_untracked_tables_in_one_transaction_are_marked(desk: Store) -> None:
    start = desk.cursor()

    with desk.transaction():
        desk[Desk].draft("a")
        desk[Desk].add("a")
        desk[Desk].draft("b")

    (changes,) = desk.changes(start)
    assert changes.tables == {"desk_note"}
    assert changes.origin == desk.origin


def test_bell_is_rung_before_the_callbacks_of_the_commit(desk: Store, rung: list[bool]) -> None:
    seen = []

    with desk.transaction() as transaction:
        desk[Desk].add("a")
        transaction.after_commit(lambda: seen.append(len(rung)))

    assert seen == [1]


def test_each_store_has_an_origin_of_its_own(store_path: Path) -> None:
    with open_desk(store_path) as one, open_desk(store_path) as other:
        start = one.cursor()
        one[Desk].add("a")
        other[Desk].add("b")

        assert one.origin != other.origin
        assert one.origin.startswith("python:")
        assert [changes.origin for changes in one.changes(start)] == [one.origin, other.origin]


def test_without_the_marker_what_we_write_is_nobodys_and_runs_together(
    desk: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of the marker."""
    start = desk.cursor()
    monkeypatch.setattr(desk._transactions, "marking", None)

    desk[Desk].add("a")
    desk[Desk].add("b")

    (changes,) = desk.changes(start)
    assert (changes.origin, len(changes)) == (None, 2)


def test_writers_prune_at_every_thousandth_row(desk: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    pruned: list[int] = []
    monkeypatch.setattr(markers, "PRUNE_EVERY", 10)
    monkeypatch.setattr(desk._marker, "_prune", pruned.append)
    desk[Desk].add_many("abcd")
    start = desk.cursor().seq

    for _ in range(12):
        desk[Desk].add("a")

    assert len(pruned) == desk.cursor().seq // 10 - start // 10 > 1
    assert set(pruned) == {20}


def test_every_commit_prunes_while_the_log_is_over_its_limit(
    desk: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    pruned: list[int] = []
    monkeypatch.setattr(retention, "MOST_ROWS", 10)
    monkeypatch.setattr(desk._marker, "_prune", pruned.append)
    for _ in range(5):
        desk[Desk].add("a")
    assert pruned == []

    desk[Desk].add("a")
    desk[Desk].add("a")

    assert pruned == [markers.MANY, markers.MANY]


@pytest.mark.parametrize("error", [StoreClosedError("closed"), OSError("broken")])
def test_commit_does_not_fail_with_the_pruning_after_it(
    file_desk: Store, error: Exception, monkeypatch: pytest.MonkeyPatch, logged: pytest.LogCaptureFixture
) -> None:
    called = []

    def fail(self: Retention) -> bool:
        raise error

    monkeypatch.setattr(markers, "PRUNE_EVERY", 1)
    monkeypatch.setattr(Retention, "_is_due", fail)

    with file_desk.transaction() as transaction:
        file_desk[Desk].add("a")
        transaction.after_commit(lambda: called.append(True))

    assert called == [True]
    assert "retention.failed" in logged.text or "callback.failed" in logged.text


def test_commit_survives_a_newer_program_between_it_and_the_pruning(
    file_desk: Store, store_path: Path, monkeypatch: pytest.MonkeyPatch, logged: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(markers, "PRUNE_EVERY", 1)

    def migrate() -> None:
        file_rows(
            store_path,
            "INSERT INTO stina_ledger (plugin, id, checksum, applied_at, ms, sqlite_version, version, breaking) "
            "VALUES ('desk', '0002_newer', 'x', 0, 0, '', '', 1)",
        )
        file_rows(store_path, "UPDATE stina_feed SET schema_epoch = schema_epoch + 1")

    monkeypatch.setattr(Retention, "_is_due", lambda self: True)
    monkeypatch.setattr(file_desk._backend, "ring", migrate)

    file_desk[Desk].add("a")

    assert file_rows(store_path, "SELECT text FROM desk_note") == [("a",)]
    assert "retention.failed" in logged.text


def test_row_of_a_mark_that_another_program_spoiled_ends_nothing_else(
    file_desk: Store, store_path: Path, logged: pytest.LogCaptureFixture
) -> None:
    start = file_desk.cursor()
    file_desk[Desk].add("a")
    file_rows(store_path, "UPDATE stina_change SET data = 'spoiled' WHERE op = 'T'")
    file_desk[Desk].add("b")

    first, second = file_desk.changes(start)

    assert (first.origin, [one.op for one in first]) == (None, [Op.INSERT])
    assert second.origin == file_desk.origin
    assert "marker.unreadable" in logged.text
