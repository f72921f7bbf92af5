"""The operations of a step, and what they are called by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .layout import Code, call, lines, literal


@dataclass(frozen=True, slots=True)
class Statement:
    """One operation, or one block of them.

    Attributes:
        words: What it does and to what; the first one's name the step.
    """

    words: tuple[str, ...]
    lines: tuple[str, ...]


def operation(words: Sequence[str], code: Code) -> Statement:
    """Return *code* as a statement."""
    return Statement(tuple(words), tuple(lines(code)))


class Change:
    """One change of a table: a call inside `alter_table`.

    Attributes:
        subject: The column, CHECK or index.
        alone: Its arguments, after the table, where it is the only one; None if it needs the block.
    """

    def __init__(self, name: str, subject: str, *arguments: Code, alone: Sequence[Code] | None = ()) -> None:
        self.name = name
        self.subject = subject
        self.arguments = arguments
        self.alone = arguments if alone == () else alone

    def on(self, table: str) -> Statement:
        """Return it as an operation of its own on *table*."""
        assert self.alone is not None
        code = call(f"op.{self.name}", literal(table), *self.alone)
        return operation((self.name, table, self.subject), code)


def changes_of(table: str, changes: Sequence[Change]) -> list[Statement]:
    """Return *changes* as one statement, if there are any."""
    if not changes:
        return []
    if len(changes) == 1 and changes[0].alone is not None:
        return [changes[0].on(table)]
    inside = [
        line for change in changes for line in lines(call(f"table.{change.name}", *change.arguments), "    ")
    ]
    head = f"with op.alter_table({literal(table)}) as table:"
    return [Statement(("alter_table", table), (head, *inside))]
