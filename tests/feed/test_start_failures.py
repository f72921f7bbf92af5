"""A listener that cannot be started: an error that says so, nothing left, and the next one works."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stina_core import Store, StoreIOError
from stina_core.feed.delivery import Delivery
from stina_core.feed.feed import Feed
from stina_core.feed.listener import Listener
from stina_core.testing import run_python

from .desk import Desk, Heard, Values, descriptors, feed_threads

ERRORS = [OSError(24, "Too many open files"), RuntimeError("can't start new thread")]

USES: dict[str, Callable[[Store], object]] = {
    "subscribe": lambda store: store.subscribe(lambda changes: None),
    "subscribe to a table": lambda store: store.subscribe(lambda changes: None, ["desk_note"]),
    "observe": lambda store: store.observe(store[Desk].count, lambda value: None),
    "follow": lambda store: next(store.changes(store.cursor(), follow=True)),
}


def _fail_with(error: Exception) -> Callable[..., object]:
    def fail(*arguments: object) -> object:
        raise error

    return fail


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("part", ["thread", "waiter"])
def test_it_says_so_and_leaves_nothing(
    file_desk: Store, store_path: Path, part: str, use: str, error: Exception
) -> None:
    file_desk[Desk].add("before")
    before = descriptors()

    with pytest.MonkeyPatch.context() as patch:
        if part == "thread":
            patch.setattr(Listener, "start", _fail_with(error))
        else:
            patch.setattr(file_desk._backend, "waiter", _fail_with(error))
        with pytest.raises(StoreIOError, match="listen"):
            USES[use](file_desk)

    feed = file_desk._feed
    assert (len(feed._router), feed._followers, feed._listener, feed_threads()) == (0, {}, None, [])
    assert descriptors() == before
    assert not list(store_path.parent.glob("*.wake"))
    heard = Heard()
    with file_desk.subscribe(heard):
        file_desk[Desk].add("after")
        heard.wait(1)


def test_subscription_that_cannot_read_where_the_feed_ends_leaves_nothing(
    desk: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with desk.subscribe(Heard()):
        with monkeypatch.context() as patch:
            patch.setattr(Feed, "head", _fail_with(StoreIOError("broken")))
            with pytest.raises(StoreIOError, match="broken"):
                desk.subscribe(Heard())

        assert len(desk._feed._router) == 1


WITHOUT_DESCRIPTORS = """
import os, resource
from stina_core import StoreIOError
from tests.feed.desk import Desk, Heard, open_desk
with open_desk(sys.argv[1]) as store:
    store[Desk].count()
    store.cursor()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = int(sys.argv[2])
    taken = len(os.listdir("/proc/self/fd")) - 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (taken + free, hard))
    try:
        store.subscribe(lambda changes: None)
        print("listens")
    except StoreIOError as error:
        print("refused", len(store._feed._router))
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    heard = Heard()
    store.subscribe(heard)
    store[Desk].add("a")
    heard.wait(1)
    print("heard")
"""


@pytest.mark.parametrize("free", [0, 2, 3, 5])
def test_it_says_so_however_few_descriptors_are_left(store_path: Path, free: int) -> None:
    first, *rest = run_python(WITHOUT_DESCRIPTORS, store_path, free).splitlines()

    assert first in ("listens", "refused 0")
    assert rest == ["heard"]


def test_delivery_without_a_thread_to_be_had_is_late_and_loses_nothing(
    desk: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Delivery._start
    refused: list[bool] = []

    def start(self: Delivery) -> None:
        if len(refused) < 3:
            refused.append(True)
            raise RuntimeError("can't start new thread")
        real(self)

    monkeypatch.setattr(Delivery, "_start", start)
    heard, values = Heard(), Values()

    with desk.subscribe(heard), desk.observe(desk[Desk].count, values):
        desk[Desk].add("a")
        desk[Desk].add("b")
        heard.wait(2)
        values.wait_for(2)

    assert len(refused) == 3
