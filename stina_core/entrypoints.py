"""What the distributions of this environment offer, read so that a damaged one hides none of the others."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

UNREADABLE = (OSError, ValueError, TypeError, AttributeError, KeyError)
"""What importlib.metadata raises for a distribution whose files are damaged or half removed."""


def entry_points_of(group: str) -> list[EntryPoint]:
    """Return the entry points of *group*; a distribution that cannot be read is passed over and logged."""
    from importlib.metadata import entry_points

    try:
        return list(entry_points(group=group))
    except UNREADABLE:
        return _one_by_one(group)


def normalised(distribution: str) -> str:
    """Return the form in which two spellings of a distribution's name are equal."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _one_by_one(group: str) -> list[EntryPoint]:
    """What `entry_points()` gives at once and only if every distribution can be read."""
    from importlib.metadata import distributions

    from .log import get_logger

    log = get_logger(__name__)
    found: dict[str, list[EntryPoint]] = {}
    for distribution in distributions():
        try:
            name = normalised(distribution.name)
            if name not in found:  # the first on the path is the one that is imported
                found[name] = [point for point in distribution.entry_points if point.group == group]
        except UNREADABLE as error:
            log.warning("distribution.unreadable", error=type(error).__name__)
    return [point for points in found.values() for point in points]
