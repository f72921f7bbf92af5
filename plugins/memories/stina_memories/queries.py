"""Every query of the plugin, stated once; the core compiles each at its first call.

Times that SQL computes with or that stand in a pair come as milliseconds: Peewee
converts only what stands beside a field.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from peewee import Tuple, fn

from stina_core import Actor, InvalidValueError, JsonLike, JsonValue, query, returning, write

from .models import Memory
from .values import MemoryValue

if TYPE_CHECKING:
    from peewee import Expression, ModelDelete, ModelInsert, ModelSelect, ModelUpdate

NEVER: Final = (1 << 63) - 1
"""The milliseconds at which a memory without an end would end; also before which every memory was made."""

EVER: Final = -(1 << 63)
"""The milliseconds at which nothing has expired yet."""


@dataclass(frozen=True, slots=True)
class Words:
    """As much of a memory as finding a text in it takes."""

    id: str
    created_ms: int
    content: str


def memory_of(
    id: str,
    title: str,
    content: str,
    metadata: JsonValue,
    source: str | None,
    tags: JsonValue,
    expires_at: datetime | None,
    actor: Actor | None,
    conversation_id: str | None,
    created_at: datetime,
    updated_at: datetime,
) -> MemoryValue:
    """Return a row as a value; InvalidValueError if another program wrote tags that are none."""
    if not isinstance(tags, list):
        raise InvalidValueError("memories_memory.tags", "the stored value is no list")
    texts = tuple(tag for tag in tags if isinstance(tag, str))
    if len(texts) != len(tags):
        raise InvalidValueError("memories_memory.tags", "the stored list has something that is no text")
    return MemoryValue(
        id, title, content, metadata, source, texts, expires_at, created_at, updated_at, actor, conversation_id
    )  # fmt: skip


def _older(created_ms: int, id: str) -> Expression:
    older: Expression = Tuple(Memory.created_at, Memory.id) < Tuple(created_ms, id)
    return older


def _words() -> ModelSelect[Memory]:
    return Memory.select(Memory.id, Memory.created_at.coerce(False).alias("created_ms"), Memory.content)


def _newest_first() -> tuple[object, object]:
    return Memory.created_at.desc(), Memory.id.desc()


@query(memory_of)
def by_id(id: str) -> ModelSelect[Memory]:
    """The memory with one id."""
    return Memory.select().where(Memory.id == id)


@query(memory_of)
def by_ids(ids: Collection[str]) -> ModelSelect[Memory]:
    """The memories with these ids, in no order."""
    return Memory.select().where(Memory.id.in_(ids))


@query(memory_of)
def page(created_ms: int, id: str, at_ms: int, limit: int) -> ModelSelect[Memory]:
    """At most *limit* memories after a place, newest first, of those that have not expired at *at_ms*.

    A limit of -1 is none.
    """
    left = fn.COALESCE(Memory.expires_at, NEVER) > at_ms  # no term an index on the end could be taken for
    return Memory.select().where(_older(created_ms, id), left).order_by(*_newest_first()).limit(limit)


@query(Words)
def words_page(created_ms: int, id: str, limit: int) -> ModelSelect[Memory]:
    """At most *limit* memories after a place, newest first, expired or not, for their contents."""
    return _words().where(_older(created_ms, id)).order_by(*_newest_first()).limit(limit)


@query(Words)
def words_of(ids: Collection[str]) -> ModelSelect[Memory]:
    """The contents of these memories, in no order."""
    return _words().where(Memory.id.in_(ids))


@query(memory_of)
def with_content(digest: str, content: str) -> ModelSelect[Memory]:
    """The memories with exactly this content, newest first."""
    return (
        Memory.select()
        .where(Memory.digest == digest, Memory.content == content)
        .order_by(*_newest_first())
    )  # fmt: skip


@query(memory_of)
def with_digest(digest: str, limit: int) -> ModelSelect[Memory]:
    """At most *limit* memories whose content has this normal form, newest first."""
    return Memory.select().where(Memory.digest == digest).order_by(*_newest_first()).limit(limit)


@query(memory_of)
def ended(at: datetime) -> ModelSelect[Memory]:
    """The memories that have expired at *at*, in the order in which they did."""
    return Memory.select().where(Memory.expires_at <= at).order_by(Memory.expires_at, Memory.id)


@query(datetime)
def ends(at: datetime) -> ModelSelect[Memory]:
    """When the memories expire that have not at *at*, soonest first."""
    return Memory.select(Memory.expires_at).where(Memory.expires_at > at).order_by(Memory.expires_at)


@query(str)
def digest_of(id: str) -> ModelSelect[Memory]:
    """The stored digest of one memory."""
    return Memory.select(Memory.digest).where(Memory.id == id)


@returning(memory_of)
def new(
    id: str,
    title: str,
    content: str,
    metadata: JsonLike,
    source: str | None,
    tags: JsonLike,
    expires_at: datetime | None,
    actor: Actor | None,
    conversation_id: str | None,
    digest: str,
    created_at: datetime,
    updated_at: datetime,
) -> ModelInsert:
    """A memory written, as it is stored."""
    memory = Memory.insert(
        id=id,
        title=title,
        content=content,
        metadata=metadata,
        source=source,
        tags=tags,
        expires_at=expires_at,
        actor=actor,
        conversation_id=conversation_id,
        digest=digest,
        created_at=created_at,
        updated_at=updated_at,
    )
    return memory.returning(Memory)


@returning(memory_of)
def rewrite(
    id: str,
    title: str,
    content: str,
    metadata: JsonLike,
    source: str | None,
    tags: JsonLike,
    expires_at: datetime | None,
    actor: Actor | None,
    conversation_id: str | None,
    digest: str,
    updated_at: datetime,
) -> ModelUpdate:
    """All of one memory but its id and when it was made, written anew, as it is stored."""
    memory = Memory.update(
        title=title,
        content=content,
        metadata=metadata,
        source=source,
        tags=tags,
        expires_at=expires_at,
        actor=actor,
        conversation_id=conversation_id,
        digest=digest,
        updated_at=updated_at,
    )
    return memory.where(Memory.id == id).returning(Memory)


@write
def remove(id: str) -> ModelDelete:
    """The memory with one id, deleted."""
    return Memory.delete().where(Memory.id == id)


@write
def remove_ended(at: datetime) -> ModelDelete:
    """The memories that have expired at *at*, deleted."""
    return Memory.delete().where(Memory.expires_at <= at)
