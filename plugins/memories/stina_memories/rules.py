"""What may be stored: each function returns it as it is stored, or raises InvalidValueError."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from stina_core import InvalidValueError, check_text, now

from .models import Memory
from .queries import EVER, NEVER
from .values import MemoryPlace

TABLE = "memories_memory"

MAX_TITLE = 500
MAX_TAG = 100
MAX_LIMIT = 1_000_000


def title_of(title: object) -> str:
    """Return *title* without the white space around it; 1 to 500 characters must be left."""
    text = _text(title, f"{TABLE}.title").strip()
    if not text:
        raise InvalidValueError(f"{TABLE}.title", "the title is empty")
    if len(text) > MAX_TITLE:
        raise InvalidValueError(
            f"{TABLE}.title", f"the title has {len(text):,} characters; at most {MAX_TITLE} fit"
        )
    return text


def content_of(content: object) -> str:
    """Return *content* exactly as it is; it must have something else than white space."""
    text = _text(content, f"{TABLE}.content")
    if not text.strip():
        raise InvalidValueError(f"{TABLE}.content", "the content is empty")
    return text


def tags_of(tags: object) -> list[str]:
    """Return *tags* without white space around them, each once, in their order; None is no tags."""
    field = f"{TABLE}.tags"
    if tags is None:
        return []
    if not isinstance(tags, Iterable) or isinstance(tags, str | bytes | bytearray | dict):
        raise InvalidValueError(field, f"expected a list of texts, got {type(tags).__name__}")
    kept: dict[str, None] = {}
    for tag in tags:
        text = _text(tag, field).strip()
        if not text or len(text) > MAX_TAG:
            raise InvalidValueError(field, f"a tag has 1 to {MAX_TAG} characters, not {len(text):,}")
        kept[text] = None
    return list(kept)


def wanted_of(text: object) -> str:
    """Return a *text* that can be looked for in contents: not blank, which every content would contain."""
    wanted = _text(text, "text")
    if not wanted.strip():
        raise InvalidValueError("text", "there is nothing to look for")
    return wanted


def moment_of(at: object) -> datetime:
    """Return the moment *at*, or the present one for None."""
    if at is None:
        return now()
    _ms(at, "at")
    assert isinstance(at, datetime)
    return at


def counted_at(at: object, include_expired: object) -> datetime | None:
    """Return the moment at which a memory must count; None where expired ones do too."""
    if not isinstance(include_expired, bool):
        raise InvalidValueError("include_expired", "expected True or False")
    moment = moment_of(at)
    return None if include_expired else moment


def horizon_of(at: datetime | None) -> int:
    """Return the milliseconds after which a memory must end to count at the moment *at*."""
    return EVER if at is None else _ms(at, "at")


def limit_of(limit: object) -> int:
    """Return *limit*, a number of answers."""
    if not isinstance(limit, int) or isinstance(limit, bool) or not 0 < limit <= MAX_LIMIT:
        raise InvalidValueError("limit", f"expected a whole number from 1 to {MAX_LIMIT:,}")
    return int(limit)


def after_of(before: object) -> tuple[int, str]:
    """Return the place after which a page begins, as the query takes it; that above all for None."""
    if before is None:
        return NEVER, ""
    if not isinstance(before, MemoryPlace):
        raise InvalidValueError("before", f"expected a MemoryPlace, got {type(before).__name__}")
    return _ms(before.created_at, "before"), _text(before.id, "before")


def hit_place_of(before: object) -> int | None:
    """Return the place of a hit after which a search goes on."""
    if before is None:
        return None
    if not isinstance(before, int) or isinstance(before, bool):
        raise InvalidValueError("before", f"expected the place of a hit, got {type(before).__name__}")
    return max(min(int(before), NEVER), EVER)


def _text(value: object, field: str) -> str:
    if not isinstance(value, str):
        raise InvalidValueError(field, f"expected text, got {type(value).__name__}")
    return check_text(str.__str__(value), field)


def _ms(moment: object, argument: str) -> int:
    if not isinstance(moment, datetime):
        raise InvalidValueError(argument, f"expected a datetime, got {type(moment).__name__}")
    try:
        stored = Memory.created_at.db_value(moment)
    except InvalidValueError as error:
        raise InvalidValueError(argument, str(error).partition(": ")[2]) from None
    assert stored is not None  # as it is of None only
    return stored
