"""Writes the interactions and conversations around messages, once all of these were seen."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .messages import Messages
from .reading import Found
from .rows import Rows, Talk, free
from .tables import Stored

if TYPE_CHECKING:
    from stina_core import Operations

_TALKS = "chat_conversations"


@dataclass(slots=True)
class _Settled:
    """A conversation whose times are known."""

    talk: Talk
    created_at: int
    updated_at: int


def finish(op: Operations, found: Found, messages: Messages) -> None:
    """Write what is left, with a time for everything and one active conversation."""
    newest = _first(found.span.last, otherwise=op.now)
    _house(found)
    for turn in found.turns.values():
        found.talks[turn.talk].span.take(turn.span.first, turn.span.last)
    talks = {talk.id: _settled(talk, newest) for talk in found.talks.values()}
    times = {
        turn.id: _first(turn.created_at, turn.span.first, otherwise=talks[turn.talk].created_at)
        for turn in found.turns.values()
    }
    messages.end(times)
    _write_turns(op, found, times)
    _write_talks(op, talks, _active(op, found, talks, newest))


def _house(found: Found) -> None:
    """Give every interaction a conversation that is there."""
    homeless = [turn for turn in found.turns.values() if not turn.talk]
    if homeless:
        oldest = min(homeless, key=lambda turn: (turn.span.first is None, turn.span.first))
        taken = {turn.talk for turn in found.turns.values()} | found.talks.keys()
        id = free(f"conv_{oldest.message or oldest.id}", taken.__contains__)
        for turn in homeless:
            turn.talk = id
    for turn in found.turns.values():
        if turn.talk not in found.talks:
            found.talks[turn.talk] = Talk(turn.talk)


def _settled(talk: Talk, newest: int) -> _Settled:
    created = _first(talk.created_at, talk.span.first, talk.updated_at, otherwise=newest)
    return _Settled(talk, created, _first(talk.updated_at, talk.span.last, otherwise=created))


def _first(*times: int | None, otherwise: int) -> int:
    return next((time for time in times if time is not None), otherwise)


def _write_turns(op: Operations, found: Found, times: Mapping[str, int]) -> None:
    rows = Rows(op, "interaction")
    positions: Counter[int] = Counter()  # of all conversations: there are pages of all of them, too
    for turn in found.turns.values():
        if not turn.stored:
            at = times[turn.id]
            rows.add(
                id=turn.id,
                conversation_id=turn.talk,
                state=turn.state,
                provider=turn.provider,
                model=turn.model,
                created_at=at,
                position=positions[at],
            )
            positions[at] += 1
    rows.end()


def _write_talks(op: Operations, talks: Mapping[str, _Settled], active: str | None) -> None:
    rows = Rows(op, "conversation")
    for id, settled in talks.items():
        talk = settled.talk
        if talk.stored:
            continue
        if talk.has_row and talk.active != (id == active):
            reason = "another conversation is the active one" if talk.active else "it is the active one"
            op.repair(_TALKS, id, "active", talk.flag, reason)
        rows.add(
            id=id,
            title=talk.title,
            created_at=settled.created_at,
            updated_at=settled.updated_at,
            active=int(id == active),
        )
    rows.end()


def _active(op: Operations, found: Found, talks: dict[str, _Settled], newest: int) -> str | None:
    """Return the conversation that everybody is in, made if need be; None where the plugin has some already."""
    if not talks or any(one.talk.stored for one in talks.values()):
        return None
    flagged = [one for one in talks.values() if one.talk.active]
    named = None if flagged else _named(op, found)
    if named is not None:
        talks.setdefault(named, _Settled(Talk(named), newest, newest))
        return named
    return max(flagged or talks.values(), key=lambda one: (one.updated_at, one.talk.id)).talk.id


def _named(op: Operations, found: Found) -> str | None:
    """Return the conversation that the old settings name, of which the newer come first.

    Where they are gone, the plugin kv has made `kv_entry` of them.
    """
    for table in ("state", "kv", "kv_entry"):
        if op.has_table(table, "key", "value"):
            values = [
                row.raw("value")
                for row in op.old_rows(table, key="key")
                if row.raw("key") == "conversation_id"
            ]
            for value in map(_document, values) if table == "kv_entry" else values:
                id = found.talk_ids.get(value) or (str(value) if isinstance(value, str | int) else None)
                if id:
                    return id
    return None


def _document(value: Stored) -> Stored:
    """Return the text that JSON stands for; None for everything else."""
    try:
        found = json.loads(value) if isinstance(value, str) else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, str) else None
