"""Rows of any values for the tables of the original app, and reading them back to the byte."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import apsw
from hypothesis import strategies as st

from .old_files import AT

Row: TypeAlias = dict[str, Any]
Rows: TypeAlias = dict[str, list[Row]]

HALF = b"a\xed\xa0\xbd"
"""A text with half of a character, as JavaScript cuts it."""


class Text(bytes):
    """A text as its bytes, which need not be UTF-8."""


numbers = st.integers(-(1 << 63), (1 << 63) - 1) | st.sampled_from([0, 1, 2, 7, AT, 86_400_000 * 20_000])
texts = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(
    ["", " ", "x" * 501, "a\x00b", "{}", "[1", "NaN", "7", "done", "pending", " In-Progress", "inf", "1e400"]
)
broken = st.binary(max_size=5).map(Text) | st.just(Text(HALF))
anything = st.none() | numbers | st.floats(allow_nan=False) | texts | broken | st.binary(max_size=5)
keys = st.sampled_from(["a", "b", "c", 7, None, Text(HALF), "a\ufffd", b"\xff", ""]) | anything
usual: Mapping[str, st.SearchStrategy[Any]] = {
    "id": keys,
    "todo_id": keys,
    "project_id": keys,
    "name": st.sampled_from(["Hem", "HEM", "hem (2)", "x" * 500]) | anything,
    "status": st.sampled_from(["pending", "done", "completed", "cancelled"]) | anything,
    "is_all_day": st.sampled_from([0, 1, 1]) | anything,
    "due_ts": st.sampled_from([0, AT, 86_400_000 * 20_000, 86_400_000 * 20_000 - 3_600_000]) | anything,
    "reminder_minutes": st.sampled_from([None, 0, 15]) | anything,
    "created_at": st.just(AT) | anything,
}


def loose(ddl: str) -> str:
    """Return the statement without what keeps NULL out, so that it is tried in every column."""
    return ddl.replace(" NOT NULL", "")


def columns_of(ddl: Sequence[str]) -> dict[str, list[str]]:
    connection = apsw.Connection(":memory:")
    for statement in ddl:
        connection.execute(statement)
    return {
        table: [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        for (table,) in list(connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'"))
    }


@st.composite
def old_rows(draw: st.DrawFn, ddl: Sequence[str]) -> Rows:
    """Draw rows of any values for every table."""
    return {
        table: draw(
            st.lists(st.fixed_dictionaries({name: usual.get(name, anything) for name in columns}), max_size=4)
        )
        for table, columns in columns_of(ddl).items()
    }


def write(path: Path, ddl: Sequence[str], rows: Rows) -> Rows:
    """Write a file and return its rows as they are stored: texts as Text where they are not UTF-8."""
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode = WAL")
    for statement in ddl:
        connection.execute(loose(statement))
    for table, some in rows.items():
        for row in some:
            places = ", ".join(
                "CAST(? AS TEXT)" if isinstance(value, Text) else "?" for value in row.values()
            )
            names = ", ".join(f'"{name}"' for name in row)
            values = [bytes(value) if isinstance(value, Text) else value for value in row.values()]
            connection.execute(f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({places})", values)
    stored = {table: read(connection, table) for table in rows}
    connection.close()
    return stored


def read(connection: apsw.Connection, table: str) -> list[Row]:
    names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    parts = ", ".join(
        f'CASE typeof("{name}") WHEN \'text\' THEN CAST("{name}" AS BLOB) ELSE "{name}" END, typeof("{name}")'
        for name in names
    )
    found = connection.execute(f"SELECT {parts} FROM {table} ORDER BY rowid")
    return [
        {
            name: text_or_value(*pair)
            for name, pair in zip(names, zip(row[::2], row[1::2], strict=True), strict=True)
        }
        for row in found
    ]


def text_or_value(value: Any, kind: str) -> Any:
    if kind != "text":
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return Text(value)
