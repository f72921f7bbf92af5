"""What a program cannot know of a changed model and a person must say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Gone:
    """A table or column the models no longer have: was it renamed, or is what it holds to be deleted?

    Attributes:
        name: `todo` or `todo.note`.
        candidates: New ones of the same kind that it may have become.
    """

    name: str
    candidates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Empty:
    """A column that may not be NULL, where nothing says what the rows that are there get.

    Attributes:
        name: `todo.note`.
        wanted: What can be given, in words: `a whole number`.
    """

    name: str
    wanted: str


Question = Gone | Empty


@dataclass
class Answers:
    """What was said so far. A column of a renamed table may be named by the old or the new name of that.

    Attributes:
        renames: From `todo.note` to `todo.text`, from `todo` to `task`.
        drops: What may be deleted.
        keeps: What is to stay although no model has it.
        fills: By column, what NULLs and rows that have no such column yet get, as it is typed; see `filling.py`.
    """

    renames: dict[str, str] = field(default_factory=dict)
    drops: set[str] = field(default_factory=set)
    keeps: set[str] = field(default_factory=set)
    fills: Mapping[str, str] = field(default_factory=dict)
