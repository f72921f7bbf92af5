"""Queries of interactions."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from peewee import AsIs, Tuple

from stina_core import query, returning, write

from ..kinds import State
from ..models import Interaction
from ..values import InteractionValue

if TYPE_CHECKING:
    from peewee import Expression, ModelDelete, ModelInsert, ModelSelect, ModelUpdate


def _before(ms: int, position: int, id: str) -> Expression:
    place = Tuple(Interaction.created_at, Interaction.position, Interaction.id)
    before: Expression = place < Tuple(AsIs(ms, False), AsIs(position, False), AsIs(id, False))
    return before


@query(InteractionValue)
def by_id(id: str) -> ModelSelect[Interaction]:
    """The interaction with one id."""
    return Interaction.select().where(Interaction.id == id)


@query(InteractionValue)
def newest_in(conversation_id: str, ms: int, position: int, id: str, limit: int) -> ModelSelect[Interaction]:
    """Those of a conversation before a place, newest first."""
    return (
        Interaction.select()
        .where(Interaction.conversation == conversation_id, _before(ms, position, id))
        .order_by(Interaction.created_at.desc(), Interaction.position.desc(), Interaction.id.desc())
        .limit(limit)
    )


@query(InteractionValue)
def newest(ms: int, position: int, id: str, limit: int) -> ModelSelect[Interaction]:
    """Those of all conversations before a place, newest first."""
    return (
        Interaction.select()
        .where(_before(ms, position, id))
        .order_by(Interaction.created_at.desc(), Interaction.position.desc(), Interaction.id.desc())
        .limit(limit)
    )


@query(InteractionValue)
def of(conversation_id: str) -> ModelSelect[Interaction]:
    """All of a conversation, oldest first."""
    return (
        Interaction.select()
        .where(Interaction.conversation == conversation_id)
        .order_by(Interaction.created_at, Interaction.position, Interaction.id)
    )


@query(str)
def since(id: str) -> ModelSelect[Interaction]:
    """The ids from *id* on; from "" on all, to be counted."""
    return Interaction.select(Interaction.id).where(Interaction.id >= id)


@returning(InteractionValue)
def add(
    id: str, conversation_id: str, state: State, provider: str | None, model: str | None, at: datetime
) -> ModelInsert:
    """A new interaction."""
    row = Interaction.insert(
        id=id, conversation=conversation_id, state=state, provider=provider, model=model, created_at=at
    )
    return row.returning(Interaction)


@returning(InteractionValue)
def set_state(id: str, state: State) -> ModelUpdate:
    """An interaction in another state."""
    return Interaction.update(state=state).where(Interaction.id == id).returning(Interaction)


@write
def end(id: str, state: State) -> ModelUpdate:
    """A running interaction in another state; one that ended stays as it is."""
    return Interaction.update(state=state).where(Interaction.id == id, Interaction.state == State.RUNNING)


@write
def abort(id: str) -> ModelUpdate:
    """An interaction that is aborted from now on, if it was not."""
    return Interaction.update(state=State.ABORTED).where(
        Interaction.id == id, Interaction.state != State.ABORTED
    )


@write
def remove(id: str) -> ModelDelete:
    """An interaction, deleted with its messages."""
    return Interaction.delete().where(Interaction.id == id)


@write
def remove_of(conversation_id: str) -> ModelDelete:
    """All interactions of a conversation, deleted with their messages."""
    return Interaction.delete().where(Interaction.conversation == conversation_id)
