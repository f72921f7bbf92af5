"""A file that gets other contents, or another file in its place, while a store has it open."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from stina_core import Changes, Cursor, ResyncRequiredError, Store, maintenance
from stina_core.testing import file_rows

from .desk import CONFIG, PLUGINS, Desk, Heard, Values, open_desk, short

RESETS = [("desk_note", "reset", None), ("desk_tag", "reset", None)]


@pytest.fixture
def backup(file_desk: Store, store_path: Path) -> Path:
    """Return a backup of the store with one note; it goes on with some more."""
    file_desk[Desk].add("kept")
    made = maintenance.back_up(replace(CONFIG, path=str(store_path)))
    for _ in range(20):
        file_desk[Desk].add("lost")
    return made.path


def restore(store_path: Path, backup: Path) -> None:
    maintenance.restore(replace(CONFIG, path=str(store_path)), backup)


def resets(heard: Heard, count: int = 1) -> list[Changes]:
    return [changes for changes in heard.wait_for(lambda told: len(told) >= count) if changes.resync]


def test_restored_file_is_told_as_a_reset_of_every_table_and_then_goes_on(
    file_desk: Store, store_path: Path, backup: Path
) -> None:
    heard, tags = Heard(), Heard()

    with file_desk.subscribe(heard), file_desk.subscribe(tags, ["desk_tag"]):
        restore(store_path, backup)
        (reset,) = heard.wait(1)
        file_desk[Desk].add("after")
        after = heard.wait(2)[1]
        (tag_reset,) = tags.wait(1)

    assert (reset.resync, short(reset)) == ("restored", RESETS)
    assert (tag_reset.resync, short(tag_reset)) == ("restored", RESETS[1:])
    assert (after.resync, after.origin) == ("", file_desk.origin)
    assert after.cursor == file_desk.cursor()


def test_cursors_from_before_a_restore_are_refused_and_the_oldest_is_resumed(
    file_desk: Store, store_path: Path, backup: Path
) -> None:
    before = file_desk.cursor()
    with file_desk.changes(before, follow=True) as stream:
        restore(store_path, backup)

        with pytest.raises(ResyncRequiredError) as caught:
            next(stream)

    assert caught.value.reason == "restored"
    file_desk[Desk].add("after")
    assert list(file_desk.changes(caught.value.oldest)) == list(file_desk.changes())  # type: ignore[arg-type]


def test_reset_store_is_told_as_restored(file_desk: Store, store_path: Path) -> None:
    heard, values = Heard(), Values()
    file_desk[Desk].add("lost")

    with file_desk.subscribe(heard), file_desk.observe(file_desk[Desk].count, values):
        maintenance.reset(replace(CONFIG, path=str(store_path)), PLUGINS)
        (reset,) = heard.wait(1)
        values.wait_for(0)

    assert (reset.resync, short(reset)) == ("restored", RESETS)


def test_store_that_wrote_more_than_was_restored_still_closes_at_once(store_path: Path) -> None:
    store = open_desk(store_path)
    made = maintenance.back_up(replace(CONFIG, path=str(store_path)))
    heard = Heard()
    store.subscribe(heard)
    for _ in range(20):
        store[Desk].add("lost")
    heard.wait(20)
    restore(store_path, made.path)
    heard.wait(21)

    begin = time.monotonic()
    store.close()

    assert time.monotonic() - begin < 1.5


def test_file_put_in_the_place_of_the_open_one_is_told_once_to_everybody(
    file_desk: Store, store_path: Path, tmp_path: Path, logged: pytest.LogCaptureFixture
) -> None:
    other = tmp_path / "other.db"
    open_desk(other).close()
    heard, late = Heard(), Heard()

    with file_desk.subscribe(heard):
        file_desk[Desk].add("a")
        heard.wait(1)
        with file_desk.subscribe(late):
            shutil.move(other, store_path)
            (told,) = late.wait(1)
            heard.wait(2)
            file_desk._feed._listener._waiter.interrupt()  # type: ignore[union-attr]

    assert (told.resync, short(told)) == ("replaced", RESETS)
    assert (len(heard.all), len(late.all)) == (2, 1)
    assert logged.text.count("file.replaced") == 1


def test_stream_that_follows_a_file_which_is_replaced_says_so(
    file_desk: Store, store_path: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.db"
    open_desk(other).close()
    start = file_desk.cursor()
    file_desk[Desk].add("a")

    with file_desk.changes(start, follow=True) as follower:
        next(follower)
        shutil.move(other, store_path)
        with pytest.raises(ResyncRequiredError) as caught:
            next(follower)
    assert caught.value.reason == "replaced"


def test_stream_reads_what_it_can_of_a_file_that_was_replaced_unnoticed_and_then_says_so(
    file_desk: Store, store_path: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.db"
    open_desk(other).close()
    start = file_desk.cursor()
    file_desk[Desk].add("a")
    shutil.move(other, store_path)

    stream = file_desk.changes(start)
    assert len(next(stream)) == 1
    with pytest.raises(ResyncRequiredError, match="close it and open it again"):
        next(stream)


def test_store_is_closed_at_once_while_a_restore_is_not_noticed_yet(
    store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_desk(store_path)
    made = maintenance.back_up(replace(CONFIG, path=str(store_path)))
    heard = Heard()
    store.subscribe(heard)
    for _ in range(20):
        store[Desk].add("lost")
    heard.wait(20)
    real, held = store._feed.log.batches, threading.Event()

    def batches(since: Cursor) -> Iterator[list[Changes]]:
        held.wait(0.3)
        yield from real(since)

    monkeypatch.setattr(store._feed.log, "batches", batches)
    restore(store_path, made.path)

    begin = time.monotonic()
    store.close()

    assert time.monotonic() - begin < 1.5
    assert {changes.resync for changes in heard.all[20:]} <= {"restored"}  # or it was closed before


def test_listener_that_was_overtaken_by_pruning_tells_resets(file_desk: Store, store_path: Path) -> None:
    heard = Heard()

    with file_desk.subscribe(heard):
        file_desk[Desk].add("a")
        heard.wait(1)
        file_rows(
            store_path,
            "INSERT INTO desk_note (text) VALUES ('b'), ('c'), ('d'); "
            "UPDATE stina_feed SET oldest = (SELECT max(seq) - 1 FROM stina_change); "
            "DELETE FROM stina_change WHERE seq < (SELECT max(seq) FROM stina_change)",
        )
        told = heard.wait_for(lambda told: told[-1].resync or len(told) > 1)

    if told[-1].resync:  # or it was quick enough to see the rows between the statements
        assert (told[-1].resync, short(told[-1])) == ("pruned", RESETS)
