"""The store: one open database with its plugins, and typed access to their repositories."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from .config import StoreConfig
from .errors import (
    HookError,
    PluginError,
    PluginUnavailableError,
    StinaError,
    StoreClosedError,
    TransactionError,
)
from .log import get_logger
from .model import using
from .opening import OpenDatabase, open_database
from .plugins import Plugins, PluginState, PluginStatus, installed_plugins, load_plugins
from .repository import Repository
from .transactions import SNAPSHOT_DEADLINE, Snapshot, Transaction

if TYPE_CHECKING:
    from .backends.base import Backend

log = get_logger(__name__)

R = TypeVar("R", bound=Repository)


@dataclass(frozen=True, slots=True)
class _Trouble:
    state: PluginState
    reason: str
    error: StinaError | None = None


class Store:
    """One database with its plugins; `open_store()` makes it.

    Safe for all threads of a process and for a child after `fork()`; each
    thread has its own connection. Any number of stores may be open at once.

    Attributes:
        config: What it was opened with, the path decided.
        outcome: What opening it did to its schema.
    """

    def __init__(self, config: StoreConfig, opened: OpenDatabase, plugins: Plugins) -> None:
        self.config = config
        self.outcome = opened.outcome
        self._backend: Backend = opened.backend
        self._transactions = opened.transactions
        self._plugins = plugins
        self._trouble: dict[str, _Trouble] = {}
        self._repositories: dict[type[Repository], Repository] = {}
        self._started: list[str] = []
        self._closed = False

    @property
    def path(self) -> str:
        """Where it is: an absolute path, or `:memory:`."""
        return self.config.location

    @property
    def closed(self) -> bool:
        """Whether `close()` was called."""
        return self._closed

    @property
    def plugins(self) -> list[PluginStatus]:
        """Every plugin and how it is in this store, required ones first."""
        return [
            plugin.status(self._trouble[plugin.name].state, self._trouble[plugin.name].reason)
            if plugin.name in self._trouble
            else plugin.status()
            for plugin in self._plugins
        ]

    def __getitem__(self, repository: type[R]) -> R:
        """Return this store's repository of the class *repository*.

        Raises:
            PluginUnavailableError: its plugin is not installed, or is off in this
                store; says why, and which plugins are on.
            StoreClosedError: the store was closed.
        """
        self._check_open()
        found = self._repositories.get(repository)
        if found is None:
            found = self._repositories[repository] = self._make(repository)
        return found  # type: ignore[return-value]  # the key is its class

    def get(self, repository: type[R]) -> R | None:
        """Return this store's repository of the class *repository*, or None if its plugin is not on."""
        try:
            return self[repository]
        except PluginUnavailableError:
            return None

    def transaction(self, actor: str | None = None) -> Transaction:
        """Return a transaction to enter: `with store.transaction():`.

        Guarantees:
            - All writes inside happen together or not at all, whichever
              repositories made them; other readers see none of it before.
            - It holds the write lock from the start, so nothing that was read
              inside can change before it ends. Only one runs at a time, in all processes.
            - Nested ones are savepoints: a failing inner block undoes its own
              writes, and the outer one may go on.
            - `after_commit` callbacks run once everything is committed, and only
              those registered in blocks that were kept.

        Never await, ask a person or call a model inside: every other writer waits.

        Args:
            actor: On whose behalf: `user`, `assistant`, `tool`, `plugin`.

        Raises:
            StoreBusyError: another writer kept the lock for `config.busy_timeout` seconds.
        """
        self._check_open()
        return self._transactions.begin(actor)

    def snapshot(self, deadline: float = SNAPSHOT_DEADLINE) -> Snapshot:
        """Return a read transaction to enter: every read inside sees one committed state.

        Args:
            deadline: Seconds after which its statements raise StoreBusyError: a
                read transaction left open keeps the write-ahead log growing.
        """
        self._check_open()
        return self._transactions.snapshot(deadline)

    def use(self) -> AbstractContextManager[None]:
        """Make this store the one that models speak to: `with store.use():`, for ad-hoc queries."""
        self._check_open()
        return using(self._backend.database)

    def close(self) -> None:
        """Close the store: plugins' `shutdown` in reverse order, then every connection. Idempotent.

        What other threads do in it at that moment is stopped and undone; it raises StoreClosedError there.

        Raises:
            TransactionError: this thread has a transaction open.
            StoreBusyError: a statement of another thread did not stop; all else is closed.
        """
        if self._closed:
            return
        if self._transactions.open:
            raise TransactionError("leave the transaction before you close the store")
        self._end()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Store {self.path}{' (closed)' if self._closed else ''}>"

    def _start(self) -> None:
        for name, error in self.outcome.failed.items():
            self._put_off(name, PluginState.QUARANTINED, str(error), error)
        self._block_dependents()
        for plugin in self._plugins.on:
            if plugin.name in self._trouble:
                continue
            try:
                plugin.call("startup", store=self)
                if self._transactions.abandon():
                    raise HookError(
                        plugin.name,
                        f"startup of the plugin {plugin.name!r} left a transaction open; it was undone",
                    )
                self._started.append(plugin.name)
            except PluginError as error:
                log.exception("hook.failed", plugin=plugin.name, hook="startup")
                self._put_off(plugin.name, PluginState.FAILED, str(error), error)
                self._block_dependents()

    def _end(self) -> None:
        try:
            while self._started:
                name = self._started.pop()
                try:
                    self._plugins[name].call("shutdown", store=self)
                except PluginError:
                    log.exception("hook.failed", plugin=name, hook="shutdown")
        finally:
            self._closed = True
            self._backend.close()

    def _put_off(self, name: str, state: PluginState, reason: str, error: StinaError) -> None:
        if self.config.strict:
            raise error
        self._trouble[name] = _Trouble(state, reason, error)
        self._repositories.clear()  # its own startup may have asked for one

    def _block_dependents(self) -> None:
        for plugin in self._plugins.on:
            blockers = sorted(plugin.requires & self._trouble.keys())
            if blockers and plugin.name not in self._trouble:
                state = self._trouble[blockers[0]].state
                reason = f"needs the plugin {blockers[0]!r}, which is {state}"
                self._trouble[plugin.name] = _Trouble(PluginState.BLOCKED, reason)

    def _make(self, repository: type[R]) -> R:
        plugin = self._plugins.owner(repository)
        usable = ", ".join(one.name for one in self.plugins if one.state is PluginState.ON) or "none"
        if plugin is None:
            raise PluginUnavailableError(
                repository.__module__.partition(".")[0],
                f"no plugin that is on declares {repository.__name__}; on are: {usable}"
                + _reasons(self.plugins),
            )
        trouble = self._trouble.get(plugin.name)
        if trouble is not None:
            raise PluginUnavailableError(
                plugin.name,
                f"{repository.__name__} belongs to the plugin {plugin.name!r}, which is {trouble.state}: "
                f"{trouble.reason} (on are: {usable})",
            ) from trouble.error
        return repository(self)

    def _check_open(self) -> None:
        if self._closed:
            raise StoreClosedError(f"the store {self.path} is closed; open it again with open_store()")


def open_store(
    path: str | os.PathLike[str] | None = None,
    config: StoreConfig | None = None,
    *,
    plugins: Plugins | None = None,
) -> Store:
    """Open the store, make or migrate its tables, and start its plugins.

    Use it as a context manager: `with open_store() as store:`.

    Args:
        path: The file, or `:memory:`. Without it `config.path`, `STINA_DB`, or
            `stina.db` in `STINA_HOME` or `~/.stina`.
        config: Without it the environment decides (`StoreConfig.from_env()`).
        plugins: Without it all installed plugins are loaded.

    Raises:
        ConfigError: a setting or the path cannot be used.
        SchemaTooNewError, LedgerConflictError: the core's own tables in the file
            do not fit this version. The file is as it was.
        StoreBusyError, StoreCorruptError, StoreIOError, ReadOnlyError: the file cannot be used.
        PluginError, MigrationError: only with `config.strict`; otherwise the
            plugin is off, and `store.plugins` says why.
    """
    settings = config.located(path) if config is not None else StoreConfig.from_env(path)
    loaded = plugins if plugins is not None else load_plugins(installed_plugins(), settings)
    store = Store(settings, open_database(settings, loaded), loaded)
    try:
        store._start()
    except BaseException:
        store._end()
        raise
    return store


def _reasons(plugins: Iterable[PluginStatus]) -> str:
    off = [
        f"{plugin.name} is {plugin.state}: {plugin.reason}"
        for plugin in plugins
        if plugin.state is not PluginState.ON
    ]
    return "; " + "; ".join(off) if off else ""
