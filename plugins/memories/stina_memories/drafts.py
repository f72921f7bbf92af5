"""What is to be stored of a memory, checked, before it is one."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import TypeVar

from stina_core import Actor, JsonLike

from .models import Memory
from .texts import digest
from .values import Keep, MemoryValue

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Draft:
    """The parts of a memory that somebody decides on."""

    title: str
    content: str
    metadata: JsonLike
    source: str | None
    tags: list[str]
    expires_at: datetime | None
    actor: Actor | None
    conversation_id: str | None

    @classmethod
    def of(cls, memory: MemoryValue) -> Draft:
        """Return the draft that *memory* would come from."""
        parts = {field.name: getattr(memory, field.name) for field in fields(cls)}
        return cls(**{**parts, "tags": list(memory.tags)})

    @property
    def digest(self) -> str:
        """What the content is found by."""
        return digest(self.content)

    def stored(self) -> list[object]:
        """Return the parts as the table has them: 1, 1.0 and True, which Python calls equal, are three."""
        return [getattr(Memory, field.name).db_value(getattr(self, field.name)) for field in fields(self)]


def kept(given: T | Keep, old: T) -> T:
    """Return *given*, or *old* where that is to be kept."""
    return old if isinstance(given, Keep) else given
