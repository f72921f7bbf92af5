"""The change feed of one open store: reading it, and one listener for everybody in this process."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, TypeVar

from ..changes import Change, Changes, Cursor
from ..errors import ResyncRequiredError, StoreIOError, TransactionError
from ..log import get_logger
from ..transactions import SNAPSHOT_DEADLINE, Transaction
from .arguments import check_cursor, check_tables, refuse_async
from .consumer import Consumer
from .delivery import Delivery
from .inbox import Inbox, resets_of
from .keeping import IndexKeeper
from .listener import Listener
from .log import ChangeLog, replaced
from .observation import Observation
from .router import Router
from .stream import ChangeStream
from .subscription import Subscription
from .tending import Tending

if TYPE_CHECKING:
    from ..backends.base import Backend
    from ..backends.wake import Waiter
    from ..catalog import Table
    from ..migrations.watch import SchemaWatch
    from ..transactions import Transactions
    from .marker import Marker
    from .retention import Retention
    from .turn import Via

log = get_logger(__name__)

T = TypeVar("T")

_HURRY = 0.05
"""Seconds the listener waits for a writer; it looks again soon anyway."""

CLOSING = 2.0
"""Seconds that closing a store waits for its own commits to be delivered."""


class Feed:
    """See the methods of `Store` that are called the same.

    Args:
        tables: Those of the plugins in use, as they are declared.
    """

    def __init__(
        self,
        backend: Backend,
        transactions: Transactions,
        marker: Marker,
        watch: SchemaWatch,
        retention: Retention,
        tables: Sequence[Table],
    ) -> None:
        self.log = ChangeLog(backend)
        self._backend = backend
        self._transactions = transactions
        self._marker = marker
        self._watch = watch
        self._retention = retention
        self._tables = tables
        self._kept: list[tuple[str, Callable[[], object]]] = []
        self._begin()
        _feeds.add(self)

    def _begin(self) -> None:
        self._lock = threading.RLock()  # a stream that is collected takes it, wherever that happens
        self._router = Router()
        self._delivery = Delivery("stina-delivery")
        self._followers: dict[Callable[[], object], bool] = {}
        self._listener: Listener | None = None
        self._closed = False

    # Reading

    def head(self) -> Cursor:
        """Return where the feed ends; inside a transaction: where it ended when that began."""
        head = self.log.head()
        outermost = self._transactions.open[0] if self._transactions.open else None
        if isinstance(outermost, Transaction):
            return Cursor(head.epoch, self._marker.newest_before(outermost.begun))
        return head

    def changes(self, since: Cursor | None, follow: bool) -> ChangeStream:
        """Return a stream of the transactions after *since*, or of all that are kept."""
        cursor = since if since is not None else self.log.tail()
        check_cursor(cursor)
        return ChangeStream(
            self.log,
            cursor,
            self._follow if follow else None,
            in_transaction=lambda: bool(self._transactions.open),
            ended=lambda: self._closed or (self._listener is not None and not self._listener.is_alive),
        )

    def consumer(self, name: str) -> Consumer:
        """Return the consumer called *name*."""
        return Consumer(self._backend, self._transactions, self.log, name)

    # Following

    def subscribe(
        self,
        receive: Callable[[Changes], object],
        tables: Collection[str] | None,
        where: Callable[[Change], object] | None,
        via: Via | None,
    ) -> Subscription:
        """Have *receive* called with each transaction that is committed from now on."""
        refuse_async(receive)
        if tables is not None:
            check_tables(tables, self._tracked())
        inbox = self._inbox(_name_of(receive), receive, tables, where, via)
        try:
            inbox.start(self.head())
        except BaseException:
            self._router.remove(inbox)
            raise
        return Subscription(self._router, inbox)

    def hook(self, plugin: str, receive: Callable[[Changes], object]) -> Inbox:
        """Have the hook of a plugin called with each transaction, once the inbox is started."""
        return self._inbox(plugin, receive, None, None, None)

    def unhook(self, inbox: Inbox) -> None:
        """End that."""
        self._router.remove(inbox)
        inbox.close()

    def keep(self, table: str, follow_up: Callable[[], object]) -> None:
        """Have *follow_up* called now and then while this store listens, after changes of *table*."""
        self._kept.append((table, follow_up))

    def _inbox(
        self,
        name: str,
        receive: Callable[[Changes], object],
        tables: Collection[str] | None,
        where: Callable[[Change], object] | None,
        via: Via | None,
    ) -> Inbox:
        abandon = self._transactions.abandon
        inbox = Inbox(name, receive, self._delivery, where=where, via=via, left_open=abandon)
        self._router.add(inbox, tables)
        try:
            self._listen()
        except BaseException:
            self._router.remove(inbox)
            raise
        return inbox

    def observe(
        self, read: Callable[[], T], on_value: Callable[[T], object], via: Via | None
    ) -> Observation[T]:
        """Have *on_value* called with what *read* answers, now and whenever that is something else."""
        refuse_async(read, on_value)
        if self._transactions.open:
            raise TransactionError("leave the transaction before you observe; what is in it may be undone")
        observation = Observation(
            _name_of(read),
            lambda: self._answer(read),
            on_value,
            self._delivery,
            via=via,
            left_open=self._transactions.abandon,
            attend=self._router.add,
            ignore=self._router.remove,
        )
        self._listen()
        observation.start()
        return observation

    def close(self) -> None:
        """Deliver what this store has committed, within two seconds, and end the listener. Idempotent."""
        with self._lock:
            self._closed = True
            listener = self._listener
        try:
            if listener is not None and not self._delivery.is_own_thread:
                deadline = time.monotonic() + CLOSING
                reached = listener.reach(lambda: self._marker.newest, deadline)
                listener.stop()  # or others' commits would go on coming in
                undelivered = self._delivery.drain(deadline)
                if undelivered or not reached:
                    log.warning("feed.undelivered", seconds=CLOSING, receivers=undelivered)
        finally:  # also after an interrupt: somebody may wait for news
            self._delivery.stop()
            self._tell_followers()
            if listener is not None:
                listener.stop()

    def forget_parent(self) -> None:
        """In a child after fork(): the threads are the parent's, and so are all who are told something."""
        self._begin()

    def _answer(self, read: Callable[[], T]) -> tuple[T, frozenset[str]]:
        with self._transactions.snapshot(SNAPSHOT_DEADLINE), self._backend.reading() as read_tables:
            value = read()
        tables = self._public(read_tables)
        return value, check_tables(tables, self._tracked())

    def _tracked(self) -> frozenset[str]:
        return frozenset(table.name for table in self._tables if table.tracked)

    def _public(self, tables: Collection[str]) -> frozenset[str]:
        """The tables of plugins among *tables*; for what a full-text index consists of, the table it is about."""
        about = {table.search_name: table.name for table in self._tables if table.search is not None}
        found = set()
        for name in tables:
            index = next((index for index in about if name == index or name.startswith(f"{index}_")), None)
            if index is not None:
                found.add(about[index])
            elif not name.startswith("stina_"):
                found.add(name)
        return frozenset(found)

    # The listener

    def _listen(self) -> None:
        """Start the listener, unless there is one.

        Raises:
            StoreIOError: the process has no descriptors or threads left for one.
        """
        if self._is_listening():
            return
        head = self.head()  # not under the lock: in memory this waits for other threads' transactions
        with self._lock:
            if self._is_listening():
                return
            self._marker.forget_newest()  # what was committed before is not told, and may be of another epoch
            try:
                self._listener = self._started_listener(head)
            except (OSError, ImportError, RuntimeError) as error:
                raise StoreIOError(f"nothing can listen to this store: {error}") from error
            for table, follow_up in self._kept:
                keeper = IndexKeeper(table, follow_up, self._delivery)
                self._router.add(keeper, [table])
                keeper.schedule()  # there may be something left to do

    def _started_listener(self, head: Cursor) -> Listener:
        waiter = self._backend.waiter()
        try:
            listener = self._new_listener(head, waiter)
            listener.start()
        except BaseException:
            waiter.close()
            raise
        return listener

    def _is_listening(self) -> bool:
        return self._listener is not None or self._closed

    def _new_listener(self, head: Cursor, waiter: Waiter) -> Listener:
        tending = Tending(
            self._backend,
            self._transactions,
            self._watch,
            self._tables,
            epoch=self._marker.opened,
            prune=self._retention.prune,
            replaced=lambda: self._replaced(listener),
        )

        def tend() -> None:
            self._delivery.relieve()
            tending.tend()

        listener = Listener(
            self.log,
            head,
            waiter,
            pass_on=self._router.route,
            lost=self._lost,
            passed_on=self._tell_followers,
            tend=tend,
            patience=self._delivery.patience,
            ended=tending.see_to_file,
            hurried=self._backend.waiting(_HURRY),
        )
        return listener

    def _lost(self, error: ResyncRequiredError, cursor: Cursor) -> None:
        self._marker.forget_newest()  # what was committed before may have a number that never comes again
        self._router.route(resets_of(sorted(self._tracked()), cursor, error.reason))

    def _replaced(self, listener: Listener) -> None:
        log.warning("file.replaced")
        self._lost(replaced(), listener.cursor)  # the end of the feed may not be readable
        self._tell_followers()
        self._backend.leave()

    def _follow(self, tell: Callable[[], object]) -> Callable[[], object]:
        """Have *tell* called, without arguments, whenever there is something new; returns what ends that."""

        def unfollow() -> None:
            with self._lock:
                follows = self._followers.pop(tell, False)
            if follows:  # not in a child of fork(), where a lock of the parent's may be taken for ever
                tell()

        with self._lock:
            self._followers[tell] = True
        try:
            self._listen()
        except BaseException:
            unfollow()
            raise
        return unfollow

    def _tell_followers(self) -> None:
        with self._lock:
            followers = list(self._followers)
        for tell in followers:
            tell()


def _name_of(function: object) -> str:
    return str(getattr(function, "__qualname__", type(function).__name__))


_feeds: weakref.WeakSet[Feed] = weakref.WeakSet()


def _forget_parents() -> None:
    for feed in list(_feeds):
        feed.forget_parent()


os.register_at_fork(after_in_child=_forget_parents)
