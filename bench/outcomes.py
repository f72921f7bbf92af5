"""What a tool's rebuild did to a feature."""

from __future__ import annotations

import tempfile
import warnings
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import apsw

from .contenders import Contender
from .survival import Feature
from .survival.files import make, note, rows, survived


class Verdict(StrEnum):
    """How it went."""

    KEPT = "kept"
    LOST = "LOST"  # without an error
    ERROR = "error"  # and the file is as it was
    BROKEN = "error+LOST"  # and the feature, the rows or the table are gone all the same


@dataclass(frozen=True)
class Outcome:
    """A verdict, and what the tool said or what is missing."""

    verdict: Verdict
    why: str = ""


def outcome(feature: Feature, contender: Contender) -> Outcome:
    """Make *feature* in a new file, let *contender* alter the table, and see what is left."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.db"
        make(feature, path)
        rows_before, note_before = rows(path), note(path)
        error = _attempt(contender, path)
        missing = _missing(feature, path, rows_before)
        if error:
            return Outcome(Verdict.BROKEN if missing else Verdict.ERROR, f"{error}; {missing}".rstrip("; "))
        if missing:
            return Outcome(Verdict.LOST, missing)
        if note(path) == note_before:
            return Outcome(Verdict.ERROR, "the column is what it was, and no error said so")
        return Outcome(Verdict.KEPT)


def _attempt(contender: Contender, path: Path) -> str:
    try:
        with warnings.catch_warnings(action="ignore"):  # a column altered with a warning is an altered column
            contender.alter(path)
    except Exception as error:  # noqa: BLE001 -- whatever a tool raises is its result here
        return f"{type(error).__name__}: {error}".partition("\n")[0]
    return ""


def _missing(feature: Feature, path: Path, rows_before: list[str]) -> str:
    try:
        if rows(path) != rows_before:
            return "the rows are not what they were"
        return "" if survived(feature, path) else "the feature is gone"
    except apsw.Error as error:
        return f"the file cannot be used: {error}"
