"""A private folder in which a copy is worked on."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from ..backends.sqlite.errors import of_system

_PREFIX = ".stina-transfer-"
_LEFT_BEHIND = 86_400.0  # seconds after which a folder belongs to nobody any more


@contextmanager
def private_folder(store: str) -> Iterator[Path]:
    """Yield a new folder that only its owner can read (0700), and remove it at the end.

    It is beside the *store*, which has the room for its backups; in the system's place
    for temporary files where the store has no directory yet. What killed programs left of
    theirs a day ago is removed as well.

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
    with folder as name:
        yield Path(name)


def _remove_left_behind(place: Path) -> None:
    with suppress(OSError):
        for folder in place.glob(f"{_PREFIX}*"):
            if time.time() - folder.lstat().st_mtime > _LEFT_BEHIND:
                shutil.rmtree(folder, ignore_errors=True)
