"""One run of the command: what the options said, and the store that follows from it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import click

if TYPE_CHECKING:
    from ..config import StoreConfig
    from ..plugins import PluginStatus
    from ..store import Store

P = ParamSpec("P")
R = TypeVar("R")


class Invocation:
    """The global options of one run, as far as they were read.

    Attributes:
        db: The store's path, if it was given.
        json: Whether stdout carries one JSON document.
        verbose: How often `-v` was given.
        no_plugins: Whether no plugin may load.
    """

    def __init__(self) -> None:
        self.db: str | None = None
        self.json = False
        self.verbose = 0
        self.no_plugins = False

    def config(self) -> StoreConfig:
        """Return the settings of the store; ConfigError if the path or the environment is no good."""
        from dataclasses import replace

        from ..config import StoreConfig

        config = replace(StoreConfig.from_env(self.db), origin="cli")
        return replace(config, plugins=frozenset()) if self.no_plugins else config

    @contextmanager
    def open_store(self) -> Iterator[Store]:
        """Open the store, migrated and with its plugins, and say on stderr which plugins are off."""
        from ..store import open_store

        self.configure_log()
        with open_store(config=self.config()) as store:
            self.warn_about(store.plugins)
            yield store

    def warn_about(self, plugins: Iterable[PluginStatus]) -> None:
        """Say in one line each which plugins should be on and are not."""
        from ..plugins import PluginState
        from .output import warn

        for plugin in plugins:
            if plugin.state not in (PluginState.ON, PluginState.OFF):
                warn(f"the plugin {plugin.name} is {plugin.state}: {plugin.reason}")

    def configure_log(self) -> None:
        """Send the log to stderr: warnings, with `-v` what happens, with `-vv` everything.

        Without `-v` the core's reports of plugins that are off are left out; `warn_about()` says it.
        """
        import logging
        import sys

        from ..log import ROOT, configure

        configure(sys.stderr, (logging.WARNING, logging.INFO, logging.DEBUG)[min(self.verbose, 2)])
        quiet = logging.CRITICAL if not self.verbose else logging.NOTSET
        for name in ("plugins.loading", "migrations.engine"):
            logging.getLogger(f"{ROOT}.stina_core.{name}").setLevel(quiet)


def current_invocation() -> Invocation:
    """Return the run this code is part of; one with no options outside of any."""
    context = click.get_current_context(silent=True)
    return invocation_of(context) if context is not None else Invocation()


def invocation_of(context: click.Context) -> Invocation:
    """Return the run that *context* is part of."""
    return context.find_root().ensure_object(Invocation)


def pass_store(command: Callable[Concatenate[Store, P], R]) -> Callable[P, R]:
    """Decorate a command's function: it gets the open store as its first argument.

    The store is opened, migrated first if need be, when the command runs, and
    closed when it returns or raises.

    Example:
        @notes.command()
        @click.argument("title")
        @pass_store
        def add(store: Store, title: str) -> None: ...
    """

    @functools.wraps(command)
    def call(*arguments: P.args, **options: P.kwargs) -> R:
        with current_invocation().open_store() as store:
            return command(store, *arguments, **options)

    return call
