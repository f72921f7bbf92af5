"""A quick digest of what Python compiled a function to.

Reading, parsing and walking a step's source costs about 2 ms, at every start of
every program. Two functions with the same code do the same, so while this digest
is the one that was noted beside a step's checksum, the checksum still holds. It
says nothing across Python versions; then the checksums are compared.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import CodeType
from typing import Any


def code_digest(parts: Iterable[tuple[str, Callable[..., Any], str]]) -> str:
    """Return the digest of functions, each with its name and the checksum noted for it."""
    found = hashlib.blake2b(repr(sys.implementation.cache_tag).encode(), digest_size=8)
    for name, function, checksum in parts:
        found.update(repr((name, checksum)).encode())
        function = inspect.unwrap(function)  # as inspect.getsource() does
        found.update(repr((function.__defaults__, function.__kwdefaults__)).encode())
        for piece in _pieces(function.__code__):
            found.update(piece)
    return found.hexdigest()


def has_source(function: Callable[..., Any]) -> bool:
    """Whether the source that a checksum needs can be read; cheaper than reading it."""
    code = inspect.unwrap(function).__code__
    return Path(code.co_filename).is_file() or inspect.getsourcefile(code) is not None


def _pieces(code: CodeType) -> Iterator[bytes]:
    """Everything that decides what *code* does; not where it stands."""
    yield code.co_code
    yield repr(
        (
            code.co_argcount,
            code.co_kwonlyargcount,
            code.co_flags,
            code.co_names,
            code.co_varnames,
            code.co_freevars,
        )
    ).encode()
    yield code.co_exceptiontable
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _pieces(constant)
        elif isinstance(constant, frozenset):
            yield repr(sorted(map(repr, constant))).encode()  # their order differs between processes
        else:
            yield repr(constant).encode()
