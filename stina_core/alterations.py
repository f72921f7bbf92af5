"""A change of one table as plain values: what the operations of a step ask of the backend."""

from __future__ import annotations

from dataclasses import dataclass, field

from .catalog import Check, Column


@dataclass(frozen=True, slots=True)
class Alteration:
    """A column's new definition, for one that is there or one that is added.

    Attributes:
        using: SQL over the columns of the old row; the column's values become that.
            Without it they are kept, converted if the type changes.
        fill: SQL of the value for rows that have none: NULL, or no such column yet.
    """

    column: Column
    using: str | None = None
    fill: str | None = None


@dataclass(slots=True)
class TableChange:
    """Everything that happens to one table together, so that it is rewritten once at most.

    Attributes:
        table: Its full name.
        key: The new primary key, or None to keep it.
        without_rowid, strict: The new setting, or None to keep it.
    """

    table: str
    add: list[Alteration] = field(default_factory=list)
    alter: list[Alteration] = field(default_factory=list)
    drop: list[str] = field(default_factory=list)
    add_checks: list[Check] = field(default_factory=list)
    drop_checks: list[str] = field(default_factory=list)
    key: tuple[str, ...] | None = None
    without_rowid: bool | None = None
    strict: bool | None = None
