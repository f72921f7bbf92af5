"""Ctrl-C while a store closes: everything ends all the same."""

from __future__ import annotations

import signal
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from stina_core import Store, StoreClosedError, hookimpl, local_plugin
from stina_core.feed.listener import Listener
from stina_core.feed.stream import ChangeStream
from stina_core.testing import running_python

from .desk import Desk, Heard, beside, descriptors, feed_threads, open_desk, until


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_interrupt_while_own_commits_are_delivered_leaves_nothing_open(
    store_path: Path, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    shut: list[bool] = []
    plugin = local_plugin("shuts", SimpleNamespace(shutdown=hookimpl(lambda: shut.append(True))))
    store = open_desk(store_path, plugin)
    store.subscribe(Heard())
    follower = store.changes(store.cursor(), follow=True)
    begun = Heard()

    def follow(stream: ChangeStream) -> None:
        for changes in stream:
            begun(changes)

    def reach(self: Listener, *arguments: object) -> bool:
        raise error

    with beside(partial(follow, follower)) as raised:
        store[Desk].add("a")
        begun.wait(1)
        with monkeypatch.context() as patch:
            patch.setattr(Listener, "reach", reach)
            with pytest.raises(error):
                store.close()

    assert raised == []
    assert shut == [True]
    assert store.closed
    until(lambda: not feed_threads())
    assert not list(store_path.parent.glob("*.wake"))
    del follower
    until(lambda: not [one for one in descriptors() if str(store_path) in one])
    with pytest.raises(StoreClosedError):
        store[Desk].count()
    store.close()


INTERRUPTED = """
import os, threading
from types import SimpleNamespace
from stina_core import hookimpl, local_plugin
from stina_core.feed.delivery import Delivery
from tests.feed.desk import Desk, open_desk, feed_threads, until
shut = local_plugin("shuts", SimpleNamespace(shutdown=hookimpl(lambda: say("shut down"))))
store = open_desk(sys.argv[1], shut)
stuck = threading.Event()
def callback(changes):
    say("stuck")
    stuck.wait(60)
store.subscribe(callback)
follower = store.changes(store.cursor(), follow=True)
thread = threading.Thread(target=lambda: list(follower))
thread.start()
store[Desk].add("a")
sys.stdin.readline()
real = Delivery.drain
def drain(self, deadline):
    say("closing")  # an interrupt before this is one before close() began
    return real(self, deadline)
Delivery.drain = drain
try:
    store.close()
    say("closed")
except KeyboardInterrupt:
    say("interrupted")
thread.join(20)
assert not thread.is_alive()
stuck.set()
until(lambda: not feed_threads())
assert store.closed
said = [os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{n}")]
say("open", sum(sys.argv[1] in one for one in said))
"""


def test_real_ctrl_c_while_a_callback_is_stuck_ends_everything(store_path: Path) -> None:
    with running_python(INTERRUPTED, store_path) as program:
        program.hear("stuck")
        program.say()
        program.hear("closing")
        program.signal(signal.SIGINT)
        program.hear("shut down")
        assert program.hear("interrupted") == ""
        assert program.hear("open") == "0"
        program.finish()
    with open_desk(store_path) as store:
        assert isinstance(store, Store)
        assert store[Desk].count() == 1
