"""A plain model of conversations, and both it and a store in a form in which they can be compared."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from stina_chat import ConversationRepository, Role, State
from stina_core import Store


@dataclass
class Said:
    id: str
    role: Role
    content: str
    at: datetime


@dataclass
class Turn:
    id: str
    state: State
    at: datetime
    said: list[Said] = field(default_factory=list)


@dataclass
class Talk:
    id: str
    title: str
    updated: datetime
    archived: bool = False
    pinned: bool = False
    turns: list[Turn] = field(default_factory=list)


@dataclass
class Model:
    """All conversations by id, and the id of the active one."""

    talks: dict[str, Talk] = field(default_factory=dict)
    active: str | None = None

    def dump(self) -> list[Any]:
        return [
            (
                talk.id, talk.title, talk.id == self.active, talk.archived, talk.pinned, talk.updated,
                [
                    (turn.id, turn.state, turn.state is State.ABORTED, [
                        (one.id, one.role, one.content) for one in sorted(turn.said, key=lambda one: (one.at, one.id))
                    ])
                    for turn in sorted(talk.turns, key=lambda turn: (turn.at, turn.id))
                ],
            )
            for talk in sorted(self.talks.values(), key=lambda talk: talk.id)
        ]  # fmt: skip

    def current(self) -> Talk | None:
        if self.active is None:
            free = [talk for talk in self.talks.values() if not talk.archived]
            self.active = max(free, key=lambda talk: (talk.updated, talk.id)).id if free else None
        return None if self.active is None else self.talks[self.active]


def dump_of(store: Store) -> list[Any]:
    return sorted(
        (
            one.id, one.title, one.active, one.archived, one.pinned, one.updated_at,
            [
                (turn.id, turn.state, turn.aborted, [(m.id, m.role, m.content) for m in turn.messages])
                for turn in one.interactions
            ],
        )
        for one in store[ConversationRepository].export()
    )  # fmt: skip
