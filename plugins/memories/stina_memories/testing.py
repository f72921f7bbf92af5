"""For tests of this plugin and of those that use it: strategies of Hypothesis, and example data.

Hypothesis is imported by the strategies only, so `seed` works without it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any, Final, TypedDict

from .repository import MemoryRepository
from .rules import MAX_TAG, MAX_TITLE

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from stina_core import Actor, JsonValue, Store

ROWS_PER_SIZE = 40

_START = datetime(2025, 1, 1, 8, tzinfo=UTC)
_ID_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
_ACTORS: Final[tuple[Actor | None, ...]] = ("user", "assistant", "tool", "plugin", None)
_TAGS = ("familj", "food", "health", "home", "work", "🏔")
_SUBJECTS = ("Anna", "Björn", "the cat", "grandmother", "the neighbour", "日本の友達")
_VERBS = ("likes", "dislikes", "never eats", "has lived in", "asked about", "collects")
_THINGS = ("green tea", "smörgåstårta", "Göteborg", "old maps", "rye bread", "jazz", "🍓 jam", "long walks")
_WHEN = ("since the spring", "on Sundays", "as the doctor advised", "för länge sedan", "every other week")


class MemoryDraft(TypedDict):
    """What `add()` takes by name, besides the times and the id."""

    title: str
    content: str
    metadata: JsonValue
    source: str | None
    tags: list[str]
    expires_at: datetime | None
    actor: Actor | None
    conversation_id: str | None


def titles() -> SearchStrategy[str]:
    """Return a strategy of titles as they are stored."""
    from hypothesis import strategies as st

    return _texts(MAX_TITLE // 10).map(str.strip).filter(bool) | st.just("t" * MAX_TITLE)


def contents() -> SearchStrategy[str]:
    """Return a strategy of contents, white space around them too."""
    return _texts(200).filter(str.strip)


def tag_lists() -> SearchStrategy[list[str]]:
    """Return a strategy of lists of tags as they are stored."""
    from hypothesis import strategies as st

    tags = _texts(MAX_TAG // 10).map(str.strip).filter(bool) | st.sampled_from(_TAGS)
    return st.lists(tags, max_size=4, unique=True)


def json_values() -> SearchStrategy[JsonValue]:
    """Return a strategy of small JSON values of every kind, nested too."""
    from hypothesis import strategies as st

    leaves: SearchStrategy[JsonValue] = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(1 << 63), (1 << 63) - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        _texts(20),
    )
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts(10), inner, max_size=3),
        max_leaves=6,
    )


def moments() -> SearchStrategy[datetime]:
    """Return a strategy of moments that survive unchanged: UTC, whole milliseconds."""
    from hypothesis import strategies as st

    return st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)).map(
        lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000, fold=0)
    )


def drafts() -> SearchStrategy[MemoryDraft]:
    """Return a strategy of all that `add()` takes."""
    from hypothesis import strategies as st

    optional = st.none() | _texts(20)
    return st.fixed_dictionaries(
        {
            "title": titles(),
            "content": contents(),
            "metadata": json_values(),
            "source": optional,
            "tags": tag_lists(),
            "expires_at": st.none() | moments(),
            "actor": st.sampled_from(_ACTORS),
            "conversation_id": optional,
        }
    )  # type: ignore[return-value]  # the keys are those of the TypedDict


def seed(store: Store, size: int, seed: int) -> None:
    """Write 40 memories per *size*, in one transaction; ids and times included, *seed* decides all of it.

    One in ten has expired by 2026, one in twenty says nearly what another one does.
    One that an equal seed wrote before stays as it is.
    """
    random = Random(seed)
    memories = store[MemoryRepository]
    content = ""
    with store.transaction():
        for number in range(size * ROWS_PER_SIZE):
            id = "".join(random.choices(_ID_LETTERS, k=26))
            content = f"{content}!" if number % 20 == 19 else _content(random)
            at = _START + timedelta(minutes=97 * number)
            title = f"About {random.choice(_SUBJECTS)} ({number + 1})"
            parts: dict[str, Any] = {
                "metadata": {"confidence": random.randrange(100) / 100} if random.random() < 0.3 else None,
                "source": random.choice((None, "chat", "import")),
                "tags": random.sample(_TAGS, random.randrange(4)),
                "expires_at": _START + timedelta(days=number % 300) if number % 10 == 9 else None,
                "actor": random.choice(_ACTORS),
                "conversation_id": random.choice((None, "conversation-1", "conversation-2")),
                "created_at": at,
                "updated_at": at + timedelta(minutes=random.randrange(3)),
            }
            if memories.find(id) is None:
                memories.add(title, content, id=id, hint=False, **parts)


def _content(random: Random) -> str:
    sentences = (
        f"{random.choice(_SUBJECTS)} {random.choice(_VERBS)} {random.choice(_THINGS)} {random.choice(_WHEN)}."
        for _ in range(random.randrange(1, 5))
    )
    return " ".join(sentences)


def _texts(size: int) -> SearchStrategy[str]:
    from hypothesis import strategies as st

    return st.text(st.characters(codec="utf-8"), max_size=size)
