"""Random rows and random arguments, for the laws of compiled queries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from stina_core import Store

from .library import DAY, Author, Book, Kind, Shade

AUTHORS = ["karin", "selma", "unread"]

titles = st.sampled_from(["", "Kris", "kris", "Kallocain", "a\0b", "%", "it's", "🍓"]) | st.text(
    max_size=6
).filter(lambda text: text.encode(errors="ignore").decode() == text)
pages = st.integers(-3, 3) | st.integers(0, 400)
prices = st.sampled_from([0.0, 0.1, -2.5, 7.25, 1e300, 5e-324]) | st.floats(
    allow_nan=False, allow_infinity=False
)
moments = st.datetimes(
    datetime(1, 1, 2),  # the zone is added by the next line
    datetime(9999, 12, 30),
    timezones=st.just(UTC),
) | st.integers(0, 5).map(lambda hours: DAY + timedelta(hours=hours))
documents = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | prices | titles,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(titles, inner, max_size=3),
    max_leaves=6,
)

KINDS: dict[str, st.SearchStrategy[Any]] = {
    "title": titles,
    "titles": st.lists(titles, max_size=5),
    "pages": pages,
    "price": prices,
    "author": st.sampled_from([*AUTHORS, "nobody"]),
    "moment": moments,
    "flag": st.booleans(),
    "limit": st.integers(0, 6),
}
"""Arguments by the kinds that `shapes.py` names."""

books = st.fixed_dictionaries(
    {
        "title": titles,
        "author": st.sampled_from(AUTHORS[:2]),
        "pages": pages,
        "price": st.none() | prices,
        "sold": st.booleans(),
        "added_at": moments,
        "tags": documents,
    }
)

THINGS: dict[str, st.SearchStrategy[Any]] = {
    "text": titles,
    "number": st.integers(-(2**63), 2**63 - 1),
    "ratio": prices | st.integers(-(2**53), 2**53),
    "flag": st.booleans(),
    "document": documents,
    "kind": st.sampled_from(Kind) | st.sampled_from([kind.value for kind in Kind]),
    "shade": st.sampled_from(Shade),
    "at": moments,
    "data": st.binary(max_size=8) | st.binary(max_size=8).map(bytearray),
}
"""Values of each field of `Thing`, in every form it takes them."""

OPTIONAL = [name for name in THINGS if name != "shade"]
"""Those that may be NULL, under the name `maybe_...`."""


def fill_with(store: Store, rows: list[dict[str, Any]]) -> None:
    """Put *rows* of books, and their authors, in the place of whatever *store* holds."""
    with store.transaction():
        Book.delete().execute()
        Author.delete().execute()
        for name, mentor in zip(AUTHORS, [None, *AUTHORS], strict=False):
            Author.create(id=name, name=name.title(), mentor=mentor)
        for number, row in enumerate(rows, 1):
            Book.create(id=number, code=f"c{number}", serial=number, **row)
