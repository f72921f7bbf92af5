"""What `store.subscribe()` gives back."""

from __future__ import annotations

import os
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self

    from .inbox import Inbox
    from .router import Router


class Subscription:
    """A callback that is told of changes, until `close()`; also a context manager."""

    def __init__(self, router: Router, inbox: Inbox) -> None:
        self._router = router
        self._inbox = inbox
        self._process = os.getpid()

    def close(self) -> None:
        """Call it no more. A call that is running is not waited for. From any thread; idempotent."""
        if self._process == os.getpid():  # in a child of fork() all of it is the parent's
            self._router.remove(self._inbox)
            self._inbox.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
