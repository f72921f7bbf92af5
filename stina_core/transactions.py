"""Units of work: all writes inside one happen together, or none of them does."""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections.abc import Callable
from contextvars import Token
from types import TracebackType
from typing import TYPE_CHECKING

from .errors import TransactionError
from .log import get_logger
from .model import current_database

if TYPE_CHECKING:
    import peewee

    from .backends.base import Session

log = get_logger(__name__)

SNAPSHOT_DEADLINE = 5.0
"""Seconds. A read transaction left open keeps the write-ahead log growing (100 MB in 25,000 commits)."""


class Transactions:
    """The transactions of one store: a stack of open ones for each thread."""

    def __init__(self, database: peewee.Database, session: Session) -> None:
        self.database = database
        self.session = session
        self._local = threading.local()
        _stores.add(self)

    @property
    def open(self) -> list[Transaction | Snapshot]:
        """What this thread has open, outermost first."""
        try:
            stack: list[Transaction | Snapshot] = self._local.open
        except AttributeError:
            stack = self._local.open = []
        return stack

    def in_unit(self) -> bool:
        """Whether this thread is inside a transaction or snapshot.

        Raises:
            TransactionError: it is, but it belongs to another asyncio task of this thread.
        """
        stack = self.open
        if not stack:
            return False
        _check_task(stack[-1])
        return True

    def begin(self, actor: str | None = None) -> Transaction:
        """Return a transaction to enter; inside another one it becomes a savepoint."""
        return Transaction(self, actor)

    def snapshot(self, deadline: float) -> Snapshot:
        """Return a read transaction to enter; inside a transaction it joins that."""
        return Snapshot(self, deadline)

    def forget_parent(self) -> None:
        """In a child after fork(): the parent's transactions are not ours."""
        self._local = threading.local()


class Transaction:
    """`with store.transaction() as transaction:`; see `Store.transaction` for the guarantees.

    Attributes:
        actor: On whose behalf it writes; a nested one has its parent's unless it names its own.
    """

    def __init__(self, transactions: Transactions, actor: str | None) -> None:
        self.actor = actor
        self._all = transactions
        self._session = transactions.session
        self._callbacks: list[Callable[[], object]] = []
        self._savepoint: str | None = None
        self._token: Token[peewee.Database | None] | None = None
        self._entered = False
        self.task: object = None

    def after_commit(self, callback: Callable[[], object]) -> None:
        """Call *callback* once the outermost transaction is committed.

        Runs in this thread, outside any transaction, in the order registered;
        never if this transaction or one around it was rolled back. What it
        raises is logged and reaches nobody, because the data is committed.
        """
        if not self._entered:
            raise TransactionError("after_commit() belongs inside the transaction's with-block")
        self._callbacks.append(callback)

    def __enter__(self) -> Transaction:
        if self._entered or self._token is not None:
            raise TransactionError("a transaction is used once; call store.transaction() again")
        stack = self._all.open
        self.task = _running_task()
        if stack:
            parent = stack[-1]
            _check_task(parent)
            if isinstance(parent, Snapshot):
                raise TransactionError("a snapshot only reads; leave it before you write")
            name = f"stina_{len(stack)}"
            self._session.savepoint(name)
            self._savepoint = name
            self.actor = self.actor or parent.actor
        else:
            self._begin()
        stack.append(self)
        self._entered = True
        self._token = current_database.set(self._all.database)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._entered = False
        if self._token is not None:
            current_database.reset(self._token)
        stack = self._all.open
        if not stack or stack[-1] is not self:
            raise TransactionError(
                "a transaction ended out of order: it was opened in another process or left in the wrong order"
            ) from error
        stack.pop()
        if self._savepoint is not None:
            self._end_savepoint(self._savepoint, kind is None, stack[-1])
        else:
            self._end(kind is None)

    def _begin(self) -> None:
        turn = self._session.turn()
        turn.__enter__()
        try:
            self._session.begin()
        except BaseException:
            turn.__exit__(None, None, None)
            raise

    def _end_savepoint(self, name: str, keep: bool, parent: Transaction | Snapshot) -> None:
        if not self._session.in_transaction():
            if keep:
                raise _ended_by_database()
            return
        if keep:
            self._session.release_savepoint(name)
            if isinstance(parent, Transaction):
                parent._callbacks.extend(self._callbacks)
        else:
            self._session.rollback_savepoint(name)

    def _end(self, keep: bool) -> None:
        try:
            if keep and not self._session.in_transaction():
                raise _ended_by_database()
            if keep:
                self._session.commit()
        except BaseException:
            keep = False
            raise
        finally:
            try:
                if not keep and self._session.in_transaction():
                    self._session.rollback()
            finally:
                self._session.turn().__exit__(None, None, None)
        if keep:
            for callback in self._callbacks:
                _run(callback)


class Snapshot:
    """`with store.snapshot():`; every read inside sees the same committed state."""

    actor: str | None = None

    def __init__(self, transactions: Transactions, deadline: float) -> None:
        self._all = transactions
        self._session = transactions.session
        self._deadline = deadline
        self._joined = False
        self._token: Token[peewee.Database | None] | None = None
        self.task: object = None

    def __enter__(self) -> None:
        stack = self._all.open
        self.task = _running_task()
        if stack:
            _check_task(stack[-1])
            self._joined = True
        else:
            turn = self._session.turn()
            turn.__enter__()
            try:
                self._session.begin_snapshot(self._deadline)
            except BaseException:
                turn.__exit__(None, None, None)
                raise
            stack.append(self)
        self._token = current_database.set(self._all.database)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._token is not None:
            current_database.reset(self._token)
        if self._joined:
            return
        stack = self._all.open
        if not stack or stack[-1] is not self:
            raise TransactionError(
                "a snapshot ended out of order: it was opened in another process"
            ) from error
        stack.pop()
        try:
            self._session.end_snapshot()
        finally:
            self._session.turn().__exit__(None, None, None)


def _run(callback: Callable[[], object]) -> None:
    try:
        callback()
    except Exception:
        log.exception("callback.failed", callback=getattr(callback, "__qualname__", type(callback).__name__))


def _running_task() -> object:
    asyncio = sys.modules.get("asyncio")  # never imported only to find that nobody uses it
    if asyncio is None:
        return None
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


def _check_task(frame: Transaction | Snapshot) -> None:
    if frame.task is not _running_task():
        raise TransactionError(
            "another asyncio task of this thread has a transaction open; never await inside one, "
            "or run each unit of work in its own thread (asyncio.to_thread)"
        )


def _ended_by_database() -> TransactionError:
    return TransactionError("the database undid the whole transaction after an earlier error; run it again")


_stores: weakref.WeakSet[Transactions] = weakref.WeakSet()


def _forget_parents() -> None:
    for transactions in list(_stores):
        transactions.forget_parent()


os.register_at_fork(after_in_child=_forget_parents)
