"""What titles, names, comments and tags may be, and how titles and names are compared."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from stina_core import InvalidValueError, check_text

from .models import MAX_TITLE

MAX_TAG = 100
MAX_TAGS = 100


def folded(text: str) -> str:
    """Return *text* as it is compared: neither letter case nor how an accent is written counts, in any script."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())


def text_of(value: object, field: str) -> str:
    """Return *value*, which must be text that can be stored.

    Raises:
        InvalidValueError: it is something else, or has half of a surrogate pair.
    """
    if not isinstance(value, str):
        raise InvalidValueError(field, f"expected text, got {type(value).__name__}")
    return check_text(str.__str__(value), field)  # an enum member that is text has a str() of its own


def filled(value: object, field: str, most: int | None = None) -> str:
    """Return *value* without the blanks around it.

    Raises:
        InvalidValueError: nothing is left, or more than *most* characters are, or it is no text.
    """
    text = text_of(value, field).strip()
    if not text:
        raise InvalidValueError(field, "the text is empty, or only blanks")
    if most is not None and len(text) > most:
        raise InvalidValueError(field, f"the text has {len(text):,} characters; at most {most} fit")
    return text


def title_of(value: object, field: str = "todos_todo.title") -> str:
    """Return *value* as a title: 1 to 500 characters between the blanks around it."""
    return filled(value, field, MAX_TITLE)


def tags_of(values: object) -> list[str]:
    """Return *values* as tags: trimmed, in one way of writing accents, each once.

    Raises:
        InvalidValueError: it is no list of texts, one is empty or longer than 100
            characters, or there are more than 100.
    """
    field = "todos_todo.tags"
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise InvalidValueError(field, f"expected a list of texts, got {type(values).__name__}")
    tags: dict[str, None] = {}
    for value in values:
        tags[tag_of(value)] = None
        if len(tags) > MAX_TAGS:
            raise InvalidValueError(field, f"there are more than {MAX_TAGS} tags")
    return list(tags)


def tag_of(value: object) -> str:
    """Return *value* as a tag is stored."""
    text = unicodedata.normalize("NFC", text_of(value, "todos_todo.tags"))
    return filled(text, "todos_todo.tags", MAX_TAG)
