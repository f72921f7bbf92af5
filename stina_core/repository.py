"""The base of every repository: a plugin's typed reads and writes, and the only way in."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import peewee

from .errors import NotFoundError

if TYPE_CHECKING:
    from .store import Store
    from .transactions import Transaction


_RUN_LATER = (inspect.isgeneratorfunction, inspect.iscoroutinefunction, inspect.isasyncgenfunction)


class Repository:
    """The reads and writes of one plugin on one store; `store[NoteRepository]` gives it.

    Semantics:
        - Inside a public method the store is current: models speak to it.
        - A single write is its own transaction; several go into `with self.transaction():`.
        - Methods return finished values, never models, queries or generators: a
          query that runs later would run against whatever store is current then.
        - A repository keeps no state of its own, so all threads may use it.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    def transaction(self, actor: str | None = None) -> Transaction:
        """Open a transaction, or join the one that is open; see `Store.transaction`."""
        return self.store.transaction(actor)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name, method in list(vars(cls).items()):
            if name.startswith("_") or not inspect.isfunction(method):
                continue
            if any(runs_later(method) for runs_later in _RUN_LATER):
                raise TypeError(
                    f"{cls.__name__}.{name} runs after its call has ended, when another store may be current; "
                    "return a list from a plain method"
                )
            setattr(cls, name, _in_store(method))


def _in_store(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(self: Repository, *arguments: Any, **options: Any) -> Any:
        with self.store.use():
            try:
                return method(self, *arguments, **options)
            except peewee.DoesNotExist as error:
                model = getattr(type(error), "model", None)
        # Raised out here, because Peewee's message holds the SQL with its values: not even as a context
        # may it reach a log.
        raise NotFoundError(model._meta.table_name if model else "the table", None)

    return call
