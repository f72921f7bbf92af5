from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from stina_core import HookError, PluginLoadError, Schema, StoreConfig, hookimpl, load_plugins, local_plugin
from stina_core.hookspecs import StinaHooks
from stina_core.plugins import Plugin, hooks

HOOKS = [name for name in vars(StinaHooks) if not name.startswith("_")]


def read(plugin: object) -> dict[str, hooks.Hook]:
    return hooks.read(hooks.new_manager(), "notes", plugin)


def refused(plugin: object) -> str:
    with pytest.raises(PluginLoadError) as caught:
        read(plugin)
    assert caught.value.plugin == "notes"
    assert "notes" in str(caught.value)
    return str(caught.value)


def of(**functions: Callable[..., Any]) -> SimpleNamespace:
    return SimpleNamespace(**{name: hookimpl(function) for name, function in functions.items()})


def accepting(*names: str) -> Callable[..., Any]:
    function: Callable[..., Any] = eval(f"lambda {', '.join(names)}: None")
    return function


# What is refused


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("register_schemas", "did you mean 'register_schema'?"),
        ("migrations", "did you mean 'migrate'?"),
        ("on_changes", "did you mean 'on_change'?"),
        ("on_fire", "there are check, migrate, on_change, register_schema"),
    ],
)
def test_unknown_hook_is_refused_with_a_suggestion(name: str, hint: str) -> None:
    message = refused(of(**{name: accepting()}))

    assert f"unknown hook {name!r}" in message
    assert hint in message


def test_asynchronous_hooks_are_refused() -> None:
    async def coroutine(store: object) -> None: ...

    async def generator(store: object) -> Any:
        yield 1

    assert "startup of the plugin 'notes' is async" in refused(of(startup=coroutine))
    assert "startup of the plugin 'notes' is async" in refused(of(startup=generator))


def test_argument_by_keyword_only_is_refused() -> None:
    def register_schema(*, schema: Schema) -> None: ...

    assert "takes 'schema' by keyword only" in refused(of(register_schema=register_schema))


@pytest.mark.parametrize("option", ["wrapper", "hookwrapper"])
def test_wrappers_are_refused(option: str) -> None:
    def startup(store: object) -> Generator[None, None, None]:
        yield

    options: dict[str, Any] = {option: True}
    marked = hookimpl(**options)(startup)

    assert "is a wrapper" in refused(SimpleNamespace(startup=marked))


@pytest.mark.parametrize("name", ["register_schema", "migrate", "on_change"])
def test_forgotten_mark_on_a_telling_name_is_refused(name: str) -> None:
    found = of(startup=accepting("store"))
    setattr(found, name, accepting())

    assert f"{name} of the plugin 'notes' is not marked; put @hookimpl above it" in refused(found)


def test_functions_of_other_names_need_no_mark() -> None:
    found = of(startup=accepting("store"))
    found.seed = accepting("anything")
    found.helper = accepting()

    assert set(read(found)) == {"startup"}


@pytest.mark.parametrize("plugin", [SimpleNamespace(), ModuleType("empty"), object(), None, 7, "text"])
def test_plugin_without_any_hook_is_refused(plugin: object) -> None:
    assert "implements no hook" in refused(plugin)


@pytest.mark.parametrize("hook", HOOKS)
def test_argument_the_hook_does_not_have_is_refused_by_name(hook: str) -> None:
    assert "'surprise'" in refused(of(**{hook: accepting("surprise")}))


def test_hook_implemented_twice_is_refused_naming_both_functions() -> None:
    found = of(startup=accepting("store"))
    found.begin = hookimpl(specname="startup")(accepting("store"))

    assert "implements startup twice, as begin and startup" in refused(found)


def test_refused_plugin_leaves_its_name_free() -> None:
    manager = hooks.new_manager()
    with pytest.raises(PluginLoadError):
        hooks.read(manager, "notes", of(migrate=accepting("wrong")))

    assert set(hooks.read(manager, "notes", of(migrate=accepting("migrations")))) == {"migrate"}


# What is accepted


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_may_take_all_or_none_of_its_arguments(hook: str) -> None:
    arguments = list(inspect.signature(getattr(StinaHooks, hook)).parameters)[1:]
    context = {name: object() for name in arguments}

    read(of(**{hook: accepting()}))[hook](context)
    read(of(**{hook: accepting(*arguments)}))[hook](context)


def test_arguments_come_by_name_and_defaults_give_way_to_them() -> None:
    def seed(seed: int, store: object = None, size: int = 1, other: str = "own") -> object:
        return (seed, store, size, other)

    hook = read(of(seed=seed))["seed"]

    assert hook({"store": "store", "size": 10, "seed": 3}) == (3, "store", 10, "own")


def test_hook_may_have_another_name_by_specname() -> None:
    found = SimpleNamespace(begin=hookimpl(specname="startup")(accepting("store")))

    assert set(read(found)) == {"startup"}


def test_hooks_may_be_methods_of_every_kind() -> None:
    class Notes:
        @hookimpl
        def startup(self, store: object) -> object:
            return ("method", store)

        @staticmethod
        @hookimpl
        def shutdown(store: object) -> object:
            return ("static", store)

        @classmethod
        @hookimpl
        def check(cls, store: object) -> object:
            return (cls.__name__, store)

        @hookimpl
        @staticmethod
        def register_tools(tools: object) -> object:
            return ("static below", tools)

    found = read(Notes())

    assert found["startup"]({"store": 1}) == ("method", 1)
    assert found["shutdown"]({"store": 1}) == ("static", 1)
    assert found["check"]({"store": 1}) == ("Notes", 1)
    assert found["register_tools"]({"tools": 1}) == ("static below", 1)


def test_decorated_hook_keeps_its_arguments() -> None:
    def loud(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*arguments: Any) -> Any:
            return ("loud", function(*arguments))

        return call

    @loud
    def startup(store: object) -> object:
        return store

    assert read(of(startup=startup))["startup"]({"store": 1}) == ("loud", 1)


def test_properties_of_a_plugin_are_not_evaluated() -> None:
    class Notes:
        @property
        def connection(self) -> None:
            raise AssertionError("evaluated")

        @hookimpl
        def startup(self, store: object) -> None: ...

    assert set(read(Notes())) == {"startup"}


# Calls


def called(function: Callable[..., Any]) -> Plugin:
    (plugin,) = load_plugins([local_plugin("notes", of(startup=function))], StoreConfig(strict=True))
    return plugin


@pytest.mark.parametrize("error", [RuntimeError("planted"), SystemExit(3), StopIteration(), AssertionError()])
def test_hook_error_names_the_plugin_and_the_hook_and_keeps_the_cause(error: BaseException) -> None:
    def startup(store: object) -> None:
        raise error

    with pytest.raises(HookError) as caught:
        called(startup).call("startup", store=None)

    assert caught.value.plugin == "notes"
    assert str(caught.value).startswith(f"startup of the plugin 'notes' raised {type(error).__name__}")
    assert caught.value.__cause__ is error


def test_interrupt_in_a_hook_is_not_swallowed() -> None:
    def startup(store: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        called(startup).call("startup", store=None)


def test_hook_a_plugin_does_not_have_gives_none_and_others_give_their_result() -> None:
    plugin = called(lambda store: store)

    assert plugin.call("startup", store=7) == 7
    assert plugin.call("shutdown", store=7) is None


def test_plugin_that_is_off_has_no_hooks_to_call() -> None:
    def register_schema(schema: Schema) -> None:
        raise RuntimeError("planted")

    found = of(register_schema=register_schema, startup=lambda store: store)
    (plugin,) = load_plugins([local_plugin("notes", found)], StoreConfig())

    assert not plugin.on
    assert plugin.call("startup", store=7) is None
