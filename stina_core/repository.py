"""The base of every repository: a plugin's typed reads and writes, and the only way in."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import GeneratorType
from typing import TYPE_CHECKING, Any

import peewee

from .model import current_database

if TYPE_CHECKING:
    from .changes import Actor
    from .model import Model
    from .search.index import FullTextIndex
    from .store import Store
    from .transactions import Transaction


_RUN_LATER = (inspect.isgeneratorfunction, inspect.iscoroutinefunction, inspect.isasyncgenfunction)
_LIVE = (peewee.Model, peewee.BaseQuery, GeneratorType)
_SEVERAL = (list, tuple)


class Repository:
    """The reads and writes of one plugin on one store; `store[NoteRepository]` gives it.

    Semantics:
        - Inside a public method or property the store is current: models speak to it.
        - A single write is its own transaction; several go into `with self.transaction():`.
        - Methods return finished values, never models, queries or generators: a
          query that runs later would run against whatever store is current then.
          What breaks this is refused with TypeError, at the latest by the call.
          A handle that is closed, such as that of a subscription, may be returned:
          what it goes on with are callbacks, which call repositories again.
        - A repository keeps no state of its own, so all threads may use it.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    def transaction(self, actor: Actor | None = None) -> Transaction:
        """Open a transaction, or join the one that is open; see `Store.transaction`."""
        return self.store.transaction(actor)

    def full_text(self, model: type[Model]) -> FullTextIndex:
        """Return the full-text index of *model*, which declares one by `search = Search(...)` in its Meta.

        Raises:
            DefinitionError: it does not, or no plugin that is on declares it.
        """
        return self.store.full_text(model)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name in dir(cls):
            attribute = inspect.getattr_static(cls, name)
            if name.startswith("_") or hasattr(Repository, name):
                continue
            if isinstance(attribute, property):
                setattr(cls, name, property(_in_store(attribute.fget), attribute.fset, attribute.fdel))
            elif inspect.isfunction(attribute):
                if any(runs_later(inspect.unwrap(attribute)) for runs_later in _RUN_LATER):
                    raise TypeError(
                        f"{cls.__name__}.{name} runs after its call has ended, when another store may be "
                        "current; return a list from a plain method"
                    )
                setattr(cls, name, _in_store(attribute))


def _in_store(method: Callable[..., Any] | None) -> Callable[..., Any]:
    if method is None or getattr(method, "_stina_in_store", False):  # of a base class, which did it already
        return method  # type: ignore[return-value]

    @functools.wraps(method)
    def call(self: Repository, *arguments: Any, **options: Any) -> Any:
        token = current_database.set(self.store.database())  # a block of `store.use()`, at half its price
        try:
            result = method(self, *arguments, **options)
        finally:
            current_database.reset(token)
        first = result[0] if isinstance(result, _SEVERAL) and result else result
        if _is_live(first):
            raise TypeError(
                f"{type(self).__name__}.{method.__name__} returned a {type(first).__name__}, which would go on "
                "using the store after the call; return finished values"
            )
        return result

    call._stina_in_store = True  # type: ignore[attr-defined]
    return call


def _is_live(value: object) -> bool:
    """Whether *value* goes on using the store: a block of a `with` statement does, a handle to close does not."""
    return isinstance(value, _LIVE) or (hasattr(value, "__exit__") and not hasattr(value, "close"))
