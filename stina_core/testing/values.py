"""Values for one column: of its type, and such that the CHECKs on it alone are met."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

import apsw

from ..backends.sqlite.definition import quoted
from .tables import Column, Condition, Table

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Value: TypeAlias = int | float | str | bytes | None

_TIMES = (-62_135_596_800_000, 253_402_300_799_999)
"""The years 1 to 9999 in milliseconds: what a column called `..._at` holds."""

_INTEGERS = (0, 1, -1, 7, 1 << 31, (1 << 53) + 1, (1 << 63) - 1, -(1 << 63))

_TEXTS = (
    "",
    "007",
    "1e5",
    "NULL",
    "'",
    '"',
    " spaced ",
    "å",
    "a\u030a",
    "🍓",
    "2025-01-01",
    "line\nline",
    "a@b.c",
)
"""Texts that careless conversions change."""

_DOCUMENTS = ("null", "true", "7", "1.0", '""', '"text"', "[]", "{}", '[1, {"a": null}]', '{"a": "\\u00e5"}')

_LONGEST = 10_000  # characters of a text that is made because a CHECK names its length


def edges_for(table: Table, column: Column) -> list[Value]:
    """Return the values for *column* that tell most, NULL first where it may be; many different ones for a key."""
    known = _known(table, column)
    found = list(_candidates(column, known) if known else _edges(column))
    if column.key:
        found += _more_keys(column)
    if known:
        found = list(filter(_Acceptance(column, known), found))
    return [None, *found] if column.null else found


def values_for(table: Table, column: Column) -> SearchStrategy[Value]:
    """Return a strategy of values to try in *column*, NULL too where it may be."""
    from hypothesis import strategies as st

    known = _known(table, column)
    strategy = _of_type(column, known)
    spare = [value for value in edges_for(table, column) if value is not None]
    if known and spare:
        accepted = _Acceptance(column, known)
        strategy = st.tuples(strategy, st.sampled_from(spare)).map(
            lambda pair: pair[0] if accepted(pair[0]) else pair[1]
        )
    return st.none() | strategy if column.null else strategy


def _of_type(column: Column, conditions: Sequence[Condition]) -> SearchStrategy[Value]:
    from hypothesis import strategies as st

    if _is_json(conditions):
        return _documents()
    kinds: dict[str, SearchStrategy[Value]] = {
        "integer": _integers(column),
        "text": st.sampled_from(_TEXTS) | st.text(max_size=20),
        "real": st.floats(allow_nan=False, allow_infinity=False),
        "blob": st.binary(max_size=20),
    }
    kind = _kind(column.type)
    return kinds[kind] if kind in kinds else st.one_of(*kinds.values())


def _edges(column: Column) -> list[Value]:
    times = column.name.endswith("_at")
    kinds: dict[str, tuple[Value, ...]] = {
        "integer": () if column.key else (*_TIMES, 0, -1, 999) if times else _INTEGERS,
        "text": _TEXTS,
        "real": (0.0, 0.1, 1.0, -2.5, 1e300, 5e-324),
        "blob": (b"", b"\0", b"\xff\xfe", b"text"),
    }
    kind = _kind(column.type)
    return list(kinds[kind] if kind in kinds else [value for values in kinds.values() for value in values])


def _more_keys(column: Column) -> list[Value]:
    numbers = range(1, 21)
    return list(numbers) if _kind(column.type) == "integer" else [f"key {number}" for number in numbers]


def _kind(declared: str) -> str:
    """The kind of value a column of the type *declared* keeps as it is (sqlite.org/datatype3.html, 3.1)."""
    for kind, words in (
        ("integer", ("INT",)),
        ("text", ("CHAR", "CLOB", "TEXT")),
        ("blob", ("BLOB",)),
        ("real", ("REAL", "FLOA", "DOUB")),
    ):
        if any(word in declared for word in words):
            return kind
    return "any" if declared in ("", "ANY") else "integer"


def _integers(column: Column) -> SearchStrategy[int]:
    from hypothesis import strategies as st

    if column.key:
        return st.integers(1, 1 << 40)  # room above it for the ids that SQLite gives
    if column.name.endswith("_at"):
        return st.integers(*_TIMES)
    return st.integers(-10, 10) | st.integers(-(1 << 63), (1 << 63) - 1)


def _documents() -> SearchStrategy[str]:
    from hypothesis import strategies as st

    leaves = st.none() | st.booleans() | st.integers(-(1 << 53), 1 << 53) | st.text(max_size=10)
    nested = st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=5,
    )
    return st.sampled_from(_DOCUMENTS) | nested.map(lambda value: json.dumps(value, ensure_ascii=False))


def _is_json(conditions: Sequence[Condition]) -> bool:
    return any(token.word == "JSON_VALID" for one in conditions for token in one.tokens)


def _candidates(column: Column, conditions: Sequence[Condition]) -> Iterator[Value]:
    """Yield values that may be allowed: the usual ones, what the CHECKs name, and what is near to it."""
    if _is_json(conditions):
        yield from _DOCUMENTS
        return
    yield from _edges(column)
    yield from (0, 1, 0.0, 1.0, "", "a", "A", "0", b"\1", "0123456789abcdefghjkmnpqrs")
    for token in (token for one in conditions for token in one.tokens):
        if token.kind == "text":
            yield token.name
            yield token.name.strip("%_*")  # the fixed part of a pattern
        elif token.kind == "number":
            yield from _near(token.text)


def _near(text: str) -> Iterator[Value]:
    if text.lower().startswith("0x"):
        number: int | float = int(text, 16)
    else:
        number = float(text) if any(sign in text.lower() for sign in ".e") else int(text)
    for value in (number, number - 1, number + 1, -number):
        yield value
        yield float(value)
        if 0 <= value <= _LONGEST:
            yield from (digit * int(value) for digit in "a0123456789")
            yield b"\1" * int(value)


def _known(table: Table, column: Column) -> list[Condition]:
    """The CHECKs that name *column* and no other."""
    found = []
    for condition in table.conditions:
        names = {token.name.lower() for token in condition.tokens if token.kind in ("word", "quoted")}
        if [one.name for one in table.columns if one.name.lower() in names] == [column.name]:
            found.append(condition)
    return found


class _Acceptance:
    """Whether *column* may hold a value under *conditions* alone, as SQLite itself says."""

    def __init__(self, column: Column, conditions: Sequence[Condition]) -> None:
        checks = "".join(f", CHECK ({one.sql})" for one in conditions)
        self._connection = apsw.Connection(":memory:")
        self._connection.execute(
            f"CREATE TABLE one ({quoted(column.name)} {_kind(column.type)}{checks}) STRICT"
        )

    def __call__(self, value: Value) -> bool:
        try:
            self._connection.execute("INSERT INTO one VALUES (?)", (value,))
        except (apsw.Error, OverflowError):
            return False  # refused, or the CHECK cannot even be run on it
        self._connection.execute("DELETE FROM one")
        return True
