"""What a new step and its function are called."""

from __future__ import annotations

import re
from collections.abc import Set

from ..errors import DefinitionError
from ..plugins import Plugin
from .hook import taken_names
from .statements import Statement

_WORD = re.compile("[^a-z0-9]+")
_LONGEST = 40  # characters


def step_names(plugin: Plugin, title: str | None, first: Statement) -> tuple[str, str]:
    """Return the id of the next step of *plugin* and the name of its function.

    Args:
        title: What a person calls it; made from the *first* thing it does if None.

    Raises:
        DefinitionError: the title cannot name a step.
    """
    steps = plugin.steps
    number = int(steps[-1].id[:4]) + 1 if steps else 1
    name = _checked(title) if title else _own(first) if steps else "initial"
    return f"{number:04}_{name}", _free(name, number, taken_names(plugin))


def _own(first: Statement) -> str:
    return "_".join(filter(None, first.words))[:_LONGEST].rstrip("_")


def _checked(title: str) -> str:
    word = _WORD.sub("_", title.lower()).strip("_")
    if not word.isidentifier():
        raise DefinitionError(f"{title!r} cannot name a step; use words, a letter first")
    if len(word) > _LONGEST:
        raise DefinitionError(
            f"{title!r} is too long for the name of a step; use at most {_LONGEST} characters"
        )
    return word


def _free(name: str, number: int, taken: Set[str]) -> str:
    """*name*, or the first of `name_2`, `name_3` and so on that is free, from the step's *number* on."""
    free = name
    while free in taken:
        free = f"{name}_{number}"
        number += 1
    return free
