"""The copy of a file that is made before a migration could lose anything of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..backends.base import Backend, Backup


class LossGuard:
    """One verified backup per run, made at the moment of the first loss and no sooner.

    Args:
        tell: Told whose steps made a backup necessary, while it is made.

    Attributes:
        backup: The copy; None while nothing was in danger.
    """

    def __init__(self, backend: Backend, tell: Callable[[str], object]) -> None:
        self._backend = backend
        self._tell = tell
        self._fresh = False
        self._losing: set[str] = set()
        self.backup: Backup | None = None

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Inside the migration's transaction: what raises here leaves the file, and its backups, as they were.

        Not around the transaction: an interrupt may come when it is committed already.
        """
        self._fresh = self._backend.is_empty()
        try:
            yield
        except BaseException:
            self._discard()
            raise

    def before(self, plugin: str, reason: str) -> None:
        """Make the backup, unless there is one, or nothing in the file."""
        self._losing.add(plugin)
        if self.backup is None and not self._fresh:
            self._tell(plugin)
            self.backup = self._backend.backup(reason)

    def settle(self, failed: Collection[str]) -> None:
        """After the commit: keep it, and fewer of the older ones, unless only *failed* plugins wanted it.

        A plugin that fails at every start must not push out good backups.
        """
        if self.backup is None:
            return
        if self._losing <= set(failed):
            self._discard()
        else:
            self._backend.rotate(self.backup)

    def _discard(self) -> None:
        if self.backup is not None:
            self._backend.discard(self.backup)
        self.backup = None
        self._losing.clear()
