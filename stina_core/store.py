"""The store: one open database with its plugins, and typed access to their repositories."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractContextManager
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from .changes import Actor, Change, Changes, Cursor
from .config import StoreConfig
from .errors import (
    DefinitionError,
    HookError,
    MigrationError,
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
    import peewee

    from .backends.base import Backend
    from .catalog import Table
    from .feed.consumer import Consumer
    from .feed.feed import Feed
    from .feed.observation import Observation
    from .feed.stream import ChangeStream
    from .feed.subscription import Subscription
    from .feed.turn import Via
    from .migrations.progress import OnProgress
    from .model import Model
    from .plugins.plugin import Plugin
    from .search.follower import Follower
    from .search.index import FullTextIndex

log = get_logger(__name__)

_HURRY = 0.05
"""Seconds a search waits for another writer; about as long as one batch of a process that is indexing."""

R = TypeVar("R", bound=Repository)
T = TypeVar("T")


class Store:
    """One database with its plugins; `open_store()` makes it.

    Safe for all threads of a process; each has its own connection. Any number
    of stores may be open at once. A child after `fork()` can use it too, unless
    a transaction was open or the file was being copied: then StoreClosedError
    says so there. A fork waits for statements that other threads run.

    Attributes:
        config: What it was opened with, the path decided.
        outcome: What opening it did to its schema.
    """

    def __init__(self, config: StoreConfig, opened: OpenDatabase, plugins: Plugins) -> None:
        self.config = config
        self.outcome = opened.outcome
        self._backend: Backend = opened.backend
        self._database = opened.backend.database
        self._transactions = opened.transactions
        self._marker = opened.marker
        self._watch = opened.watch
        self._plugins = plugins
        self._followed: Feed | None = None
        self._trouble: dict[str, StinaError] = {}  # by the plugin that caused it; others may be blocked by it
        self._closing = threading.Lock()
        self._making = threading.Lock()
        self._starting = False
        self._repositories: dict[type[Repository], Repository] = {}
        self._started: list[str] = []
        self._failed_hooks: list[PluginError] = []  # of on_change, in strict mode
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
        return self._plugins.statuses({name: _off(error) for name, error in self._trouble.items()})

    @property
    def errors(self) -> dict[str, StinaError]:
        """By plugin, the error that took it out of use; those that only require such a one are not in it."""
        loading = {plugin.name: plugin.error for plugin in self._plugins if plugin.error is not None}
        return {**loading, **self._trouble}

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

    def find(self, repository: type[R]) -> R | None:
        """Return this store's repository of the class *repository*, or None if its plugin is not on."""
        try:
            return self[repository]
        except PluginUnavailableError:
            return None

    def transaction(self, actor: Actor | None = None) -> Transaction:
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
            actor: On whose behalf; the change feed will say so.

        Raises:
            StoreBusyError: another writer kept the lock for `config.busy_timeout` seconds.
        """
        if self._closed:
            self._check_open()
        return self._transactions.begin(actor)

    def snapshot(self, deadline: float = SNAPSHOT_DEADLINE) -> Snapshot:
        """Return a read transaction to enter: every read inside sees one committed state.

        Args:
            deadline: Seconds after which its statements raise StoreBusyError: a
                read transaction left open keeps the write-ahead log growing.
                Inside a transaction, which it joins, there is none.
        """
        self._check_open()
        return self._transactions.snapshot(deadline)

    # The change feed

    @property
    def origin(self) -> str:
        """What the change feed says of this store's own writes: `name:process id:random`."""
        return self._marker.origin

    def cursor(self) -> Cursor:
        """Return where the change feed ends now; inside a transaction, where it ended when that began."""
        self._check_open()
        return self._feed.head()

    def changes(self, since: Cursor | None = None, *, follow: bool = False) -> ChangeStream:
        """Return the committed transactions after *since*, for `for` and `async for`.

        Guarantees:
            - Whole transactions, in the order of their commits, each exactly once, whichever
              program wrote them; nothing that was rolled back.
            - No gap, ever: what cannot be resumed raises ResyncRequiredError.

        Args:
            since: A cursor of this store, of `Changes.cursor`, or of a snapshot. Without it
                everything that is still kept, which may begin in the middle of a row's life.
                `Cursor.parse()` reads one that was saved as text.
            follow: Wait for more at the end, until the stream or the store is closed.

        Raises:
            ResyncRequiredError: while iterating; the changes after *since* were pruned, or the
                file was restored, reset or replaced.
        """
        self._check_open()
        return self._feed.changes(since, follow)

    def subscribe(
        self,
        callback: Callable[[Changes], object],
        tables: Collection[str] | None = None,
        *,
        where: Callable[[Change], object] | None = None,
        via: Via | None = None,
    ) -> Subscription:
        """Call *callback* with the changes of each transaction that is committed from now on, by any program.

        Guarantees:
            - Once per transaction, after its commit, in order, outside any transaction, one
              call at a time. At closing, this store's own commits are still delivered,
              for at most two seconds.
            - One that does not keep up (1,000 transactions wait, or 20,000 changes) gets a
              change of the kind RESET for each table instead of them. So does everyone after
              a restore. It holds up neither writers nor other callbacks.
            - What it raises is logged. After five failures in a row it is paused, then told of
              a RESET. What it writes has the transaction it was told of as `changes.cause`;
              after eight such writes that led to one another the ninth is refused.

        Args:
            callback: Runs on a thread of the store's, not on the one that wrote.
            tables: Public names, such as `todos_todo`; without them all.
            where: Which changes it wants, asked on the same thread. A RESET always comes.
            via: Where *callback* is to run instead: a function that runs another one, such as
                `loop.call_soon_threadsafe` of asyncio.

        Raises:
            InvalidValueError: a table has no changes that could be told.
        """
        self._check_open()
        return self._feed.subscribe(callback, tables, where, via)

    def observe(
        self, read: Callable[[], T], on_value: Callable[[T], object], *, via: Via | None = None
    ) -> Observation[T]:
        """Call *on_value* with what *read* answers: at once, and again whenever that is something else.

        Guarantees:
            - Each answer is of one committed state. However many commits come while it
              reads, it reads once more, and the last answer is always told.
            - It reads again only after a commit that changed a table it read the last time.

        Args:
            read: Any function over repositories, without arguments. Its answers are compared
                by `==`, so each must be a new value, not one object that it changes. It cannot write.
            on_value: Called the first time before this method returns, then on a thread of the store's.
            via: As for `subscribe()`.

        Raises:
            InvalidValueError: *read* reads a table whose changes are not tracked.
            TransactionError: a transaction is open in this thread.
        """
        self._check_open()
        return self._feed.observe(read, on_value, via)

    def consumer(self, name: str) -> Consumer:
        """Return the consumer *name*: a position in the feed, kept in the file with its effects."""
        self._check_open()
        return self._feed.consumer(name)

    def full_text(self, model: type[Model]) -> FullTextIndex:
        """Return the full-text index of *model*; plugins use it through `Repository.full_text`."""
        self._check_open()
        table = next((one for one in self._tables if one.name == model._meta.table_name), None)
        if table is None or table.search is None:
            raise DefinitionError(
                f"{model.__name__} has no full-text index in this store; its Meta must say search = Search(...), "
                "and its plugin be on"
            )
        key: peewee.Field = model._meta.primary_key  # type: ignore[assignment]  # a table with an index has one
        return self._index(table, key.python_value)

    def use(self) -> AbstractContextManager[None]:
        """Make this store the one that models speak to: `with store.use():`, for ad-hoc queries."""
        return using(self.database())

    def database(self) -> peewee.Database:
        """Return what models speak to in `use()`: Peewee's own interface, with the transactions of the store.

        Raises:
            StoreClosedError: the store was closed.
        """
        if self._closed:
            self._check_open()
        return self._database

    def close(self) -> None:
        """Close the store: plugins' `shutdown` in reverse order, then every connection. Idempotent.

        What other threads do in it at that moment is stopped and undone; it raises StoreClosedError there.

        Raises:
            TransactionError: this thread has a transaction open.
            StoreBusyError: a statement of another thread did not stop; all else is closed.
            PluginError: with `config.strict`, the first that an `on_change` hook raised; all is closed.
        """
        if self._transactions.open and not self._closed:
            raise TransactionError("leave the transaction before you close the store")
        if self._starting:
            raise TransactionError("the store is being opened; a plugin's startup cannot close it")
        if self._closing.acquire(blocking=False):  # never given back: one call, of one thread, closes it
            self._end()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Store {self.path}{' (closed)' if self._closed else ''}>"

    @property
    def _feed(self) -> Feed:
        """Made at first use: most programs follow nothing."""
        if self._followed is None:
            from .feed.feed import Feed
            from .feed.retention import Retention

            with self._making:
                if self._followed is None:
                    feed = Feed(
                        self._backend,
                        self._transactions,
                        self._marker,
                        self._watch,
                        Retention(self._backend, self._transactions),
                        self._tables,
                    )
                    for table in self._tables:
                        if table.search is not None:
                            feed.keep(table.name, self._follower(table).follow_up)
                    self._followed = feed
        return self._followed

    @property
    def _tables(self) -> list[Table]:
        """Those of the plugins that are on."""
        return [
            table
            for plugin in self._plugins.on
            if plugin.schema is not None and self._is_on(plugin.name)
            for table in plugin.schema.tables
        ]

    def _index(self, table: Table, key_value: Callable[[object], object]) -> FullTextIndex:
        from .search.index import FullTextIndex

        follower = self._follower(table)
        return FullTextIndex(
            follower.texts, follower, self._transactions, lambda: self._backend.waiting(_HURRY), key_value
        )

    def _follower(self, table: Table) -> Follower:
        from .feed.log import ChangeLog
        from .search.follower import Follower

        texts = self._backend.full_text(table)
        return Follower(
            table.name,
            texts,
            self._backend.execute,
            self._transactions,
            ChangeLog(self._backend),
            self.origin,
        )

    def _start(self) -> None:
        self._starting = True
        for name, error in self.outcome.failed.items():
            self._put_off(name, error)
        hooked = [one for one in self._plugins.on if "on_change" in one.hooks and self._is_on(one.name)]
        inboxes = {one.name: self._feed.hook(one.name, partial(self._on_change, one)) for one in hooked}
        begin = self._feed.head() if hooked else None  # each is told of what the startups write, too
        for plugin in self._plugins.on:
            if not self._is_on(plugin.name):
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
                self._put_off(plugin.name, error)
        self._starting = False
        for name, inbox in inboxes.items():
            if begin is not None and self._is_on(name):
                inbox.start(begin)
            else:
                self._feed.unhook(inbox)

    def _on_change(self, plugin: Plugin, changes: Changes) -> None:
        try:
            plugin.call("on_change", store=self, changes=changes)
        except PluginError as error:
            if self.config.strict:
                self._failed_hooks.append(error)
            raise

    def _end(self) -> None:
        try:
            try:
                if self._followed is not None:
                    self._followed.close()
            finally:  # after an interrupt, too
                self._shut_down()
        finally:
            self._closed = True
            self._backend.close()
        if self._failed_hooks:
            raise self._failed_hooks[0]

    def _shut_down(self) -> None:
        while self._started:
            name = self._started.pop()
            try:
                self._plugins[name].call("shutdown", store=self)
            except PluginError:
                log.exception("hook.failed", plugin=name, hook="shutdown")

    def _put_off(self, name: str, error: StinaError) -> None:
        if self.config.strict:
            raise error
        self._trouble[name] = error
        self._repositories.clear()  # its own startup may have asked for one

    def _is_on(self, name: str) -> bool:
        return any(one.name == name and one.state is PluginState.ON for one in self.plugins)

    def _make(self, repository: type[R]) -> R:
        plugin = self._plugins.owner(repository)
        statuses = self.plugins
        usable = ", ".join(one.name for one in statuses if one.state is PluginState.ON) or "none"
        if plugin is None:
            raise PluginUnavailableError(
                repository.__module__.partition(".")[0],
                f"no plugin that is on declares {repository.__name__}; on are: {usable}" + _reasons(statuses),
            )
        status = next(one for one in statuses if one.name == plugin.name)
        if status.state is not PluginState.ON:
            raise PluginUnavailableError(
                plugin.name,
                f"{repository.__name__} belongs to the plugin {plugin.name!r}, which is {status.state}: "
                f"{status.reason} (on are: {usable})",
            ) from self._trouble.get(plugin.name)
        return repository(self)

    def _check_open(self) -> None:
        if self._closed:
            raise StoreClosedError(f"the store {self.path} is closed; open it again with open_store()")


def open_store(
    path: str | os.PathLike[str] | None = None,
    config: StoreConfig | None = None,
    *,
    plugins: Plugins | None = None,
    progress: OnProgress = lambda progress: None,
) -> Store:
    """Open the store, make or migrate its tables, and start its plugins.

    Use it as a context manager: `with open_store() as store:`.

    Args:
        path: The file, or `:memory:`. Without it `config.path`, `STINA_DB`, or
            `stina.db` in `STINA_HOME` or `~/.stina`.
        config: Without it the environment decides (`StoreConfig.from_env()`).
        plugins: Without it all installed plugins are loaded.
        progress: Told what steps are running, if any have to.

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
    store = Store(settings, open_database(settings, loaded, progress), loaded)
    try:
        store._start()
    except BaseException:
        store._end()
        raise
    return store


def _off(error: StinaError) -> tuple[PluginState, str]:
    state = PluginState.QUARANTINED if isinstance(error, MigrationError) else PluginState.FAILED
    return state, str(error)


def _reasons(plugins: Iterable[PluginStatus]) -> str:
    off = [
        f"{plugin.name} is {plugin.state}: {plugin.reason}"
        for plugin in plugins
        if plugin.state is not PluginState.ON
    ]
    return "; " + "; ".join(off) if off else ""
