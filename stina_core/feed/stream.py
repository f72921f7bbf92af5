"""Reading the feed with `for` and `async for`: up to its end, or going on with what is still to come."""

from __future__ import annotations

import os
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING

from ..changes import Changes, Cursor
from ..errors import ResyncRequiredError, StoreClosedError, TransactionError

if TYPE_CHECKING:
    import asyncio
    from typing import Self

    from .log import ChangeLog


class ChangeStream:
    """Transactions of the feed, whole and in order; `store.changes()` makes it.

    It reads the log itself, as fast as it is asked, so a slow reader holds up nobody.
    For one thread or one task. Iterating again goes on where it stopped.
    """

    def __init__(
        self,
        change_log: ChangeLog,
        cursor: Cursor,
        follow: Callable[[Callable[[], object]], Callable[[], object]] | None,
        in_transaction: Callable[[], bool],
        ended: Callable[[], bool],
    ) -> None:
        self._log = change_log
        self._follow = follow
        self._in_transaction = in_transaction
        self._ended = ended
        self._end = cursor  # how far it has read
        self._ready: deque[tuple[Cursor, Changes]] = deque()  # each with the cursor before it
        self._unfollow: Callable[[], object] | None = None
        # Not an Event: an interrupt in one can leave its lock taken, and the listener would wait for that.
        self._news: SimpleQueue[None] = SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task_news: asyncio.Event | None = None
        self._process = os.getpid()
        self._closed = False

    @property
    def cursor(self) -> Cursor:
        """After the last transaction that was given; save it to resume there."""
        ready = self._ready
        return ready[0][0] if ready else self._end

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Changes:
        """Return the next transaction; at the end of the feed stop, or wait if it follows.

        Raises:
            ResyncRequiredError: the feed cannot be resumed from here.
            TransactionError: this thread has a transaction open, which would make it wait for itself.
        """
        self._start(partial(_put, self._news))
        while True:
            while not self._news.empty():
                self._news.get()
            if self._has_next():
                return self._ready.popleft()[1]
            if self._is_at_end():
                raise StopIteration
            self._news.get()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Changes:
        """As `__next__`, but other tasks run while it waits. Reading takes the loop's thread a millisecond or two."""
        news = self._news_of_loop()
        while True:
            news.clear()
            if self._has_next():
                return self._ready.popleft()[1]
            if self._is_at_end():
                raise StopAsyncIteration
            await news.wait()

    def close(self) -> None:
        """End it: whoever waits for the next transaction gets none any more. From any thread; idempotent."""
        self._closed = True
        self._leave()

    async def aclose(self) -> None:
        """Close it; it never waits."""
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _news_of_loop(self) -> asyncio.Event:
        """Return what tells the task that runs now; a stream may be read by one loop after the other."""
        import asyncio  # only programs that have it running come here

        loop = asyncio.get_running_loop()
        if self._task_news is None or self._loop is not loop:
            self._leave()
            news = self._task_news = asyncio.Event()
            self._loop = loop
            self._start(lambda: _tell(loop, news))
        return self._task_news

    def _leave(self) -> None:
        unfollow, self._unfollow = self._unfollow, None
        if unfollow is not None:
            unfollow()

    def _start(self, tell: Callable[[], object]) -> None:
        if self._follow is None or self._closed:
            return
        if self._process != os.getpid():
            raise StoreClosedError("the stream belongs to the parent process; take one of your own")
        if self._unfollow is None:
            # called when it is collected, too: whoever leaves the loop by break does not close it
            self._unfollow = weakref.finalize(self, self._follow(tell))
            if self._is_at_end():  # closed by another thread meanwhile
                self.close()

    def _is_at_end(self) -> bool:
        return self._unfollow is None or self._closed or self._ended()

    def _has_next(self) -> bool:
        """Read on if nothing is left to give. To give one is a single step: an interrupt before it loses nothing."""
        if self._in_transaction():
            raise TransactionError("leave the transaction before you read the feed; it is not committed yet")
        if not self._ready and not self._closed:
            try:
                self._read()
                if not self._ready:
                    self._log.check_file()  # nothing will ever come from one that is not there any more
            except ResyncRequiredError:
                self._log.check_file()  # another file's feed is another one, too, and that says more
                raise
            except StoreClosedError:
                self._log.check_file()
                if not self._closed and (self._follow is None or not self._ended()):
                    raise  # else it, or the store it follows, was closed while it read
        return bool(self._ready) and not self._closed

    def _read(self) -> None:
        ready: deque[tuple[Cursor, Changes]] = deque()
        end = self._end
        for changes in self._log.read(end):
            ready.append((end, changes))
            assert changes.cursor is not None
            end = changes.cursor
        self._ready, self._end = ready, end  # in one line, which an interrupt comes before or after


def _put(news: SimpleQueue[None]) -> None:
    if news.empty():
        news.put(None)


def _tell(loop: asyncio.AbstractEventLoop, news: asyncio.Event) -> None:
    with suppress(RuntimeError):  # the loop is closed, and its tasks with it
        loop.call_soon_threadsafe(news.set)
