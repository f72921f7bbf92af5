"""What a key may be, and which keys begin with a prefix."""

from __future__ import annotations

import re

from stina_core import InvalidValueError, check_text

FIELD = "kv_entry.key"

MAX_KEY_BYTES = 512
"""Bytes of UTF-8: a key names something. Some hundred bytes keep the index small and a key on one line."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
"""The Unicode category Cc. SQLite's own text functions stop at NUL, and terminals obey the others."""

_PLAIN = re.compile(f"[ -~]{{1,{MAX_KEY_BYTES}}}")
"""Nearly every key: ASCII that is neither too long nor has a control character, which one look tells."""

_SURROGATES = range(0xD800, 0xE000)


def check_key(key: object) -> str:
    """Return *key* as it is stored: exactly, with no trimming or normalising.

    Raises:
        InvalidValueError: it is no text, empty, longer than 512 bytes of UTF-8,
            or has a control character or half of a surrogate pair. The message
            never repeats the key.
    """
    if type(key) is str and _PLAIN.fullmatch(key):
        return key
    text = check_prefix(key)
    if not text:
        raise InvalidValueError(FIELD, "the key is empty; it must have 1 to 512 bytes")
    size = len(text.encode())
    if size > MAX_KEY_BYTES:
        raise InvalidValueError(FIELD, f"the key is {size:,} bytes long; at most {MAX_KEY_BYTES} fit")
    control = _CONTROL.search(text)
    if control:
        raise InvalidValueError(
            FIELD, f"the key has a control character at position {control.start()}; leave it out"
        )
    return text


def check_prefix(prefix: object) -> str:
    """Return *prefix*; InvalidValueError if it is no text or has half of a surrogate pair."""
    if not isinstance(prefix, str):
        raise InvalidValueError(FIELD, f"expected text, got {type(prefix).__name__}")
    return check_text(str.__str__(prefix), FIELD)  # an enum member that is text has a str() of its own


def end_of_prefix(prefix: str) -> str | None:
    """Return the first text above all that begin with *prefix*, in code point order; None if none is.

    With it a prefix becomes a range, which an index can answer and in which no
    character is a wildcard.
    """
    head = prefix.rstrip("\U0010ffff")
    if not head:
        return None
    following = ord(head[-1]) + 1
    return head[:-1] + chr(_SURROGATES.stop if following in _SURROGATES else following)
