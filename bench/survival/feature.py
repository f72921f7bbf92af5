"""One feature of a table that a careless rebuild loses, and how to see whether it is still there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import apsw


@dataclass(frozen=True)
class Feature:
    """A feature of `case_t`, whose column `note` is going to be altered.

    Attributes:
        schema: SQL that makes `case_t`, what belongs to it, and rows.
        survived: Looks at the schema and uses the feature. It writes, so it wants a
            connection to a copy, with foreign keys on. False where the feature is
            gone; an `apsw.Error` where not even the table can be used.
        breaking: SQL that takes away the feature and nothing else that `survived` needs.
    """

    name: str
    schema: tuple[str, ...]
    survived: Callable[[apsw.Connection], bool]
    breaking: tuple[str, ...]
