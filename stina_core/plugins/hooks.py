"""Reading a plugin's hook implementations, and refusing those that could never work."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pluggy

from ..errors import PluginLoadError
from ..hookspecs import PROJECT, StinaHooks

_MARK = f"{PROJECT}_impl"
_TELLING = frozenset({"register_schema", "migrate", "on_change"})
"""Names nobody gives a function by accident: unmarked, they are a forgotten `@hookimpl`."""


class Hook(NamedTuple):
    """One implementation, the arguments it needs, and those it takes but has a default for."""

    function: Callable[..., Any]
    required: tuple[str, ...]
    optional: tuple[str, ...]

    def __call__(self, context: Mapping[str, object]) -> Any:
        """Call it with those of *context* that it takes."""
        options = {name: context[name] for name in self.optional if name in context}
        return self.function(*(context[name] for name in self.required), **options)


def new_manager() -> pluggy.PluginManager:
    """Return a pluggy manager that knows Stina's hooks."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(StinaHooks)
    return manager


def read(manager: pluggy.PluginManager, name: str, plugin: object) -> dict[str, Hook]:
    """Register *plugin* under *name* and return its hooks.

    Raises:
        PluginLoadError: a hook is unknown, asynchronous, a wrapper, takes
            keyword-only or unknown arguments, is not marked, is there twice, or
            there is none.
    """
    _check(name, plugin)
    try:
        manager.register(plugin, name=name)
    except (pluggy.PluginValidationError, ValueError) as error:
        raise PluginLoadError(name, " ".join(str(error).split())) from error
    return {
        caller.name: Hook(one.function, one.argnames, one.kwargnames)
        for caller in manager.get_hookcallers(plugin) or ()
        for one in caller.get_hookimpls()
        if one.plugin is plugin
    }


def _check(name: str, plugin: object) -> None:
    marked: dict[str, str] = {}
    for attribute in dir(plugin):
        static = inspect.getattr_static(plugin, attribute, None)
        function = getattr(static, "__func__", static)  # what is inside a static, class or bound method
        if not inspect.isroutine(function):
            continue
        options = getattr(static, _MARK, None) or getattr(function, _MARK, None)
        if options is None:
            if attribute in _TELLING:
                raise PluginLoadError(
                    name, f"{attribute} of the plugin {name!r} is not marked; put @hookimpl above it"
                )
            continue
        hook = options.get("specname") or attribute
        _check_one(name, hook, function, options)
        if hook in marked:
            raise PluginLoadError(
                name, f"the plugin {name!r} implements {hook} twice, as {marked[hook]} and {attribute}"
            )
        marked[hook] = attribute
    if not marked:
        raise PluginLoadError(
            name, f"the plugin {name!r} implements no hook; mark its functions with @hookimpl"
        )


def _check_one(name: str, hook: str, function: Callable[..., Any], options: dict[str, Any]) -> None:
    known = [attribute for attribute in vars(StinaHooks) if not attribute.startswith("_")]
    if hook not in known:
        from difflib import get_close_matches  # only for a mistake

        close = get_close_matches(hook, known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(sorted(known))}"
        raise PluginLoadError(name, f"the plugin {name!r} implements the unknown hook {hook!r}; {hint}")
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise PluginLoadError(name, f"{hook} of the plugin {name!r} is async; hooks are plain functions")
    if options.get("wrapper") or options.get("hookwrapper"):
        raise PluginLoadError(name, f"{hook} of the plugin {name!r} is a wrapper; hooks of Stina have none")
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY:
            raise PluginLoadError(
                name,
                f"{hook} of the plugin {name!r} takes {parameter.name!r} by keyword only; "
                "hooks are called with positional arguments, remove the *",
            )
