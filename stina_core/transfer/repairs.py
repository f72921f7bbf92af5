"""What adoption had to repair in the source, noted in the store as well."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from ..backends.base import BrokenText
from ..ids import now_ms
from ..migrations.old_rows import LEFT_OUT

if TYPE_CHECKING:
    from ..backends.sqlite.backend import SqliteBackend
    from .rows import Stored
    from .tables import Member

_NOTED = ("plugin", "table", "key", "column", "before", "reason")
_COLUMNS = ", ".join(f'"{column}"' for column in _NOTED)
_INSERT = f'INSERT INTO stina_repair ({_COLUMNS}, "at") VALUES (?, ?, ?, ?, ?, ?, ?)'

_KNOWN = f"SELECT 1 FROM stina_repair WHERE ({_COLUMNS}) IS (?, ?, ?, ?, ?, ?) LIMIT 1"


def copy_repairs(store: SqliteBackend, source: SqliteBackend, plugins: Collection[str]) -> dict[str, int]:
    """Note in *store* the repairs of *plugins* that are noted in *source*, unless they are already; count the new ones.

    The same repair may have been made of several rows, so as often as it is noted there.
    """
    here = Counter(hash(row) for row in store.old_rows("stina_repair", _NOTED))
    added: Counter[str] = Counter()
    for row in source.old_rows("stina_repair", (*_NOTED, "at")):
        *noted, at = row
        known = hash(tuple(noted))
        if noted[0] not in plugins:
            continue
        if here[known] > 0:
            here[known] -= 1
            continue
        store.execute(_INSERT, (*map(_readable, noted), at))
        added[str(noted[5])] += 1
    return dict(added)


class Leftovers:
    """Notes rows of old tables that the store does not hold as they were, for their tables are dropped."""

    def __init__(self, store: SqliteBackend) -> None:
        self._store = store
        self._now = now_ms()
        self.noted: Counter[str] = Counter()

    def note(self, member: Member, row: Stored, reason: str) -> None:
        """Note one row, with all that was in it."""
        values = dict(zip(member.columns, row, strict=True))
        key = ", ".join(str(values[column]) for column in member.key)
        reason = f"the row was left out: {reason}"
        noted = (member.plugin, member.name, key, LEFT_OUT, _as_json(values), reason)
        if not self._store.execute(_KNOWN, noted):  # a table that stays is merged again
            self._store.execute(_INSERT, (*noted, self._now))
            self.noted[reason] += 1


def _as_json(values: Mapping[str, object]) -> str:
    return json.dumps(
        {name: {"$hex": one.hex()} if isinstance(one, bytes) else one for name, one in values.items()},
        ensure_ascii=False,
    )


def _readable(value: object) -> object:
    return bytes(value) if isinstance(value, BrokenText) else value
