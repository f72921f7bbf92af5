"""What a program cannot know of a changed model and a person must say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Gone:
    """Something the models no longer have: was it renamed, or is it, and what it holds, to be deleted?

    Attributes:
        name: `todo`, `todo.note`, `index:todo__note`, `check:todo.short` or `search:todo`.
        candidates: New ones of the same kind that it may have become, the likeliest first.
        may_stay: Whether the plugin works with it though no model has it.
    """

    name: str
    candidates: tuple[str, ...] = ()
    may_stay: bool = True


@dataclass(frozen=True, slots=True)
class Empty:
    """A column that may not be NULL, where nothing says what the rows that are there get.

    Attributes:
        name: `todo.note`.
        wanted: What can be given, in words: `a whole number`.
    """

    name: str
    wanted: str


@dataclass(frozen=True, slots=True)
class Converted:
    """A column whose texts mean something else from now on: they become JSON, or are no more.

    Attributes:
        name: `todo.note`.
        wanted: What becomes of it, in words.
        suggestion: SQL over the old row that gives the new value, as most people want it.
    """

    name: str
    wanted: str
    suggestion: str


Question = Gone | Empty | Converted


@dataclass
class Answers:
    """What was said so far. A column of a renamed table may be named by the old or the new name of that.

    Attributes:
        renames: From `todo.note` to `todo.text` or only `text`, from `todo` to `task`.
        drops: What may be deleted; an index, CHECK or full-text index by the new name of its table.
        keeps: What is to stay although no model has it.
        fills: By column, what NULLs and rows that have no such column yet get, as it is typed; see `filling.py`.
        usings: By column, SQL over the old row that gives its new value.
    """

    renames: dict[str, str] = field(default_factory=dict)
    drops: set[str] = field(default_factory=set)
    keeps: set[str] = field(default_factory=set)
    fills: Mapping[str, str] = field(default_factory=dict)
    usings: Mapping[str, str] = field(default_factory=dict)
