"""Shared key-value state: JSON values under text keys, safe for several programs at once.

Names are resolved at first use, so that the command's `--help` loads no database code.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .repository import KvRepository
    from .values import MISSING, KvEntry, Missing

_HOMES = {
    "KvEntry": ".values",
    "KvRepository": ".repository",
    "MISSING": ".values",
    "Missing": ".values",
}

__all__ = ["MISSING", "KvEntry", "KvRepository", "Missing"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'stina_kv' has no attribute {name!r}")
    value: object = getattr(importlib.import_module(_HOMES[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
