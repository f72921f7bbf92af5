"""An order for the rows of a table that point to one another."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from typing import TypeVar

K = TypeVar("K")


def in_order(pointing: Iterable[tuple[K, Sequence[K | None]]]) -> tuple[list[K], list[K]]:
    """Return keys so that none comes before one it points to; and those that cannot, for they form a circle.

    Those that point into a circle are with it. A row that points to itself, or to
    one that is not there, waits for nobody.

    Args:
        pointing: Of each row its key, and the keys it points to.
    """
    rows = {key: [one for one in targets if one is not None and one != key] for key, targets in pointing}
    waiting = {key: sum(one in rows for one in targets) for key, targets in rows.items()}
    waited_for: dict[K, list[K]] = defaultdict(list)
    for key, targets in rows.items():
        for one in targets:
            if one in rows:
                waited_for[one].append(key)
    ready = deque(key for key, count in waiting.items() if not count)
    ordered: list[K] = []
    while ready:
        key = ready.popleft()
        ordered.append(key)
        for other in waited_for.get(key, ()):
            waiting[other] -= 1
            if not waiting[other]:
                ready.append(other)
    placed = set(ordered)
    return ordered, [key for key in rows if key not in placed]
