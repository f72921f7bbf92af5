"""What no field looks at: how many, and whether there is a value at all."""

from __future__ import annotations

from stina_core import InvalidValueError

MAX_LIMIT = 1000  # of one page; more is read in several


def check_given(field: str, value: object) -> None:
    """Refuse None with InvalidValueError where *field* must have a value."""
    if value is None:
        raise InvalidValueError(field, "expected a value, got None")


def check_limit(limit: object, name: str = "limit", most: int = MAX_LIMIT) -> int:
    """Return *limit*; InvalidValueError if it is no whole number from 1 to *most*."""
    if not isinstance(limit, int) or isinstance(limit, bool):
        raise InvalidValueError(name, f"expected a whole number, got {type(limit).__name__}")
    number = int(limit)
    if not 1 <= number <= most:
        raise InvalidValueError(name, f"expected a number from 1 to {most:,}")
    return number
