"""What leaves the plugin: plain values, no database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

from stina_core import JsonValue


class Missing(Enum):
    """The type of `MISSING`."""

    MISSING = "missing"

    def __repr__(self) -> str:
        return self.name


MISSING: Final = Missing.MISSING
"""Stands for "there is no such key", which no JSON value can say: null is a value."""


@dataclass(frozen=True, slots=True)
class KvEntry:
    """One key with its value.

    Attributes:
        value: A copy of what is stored; changing a list or dict in it changes nothing in the store.
        updated_at: When it was last written (UTC, whole milliseconds).
    """

    key: str
    value: JsonValue
    updated_at: datetime
