"""What goes on after a repository's method: a handle that is closed may be returned, a block may not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from stina_core import Changes, Repository, Store
from stina_core.testing import memory_store


class Following(Repository):
    def subscribe(self, callback: Any) -> AbstractContextManager[object]:
        return self.store.subscribe(callback)

    def observe(self, read: Any, on_value: Any) -> AbstractContextManager[object]:
        return self.store.observe(read, on_value)

    def block(self) -> AbstractContextManager[object]:
        return self.transaction()

    def reads(self) -> AbstractContextManager[object]:
        return self.store.snapshot()

    def models(self) -> AbstractContextManager[object]:
        return self.store.use()

    def handle(self) -> object:
        return Handle()


class Handle:
    """Says of itself, and not by its class, how it is closed."""

    def __init__(self) -> None:
        self.close: Callable[[], None] = lambda: None

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


@pytest.fixture
def store() -> Iterator[Store]:
    with memory_store() as opened:
        yield opened


def test_handles_of_subscriptions_and_observations_are_given_out(store: Store) -> None:
    def ignore(changes: Changes) -> None:
        pass

    with Following(store).subscribe(ignore), Following(store).observe(lambda: 1, ignore):
        pass


def test_handle_that_has_its_own_close_is_given_out(store: Store) -> None:
    assert isinstance(Following(store).handle(), Handle)


@pytest.mark.parametrize("name", ["block", "reads", "models"])
def test_blocks_of_the_store_are_refused(name: str, store: Store) -> None:
    with pytest.raises(TypeError, match="return finished values"):
        getattr(Following(store), name)()
