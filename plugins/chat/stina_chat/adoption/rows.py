"""What single old rows say, and what is made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from .tables import Stored, TurnTable

if TYPE_CHECKING:
    from stina_core import OldRow, Operations

Given: TypeAlias = dict[Stored, str]
"""Ids that rows were given, by what they had for one."""

_MAX_TITLE = 500
_BATCH = 2000
_ROLES = frozenset({"user", "assistant", "instructions", "info", "tool", "debug", "error"})


class Span:
    """The oldest and the newest of the times that it was told; None while there was none."""

    __slots__ = ("first", "last")

    def __init__(self) -> None:
        self.first: int | None = None
        self.last: int | None = None

    def take(self, *times: int | None) -> None:
        for time in times:
            if time is not None:
                self.first = time if self.first is None else min(self.first, time)
                self.last = time if self.last is None else max(self.last, time)


@dataclass(slots=True)
class Talk:
    """A conversation.

    Attributes:
        flag: What its row had for `active`.
        has_row: Whether an old row said that there is one.
        stored: Whether it is in the plugin's table already.
    """

    id: str
    title: str = ""
    created_at: int | None = None
    updated_at: int | None = None
    active: bool = False
    flag: Stored = None
    has_row: bool = False
    stored: bool = False
    span: Span = field(default_factory=Span)

    def facts(self) -> tuple[Stored, ...]:
        return self.title, self.created_at, self.updated_at, self.active


@dataclass(slots=True)
class Turn:
    """An interaction.

    Attributes:
        talk: The id of its conversation; empty while it is in none.
        message: The id of the first message that was put into it.
        latest: The time of the message that was put into it last.
        made: Whether no row said that there is one.
        stored: Whether it is in the plugin's table already.
    """

    id: str
    talk: str
    state: str = "complete"
    provider: str | None = None
    model: str | None = None
    created_at: int | None = None
    message: str | None = None
    latest: int | None = None
    made: bool = False
    stored: bool = False
    facts: tuple[Stored, ...] = ()
    span: Span = field(default_factory=Span)


class Said(NamedTuple):
    """What a message says, wherever it is."""

    id: str
    role: str
    content: str
    aborted: bool
    at: int | None
    provider: str | None = None
    metadata: str | None = None


class Rows:
    """Writes rows of one table in batches."""

    def __init__(self, op: Operations, table: str) -> None:
        self._op = op
        self._table = table
        self._rows: list[Mapping[str, Stored]] = []

    def add(self, **values: Stored) -> None:
        self._rows.append(values)
        if len(self._rows) >= _BATCH:
            self.end()

    def end(self) -> None:
        self._op.insert(self._table, self._rows)
        self._rows = []


def free(wanted: str, taken: Callable[[str], bool]) -> str:
    """Return *wanted*, with a number after it where it is taken."""
    return next(name for name in _numbered(wanted) if not taken(name))


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name}_{number}"
        number += 1


def id_of(row: OldRow, given: Given) -> str:
    """Return the id of a row, and keep what it had instead of one."""
    id = row.id()
    raw = row.raw("id")
    if raw is not None and not isinstance(raw, int) and raw != id:
        given.setdefault(raw, id)
    return id


def named(row: OldRow, column: str, given: Given) -> str:
    """Return the id of the row that *column* names, which need not be there; empty where it names none."""
    raw = row.raw(column)
    if isinstance(raw, int) or (isinstance(raw, str) and raw):
        return str(raw)
    if raw in given:
        row.note(column, "the row that it names was given another id")
        return given[raw]
    text = row.text(column) or ""
    if not text:
        row.note(column, "it named none")
    return text


def talk_of(row: OldRow, given: Given) -> Talk:
    """Return the conversation that a row is."""
    id = id_of(row, given)
    for column in ("provider", "aiModel"):
        if row.raw(column) is not None:
            row.note(column, "a conversation has none here, but each of its interactions")
    title = row.text("title") or ""
    if len(title) > _MAX_TITLE:
        row.note("title", f"it had more than {_MAX_TITLE} characters; the others were cut off")
    return Talk(
        id,
        title[:_MAX_TITLE],
        _time(row, "createdAt"),
        _time(row, "updatedAt"),
        active=row.flag("active"),
        flag=row.raw("active"),
        has_row=True,
    )


def turn_of(row: OldRow, table: TurnTable, given: Given, talks: Given) -> Turn:
    """Return the interaction that a row is."""
    turn = Turn(
        id_of(row, given),
        named(row, table.talk, talks),
        "aborted" if row.flag("aborted") else "complete",
        row.text("provider"),
        row.text("aiModel"),
        _time(row, table.at, table.unit),
    )
    turn.facts = (turn.talk, turn.state, turn.provider, turn.model, turn.created_at)
    turn.span.take(turn.created_at)
    if row.raw("modifiedAt") is not None:
        turn.span.take(row.time("modifiedAt", unit=table.unit))
        if row.raw("modifiedAt") != row.raw(table.at):
            row.note("modifiedAt", "an interaction has no such time here")
    return turn


def said_of(row: OldRow, unit: int) -> Said:
    """Return what the message that a row is says."""
    id = row.id()
    role = row.raw("role")
    if not isinstance(role, str) or role not in _ROLES:
        row.note("role", "it was none of the seven roles")
        role = "info"
    return Said(
        id,
        role,
        row.text("content") or "",
        row.flag("aborted"),
        _time(row, "ts", unit),
        row.text("provider"),
        row.document("metadata"),
    )


def _time(row: OldRow, column: str, unit: int = 1) -> int | None:
    if row.raw(column) is None:
        row.note(column, "there was no time; one that is near to it was taken")
    return row.time(column, unit=unit)
