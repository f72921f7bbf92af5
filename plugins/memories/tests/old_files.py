"""Files as the original app left them, in whatever state, and what is in them, past the store."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Final, TypeAlias

import apsw
from hypothesis import strategies as st

from stina_core import Store, StoreConfig, open_store
from stina_core.testing import file_rows
from stina_memories import MemoryRepository, MemoryValue

from .conftest import PLUGINS

GENERATIONS: Final = {
    "88ccfa5": "CREATE TABLE memories (id TEXT PRIMARY KEY, content TEXT NOT NULL, metadata TEXT, source TEXT, "
    "created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL)",
    "e3ce5bf, upgraded": "CREATE TABLE memories (id TEXT PRIMARY KEY, content TEXT NOT NULL, metadata TEXT, "
    "source TEXT, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, title TEXT NOT NULL DEFAULT '')",
    "108b028": "CREATE TABLE memories (id TEXT PRIMARY KEY, title TEXT NOT NULL, content TEXT NOT NULL, "
    "metadata TEXT, source TEXT, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL)",
    "b595cd5": 'CREATE TABLE "memories" ("id" TEXT PRIMARY KEY, "title" TEXT NOT NULL DEFAULT \'\', '
    '"content" TEXT NOT NULL, "metadata" TEXT, "source" TEXT, "created_at" INTEGER NOT NULL, '
    '"updated_at" INTEGER NOT NULL)',
    "ec5386c, upgraded": "CREATE TABLE memories (id TEXT PRIMARY KEY, title TEXT NOT NULL, content TEXT NOT NULL, "
    "metadata TEXT, source TEXT, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, tags TEXT, "
    "valid_until INTEGER)",
    "ec5386c": 'CREATE TABLE "memories" ("id" TEXT PRIMARY KEY, "title" TEXT NOT NULL DEFAULT \'\', '
    '"content" TEXT NOT NULL, "metadata" TEXT, "source" TEXT, "tags" TEXT, "valid_until" INTEGER, '
    '"created_at" INTEGER NOT NULL, "updated_at" INTEGER NOT NULL)',
}
"""The table by the commit of the original app that made it."""

NEWEST = GENERATIONS["ec5386c"]
LOOSE = NEWEST.replace(" NOT NULL", "")
INDEX = "CREATE INDEX idx_memories_created_at ON memories (created_at DESC)"
REPAIRS = 'SELECT "key", "column", "before", "reason" FROM stina_repair ORDER BY id'

Raw: TypeAlias = int | float | str | bytes | None


@dataclass(frozen=True)
class Broken:
    """A text of these bytes, which are not UTF-8."""

    data: bytes


Cell: TypeAlias = Raw | Broken


def old_file(path: Path, *rows: dict[str, Cell], table: str = NEWEST) -> None:
    """Make a file with *table* and these rows; what is not given is as in the usual memory."""
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(table)
    connection.close()
    usual: dict[str, Cell] = {"id": "a", "content": "c", "created_at": 5, "updated_at": 7}
    if "title" in table:
        usual["title"] = "t"
    put(path, [usual | row for row in rows])


def put(path: Path, rows: Sequence[dict[str, Cell]]) -> None:
    """Write *rows* into the old table, but for those it refuses."""
    for row in rows:
        names = ", ".join(f'"{name}"' for name in row)
        places = ", ".join("CAST(? AS TEXT)" if isinstance(cell, Broken) else "?" for cell in row.values())
        plain = [raw(cell) for cell in row.values()]
        file_rows(path, f"INSERT OR IGNORE INTO memories ({names}) VALUES ({places})", plain)


def adopted(path: Path) -> Store:
    return open_store(path, StoreConfig(strict=True), plugins=PLUGINS)


def only(path: Path) -> MemoryValue:
    """Adopt the file at *path* and return the one memory in it."""
    with adopted(path) as store:
        [memory] = store[MemoryRepository].list(include_expired=True)
        return memory


def cells(path: Path, table: str) -> list[dict[str, Cell]]:
    """Return the rows of *table*, every value as it is stored."""
    names = [name for (name,) in file_rows(path, "SELECT name FROM pragma_table_info(?)", (table,))]
    parts = ", ".join(
        f"typeof({name}), CASE typeof({name}) WHEN 'text' THEN CAST({name} AS BLOB) ELSE {name} END"
        for name in (f'"{name}"' for name in names)
    )
    rows = file_rows(path, f'SELECT {parts} FROM "{table}"')
    return [
        {name: _cell(kind, value) for name, kind, value in zip(names, row[::2], row[1::2], strict=True)}
        for row in rows
    ]


def raw(cell: Cell) -> Raw:
    """Return what `stina_repair` has for it: a text that is not UTF-8 as its bytes."""
    return cell.data if isinstance(cell, Broken) else cell


def written_out(row: dict[str, Cell]) -> dict[str, Any]:
    """Return what the JSON of a row that was left out says."""
    plain = {name: raw(cell) for name, cell in row.items()}
    return {name: _in_json(one) for name, one in plain.items()}


def _in_json(value: object) -> object:
    if isinstance(value, bytes):
        return {"$hex": value.hex()}
    return {"$real": repr(value)} if isinstance(value, float) and not isfinite(value) else value


def left_out(path: Path) -> list[dict[str, Any]]:
    """Return what is noted of the rows of which nothing was made."""
    return [json.loads(row[2]) for row in file_rows(path, REPAIRS) if row[1] == "*"]


def same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other


def any_cell(*telling: Cell) -> st.SearchStrategy[Cell]:
    """Return a strategy of everything SQLite can hold, with what is *telling* in a column."""
    texts = st.text(st.characters(codec="utf-8"), max_size=8)
    broken = st.sampled_from([b"\xff", b"a\xed\xa0\xbd", b"\xed\xa0\xbc\xed\xbd\x93", b"\x00\xfe"]).map(
        Broken
    )
    return st.one_of(
        st.sampled_from(telling),
        st.none(),
        st.integers(-(1 << 63), (1 << 63) - 1),
        st.floats(allow_nan=False),
        texts,
        broken,
        st.binary(max_size=4),
    )


def _cell(kind: str, value: Any) -> Cell:
    if kind != "text":
        return value  # type: ignore[no-any-return]
    try:
        return bytes(value).decode()
    except UnicodeDecodeError:
        return Broken(value)
