"""Places in the manual order: texts between any two of which there is always room for another one."""

from __future__ import annotations

from stina_core import InvalidValueError

_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"  # those of new_id(), so that an id is a place too
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}
_BASE = len(_DIGITS)


def between(low: str, high: str | None) -> str:
    """Return a place after *low* and before *high*; after all for None, and before all that follow for "".

    Places are fractions in base 32. A new todo's is its time, as in an id, so without
    moves the order is that of creation. About five moves into one gap cost a character.

    Raises:
        InvalidValueError: one of them is no place, or *low* does not come first.
    """
    length = max(len(low), len(high or ""), 1)
    first, last = _number(low, length), _BASE**length if high is None else _number(high, length)
    if first >= last:
        raise InvalidValueError("todos_todo.position", "there is no place between these two")
    while last - first < 2:
        first, last, length = first * _BASE, last * _BASE, length + 1
    return _text((first + last) // 2, length)


def _number(place: str, length: int) -> int:
    number = 0
    for digit in place.ljust(length, "0"):
        if digit not in _VALUES:
            raise InvalidValueError("todos_todo.position", "the stored text is no place of the manual order")
        number = number * _BASE + _VALUES[digit]
    return number


def _text(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, _BASE)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits)).rstrip("0")


def check(place: str) -> None:
    """Raise InvalidValueError if *place* is none."""
    _number(place, len(place))
