"""What a write was caused by: a chain of handlers that write is recognised, and ends."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, NamedTuple

from ..errors import TransactionError

if TYPE_CHECKING:
    from ..changes import Changes, Cursor

MAX_DEPTH = 8
"""How many writes of handlers may lead to one another. Real chains are two or three long; without an end,
a handler that answers its own write keeps every program at work for ever (seen in PowerSync: 348 % CPU)."""


class Cause(NamedTuple):
    """The transaction that is being delivered in this context.

    Attributes:
        cursor: Where it ended.
        depth: How many writes of handlers led to it.
        consumer: Which consumer processes it, if one does.
    """

    cursor: Cursor
    depth: int
    consumer: str | None = None


_current: ContextVar[Cause | None] = ContextVar("stina_current_cause", default=None)


class delivering:  # noqa: N801  # a block, as those of contextlib; a generator would delay each callback
    """Inside the block, what this thread or task writes is caused by *changes*, as *consumer* processes them."""

    __slots__ = ("_cause", "_token")

    def __init__(self, changes: Changes, consumer: str | None = None) -> None:
        cursor = changes.cursor
        self._cause = Cause(cursor, changes.depth, consumer) if cursor is not None else None

    def __enter__(self) -> None:
        self._token = _current.set(self._cause)

    def __exit__(self, *error: object) -> None:
        _current.reset(self._token)


def current_cause() -> Cause | None:
    """Return what a write here and now is caused by."""
    return _current.get()


def check_depth(cause: Cause) -> None:
    """Refuse a write that is caused so.

    Raises:
        TransactionError: the chain of handlers that write has become too long.
    """
    if cause.depth >= MAX_DEPTH:
        raise TransactionError(
            f"a handler of changes wrote because of a write of a handler, {MAX_DEPTH} times in a row; this write "
            "was refused, so that they do not go on for ever. Let the handler leave alone what it wrote itself "
            "(changes.cause and changes.origin tell)"
        )
