"""What a schema says, in a form in which two schemas can be compared: no layout, no quotes, no order.

A backend reads these values out of a file and out of its own DDL for the declared
tables; `migrations/drift.py` compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ColumnShape:
    """One column. Texts are normalised SQL; an empty one means that there is none."""

    type: str
    null: bool
    default: str = ""
    collation: str = "binary"
    generated: str = ""

    @property
    def optional(self) -> bool:
        """Whether a row may be written without it, as programs do that do not know it."""
        return self.null or bool(self.default) or bool(self.generated)


@dataclass(frozen=True, slots=True, order=True)
class ReferenceShape:
    """A foreign key of one or more columns."""

    columns: tuple[str, ...]
    table: str
    to: tuple[str, ...]
    on_delete: str = "no action"
    on_update: str = "no action"
    deferred: bool = False


@dataclass(frozen=True, slots=True)
class TableShape:
    """One table. CHECKs and foreign keys count wherever they stand, CHECKs whatever they are called."""

    columns: Mapping[str, ColumnShape]
    key: tuple[str, ...]
    checks: frozenset[str] = frozenset()
    uniques: frozenset[tuple[str, ...]] = frozenset()
    references: frozenset[ReferenceShape] = frozenset()
    options: frozenset[str] = frozenset()
    check_names: Mapping[str, str] = field(default_factory=dict, compare=False)
    """By condition, what a CHECK is called; an empty text for one without a name."""


@dataclass(frozen=True, slots=True)
class Part:
    """An index, trigger or view, or a virtual table: its table and its normalised SQL."""

    table: str
    text: str


@dataclass(frozen=True, slots=True)
class Shapes:
    """The objects of one schema by name, in lower case."""

    tables: Mapping[str, TableShape] = field(default_factory=dict)
    indexes: Mapping[str, Part] = field(default_factory=dict)
    searches: Mapping[str, Part] = field(default_factory=dict)
    triggers: Mapping[str, Part] = field(default_factory=dict)
    views: Mapping[str, Part] = field(default_factory=dict)
