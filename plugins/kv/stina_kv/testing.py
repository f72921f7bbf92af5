"""For tests of this plugin and of those that use it: strategies of Hypothesis, and example data.

Hypothesis is imported by the strategies only, so `seed` works without it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from .keys import MAX_KEY_BYTES
from .queries import by_key, put

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from stina_core import JsonValue, Store

ROWS_PER_SIZE = 40

_START = datetime(2025, 1, 1, 8, tzinfo=UTC)
_AREAS = ("app", "chat", "todos", "ui")
_NAMES = ("count", "draft", "filter", "labels", "language", "layout", "limit", "theme", "width", "zoom")
_WORDS = ("amber", "blå", "cedar", "dusk", "ember", "fjäll", "grön", "harbour", "日本", "🍓")


def keys() -> SearchStrategy[str]:
    """Return a strategy of all keys the repository takes, up to the longest."""
    from hypothesis import strategies as st

    return st.text(
        st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=MAX_KEY_BYTES // 4
    )


def json_values() -> SearchStrategy[JsonValue]:
    """Return a strategy of small JSON values of every kind, nested too."""
    from hypothesis import strategies as st

    text = st.text(st.characters(codec="utf-8"), max_size=20)
    leaves: SearchStrategy[JsonValue] = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(1 << 63), (1 << 63) - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        text,
    )
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
        max_leaves=8,
    )


def seed(store: Store, size: int, seed: int) -> None:
    """Write 40 entries per *size*, in one transaction; times included, *seed* decides all of it.

    Keys begin with an area and a name (`ui/theme/0007`); one that is there already stays as it is.
    """
    random = Random(seed)
    with store.transaction():
        for number in range(size * ROWS_PER_SIZE):
            key = f"{random.choice(_AREAS)}/{random.choice(_NAMES)}/{number:04}"
            value = _value(random, depth=2)
            if not by_key.exists(key):
                put(key, value, _START + timedelta(minutes=number))


def _value(random: Random, depth: int) -> JsonValue:
    kind = random.randrange(8 if depth else 6)
    if kind == 0:
        return None
    if kind == 1:
        return random.random() < 0.5
    if kind == 2:
        return random.randrange(-1000, 1000)
    if kind == 3:
        return random.randrange(-10_000, 10_000) / 8
    if kind in (4, 5):
        return " ".join(random.choice(_WORDS) for _ in range(random.randrange(1, 6)))
    if kind == 6:
        return [_value(random, depth - 1) for _ in range(random.randrange(4))]
    return {name: _value(random, depth - 1) for name in _NAMES[: random.randrange(4)]}
