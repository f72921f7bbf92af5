"""The limit of the log, where programs that know nothing of it write most."""

from __future__ import annotations

from pathlib import Path

import pytest

from stina_core import Store
from stina_core.feed import marker, retention, tending
from stina_core.testing import file_rows

from .desk import Desk, Heard, until

MOST = 100


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep everything for a minute, but no more than 100 rows; take away 4 at a time."""
    monkeypatch.setattr(retention, "KEPT_ROWS", 10)
    monkeypatch.setattr(retention, "KEPT_MS", 60_000)
    monkeypatch.setattr(retention, "MOST_ROWS", MOST)
    monkeypatch.setattr(retention, "CHUNK", 4)
    monkeypatch.setattr(marker, "MANY", 50)


def write_outside(path: Path, count: int) -> None:
    file_rows(path, "INSERT INTO desk_note (text) VALUES " + ", ".join(["('a')"] * count))


def rows(path: Path) -> int:
    return int(file_rows(path, "SELECT count(*) FROM stina_change")[0][0])


def test_commits_of_ours_take_away_what_others_wrote(file_desk: Store, store_path: Path) -> None:
    write_outside(store_path, 1000)

    counts: list[int] = []
    while not counts or counts[-1] > MOST:
        file_desk[Desk].tag("x")
        counts.append(rows(store_path))

    assert counts == sorted(counts, reverse=True)
    assert len(counts) <= 1000 // 50 + 1


def test_log_stays_at_its_limit_while_others_and_we_go_on(file_desk: Store, store_path: Path) -> None:
    for _ in range(30):
        write_outside(store_path, 20)
        file_desk[Desk].tag("x")

    assert rows(store_path) <= MOST + 4


@pytest.mark.parametrize("ours", [0, 3])
def test_listener_takes_away_what_others_wrote(
    file_desk: Store, store_path: Path, ours: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tending, "EVERY", 0.0)
    monkeypatch.setattr(tending, "PRUNE_EVERY", 0.0)
    for _ in range(ours):
        file_desk[Desk].tag("x")
    write_outside(store_path, 500)

    with file_desk.subscribe(Heard()):
        until(lambda: rows(store_path) <= MOST)


@pytest.mark.parametrize("size", [1, MOST - 1, MOST, 3 * MOST])
@pytest.mark.parametrize("outside", [0, 500])
def test_newest_transaction_is_not_taken_away_by_who_wrote_it(
    file_desk: Store, store_path: Path, size: int, outside: int
) -> None:
    if outside:
        write_outside(store_path, outside)
    begin = file_desk.cursor()

    file_desk[Desk].add_many(["mine"] * size)

    assert sum(len(changes) for changes in file_desk.changes(begin) if changes.origin) == size


def test_who_follows_is_told_of_each_transaction_however_long(file_desk: Store) -> None:
    heard = Heard()

    with file_desk.subscribe(heard):
        for count in range(1, 6):
            file_desk[Desk].add_many(["a"] * 3 * MOST)
            heard.wait(count)

    assert [(len(changes), changes.resync) for changes in heard.all] == [(3 * MOST, "")] * 5
