"""What leaves the plugin: plain values, no database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from stina_core import Actor, JsonValue, Snippet


class Keep(Enum):
    """The type of `KEEP`."""

    KEEP = "keep"

    def __repr__(self) -> str:
        return self.name


KEEP: Final = Keep.KEEP
"""Stands for "leave it as it is", which None cannot say: None clears."""


@dataclass(frozen=True, slots=True)
class MemoryPlace:
    """Where a memory stands in the list, newest first; also of one that is gone by now."""

    created_at: datetime
    id: str


@dataclass(frozen=True, slots=True)
class MemoryValue:
    """One memory as it is stored.

    Attributes:
        title: 1 to 500 characters, no white space around them.
        metadata: A copy of what is stored, any JSON; None where there is none.
        source: Where it comes from, in the words of whoever wrote it.
        tags: In the order they were given, each once.
        expires_at: From when on it does not count any more; None for never.
        actor: Who wanted it remembered.
        conversation_id: In which conversation, which may be gone.
        updated_at: When anything of it last became another (UTC, whole milliseconds).
    """

    id: str
    title: str
    content: str
    metadata: JsonValue
    source: str | None
    tags: tuple[str, ...]
    expires_at: datetime | None
    created_at: datetime
    updated_at: datetime
    actor: Actor | None
    conversation_id: str | None

    @property
    def place(self) -> MemoryPlace:
        """Where it stands in the list: `list(before=memory.place)` goes on after it."""
        return MemoryPlace(self.created_at, self.id)

    def is_expired(self, at: datetime) -> bool:
        """Whether it does not count any more at the moment *at*."""
        return self.expires_at is not None and self.expires_at <= at


@dataclass(frozen=True, slots=True)
class SimilarMemory:
    """A memory that says almost the same.

    Attributes:
        similarity: 0.9 to 1.0; 1.0 where only case, white space or the form of accents differ.
    """

    memory: MemoryValue
    similarity: float


@dataclass(frozen=True, slots=True)
class AddedMemory:
    """What `add()` stored, and the *similar* memories that were there, most similar first."""

    memory: MemoryValue
    similar: tuple[SimilarMemory, ...]


@dataclass(frozen=True, slots=True)
class FoundMemory:
    """One hit of a search.

    Attributes:
        snippet: Where in title or content the words are.
        place: `search(text, before=found.place)` goes on after it.
    """

    memory: MemoryValue
    snippet: Snippet
    place: int
