"""Answers held against what there is: only those that name something, and do not contradict each other, are used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set

from ..errors import DefinitionError
from .questions import Answers


def settled(answers: Answers, made: Set[str], wanted: Set[str]) -> Answers:
    """Return *answers* with the renames in an order that works, tables first, and tables by their new names.

    Args:
        made: The tables and columns (`todo`, `todo.note`) that the steps make.
        wanted: Those of the models.

    Raises:
        DefinitionError: an answer names what is not there, or contradicts another one.
    """
    tables = {old: new for old, new in answers.renames.items() if "." not in old}

    def now(name: str) -> str:
        table, dot, column = name.partition(".")
        return f"{tables.get(table, table)}{dot}{column}"

    def all_now(names: Iterable[str]) -> set[str]:
        return {now(name) if "." in name and not is_object(name) else name for name in names}

    columns = {now(old): now(_in_full(old, new)) for old, new in answers.renames.items() if "." in old}
    there = {now(name) for name in made if "." in name}
    ordered = [
        *_in_order(tables, {name for name in made if "." not in name}, wanted),
        *_in_order(columns, there, wanted),
    ]
    drops, keeps = all_now(answers.drops), all_now(answers.keeps)
    for name in sorted(name for name in drops | keeps if not is_object(name)):
        _check_gone(name, made | there, wanted, tables | columns)
    for name in sorted(drops & keeps):
        raise DefinitionError(f"{name} cannot be both dropped and kept")
    fills = {now(name): text for name, text in answers.fills.items()}
    usings = {now(name): text for name, text in answers.usings.items()}
    for what, values in (("filled", fills), ("converted", usings)):
        for name in sorted(values.keys() - {name for name in wanted if "." in name}):
            raise DefinitionError(f"no model has a column {name} that could be {what}")
    return Answers(dict(ordered), drops, keeps, fills, usings)


def is_object(name: str) -> bool:
    """Whether an index, a CHECK or a full-text index is named so, and no table or column."""
    return ":" in name


def check_objects(answers: Answers, made: Set[str], wanted: Set[str]) -> None:
    """Hold what was said of indexes, CHECKs and full-text indexes against what there is once all is renamed.

    Raises:
        DefinitionError: there is none of that name, or a model has it.
    """
    for name in sorted(filter(is_object, answers.drops | answers.keeps)):
        _check_gone(name, made, wanted, {})


def _in_full(old: str, new: str) -> str:
    """The new name of the column *old*, whose table may be left out."""
    return new if "." in new else f"{old.partition('.')[0]}.{new}"


def _in_order(renames: Mapping[str, str], made: Set[str], wanted: Set[str]) -> Iterator[tuple[str, str]]:
    """Each when its new name is free."""
    for old, new in renames.items():
        _check_rename(old, new, made, wanted, renames)
    left, there = dict(renames), set(made)
    while left:
        free = [old for old, new in left.items() if new not in there]
        if not free:
            raise DefinitionError(
                f"{' and '.join(left)} change names with each other; write that step by hand"
            )
        yield free[0], left[free[0]]
        there = there - {free[0]} | {left.pop(free[0])}


def _check_rename(old: str, new: str, made: Set[str], wanted: Set[str], renames: Mapping[str, str]) -> None:
    if old.rpartition(".")[:2] != new.rpartition(".")[:2]:
        raise DefinitionError(f"{old} cannot become {new}: say two tables, or two columns of one table")
    if old not in made:
        raise DefinitionError(f"no step has made {old}, which was to be renamed")
    if new not in wanted:
        raise DefinitionError(f"no model has {new}, which was to be the new name of {old}")
    if list(renames.values()).count(new) > 1:
        raise DefinitionError(f"two cannot be renamed to {new}")
    if old in wanted and old not in renames.values():
        raise DefinitionError(f"{old} is in a model and cannot be renamed to {new}")
    if new in made and new not in renames:
        raise DefinitionError(f"{old} cannot be renamed to {new}, which is there already")


def _check_gone(name: str, made: Set[str], wanted: Set[str], renames: Mapping[str, str]) -> None:
    if name in renames:
        raise DefinitionError(f"{name} cannot be renamed and also be dropped or kept")
    if name in wanted:
        raise DefinitionError(f"{name} is in a model; it is neither dropped nor kept on its own")
    if name not in made:
        raise DefinitionError(f"no step has made {name}, which was to be dropped or kept")
