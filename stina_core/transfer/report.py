"""What an import did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from ..catalog import Value

if TYPE_CHECKING:
    from ..backends.base import Backup

SHOWN = 20
"""Keys of one kind that are listed for one table; the numbers count all."""


class SourceKind(StrEnum):
    """What rows were imported from."""

    STORE = "store"
    ORIGINAL = "original"
    """A database without tables of Stina's, such as the original app's."""
    EXPORT = "export"
    STATE = "state"
    """The JSON file that the original app had before it used SQLite."""
    OLD_TABLES = "old_tables"
    """Tables of the original app in the store itself."""


@dataclass(frozen=True, slots=True)
class TableReport:
    """What became of the rows of one table of the source. Keys are listed, never contents.

    Attributes:
        same: They were here already.
        merged: The plugin said that they are other rows of ours.
        different: They were here with other values, which were kept.
        left_out: They could not be added; *reasons* counts why.
        different_keys, left_out_keys: The first of them; a key of several columns is a list.
    """

    plugin: str
    table: str
    added: int = 0
    same: int = 0
    merged: int = 0
    different: int = 0
    left_out: int = 0
    different_keys: tuple[object, ...] = ()
    left_out_keys: tuple[object, ...] = ()
    reasons: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did; its fields are what `stina db import --json` prints.

    Attributes:
        source: The file, or the store itself for its old tables.
        repairs: How many repairs that were noted in the source are now noted here, by reason.
        unowned: Tables of nobody in the source that hold rows, with their number. They were not imported.
        missing: By plugin that is not on, its tables in the source that hold rows. They were not imported.
        dropped: Old tables that were merged and are gone.
        kept: Old tables that stay, with the reason.
        backup: The store as it was before old tables were dropped.
    """

    path: str
    kind: SourceKind
    source: str
    tables: tuple[TableReport, ...] = ()
    repairs: Mapping[str, int] = field(default_factory=dict)
    unowned: Mapping[str, int] = field(default_factory=dict)
    missing: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    kept: Mapping[str, str] = field(default_factory=dict)
    backup: Backup | None = None

    @property
    def added(self) -> int:
        """Rows that were added to the store."""
        return sum(one.added for one in self.tables)

    @property
    def different(self) -> int:
        """Rows that are other ones here, and stayed so."""
        return sum(one.different for one in self.tables)

    @property
    def left_out(self) -> int:
        """Rows that could not be added."""
        return sum(one.left_out for one in self.tables)


@dataclass(slots=True)
class Tally:
    """Counts what becomes of the rows of one table."""

    added: int = 0
    same: int = 0
    merged: int = 0
    different: int = 0
    different_keys: list[object] = field(default_factory=list)
    left_out_keys: list[object] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)

    def differs(self, key: tuple[Value, ...]) -> None:
        """Count a row that is another one here."""
        self.different += 1
        if len(self.different_keys) < SHOWN:
            self.different_keys.append(_plain(key))

    def leave_out(self, key: tuple[Value, ...], reason: str) -> None:
        """Count a row that is not added."""
        self.reasons[reason] += 1
        if len(self.left_out_keys) < SHOWN:
            self.left_out_keys.append(_plain(key))

    def add(self, other: Tally) -> None:
        """Take in what *other* counted."""
        self.added += other.added
        self.same += other.same
        self.merged += other.merged
        self.different += other.different
        self.different_keys = (self.different_keys + other.different_keys)[:SHOWN]
        self.left_out_keys = (self.left_out_keys + other.left_out_keys)[:SHOWN]
        self.reasons += other.reasons

    def report(self, plugin: str, table: str) -> TableReport:
        """Return the counts."""
        return TableReport(
            plugin,
            table,
            self.added,
            self.same,
            self.merged,
            self.different,
            self.reasons.total(),
            tuple(self.different_keys),
            tuple(self.left_out_keys),
            dict(self.reasons),
        )


def _plain(key: tuple[Value, ...]) -> object:
    parts = [{"$hex": part.hex()} if isinstance(part, bytes) else part for part in key]
    return parts[0] if len(parts) == 1 else parts
