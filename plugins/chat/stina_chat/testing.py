"""For tests of this plugin and of those that use it: strategies of Hypothesis, and example data.

Hypothesis is imported by the strategies only, so `seed` works without it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from .kinds import Role, State
from .queries import conversations, interactions, messages

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from stina_core import JsonLike, Store

CONVERSATIONS_PER_SIZE = 2
"""With 4 to 8 interactions of 2 to 4 messages each: some tens of rows."""

_START = datetime(2025, 1, 1, 8, tzinfo=UTC)
_PROVIDERS = ("echo", "openai", "ollama", None)
_ENDS = (State.COMPLETE,) * 7 + (State.ABORTED, State.ERROR, State.INTERRUPTED)
_NOTES = (Role.TOOL, Role.INFO, Role.DEBUG)
_WORDS = ("amber", "blå", "cedar", "dusk", "ember", "fjäll", "grön", "harbour", "köp", "mjölk", "日本", "🍓")


def contents() -> SearchStrategy[str]:
    """Return a strategy of contents of messages: any text, empty and with NUL too."""
    from hypothesis import strategies as st

    return st.text(st.characters(codec="utf-8"), max_size=40)


def titles() -> SearchStrategy[str]:
    """Return a strategy of titles, up to the longest; blanks around them are cut off when they are stored."""
    from hypothesis import strategies as st

    return st.text(st.characters(codec="utf-8"), max_size=500)


def seed(store: Store, size: int, seed: int) -> None:
    """Write two conversations per *size*, in one transaction; ids and times included, *seed* decides all of it.

    None becomes the active one. A conversation of the same seed that is there already stays as it is.
    """
    random = Random(seed)
    with store.transaction():
        for number in range(size * CONVERSATIONS_PER_SIZE):
            _conversation(Random(random.random()), f"seed{seed}-{number:05}", number)


def _conversation(random: Random, id: str, number: int) -> None:
    if conversations.by_id.exists(id):
        return
    start = _START + timedelta(hours=number)
    turns = [start + timedelta(minutes=3 * turn) for turn in range(random.randint(4, 8))]
    conversations.put(
        id,
        _text(random, 4) if random.random() < 0.8 else "",
        random.random() < 0.2,
        random.random() < 0.1,
        start,
        turns[-1] + timedelta(minutes=1),
    )
    for turn, at in enumerate(turns):
        _interaction(random, f"{id}-{turn:03}", id, at)


def _interaction(random: Random, id: str, conversation_id: str, at: datetime) -> None:
    state, provider = random.choice(_ENDS), random.choice(_PROVIDERS)
    interactions.add(id, conversation_id, state, provider, provider and f"{provider}-1", at)
    roles = [Role.USER, *random.sample(_NOTES, random.randrange(3)), Role.ASSISTANT]
    for number, role in enumerate(roles):
        metadata: JsonLike = {"words": random.randrange(9)} if role is Role.TOOL else None
        messages.add(
            f"{id}-{number}",
            id,
            role,
            _text(random, 30),
            provider if role is Role.ASSISTANT else None,
            state is State.ABORTED and role is Role.ASSISTANT,
            role is Role.DEBUG,
            metadata,
            at + timedelta(seconds=number),
        )


def _text(random: Random, most: int) -> str:
    return " ".join(random.choice(_WORDS) for _ in range(random.randint(1, most)))
