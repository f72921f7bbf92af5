"""Reading a plugin's hook implementations, and refusing those that could never work."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

import pluggy

from ..errors import PluginLoadError
from ..hookspecs import PROJECT, StinaHooks

_MARK = f"{PROJECT}_impl"
_TELLING = frozenset({"register_schema", "migrate", "on_change"})
"""Names nobody gives a function by accident: unmarked, they are a forgotten `@hookimpl`."""

Hooks = dict[str, tuple[Callable[..., Any], tuple[str, ...]]]


def new_manager() -> pluggy.PluginManager:
    """Return a pluggy manager that knows Stina's hooks."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(StinaHooks)
    return manager


def read(manager: pluggy.PluginManager, name: str, plugin: object) -> Hooks:
    """Register *plugin* under *name* and return its hooks.

    Raises:
        PluginLoadError: a hook is unknown, asynchronous, a wrapper, takes
            keyword-only or unknown arguments, is not marked, or there is none.
    """
    _check(manager, name, plugin)
    try:
        manager.register(plugin, name=name)
    except (pluggy.PluginValidationError, ValueError) as error:
        raise PluginLoadError(name, " ".join(str(error).split())) from error
    hooks: Hooks = {}
    for caller in manager.get_hookcallers(plugin) or ():
        for implementation in caller.get_hookimpls():
            if implementation.plugin is plugin:
                hooks[caller.name] = (implementation.function, implementation.argnames)
    return hooks


def _check(manager: pluggy.PluginManager, name: str, plugin: object) -> None:
    marked = 0
    for attribute in dir(plugin):
        function = inspect.getattr_static(plugin, attribute, None)
        if not inspect.isroutine(function) and not isinstance(function, staticmethod | classmethod):
            continue
        options = getattr(function, _MARK, None)
        if options is None:
            if attribute in _TELLING:
                raise PluginLoadError(
                    name, f"{attribute} of the plugin {name!r} is not marked; put @hookimpl above it"
                )
            continue
        marked += 1
        _check_one(manager, name, options.get("specname") or attribute, function, options)
    if not marked:
        raise PluginLoadError(
            name, f"the plugin {name!r} implements no hook; mark its functions with @hookimpl"
        )


def _check_one(
    manager: pluggy.PluginManager, name: str, hook: str, function: Any, options: dict[str, Any]
) -> None:
    known = [attribute for attribute in vars(StinaHooks) if not attribute.startswith("_")]
    if hook not in known:
        close = get_close_matches(hook, known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(sorted(known))}"
        raise PluginLoadError(name, f"the plugin {name!r} implements the unknown hook {hook!r}; {hint}")
    target: Callable[..., Any] = getattr(function, "__func__", function)
    if inspect.iscoroutinefunction(target) or inspect.isasyncgenfunction(target):
        raise PluginLoadError(name, f"{hook} of the plugin {name!r} is async; hooks are plain functions")
    if options.get("wrapper") or options.get("hookwrapper"):
        raise PluginLoadError(name, f"{hook} of the plugin {name!r} is a wrapper; hooks of Stina have none")
    for parameter in inspect.signature(target).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY:
            raise PluginLoadError(
                name,
                f"{hook} of the plugin {name!r} takes {parameter.name!r} by keyword only; "
                "hooks are called with positional arguments, remove the *",
            )
