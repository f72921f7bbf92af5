"""One run of the command: what the options said, and the store that follows from it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import click

if TYPE_CHECKING:
    from logging import LogRecord

    from ..config import StoreConfig
    from ..plugins import Plugins, PluginStatus
    from ..status import StoreReport
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

    def load_plugins(self, config: StoreConfig) -> Plugins:
        """Load what *config* lets load; nothing a plugin does wrong is raised, unless *config* is strict."""
        from ..plugins import installed_plugins, load_plugins

        self.configure_log()
        return load_plugins(installed_plugins(), config)

    def inspect(self) -> StoreReport:
        """Report on the store without opening it; plugins that are broken are part of the report."""
        from dataclasses import replace

        from ..status import inspect

        config = replace(self.config(), strict=False)
        return inspect(config, self.load_plugins(config))

    @contextmanager
    def open_store(self) -> Iterator[Store]:
        """Open the store, migrated and with its plugins, and say on stderr which plugins are off.

        An error that is about the file as such, inside the block too, says which file it is.
        """
        from .. import errors
        from ..store import open_store

        self.configure_log()
        config = self.config()
        try:
            with open_store(config=config) as store:
                self.warn_about(store.plugins)
                yield store
        except (
            errors.DiskFullError,
            errors.ReadOnlyError,
            errors.StoreBusyError,
            errors.StoreCorruptError,
            errors.StoreIOError,
        ) as error:
            if config.location in str(error):
                raise
            raise type(error)(f"{config.location}: {error}") from error

    def warn_about(self, plugins: Iterable[PluginStatus]) -> None:
        """Say in one line each which plugins should be on and are not."""
        from ..plugins import PluginState
        from .output import warn

        for plugin in plugins:
            if plugin.state not in (PluginState.ON, PluginState.OFF):
                warn(f"the plugin {plugin.name} is off ({plugin.state}): {plugin.reason}")

    def configure_log(self) -> None:
        """Send the log to stderr: warnings; with `-v` what happens, and where errors come from; with `-vv` all."""
        import logging
        import sys

        from ..log import ROOT, configure

        configure(sys.stderr, (logging.WARNING, logging.INFO, logging.DEBUG)[min(self.verbose, 2)])
        if not self.verbose:
            for handler in logging.getLogger(ROOT).handlers:
                handler.addFilter(_in_one_line)


def _in_one_line(record: LogRecord) -> bool:
    """Leave out tracebacks, and whole records of what `warn_about()` says: that a plugin is off."""
    message = record.getMessage()
    record.msg, record.args, record.exc_info = message.partition(" exception=")[0], (), None
    return not (message.startswith("event='plugin.") or "hook='startup'" in message)


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
