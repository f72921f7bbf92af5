"""The directory in which the listeners of one database are found: `<its real path>.wake`.

It follows from the path alone, never from the environment, so that a terminal, a
cron job and a system service meet. In it lies one file for each listener:
`<pid>-<random>.sock`, or `<pid>-<random>.<port>.udp`.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import NamedTuple

SUFFIX = ".wake"

_ADDRESS_BYTES = 108 if sys.platform == "linux" else 104
"""Size of `sun_path` with its closing NUL; 104 is that of macOS and the BSDs."""

_NAME_BYTES = 32
"""More than any name here has."""

_NAME = r"[0-9]{1,10}-[0-9a-f]{8}(?:\.sock|\.([0-9]{1,5})\.udp)"  # compiled at first use, not at every start

_TRIES = 100
"""Tries to enter a place that others keep removing; each loss needs a listener that leaves in that instant."""


class Peer(NamedTuple):
    """One listener, as its file describes it; *port* is None for a Unix socket."""

    name: str
    port: int | None


class Place:
    """The place of the database at *database*, found through links and relative paths."""

    def __init__(self, database: str) -> None:
        self.database = os.path.realpath(database)
        self.path = self.database + SUFFIX
        fits = len(os.fsencode(self.path)) + 1 + _NAME_BYTES < _ADDRESS_BYTES
        self._own_path = nullcontext(self.path) if fits else None

    def enter(self, put: Callable[[str], None]) -> None:
        """Make the place if it is missing, and let *put* make a file in it, given the directory to name.

        Only who owns the database makes or enters it: nobody else could ring there.

        Raises:
            PermissionError: the place or the database is somebody else's, or the place is unsafe.
            OSError: it cannot be made, or *put* failed.
        """
        for left in reversed(range(_TRIES)):
            try:
                self._make()
                with self.short_path() as directory:
                    put(directory)
                return
            except (
                FileNotFoundError
            ):  # the last listener left and removed it; or the directory around it is gone
                if not left:
                    raise

    def _make(self) -> None:
        me = _me()
        try:
            found = os.lstat(self.path)
        except FileNotFoundError:
            if me is not None and me not in self._owners()[:1]:
                self._refuse("the database belongs to another user")
            with suppress(FileExistsError):  # another listener was faster
                Path(self.path).mkdir(0o700)
            found = os.lstat(self.path)
        if fault := self.fault(found):
            self._refuse(fault)
        if me is not None and found.st_uid != me:
            self._refuse("it belongs to another user")

    def fault(self, found: os.stat_result) -> str | None:
        """Say why what *found* describes (from lstat) must not be used, if so.

        Whoever may write into it, or put it there, decides whom a ring reaches and
        what gets unlinked. On Windows nothing can be told from it.
        """
        if not stat.S_ISDIR(found.st_mode):
            return "it is no directory"
        me = _me()
        if me is None:
            return None
        if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return "others may write into it"
        if found.st_uid != me and found.st_uid not in self._owners():
            return "it belongs to a stranger"
        return None

    def short_path(self) -> AbstractContextManager[str]:
        """Give a name of the directory under which every file in it fits into a socket's address.

        Raises:
            OSError: its own name is too long, and there is no other; or it is not there.
        """
        return self._own_path or self._opened_path()

    @contextmanager
    def _opened_path(self) -> Iterator[str]:
        if sys.platform != "linux":
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), self.path)
        handle = os.open(self.path, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            yield f"/proc/self/fd/{handle}"
        finally:
            os.close(handle)

    def peers(self) -> tuple[Peer, ...]:
        """Return all listeners whose files are there, dead ones too.

        Raises:
            OSError: it cannot be listed.
        """
        found = []
        with os.scandir(self.path) as entries:
            for entry in entries:
                if match := re.fullmatch(_NAME, entry.name):
                    port = int(match[1]) if match[1] else None
                    if port is None or 0 < port < 65536:
                        found.append(Peer(entry.name, port))
        return tuple(found)

    def holds(self, name: str) -> bool:
        """Whether the file *name* is still there."""
        return os.path.lexists(f"{self.path}/{name}")

    def remove(self, name: str) -> None:
        """Remove the file *name* if it is there, and the place if nothing else is in it.

        Raises:
            OSError: the file cannot be removed.
        """
        Path(self.path, name).unlink(missing_ok=True)
        with suppress(OSError):  # others listen, or it is gone; an empty one left over does no harm
            Path(self.path).rmdir()

    def _owners(self) -> tuple[int, ...]:
        """Return who owns the database, if it is there, and its directory.

        Raises:
            OSError: the directory is not there.
        """
        around = os.stat(os.path.split(self.database)[0]).st_uid
        try:
            return (os.stat(self.database).st_uid, around)
        except FileNotFoundError:  # no store was made yet
            return (around,)

    def _refuse(self, why: str) -> None:
        raise PermissionError(errno.EPERM, why, self.path)


def is_place(path: str) -> bool:
    """Whether somebody may listen to the database at *path*; for who wants no bell until then.

    Costs more than a ring that nobody hears, for links are followed each time.
    """
    return os.path.lexists(os.path.realpath(path) + SUFFIX)


def new_name(ending: str) -> str:
    """Return a name for the file of a new listener of this process."""
    return f"{os.getpid()}-{os.urandom(4).hex()}.{ending}"


def _me() -> int | None:
    return os.geteuid() if hasattr(os, "geteuid") else None
