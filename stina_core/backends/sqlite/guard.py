"""Keeps every other hand in this process off a store's open file.

POSIX locks belong to the process: when any handle of the file is closed, all of
SQLite's locks on it are gone, and another process overwrites what was committed.
That happens on `open(path).close()` with older libraries, on a second SQLite
library in the process, and on copying the three files with any of them (measured:
19 of 20 rows lost, integrity check "ok"). So while a store is open, an audit hook
refuses `open()` and `sqlite3.connect()` on its files. Other processes are free.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import Counter

from ...errors import UnsafeOpenError

_SIDE_FILES = ("-wal", "-shm", "-journal")

_lock = threading.Lock()
_files: Counter[tuple[int, int]] = Counter()  # (device, inode) of each open store, and how often
_installed = False


def protect(path: str) -> tuple[int, int]:
    """Refuse raw opens of the database at *path* from now on; returns the token for `release()`."""
    global _installed
    file = os.stat(path)
    token = (file.st_dev, file.st_ino)
    with _lock:
        _files[token] += 1
        if not _installed:
            sys.addaudithook(_audit)  # cannot be removed; it does nothing while no store is open
            _installed = True
    return token


def release(token: tuple[int, int]) -> None:
    """Undo one `protect()`."""
    with _lock:
        _files[token] -= 1
        if _files[token] <= 0:
            del _files[token]


def _audit(event: str, args: tuple[object, ...]) -> None:
    if not _files or event not in ("open", "sqlite3.connect"):
        return
    target = args[0]
    if isinstance(target, os.PathLike):
        target = os.fspath(target)
    if isinstance(target, bytes):
        target = os.fsdecode(target)
    if not isinstance(target, str) or target == ":memory:":
        return
    if event == "sqlite3.connect" and target.startswith("file:"):
        from urllib.parse import unquote

        target = unquote(target[5:].partition("?")[0])
        target = "/" + target.lstrip("/") if target.startswith("/") else target
    if _is_protected(target):
        raise UnsafeOpenError(
            f"{target} is open as a Stina store in this process. Closing a second handle of it would cancel "
            "SQLite's locks and lose data of other processes. Use the store, `stina db backup`, or another process."
        )


def _is_protected(path: str) -> bool:
    for suffix in _SIDE_FILES:
        if path.endswith(suffix):
            path = path.removesuffix(suffix)
            break
    try:
        file = os.stat(path)
    except (OSError, ValueError):
        return False
    return (file.st_dev, file.st_ino) in _files
