"""What followers in the test's own process were told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from stina_core import Changes, Cursor, Op, ResyncRequiredError, Store
from stina_core.backends.wake import Way

from .feed_programs import DEADLINE


class Heard:
    """A subscriber: the pairs it was told of, and the tables that were reset, both in order."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.resets: list[tuple[str, set[str]]] = []

    def __call__(self, changes: Changes) -> None:
        resets = {change.table for change in changes if change.op is Op.RESET}
        if resets:
            self.resets.append((changes.resync, resets))
        self.tokens += tokens_of(changes)


class Streaming:
    """A thread that reads a stream to its end: the pairs it was given, and why it stopped."""

    def __init__(self, store: Store, since: Cursor) -> None:
        self.tokens: list[str] = []
        self.cursor = since
        self.error: ResyncRequiredError | None = None
        self._stream = store.changes(since, follow=True)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            for changes in self._stream:
                self.tokens += tokens_of(changes)
                self.cursor = self._stream.cursor
        except ResyncRequiredError as error:
            self.error = error

    def close(self) -> None:
        self._stream.close()
        self._thread.join(DEADLINE)
        assert not self._thread.is_alive()


def tokens_of(changes: Changes) -> list[str]:
    """Return the tokens of the pairs that were added by *changes*; AssertionError if one is torn."""
    added = [change.key for change in changes.of("shelf_half") if change.op is Op.INSERT]
    keys = [key for key in added if isinstance(key, tuple)]
    assert len(keys) % 2 == 0
    return [str(token) for token, side in keys if side == "left"]


@contextmanager
def heard_from(store: Store, ways: frozenset[Way] | None = None) -> Iterator[Heard]:
    """Subscribe to *store*, whose listener is woken in *ways* only if that is the first follower."""
    heard = Heard()
    store._backend.ways = ways  # type: ignore[attr-defined]
    with store.subscribe(heard):
        yield heard


@contextmanager
def streamed(store: Store, since: Cursor | None = None) -> Iterator[Streaming]:
    """Follow *store* with a stream, from now on or from *since*."""
    streaming = Streaming(store, since or store.cursor())
    try:
        yield streaming
    finally:
        streaming.close()
