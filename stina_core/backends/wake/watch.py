"""The kernel's word on changes in the directory of the database (inotify, Linux only).

The directory and not the file: `-wal` comes and goes with the connections, and a
watch on it dies with it. SQLite writes to `-wal` before a commit can be read, so a
listener woken from here must look again a little later.
"""

from __future__ import annotations

import os

import inotify_simple
from inotify_simple import flags

from .contract import Reason
from .place import SUFFIX

_MASK = flags.MODIFY | flags.CREATE | flags.MOVED_TO | flags.DELETE | flags.ONLYDIR

_NOT_DATA = (".lock", SUFFIX)
"""Endings after the database's name of what changes without a commit."""


class Watch:
    """Watches all files whose names begin with that of the database at *database* (a real path).

    Raises:
        OSError: the directory is not there or not readable, or the system's watches are used up.
    """

    reason = Reason.FILE

    def __init__(self, database: str) -> None:
        self._directory, self._base = os.path.split(database)
        self._gone = False
        self._events = inotify_simple.INotify(nonblocking=True)
        try:
            self._identity = _identity(
                self._directory
            )  # first: a directory put there later is noticed as another
            self._events.add_watch(self._directory, _MASK)
        except BaseException:
            self._events.close()
            raise

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return int(self._events.fileno())

    def is_lost(self) -> bool:
        """Whether the directory is gone, or another one has its path by now."""
        if self._gone:
            return True
        try:
            return _identity(self._directory) != self._identity
        except OSError:
            return True

    def drain(self) -> bool:
        """Take away what was reported; whether any of it may be a commit."""
        woken = False
        for event in self._events.read(timeout=0):
            if event.mask & flags.IGNORED:
                self._gone = True
            woken |= bool(event.mask & (flags.IGNORED | flags.Q_OVERFLOW)) or self._is_data(event.name)
        return woken

    def close(self) -> None:
        """Stop watching."""
        self._events.close()

    def abandon(self) -> None:
        """Close this process's copy of the descriptor; the parent's watch goes on."""
        self._events.close()

    def _is_data(self, name: str) -> bool:
        return name.startswith(self._base) and name[len(self._base) :] not in _NOT_DATA


def _identity(directory: str) -> tuple[int, int]:
    found = os.stat(directory)
    return (found.st_dev, found.st_ino)
