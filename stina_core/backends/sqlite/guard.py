"""Keeps every other hand in this process off a store's open file.

POSIX locks belong to the process: when any handle of the file is closed, all of
SQLite's locks on it are gone, and another process overwrites what was committed.
That happens on `open(path).close()` with older libraries, on a second SQLite
library in the process, and on copying the three files with any of them (measured:
19 of 20 rows lost, integrity check "ok"). So while a store is open, an audit hook
refuses `open()` and `sqlite3.connect()` on its files. Other processes are free.

It stops accidents, not intent: Python reports neither an `ATTACH` inside a
connection of `sqlite3`, nor the directory of `os.open(..., dir_fd=...)`, nor what C code opens.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from urllib.parse import unquote

from ...errors import UnsafeOpenError
from .errors import of_system

_SIDE_FILES = ("-wal", "-shm", "-journal")

_lock = threading.Lock()
_installed = False


class Token:
    """One protected file, by what it is and not by its name: links are followed. Two of one file are not equal."""

    __slots__ = ("device", "inode", "path")

    def __init__(self, device: int, inode: int, path: str) -> None:
        self.device = device
        self.inode = inode
        self.path = path


_tokens: tuple[Token, ...] = ()  # one for each open store; replaced, never changed


def protect(path: str) -> Token:
    """Refuse raw opens of the database at *path* from now on; returns the token for `release()`.

    Raises:
        StoreIOError: it is not there any more.
    """
    global _installed, _tokens
    try:
        file = os.stat(path)
    except OSError as error:
        raise of_system(error, f"{path} cannot be opened") from error
    token = Token(file.st_dev, file.st_ino, os.path.realpath(path))
    with _lock:
        _tokens = (*_tokens, token)
        if not _installed:
            sys.addaudithook(_audit)  # cannot be removed; it does nothing while no store is open
            _installed = True
    return token


def release(token: Token) -> None:
    """Undo the `protect()` that gave *token*."""
    global _tokens
    with _lock:
        _tokens = tuple(one for one in _tokens if one is not token)


def _audit(event: str, args: tuple[object, ...]) -> None:
    if not _tokens or event not in ("open", "sqlite3.connect"):
        return
    target = args[0]
    if isinstance(target, os.PathLike):
        target = os.fspath(target)
    if isinstance(target, bytes):
        target = os.fsdecode(target)
    if not isinstance(target, str):
        return
    if event == "sqlite3.connect" and target.startswith("file:"):
        target = _path_of(target)
    if _is_protected(target):
        raise UnsafeOpenError(
            f"{target} is open as a Stina store in this process. Closing a second handle of it would cancel "
            "SQLite's locks and lose data of other processes. Use the store, `stina db backup`, or another process."
        )


def _path_of(uri: str) -> str:
    path = re.split("[?#]", uri.removeprefix("file:"), maxsplit=1)[0]
    return unquote(re.sub("^//[^/]*", "", path))  # the authority is empty or localhost


def _is_protected(path: str) -> bool:
    stem = next((path.removesuffix(one) for one in _SIDE_FILES if path.endswith(one)), path)
    identities = {identity for identity in (_identity(path), _identity(stem)) if identity}
    return any(
        (token.device, token.inode) in identities
        or any(_identity(token.path + suffix) in identities for suffix in _SIDE_FILES)
        for token in _tokens
    )


def _identity(path: str) -> tuple[int, int] | None:
    try:
        file = os.stat(path)
    except (OSError, ValueError):
        return None
    return (file.st_dev, file.st_ino)


os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)
