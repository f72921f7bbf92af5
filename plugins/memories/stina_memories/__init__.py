"""What the assistant is to remember: titled texts that are listed, found, searched, and expire.

Names are resolved at first use, so that the command's `--help` loads no database code.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .repository import MemoryRepository
    from .values import KEEP, AddedMemory, FoundMemory, Keep, MemoryPlace, MemoryValue, SimilarMemory

_HOMES = {
    "AddedMemory": ".values",
    "FoundMemory": ".values",
    "KEEP": ".values",
    "Keep": ".values",
    "MemoryPlace": ".values",
    "MemoryRepository": ".repository",
    "MemoryValue": ".values",
    "SimilarMemory": ".values",
}

__all__ = [
    "KEEP",
    "AddedMemory",
    "FoundMemory",
    "Keep",
    "MemoryPlace",
    "MemoryRepository",
    "MemoryValue",
    "SimilarMemory",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'stina_memories' has no attribute {name!r}")
    value: object = getattr(importlib.import_module(_HOMES[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
