"""Units of work: all writes inside one happen together, or none of them does."""

from __future__ import annotations

import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import Token
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from .changes import ACTORS, Actor
from .errors import InvalidValueError, StoreBusyError, TransactionError
from .log import get_logger
from .model import current_database

if TYPE_CHECKING:
    from typing import Any

    import peewee

    from .backends.base import Session

log = get_logger(__name__)

SNAPSHOT_DEADLINE = 5.0
"""Seconds. A read transaction left open keeps the write-ahead log growing (100 MB in 25,000 commits)."""


class Marking(Protocol):
    """What is done around each commit; *begun* is what the session's `on_begin` answered."""

    def end(self, begun: Any, actor: Actor | None) -> int:
        """Before the commit, inside the transaction; returns what `committed()` is given."""
        ...

    def committed(self, begun: Any, seq: int) -> None:
        """After the commit, outside any transaction; not called where `end()` returned 0."""
        ...


class _Open(threading.local):
    """The stack of each thread; an empty tuple in one that had nothing open yet."""

    stack: Sequence[Transaction | Snapshot] = ()


class Transactions:
    """The transactions of one store: a stack of open ones for each thread.

    Attributes:
        marking: Told of every commit; None while a store is being opened.
    """

    def __init__(self, database: peewee.Database, session: Session) -> None:
        self.database = database
        self.session = session
        self.marking: Marking | None = None
        self._this_thread = _Open()
        _stores.add(self)

    @property
    def open(self) -> list[Transaction | Snapshot]:
        """What this thread has open, outermost first."""
        stack = self._this_thread.stack
        if not isinstance(stack, list):
            stack = self._this_thread.stack = []
        return stack

    def in_unit(self, writing: bool) -> bool:
        """Whether this thread is inside a transaction or snapshot, where it wants to write or to read.

        Raises:
            TransactionError: it is, but it belongs to another asyncio task of
                this thread; or it is a snapshot, and the statement writes.
        """
        stack = self._this_thread.stack
        if not stack:
            return False
        innermost = stack[-1]
        if innermost.task is not _running_task():
            raise _of_another_task()
        if isinstance(innermost, Snapshot):
            if writing:
                raise _only_reads()
            innermost.check_deadline()
        return True

    def begin(self, actor: Actor | None = None) -> Transaction:
        """Return a transaction to enter; inside another one it becomes a savepoint."""
        if actor is not None and actor not in ACTORS:
            raise InvalidValueError("actor", f"expected one of {', '.join(sorted(ACTORS))}")
        return Transaction(self, actor)

    def snapshot(self, deadline: float) -> Snapshot:
        """Return a read transaction to enter; inside a transaction it joins that."""
        return Snapshot(self, deadline)

    def abandon(self) -> bool:
        """Undo and leave whatever this thread has open, whose block nobody will end; False if nothing is."""
        if not self.open:
            return False
        self.open[0].__exit__(TransactionError, None, None)
        return True

    def forget_parent(self) -> None:
        """In a child after fork(): the parent's transactions are not ours."""
        self._this_thread = _Open()


class Transaction:
    """`with store.transaction() as transaction:`; see `Store.transaction` for the guarantees.

    Attributes:
        actor: On whose behalf it writes; a nested one has its parent's unless it names its own.
            The change feed says that of the outermost.
        begun: What the store found when the outermost one began.
    """

    __slots__ = (
        "_all",
        "_callbacks",
        "_savepoint",
        "_seq",
        "_session",
        "_token",
        "_used",
        "actor",
        "begun",
        "task",
    )

    def __init__(self, transactions: Transactions, actor: Actor | None) -> None:
        self.actor = actor
        self.task: object = None
        self._all = transactions
        self._session = transactions.session
        self._callbacks: list[Callable[[], object]] = []
        self._savepoint: str | None = None
        self._token: Token[peewee.Database | None] | None = None
        self._used = False
        self.begun: object = None
        self._seq = 0

    def after_commit(self, callback: Callable[[], object]) -> None:
        """Call *callback* once the outermost transaction is committed.

        Runs in this thread, outside any transaction, in the order registered;
        never if this transaction or one around it was rolled back. What it
        raises is logged and reaches nobody, because the data is committed.
        """
        if self not in self._all.open:
            raise TransactionError(
                "after_commit() belongs inside the transaction's with-block, in its thread"
            )
        self._callbacks.append(callback)

    def __enter__(self) -> Transaction:
        if self._used:
            raise TransactionError("a transaction is used once; call store.transaction() again")
        stack = self._all.open
        self.task = _running_task()
        if stack:
            if stack[-1].task is not self.task:
                raise _of_another_task()
            if isinstance(stack[-1], Snapshot):
                raise _only_reads()
            if not self._session.in_transaction():
                raise _ended_by_database()  # or SAVEPOINT would begin another one, and commit it
            self._savepoint = f"stina_{len(stack)}"
            self.actor = self.actor or stack[-1].actor
        self._used = True
        taken = False
        try:  # everything from here on, in this order: an interrupt may come at any line (tests/test_interrupts.py)
            if self._savepoint is None:
                if self._session.gate is not None:
                    self._session.gate.__enter__()
                taken = True
                self.begun = self._session.begin()
            else:
                self._session.savepoint(self._savepoint)
            stack.append(self)  # not before: what begin() raises may be followed by an interrupt right here
            self._token = current_database.set(self._all.database)
            return self
        except BaseException:
            _remove(stack, self)
            if taken:
                self._give_back()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        stack = self._all.open
        if self not in stack:
            if kind is not None:
                return  # whoever left the block so has an error already
            raise TransactionError(
                "a transaction ended where it is not open: in another thread or process, or after the one around it"
            )
        inside = stack[stack.index(self) + 1 :]
        del stack[stack.index(self) :]
        keep = kind is None and not inside
        try:
            if self._savepoint is None:
                self._end(keep)
            else:
                self._end_savepoint(self._savepoint, keep, stack[-1])
        finally:
            _reset(self._token)
        if inside and kind is None:
            raise TransactionError(
                "a transaction ended before one inside it, which is still open; both were undone"
            )
        if keep and self._savepoint is None:
            if self._seq and self._all.marking is not None:
                _run(self._all.marking.committed, self.begun, self._seq)
            for callback in self._callbacks:
                _run(callback)

    def _end(self, keep: bool) -> None:
        committed = False
        try:
            if keep:
                if not self._session.in_transaction():
                    raise _ended_by_database()
                if self._all.marking is not None:
                    self._seq = self._all.marking.end(self.begun, self.actor)
                self._session.commit()
                committed = True
        finally:
            self._give_back(committed)

    def _give_back(self, committed: bool = False) -> None:
        try:
            if not committed:
                self._session.rollback()
        finally:
            if self._session.gate is not None:
                self._session.gate.__exit__(None, None, None)

    def _end_savepoint(self, name: str, keep: bool, parent: Transaction | Snapshot) -> None:
        if keep:
            if not self._session.in_transaction():
                raise _ended_by_database()
            self._session.release_savepoint(name)
            if isinstance(parent, Transaction):
                parent._callbacks.extend(self._callbacks)
        else:
            self._session.rollback_savepoint(name)


class Snapshot:
    """`with store.snapshot():`; every read inside sees the same committed state."""

    actor: Actor | None = None

    def __init__(self, transactions: Transactions, deadline: float) -> None:
        self.task: object = None
        self._all = transactions
        self._session = transactions.session
        self._deadline = deadline
        self._end = float("inf")
        self._joined = False
        self._used = False
        self._token: Token[peewee.Database | None] | None = None

    def check_deadline(self) -> None:
        """Raise StoreBusyError once the time is over; a statement that runs then is stopped by SQLite."""
        if time.monotonic() > self._end:
            raise StoreBusyError(
                f"the snapshot is older than its deadline of {self._deadline} s; take a new one"
            )

    def __enter__(self) -> None:
        if self._used:
            raise TransactionError("a snapshot is used once; call store.snapshot() again")
        stack = self._all.open
        self.task = _running_task()
        if stack and stack[-1].task is not self.task:
            raise _of_another_task()
        self._joined = bool(stack)
        self._used = True
        taken = False
        try:
            if not self._joined:
                stack.append(self)
                if self._session.gate is not None:
                    self._session.gate.__enter__()
                taken = True
                self._session.begin_snapshot(self._deadline)
                self._end = time.monotonic() + self._deadline
            self._token = current_database.set(self._all.database)
        except BaseException:
            _remove(stack, self)
            if taken:
                self._give_back()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        stack = self._all.open
        try:
            if self._joined:
                return
            if self in stack:
                stack.remove(self)
                self._give_back()
            elif kind is None:
                raise TransactionError("a snapshot ended where it is not open: in another thread or process")
        finally:
            _reset(self._token)

    def _give_back(self) -> None:
        try:
            self._session.end_snapshot()
        finally:
            if self._session.gate is not None:
                self._session.gate.__exit__(None, None, None)


def _run(callback: Callable[..., object], *arguments: object) -> None:
    try:
        callback(*arguments)
    except (Exception, SystemExit):
        name = getattr(callback, "__qualname__", type(callback).__name__)
        with suppress(Exception):  # what is committed is not to fail for want of a descriptor for the log
            log.exception("callback.failed", callback=name)


def _reset(token: Token[peewee.Database | None] | None) -> None:
    if token is not None:
        try:
            current_database.reset(token)
        except ValueError:  # the block was entered in another context, which keeps its own
            log.warning("context.changed")


def _remove(stack: list[Transaction | Snapshot], frame: Transaction | Snapshot) -> None:
    if frame in stack:
        stack.remove(frame)


def _running_task() -> object:
    asyncio = sys.modules.get("asyncio")  # never imported only to find that nobody uses it
    loop = getattr(asyncio, "_get_running_loop", None)  # another thread may be importing it just now
    if loop is None or loop() is None:  # current_task() would raise, for each statement
        return None
    return asyncio.current_task()  # type: ignore[union-attr]


def _of_another_task() -> TransactionError:
    return TransactionError(
        "another asyncio task of this thread has a transaction open; never await inside one, "
        "or run each unit of work in its own thread (asyncio.to_thread)"
    )


def _only_reads() -> TransactionError:
    return TransactionError("a snapshot only reads; leave it before you write")


def _ended_by_database() -> TransactionError:
    return TransactionError("the database undid the whole transaction after an earlier error; run it again")


_stores: weakref.WeakSet[Transactions] = weakref.WeakSet()


def _forget_parents() -> None:
    for transactions in list(_stores):
        transactions.forget_parent()


os.register_at_fork(after_in_child=_forget_parents)
