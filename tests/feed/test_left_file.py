"""A file that was replaced or deleted under a store that listens: nothing is written to what is gone."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stina_core import ResyncRequiredError, Store, StoreClosedError

from .desk import Desk, Heard, Values, feed_threads, open_desk, until


def _replace(path: Path) -> None:
    other = path.parent / "other.db"
    open_desk(other).close()
    for ending in ("-wal", "-shm"):  # of the old one, which SQLite would take for the new one's
        Path(f"{path}{ending}").unlink(missing_ok=True)
    shutil.move(other, path)


def _delete(path: Path) -> None:
    for one in path.parent.glob(f"{path.name}*"):
        if one.is_file():
            one.unlink()


WAYS: dict[str, Callable[[Path], None]] = {"replaced": _replace, "deleted": _delete}


def left(store: Store, path: Path, way: str) -> Heard:
    """Have the file go away under the store, which listens; return when everybody was told."""
    heard = Heard()
    store.subscribe(heard)
    WAYS[way](path)
    heard.wait_for(lambda told: told and told[-1].resync == "replaced")
    until(lambda: _refuses(store))
    return heard


def _refuses(store: Store) -> bool:
    try:
        store[Desk].count()
    except StoreClosedError:
        return True
    return False


@pytest.mark.parametrize("way", WAYS)
def test_reads_and_writes_say_so(file_desk: Store, store_path: Path, way: str) -> None:
    file_desk[Desk].add("a")
    left(file_desk, store_path, way)

    for use in (
        file_desk[Desk].count,
        lambda: file_desk[Desk].add("b"),
        file_desk.cursor,
        lambda: file_desk.transaction().__enter__(),
        lambda: file_desk.snapshot().__enter__(),
        lambda: file_desk.observe(file_desk[Desk].count, lambda count: None),
        lambda: file_desk.subscribe(Heard()),
    ):
        with pytest.raises(StoreClosedError, match="close it and open it again"):
            use()
    assert not file_desk._transactions.open
    assert not file_desk.closed


@pytest.mark.parametrize("listens", [True, False])
@pytest.mark.parametrize("way", WAYS)
def test_consumer_and_streams_are_to_begin_anew(
    file_desk: Store, store_path: Path, way: str, listens: bool
) -> None:
    begin = file_desk.cursor()
    consumer = file_desk.consumer("counter")
    consumer.start(begin)
    file_desk[Desk].add("a")
    consumer.process(lambda changes: None)
    if listens:
        left(file_desk, store_path, way)
    else:
        WAYS[way](store_path)

    with pytest.raises(ResyncRequiredError) as of_consumer:
        consumer.process(lambda changes: None)
    with pytest.raises(ResyncRequiredError) as of_stream:
        list(file_desk.changes(begin))

    assert (of_consumer.value.reason, of_stream.value.reason) == ("replaced", "replaced")


@pytest.mark.parametrize("way", WAYS)
def test_closing_works_and_whoever_opens_it_again_has_the_new_file(store_path: Path, way: str) -> None:
    store = open_desk(store_path)
    store[Desk].add("a")
    values = Values()
    store.observe(store[Desk].count, values)
    left(store, store_path, way)

    begin = time.monotonic()
    store.close()

    assert time.monotonic() - begin < 1.5
    until(lambda: not feed_threads())
    with open_desk(store_path) as again:
        assert again[Desk].count() == 0
    assert values.all == [1]


@pytest.mark.parametrize("way", WAYS)
def test_own_commit_that_is_not_delivered_yet_does_not_hold_up_closing(store_path: Path, way: str) -> None:
    store = open_desk(store_path)
    heard = Heard()
    store.subscribe(heard)
    store[Desk].add("a")
    WAYS[way](store_path)

    begin = time.monotonic()
    store.close()

    assert time.monotonic() - begin < 2.5


@pytest.mark.parametrize("way", WAYS)
def test_thread_that_comes_later_does_not_open_what_stands_there_now(store_path: Path, way: str) -> None:
    """Also where nobody listens, and so nobody has noticed yet."""
    with open_desk(store_path) as store:
        store[Desk].add("a")
        WAYS[way](store_path)

        with ThreadPoolExecutor(1) as threads:
            later = threads.submit(store[Desk].count)
            with pytest.raises(StoreClosedError, match="close it and open it again"):
                later.result()
