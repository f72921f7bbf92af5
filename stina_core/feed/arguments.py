"""What the feed is given by its users: mistakes that would otherwise show much later, or never."""

from __future__ import annotations

import inspect
from collections.abc import Collection
from typing import Any

from ..changes import Cursor
from ..errors import InvalidValueError


def check_cursor(cursor: object) -> None:
    """Refuse what is no cursor; most often it is one as it was printed.

    Raises:
        InvalidValueError: it is none.
    """
    if not isinstance(cursor, Cursor):
        raise InvalidValueError(
            "cursor", f"expected a Cursor, got {type(cursor).__name__}; Cursor.parse() reads one from text"
        )


def check_tables(tables: Collection[str], tracked: Collection[str]) -> frozenset[str]:
    """Return *tables*, whose changes somebody wants to follow.

    Raises:
        InvalidValueError: the changes of one are not in the feed, so they would go unnoticed.
    """
    if isinstance(tables, str):
        raise InvalidValueError("tables", f"expected a list of names, got the text {tables!r}")
    unknown = sorted(set(tables) - set(tracked))
    if unknown:
        raise InvalidValueError(
            "tables",
            f"changes of {', '.join(unknown)} are not tracked (no plugin that is on declares it, or it says "
            f"tracked = False), so they would go unnoticed; tracked are {', '.join(sorted(tracked)) or 'none'}",
        )
    return frozenset(tables)


def refuse_async(*functions: object) -> None:
    """Refuse functions that only run when somebody awaits them, which the feed never does.

    Raises:
        TypeError: one is such a function.
    """
    for function in functions:
        called: Any = getattr(function, "func", function)  # of a partial
        if inspect.iscoroutinefunction(called) or inspect.iscoroutinefunction(type(called).__call__):
            raise TypeError(
                f"{getattr(called, '__qualname__', called)} is async, and the feed calls plain functions; in asyncio "
                "use 'async for changes in store.changes(follow=True)', or a plain function with "
                "via=loop.call_soon_threadsafe"
            )
