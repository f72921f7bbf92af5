"""What a call of a repository sends to SQLite, and the same values drawn anew for the same statements by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias, cast

import apsw

from stina_core import Store
from stina_core.backends.sqlite.database import StoreDatabase
from stina_core.model import current

Values: TypeAlias = Callable[..., tuple[Any, ...]]
"""Makes the values of a statement."""


class Statement(NamedTuple):
    """One statement as it was run."""

    sql: str
    values: tuple[Any, ...]


def database_of(store: Store) -> StoreDatabase:
    """Return the database of *store*."""
    with store.use():
        return cast("StoreDatabase", current())


def statements_of(store: Store, call: Callable[[], object]) -> list[Statement]:
    """Return what *call* sends to the file of *store* on this thread, in order; without what triggers do."""
    connection = database_of(store).connection()
    found: list[Statement] = []

    def note(cursor: apsw.Cursor, sql: str, values: Any) -> bool:
        found.append(Statement(sql, tuple(values or ())))
        return True

    connection.exec_trace = note
    try:
        call()
    finally:
        connection.exec_trace = None
    return found


def check_kinds(statements: list[Statement], kinds: str) -> None:
    """Raise RuntimeError unless *statements* begin with the words *kinds*: else what is run by hand is not the same."""
    found = " ".join(sql.split()[0] for sql, _ in statements)
    if found != kinds:
        raise RuntimeError(f"what runs by hand is {kinds!r}, but the repository sends {found!r}")


def values_like(values: tuple[Any, ...], changing: Mapping[str, object]) -> Values:
    """Return a function that returns *values* with others in the place of those that are *changing*, by name.

    Written out, as a program that does it by hand would have it.

    Raises:
        ValueError: one of *changing* is not among *values*.
    """
    parts, constants = [], {}
    names = {value: name for name, value in changing.items()}
    for number, value in enumerate(values):
        name = names.get(value) if isinstance(value, str | int) and not isinstance(value, bool) else None
        if name is None:
            name = f"constant{number}"
            constants[name] = value
        parts.append(f"{name}, ")
    missing = [name for name in changing if f"{name}, " not in parts]
    if missing:
        raise ValueError(f"no value is {', '.join(missing)}")
    made: Values = eval(f"lambda {', '.join(changing)}: ({''.join(parts)})", constants)
    return made
