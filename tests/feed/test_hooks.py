"""Plugins that react to changes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from stina_core import Changes, HookError, PluginState, Store, StoreConfig, hookimpl, local_plugin
from stina_core.plugins import Candidate

from .desk import CONFIG, Desk, Heard, feed_threads, open_desk, until


def watching(name: str, heard: Heard, **hooks: object) -> Candidate:
    """Return a plugin whose `on_change` is *heard*."""

    def on_change(store: Store, changes: Changes) -> None:
        heard(changes)

    return local_plugin(name, SimpleNamespace(on_change=hookimpl(on_change), **hooks))


def test_plugin_is_told_of_every_transaction_once_local_and_remote(store_path: Path) -> None:
    heard = Heard()

    with open_desk(store_path, watching("watcher", heard)) as store, open_desk(store_path) as other:
        store[Desk].add("a")
        other[Desk].tag("x")
        store[Desk].add("b")
        found = heard.wait(3)

        assert [changes.origin for changes in found] == [store.origin, other.origin, store.origin]
    assert len(heard.all) == 3


def test_plugin_is_told_at_closing(place: str) -> None:
    heard = Heard()

    with open_desk(place, watching("watcher", heard)) as store:
        store[Desk].add("a")

    assert len(heard.all) == 1


def test_hook_that_raises_is_logged_with_its_plugin_and_the_others_run(
    place: str, logged: pytest.LogCaptureFixture
) -> None:
    def fail(changes: Changes) -> None:
        raise LookupError("broken")

    failing, heard = Heard(fail), Heard()
    store = open_desk(place, watching("breaks", failing), watching("works", heard))
    for count in range(1, 4):
        store[Desk].add("a")
        heard.wait(count)
        failing.wait(count)
    assert {status.state for status in store.plugins} == {PluginState.ON}
    assert store.config.strict
    with pytest.raises(HookError, match="on_change of the plugin 'breaks' raised LookupError"):
        store.close()  # in strict mode a test must not pass with it
    assert store.closed

    failures = [facts for facts in map(_facts, logged.records) if facts.get("event") == "receiver.failed"]
    assert [facts["receiver"] for facts in failures] == ["breaks"] * 3


def _facts(record: object) -> dict[str, object]:
    return getattr(record, "facts", {})


def test_plugin_that_is_off_is_told_nothing(place: str) -> None:
    heard, off = Heard(), Heard()

    def startup(store: Store) -> None:
        raise LookupError("no")

    config = StoreConfig(synchronous="NORMAL")
    plugins = (watching("on", heard), watching("off", off, startup=hookimpl(startup)))
    with open_desk(place, *plugins, config=config) as store:
        store[Desk].add("a")
        heard.wait(1)
        assert "off" in store.errors

    assert off.all == []


def test_without_a_hook_and_a_subscription_nothing_listens(place: str) -> None:
    with open_desk(place) as store:
        store[Desk].add("a")
        list(store.changes())

        assert feed_threads() == []


def test_hook_alone_makes_the_store_listen(place: str) -> None:
    with open_desk(place, watching("watcher", Heard())):
        assert feed_threads() == ["stina-listener"]


def test_what_startup_writes_is_told(place: str) -> None:
    heard = Heard()

    def startup(store: Store) -> None:
        store[Desk].add("by startup")

    with open_desk(place, watching("watcher", heard, startup=hookimpl(startup))) as store:
        store[Desk].tag("x")

    assert [changes.tables for changes in heard.all] == [{"desk_note"}, {"desk_tag"}]


def test_hook_may_write_and_is_told_of_that_with_its_cause(place: str) -> None:
    heard = Heard()

    def on_change(store: Store, changes: Changes) -> None:
        heard(changes)
        if changes.cause is None:
            store[Desk].tag("answer")

    plugin = local_plugin("watcher", SimpleNamespace(on_change=hookimpl(on_change)))
    with open_desk(place, plugin) as store:
        store[Desk].add("a")
        first, second = heard.wait(2)

    assert second.cause == first.cursor


def test_startup_may_subscribe(place: str) -> None:
    heard = Heard()
    plugin = local_plugin(
        "watcher", SimpleNamespace(startup=hookimpl(lambda store: _subscribe(store, heard)))
    )

    with open_desk(place, plugin, config=CONFIG) as store:
        store[Desk].add("a")
        until(lambda: heard.all)

    assert len(heard.all) == 1


def _subscribe(store: Store, heard: Heard) -> None:
    store.subscribe(heard)
