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
    """Milliseconds since 1970, and among equal ones an id."""

    ms: int
    id: str


OLDEST: Final = Place(_INTEGERS[0], "")
NEWEST: Final = Place(_INTEGERS[-1], "")


def place_of(at: datetime, id: str) -> Place:
    """Return where a row of that time and id stands."""
    return Place((at - _EPOCH) // timedelta(milliseconds=1), id)


def token_of(place: Place, kind: str = "i") -> str:
    """Return *place* as the text that a client gives back; *kind* says in which list, one letter."""
    return base64.urlsafe_b64encode(f"{kind}{place.ms}:{place.id}".encode()).decode()


def place_in(token: object, kinds: str = "i") -> tuple[str, Place]:
    """Return the kind and the place that *token* stands for.

    Raises:
        InvalidValueError: it is no token of a list of *kinds*.
    """
    try:
        if not isinstance(token, str):
            raise ValueError
        text = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True).decode()
        kind, (ms, separator, id) = text[:1], text[1:].partition(":")
        place = Place(int(ms), id)
        if not separator or kind not in kinds or not kind or place.ms not in _INTEGERS:
            raise ValueError
    except (ValueError, binascii.Error):
        raise InvalidValueError("before", "expected what a page of this list gave as its `before`") from None
    return kind, place
