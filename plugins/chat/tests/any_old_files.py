"""Strategies of files of the original app with any values in them, in every combination of its tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import apsw
from hypothesis import strategies as st

Cell: TypeAlias = "int | float | str | bytes | Text | None"


@dataclass(frozen=True)
class Text:
    """A text by its bytes, which need not be UTF-8."""

    stored: bytes


@dataclass(frozen=True)
class Filled:
    """A table, and rows for it.

    Attributes:
        typed: Whether its columns have the types, and its key the constraint, of the original.
    """

    name: str
    columns: Sequence[str]
    typed: bool
    rows: Sequence[Sequence[Cell]]


TIMES = ("ts", "createdAt", "updatedAt", "modifiedAt")

Family: TypeAlias = tuple[str, Sequence[str], Sequence[str]]
"""Name, the columns that it always has, and those that it has in some versions."""

_CHAT: list[Family] = [
    ("chat_conversations", ("id", "title", "createdAt", "updatedAt"), ("active", "provider", "aiModel")),
    ("chat_interactions", ("id", "conversationId", "createdAt"), ("aborted", "provider", "aiModel")),
    (
        "chat_interaction_messages",
        ("id", "interactionId", "conversationId", "role", "content", "ts"),
        ("provider", "aborted", "metadata"),
    ),
]
_NAMED: list[Family] = [
    ("interactions", ("id", "conversation_id", "ts"), ("aborted",)),
    (
        "interaction_messages",
        ("id", "interaction_id", "conversation_id", "role", "content", "ts"),
        ("aborted",),
    ),
]
_NUMBERED: list[Family] = [
    ("interactions", ("id", "conversationId", "createdAt", "modifiedAt"), ("aborted", "provider", "aiModel")),
    ("interaction_messages", ("id", "interactionId", "role", "content", "ts"), ()),
]
_LOOSE: list[Family] = [("chat_messages", ("id", "role", "content", "ts"), ("aborted", "conversation_id"))]

_IDS: list[Cell] = ["a", "b", "c", "ia_a", "conv_a", "1", 1, 7, "", None, 1.5, b"a", b"", b"\xff", "a\0b"]
_IDS += [Text(b"\xff"), Text(b"\xfe"), Text(b"\xed\xa0\xbd")]
_FEW_TIMES: list[Cell] = [0, 1, 2, 3, 2, 1, 5000, -7, 253_402_300_799_999, 253_402_300_800_000, None]
_FEW_TIMES += [1e300, float("inf"), float("-inf"), 2.5, "3", "soon", "", b"4", Text(b"\xff"), "9" * 30]
_ROLES: list[Cell] = ["user", "assistant", "instructions", "info", "tool", "debug", "error", "system", None]
_DOCUMENTS: list[Cell] = [
    "{}",
    "[1]",
    "null",
    "{",
    "[1e999]",
    '"\\ud800"',
    None,
    Text(b'"\xed\xa0\xbd"'),
    "[]\0",
]

_ANY: st.SearchStrategy[Cell] = st.one_of(
    st.none(),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(codec="utf-8"), max_size=8),
    st.binary(max_size=6),
    st.binary(max_size=6).map(Text),
    st.integers(499, 502).map(lambda size: "å" * size),
)


def _cells(column: str) -> st.SearchStrategy[Cell]:
    if column in ("id", "interactionId", "interaction_id", "conversationId", "conversation_id"):
        return st.sampled_from(["a", "b"]) | st.sampled_from(_IDS) | _ANY
    if column in TIMES:
        return st.sampled_from([1, 2]) | st.sampled_from(_FEW_TIMES) | _ANY
    if column == "role":
        return st.sampled_from(_ROLES) | _ANY
    if column in ("aborted", "active"):
        return st.sampled_from([0, 1, 0, 1, None, 2, "1", "x", b"1"]) | _ANY
    if column == "metadata":
        return st.sampled_from(_DOCUMENTS) | _ANY
    return st.sampled_from(["", "x", "y"]) | _ANY


@st.composite
def _filled(draw: st.DrawFn, name: str, must: Sequence[str], perhaps: Sequence[str]) -> Filled:
    columns = (*must, *(column for column in perhaps if draw(st.booleans())))
    cells = st.tuples(*map(_cells, columns))
    return Filled(name, columns, draw(st.booleans()), draw(st.lists(cells, max_size=6)))


@st.composite
def any_old_files(draw: st.DrawFn) -> list[Filled]:
    """Return a strategy of files: one or more generations of tables, some of them missing, and settings."""
    families = [*_CHAT, *draw(st.sampled_from([_NAMED, _NUMBERED])), *_LOOSE]
    tables = [draw(_filled(*family)) for family in families if draw(st.integers(0, 3)) > 0]
    for name in ("state", "kv", "kv_entry"):
        if draw(st.integers(0, 3)) == 0:
            value = draw(st.sampled_from([*_IDS, '"a"', '"gone"', "[["]) | _ANY)
            tables.append(Filled(name, ("key", "value"), False, [("conversation_id", value), (None, 1)]))
    return tables


def write(path: Path, tables: Sequence[Filled]) -> None:
    """Make the file; what a typed table's key refuses is not in it."""
    connection = apsw.Connection(str(path))
    for table in tables:
        columns = ", ".join(
            f'"{column}" {_declared(column) if table.typed else ""}' for column in table.columns
        )
        connection.execute(f'CREATE TABLE "{table.name}" ({columns})')
        for row in table.rows:
            places = ", ".join("CAST(? AS TEXT)" if isinstance(cell, Text) else "?" for cell in row)
            values = [cell.stored if isinstance(cell, Text) else cell for cell in row]
            connection.execute(f'INSERT OR IGNORE INTO "{table.name}" VALUES ({places})', values)
    connection.close()


def _declared(column: str) -> str:
    if column == "id":
        return "TEXT PRIMARY KEY"
    return "INTEGER" if column in (*TIMES, "aborted", "active") else "TEXT"
