"""Keeps a migration step's statements off tables that are not its plugin's, and off the transaction.

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
    }
)
"""Actions whose second argument is the table."""


_TEMPORARY = frozenset(
    {
        apsw.SQLITE_CREATE_TEMP_INDEX,
        apsw.SQLITE_CREATE_TEMP_TABLE,
        apsw.SQLITE_CREATE_TEMP_TRIGGER,
        apsw.SQLITE_CREATE_TEMP_VIEW,
    }
)

_PRAGMAS = frozenset(
    {"table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo"}
    | {"foreign_key_list", "foreign_key_check", "integrity_check", "quick_check", "legacy_alter_table"}
)
"""Those with an argument that only read, and the one that a rebuild sets and sets back."""


@contextmanager
def confined(
    connection: apsw.Connection, plugin: str, others: Collection[str], shared: Collection[str]
) -> Iterator[None]:
    """Inside the block *connection* changes no table of the plugins *others*, except those in *shared*.

    Nor does it begin or end a transaction, or set a PRAGMA.

    Raises:
        DefinitionError: a statement would; it was not started.
    """

    def ask(
        action: int, first: str | None, second: str | None, database: str | None, cause: str | None
    ) -> int:
        if cause is not None:
            return apsw.SQLITE_OK  # what a trigger or view does is on whoever made it
        if action in _TEMPORARY:
            raise DefinitionError(
                f"a step of {plugin} may not make temporary objects; they would hide others from the whole program"
            )
        own = action == apsw.SQLITE_SAVEPOINT and (second or "").startswith("stina_")
        if action in (apsw.SQLITE_TRANSACTION, apsw.SQLITE_SAVEPOINT) and not own:
            raise DefinitionError("a step runs in the migration's transaction; it cannot begin or end one")
        if action == apsw.SQLITE_PRAGMA and second is not None and (first or "").lower() not in _PRAGMAS:
            raise DefinitionError(
                f"a step of {plugin} may not set PRAGMA {first}; it would hold for everybody"
            )
        table = first if action in _ON_FIRST else second if action in _ON_SECOND else None
        owner, is_owned, _ = (table or "").lower().partition("_")
        if is_owned and owner in others and table not in shared:
            raise DefinitionError(f"a step of {plugin} may not change {table}, which is not its own")
        return apsw.SQLITE_OK

    connection.authorizer = ask
    try:
        yield
    finally:
        connection.authorizer = None
