"""Keeps a migration step's statements off tables that are not its plugin's.

SQLite asks before it prepares a statement what the statement wants to do. Reads
are always fine, and so are tables of nobody, which the original app left. This
stops accidents; a plugin is code in the same process and could do anything.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

import apsw

from ...errors import DefinitionError

_ON_FIRST = frozenset(
    {
        apsw.SQLITE_INSERT,
        apsw.SQLITE_UPDATE,
        apsw.SQLITE_DELETE,
        apsw.SQLITE_CREATE_TABLE,
        apsw.SQLITE_DROP_TABLE,
    }
)
"""Actions whose first argument is the table."""

_ON_SECOND = frozenset(
    {
        apsw.SQLITE_ALTER_TABLE,
        apsw.SQLITE_CREATE_INDEX,
        apsw.SQLITE_DROP_INDEX,
        apsw.SQLITE_CREATE_TRIGGER,
        apsw.SQLITE_DROP_TRIGGER,
        apsw.SQLITE_CREATE_TEMP_TRIGGER,
    }
)
"""Actions whose second argument is the table."""


@contextmanager
def confined(
    connection: apsw.Connection, plugin: str, others: Collection[str], shared: Collection[str]
) -> Iterator[None]:
    """Inside the block *connection* changes no table of the plugins *others*, except those in *shared*.

    Raises:
        DefinitionError: a statement would; it was not started.
    """

    def ask(
        action: int, first: str | None, second: str | None, database: str | None, cause: str | None
    ) -> int:
        table = first if action in _ON_FIRST else second if action in _ON_SECOND else None
        owner, is_owned, _ = (table or "").partition("_")
        if is_owned and owner in others and table not in shared:
            raise DefinitionError(f"a step of {plugin} may not change {table}, which is not its own")
        return apsw.SQLITE_OK

    connection.authorizer = ask
    try:
        yield
    finally:
        connection.authorizer = None
