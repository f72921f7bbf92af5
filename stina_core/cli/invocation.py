"""One run of the command: what the options said, and the store that follows from it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar, Unpack

import click

if TYPE_CHECKING:
    from logging import LogRecord

    from ..config import Settings, StoreConfig
    from ..errors import StinaError
    from ..migrations.progress import OnProgress, Progress
    from ..plugins import Plugins, PluginStatus
    from ..status import StoreReport
    from ..store import Store

P = ParamSpec("P")
R = TypeVar("R")

_CORE = "stina.stina_core."  # what the names of the core's own loggers begin with
_OFF = {"plugin.failed", "plugin.blocked", "plugin.quarantined", "schema.drift"}


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

    def config(self, **settings: Unpack[Settings]) -> StoreConfig:
        """Return the settings of the store; ConfigError if the path or the environment is no good.

        Args:
            settings: In the place of what the environment says.
        """
        from ..config import StoreConfig

        settings["origin"] = "cli"
        if self.no_plugins:
            settings["plugins"] = frozenset()
        return StoreConfig.from_env(self.db, **settings)

    def load_plugins(self, config: StoreConfig) -> Plugins:
        """Load what *config* lets load; nothing a plugin does wrong is raised, unless *config* is strict."""
        from ..plugins import installed_plugins, load_plugins

        self.configure_log()
        with plugins_print_to_stderr():
            return load_plugins(installed_plugins(), config)

    def inspect(self) -> StoreReport:
        """Report on the store without opening it; plugins that are broken are part of the report."""
        from ..status import inspect

        config = self.config(strict=False)
        return inspect(config, self.load_plugins(config))

    @contextmanager
    def open_store(self, plugins: Plugins | None = None) -> Iterator[Store]:
        """Open the store, migrated and with *plugins* or all, and say on stderr which plugins are off.

        An error that is about the file as such, inside the block too, says which file it is.
        """
        from .. import errors
        from ..store import open_store

        self.configure_log()
        config = self.config()
        try:
            with plugins_print_to_stderr(), migration_shown() as progress:
                store = open_store(config=config, plugins=plugins, progress=progress)
            try:
                self.warn_about(store.plugins, store.errors)
                _tell_of_adoption(store)
                yield store
            finally:
                with plugins_print_to_stderr():
                    store.close()
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

    def warn_about(self, plugins: Iterable[PluginStatus], errors: Mapping[str, StinaError]) -> None:
        """Say in one line each which plugins should be on and are not; with `-v` also where it went wrong."""
        from ..plugins import PluginState
        from .output import warn

        for plugin in plugins:
            if plugin.state not in (PluginState.ON, PluginState.OFF):
                if self.verbose and plugin.name in errors:
                    import traceback

                    traceback.print_exception(errors[plugin.name])
                warn(f"the plugin {plugin.name} is off ({plugin.state}): {plugin.reason}")

    def configure_log(self) -> None:
        """Send the log to stderr: warnings; with `-v` what happens, and where errors come from; with `-vv` all."""
        import logging
        import sys

        from ..log import ROOT, configure

        level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(self.verbose, 2)]
        configure(sys.stderr, level, tracebacks=bool(self.verbose))
        if not self.verbose:
            for handler in logging.getLogger(ROOT).handlers:
                handler.addFilter(_is_not_said_elsewhere)


def _is_not_said_elsewhere(record: LogRecord) -> bool:
    """Whether *record* is not the core's own of a plugin that is off, which `warn_about()` says in words.

    Nor of objects that are only in the file: the looking commands say that, and it is in nobody's way.
    """
    if not record.name.startswith(_CORE):
        return True
    facts = getattr(record, "facts", {})
    event, hook = facts.get("event"), facts.get("hook")
    return event not in _OFF and (event, hook) != ("hook.failed", "startup")


def _tell_of_adoption(store: Store) -> None:
    """Say once, at the start that did it, that a file of the original app was taken over, and where its copy is."""
    backup = store.outcome.backup
    if backup is None or backup.reason != "adopt":
        return
    from .output import warn

    warn(
        f"the file is Stina's now; as it was before it is kept in {backup.path}. "
        "`stina db status --repairs` lists values that had to be changed, `stina db status` what stays as it was"
    )


@contextmanager
def plugins_print_to_stderr() -> Iterator[None]:
    """While plugins are imported, or their hooks and steps run, nothing of theirs may get into the result on stdout."""
    import sys
    from contextlib import redirect_stdout

    with redirect_stdout(sys.stderr):
        yield


@contextmanager
def migration_shown() -> Iterator[OnProgress]:
    """Yield a callback that shows a migration to whoever waits for it; costs nothing where none has to run."""
    with ExitStack() as shown:
        tell: OnProgress | None = None

        def begin_or_go_on(progress: Progress) -> None:
            nonlocal tell
            if tell is None:
                from .progress import waiting

                tell = shown.enter_context(waiting("migrating")).tell
            tell(progress)

        yield begin_or_go_on


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
