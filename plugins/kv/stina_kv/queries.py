"""Every query of the plugin, stated once; the core compiles each at its first call."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from stina_core import JsonLike, query, returning, write

from .models import Entry
from .values import KvEntry

if TYPE_CHECKING:
    from peewee import ModelDelete, ModelInsert, ModelSelect


@query(KvEntry)
def by_key(key: str) -> ModelSelect[Entry]:
    """The entry of one key."""
    return Entry.select().where(Entry.key == key)


@query(object)
def value_of(key: str) -> ModelSelect[Entry]:
    """The value of one key; None is JSON null, so ask for the list."""
    return Entry.select(Entry.value).where(Entry.key == key)


@query(KvEntry)
def since(first: str) -> ModelSelect[Entry]:
    """The entries from the key *first* on, in order."""
    return Entry.select().where(Entry.key >= first).order_by(Entry.key)


@query(KvEntry)
def between(first: str, end: str) -> ModelSelect[Entry]:
    """The entries from the key *first* on, before the key *end*, in order."""
    return Entry.select().where(Entry.key >= first, Entry.key < end).order_by(Entry.key)


def _put(key: str, value: JsonLike, updated_at: datetime) -> ModelInsert:
    entry = Entry.insert(key=key, value=value, updated_at=updated_at)
    return entry.on_conflict(conflict_target=[Entry.key], preserve=[Entry.value, Entry.updated_at])


@write
def put(key: str, value: JsonLike, updated_at: datetime) -> ModelInsert:
    """An entry written over the one there may be."""
    return _put(key, value, updated_at)


@returning(KvEntry)
def stored(key: str, value: JsonLike, updated_at: datetime) -> ModelInsert:
    """The same, and what is stored then."""
    return _put(key, value, updated_at).returning(Entry)


@write
def remove(key: str) -> ModelDelete:
    """The entry of one key, deleted."""
    return Entry.delete().where(Entry.key == key)
