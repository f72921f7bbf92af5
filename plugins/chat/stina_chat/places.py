"""Where a list goes on: places in an order by time and id, and the opaque texts that clients keep of them."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from stina_core import InvalidValueError

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_INTEGERS = range(-(1 << 63), 1 << 63)


class Place(NamedTuple):
    """Milliseconds since 1970, among equal ones a position, and among equal ones of these an id."""

    ms: int
    position: int
    id: str


OLDEST: Final = Place(_INTEGERS[0], 0, "")
NEWEST: Final = Place(_INTEGERS[-1], 0, "")


def place_of(at: datetime, id: str, position: int = 0) -> Place:
    """Return where a row of that time, position and id stands."""
    return Place((at - _EPOCH) // timedelta(milliseconds=1), position, id)


def token_of(place: Place, kind: str = "i") -> str:
    """Return *place* as the text that a client gives back; *kind* says in which list, one letter."""
    return base64.urlsafe_b64encode(f"{kind}{place.ms}:{place.position}:{place.id}".encode()).decode()


def place_in(token: object, kinds: str = "i") -> tuple[str, Place]:
    """Return the kind and the place that *token* stands for.

    Raises:
        InvalidValueError: it is no token of a list of *kinds*.
    """
    try:
        if not isinstance(token, str):
            raise ValueError
        text = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True).decode()
        kind, (ms, position, id) = text[:1], text[1:].split(":", 2)
        place = Place(int(ms), int(position), id)
        if kind not in kinds or not kind or place.ms not in _INTEGERS or place.position not in _INTEGERS:
            raise ValueError
    except (ValueError, binascii.Error):
        raise InvalidValueError("before", "expected what a page of this list gave as its `before`") from None
    return kind, place
