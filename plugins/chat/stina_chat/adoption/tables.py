"""The old tables: how they are told from others of that name, and what of them must be found again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from stina_core import Operations

Stored: TypeAlias = int | float | str | bytes | None
"""What any column of an old table may hold."""

New: TypeAlias = str | tuple[str, Callable[[Stored], Stored]]
"""The new column, or that with what makes its value."""


class TalkTable(NamedTuple):
    """A table of conversations."""

    name: str

    def columns(self) -> Iterable[str]:
        return "id", "title", "createdAt", "updatedAt"

    def same(self) -> tuple[str, dict[str, New], dict[str, New]]:
        times: dict[str, New] = {"createdAt": "created_at", "updatedAt": "updated_at"}
        return "conversation", {"title": ("title", _words), **times}, {"active": ("active", _flag)}


class TurnTable(NamedTuple):
    """A table of interactions: its columns, and milliseconds in one of its times."""

    name: str
    talk: str
    at: str
    unit: int = 1

    def columns(self) -> Iterable[str]:
        return "id", self.talk, self.at

    def same(self) -> tuple[str, dict[str, New], dict[str, New]]:
        must: dict[str, New] = {
            self.talk: ("conversation_id", _id),
            self.at: ("created_at", _times(self.unit)),
        }
        return "interaction", must, {"aborted": ("state", _state), "provider": "provider", "aiModel": "model"}


class SaidTable(NamedTuple):
    """A table of messages.

    Attributes:
        turn: The column of the interaction; empty where there are none.
        talk: That of the conversation; empty where only the interaction says it.
    """

    name: str
    turn: str
    talk: str
    unit: int = 1

    def columns(self) -> Iterable[str]:
        must = ("id", "role", "content", "ts")
        return (*must, *filter(None, (self.turn, self.talk))) if self.turn else must

    def same(self) -> tuple[str, dict[str, New], dict[str, New]]:
        must: dict[str, New] = {
            "role": "role",
            "content": ("content", _words),
            "ts": ("created_at", _times(self.unit)),
        }
        if self.turn:
            must[self.turn] = ("interaction_id", _id)
        perhaps: dict[str, New] = {
            "aborted": ("aborted", _flag),
            "provider": "provider",
            "metadata": "metadata",
        }
        return "message", must, perhaps


Table: TypeAlias = TalkTable | TurnTable | SaidTable

# In the order in which they can be dropped, and of each kind the newest first; of those with one name a file has one.
TABLES: tuple[Table, ...] = (
    SaidTable("chat_interaction_messages", "interactionId", "conversationId"),
    SaidTable("interaction_messages", "interaction_id", "conversation_id"),
    SaidTable("interaction_messages", "interactionId", "", 1000),
    SaidTable("chat_messages", "", "conversation_id"),
    TurnTable("chat_interactions", "conversationId", "createdAt"),
    TurnTable("interactions", "conversation_id", "ts"),
    TurnTable("interactions", "conversationId", "createdAt", 1000),
    TalkTable("chat_conversations"),
)


def tables_in(op: Operations) -> list[Table]:
    """Return the old tables that the file has."""
    found: dict[str, Table] = {}
    for table in TABLES:
        if table.name not in found and op.has_table(table.name, *table.columns()):
            found[table.name] = table
    return list(found.values())


def retire(op: Operations, tables: Iterable[Table]) -> None:
    """Drop *tables*, each held against what was made of it."""
    for table in tables:
        into, must, perhaps = table.same()
        there = {column: new for column, new in perhaps.items() if op.has_table(table.name, column)}
        same: Mapping[str, New] = {**must, **there}
        op.retire(table.name, into=into, same=same)


def _id(value: Stored) -> Stored:
    return str(value) if isinstance(value, int) else value


def _words(value: Stored) -> Stored:
    return "" if value is None else value


def _flag(value: Stored) -> Stored:
    return int(bool(value))


def _state(value: Stored) -> Stored:
    return "aborted" if value else "complete"


def _times(unit: int) -> Callable[[Stored], Stored]:
    return lambda value: value * unit if isinstance(value, int) else value
