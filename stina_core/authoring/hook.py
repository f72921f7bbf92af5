"""The `migrate` hook of a plugin, as the function it is."""

from __future__ import annotations

import builtins
import inspect
from collections.abc import Iterator
from keyword import kwlist
from types import CodeType
from typing import Any

from ..plugins import Plugin

_OWN = frozenset({"op", "self", "migrate", "migrations", "hookimpl", "Operations"})
"""Names that a step, or what stands around it, is written with."""


def migrate_of(plugin: Plugin) -> Any:
    """Return the function of the hook `migrate`, not a method or what decorates it; None if there is none."""
    hook = plugin.hooks.get("migrate")
    return None if hook is None else inspect.unwrap(getattr(hook.function, "__func__", hook.function))


def taken_names(plugin: Plugin) -> set[str]:
    """Return the names that no new function inside the hook may have.

    It would hide them from the steps that are there, which then do something
    else without a change of theirs: names the steps and the hook use, those of
    their modules, and Python's own.
    """
    taken = {*_OWN, *kwlist, *dir(builtins)}
    for function in (migrate_of(plugin), *(inspect.unwrap(step.run) for step in plugin.steps)):
        if function is not None:
            taken |= {function.__name__, *getattr(function, "__globals__", ())}
            taken |= set(_names(getattr(function, "__code__", None)))
    return taken


def _names(code: object) -> Iterator[str]:
    """Every name in *code* and in what is defined inside it."""
    if isinstance(code, CodeType):
        yield from (code.co_name, *code.co_names, *code.co_freevars, *code.co_varnames, *code.co_cellvars)
        for constant in code.co_consts:
            yield from _names(constant)
