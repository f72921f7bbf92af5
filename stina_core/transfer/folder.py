"""A private folder in which a copy is worked on."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from ..backends.sqlite.errors import of_system

_PREFIX = ".stina-transfer-"
_BEGUN = 1.0  # seconds in which whoever made a folder has not taken it yet


@contextmanager
def private_folder(store: str) -> Iterator[Path]:
    """Yield a new folder that only its owner can read (0700), and remove it at the end.

    It is beside the *store*, which has the room for its backups; in the system's place
    for temporary files where the store has no directory yet. What killed programs left of
    theirs is removed as well.

    Raises:
        ReadOnlyError, DiskFullError, StoreIOError: it cannot be made.
    """
    place = Path(store).parent
    there = place.is_dir()
    if there:
        _remove_left_behind(place)
    try:
        folder = TemporaryDirectory(prefix=_PREFIX, dir=place if there else None, ignore_cleanup_errors=True)
    except OSError as error:
        raise of_system(error, f"no folder can be made in {place}") from error
    with folder as name, _in_use(Path(name)):
        yield Path(name)


@contextmanager
def _in_use(folder: Path) -> Iterator[None]:
    """Hold *folder* for this program; the system lets go of it when the program ends, however it does."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _remove_left_behind(place: Path) -> None:
    for folder in place.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # somebody is at work in it, or has just removed it
            if time.time() - folder.lstat().st_mtime < _BEGUN:
                continue
            with _in_use(folder):
                shutil.rmtree(folder, ignore_errors=True)
