"""What a check found: the value `stina doctor` prints."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """`ERROR` makes `stina doctor` exit with 1."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a check noticed.

    Attributes:
        subject: What it is about: a plugin, a file, a table.
        message: What was found, in one line, without contents.
        remedy: What to do about it, or an empty string.
    """

    severity: Severity
    subject: str
    message: str
    remedy: str = ""
