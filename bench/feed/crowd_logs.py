"""What the processes of the crowd note, one record per transaction, in files that a SIGKILL cannot tear.

A record is one `write()` to the end of the file, and its size divides that of a page: the
kernel looks for a SIGKILL between two pages only (seen: a record of 48 bytes, cut at one's end).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_SIZE = 64
"""Bytes of a record: the next power of two for what the longest of them says."""


class Acknowledged(NamedTuple):
    """A commit that returned in a writer, at *at* (ns of the monotonic clock)."""

    number: int
    at: int


class Delivered(NamedTuple):
    """A transaction that a follower got.

    Attributes:
        writer, number: Which it was, by its rows.
        first: Its first sequence number,
        last: and that of its cursor, where reading goes on.
        whole: 1 if all its rows came, in order, and no others; else 0.
    """

    writer: int
    number: int
    first: int
    last: int
    whole: int
    at: int


class Log:
    """The end of a file of records."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)

    def add(self, record: tuple[int, ...]) -> None:
        """Append *record*."""
        os.write(self._file, struct.pack(f"{len(record)}q", *record).ljust(_SIZE, b"\0"))

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def acknowledged(path: Path) -> list[Acknowledged]:
    """Read what a writer noted."""
    return [Acknowledged._make(numbers) for numbers in _numbers(path, len(Acknowledged._fields))]


def delivered(path: Path) -> list[Delivered]:
    """Read what a follower noted."""
    return [Delivered._make(numbers) for numbers in _numbers(path, len(Delivered._fields))]


def _numbers(path: Path, fields: int) -> Iterator[tuple[int, ...]]:
    content = path.read_bytes() if path.exists() else b""
    for start in range(0, len(content), _SIZE):
        yield struct.unpack_from(f"{fields}q", content, start)
