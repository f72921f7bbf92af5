"""Files as the original app left them, in whatever state, and what is in them, past the store."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, TypeAlias

import apsw
from hypothesis import strategies as st

import stina_kv.plugin
from stina_core import JsonValue, Store, StoreConfig, open_store
from stina_core.testing import file_rows, plugins_of
from stina_kv import KvRepository

PLUGINS = plugins_of(kv=stina_kv.plugin)

KV = "CREATE TABLE kv (key TEXT PRIMARY KEY, value TEXT NOT NULL)"
STATE = 'CREATE TABLE "state" ("key" TEXT PRIMARY KEY, "value" TEXT NOT NULL, "updatedAt" INTEGER NOT NULL)'
REPAIRS = 'SELECT "table", "key", "column", "before", "reason" FROM stina_repair ORDER BY id'

Raw: TypeAlias = int | float | str | bytes | None


@dataclass(frozen=True)
class Broken:
    """A text of these bytes, which are not UTF-8."""

    data: bytes


Cell: TypeAlias = Raw | Broken


def old_file(path: Path, *statements: str) -> None:
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode = WAL")
    for statement in statements:
        connection.execute(statement)
    connection.close()


def adopted(path: Path) -> Store:
    return open_store(path, StoreConfig(strict=True), plugins=PLUGINS)


def values(store: Store) -> dict[str, JsonValue]:
    return {entry.key: entry.value for entry in store[KvRepository].list()}


def put(path: Path, table: str, rows: Sequence[Sequence[Cell]]) -> None:
    """Write *rows* into *table*, but for those it refuses."""
    for row in rows:
        places = ", ".join("CAST(? AS TEXT)" if isinstance(cell, Broken) else "?" for cell in row)
        plain = [cell.data if isinstance(cell, Broken) else cell for cell in row]
        file_rows(path, f"INSERT OR IGNORE INTO {table} VALUES ({places})", plain)


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


def left_out(path: Path, table: str) -> list[dict[str, Any]]:
    """Return what is noted of the rows of *table* of which nothing was made."""
    return [json.loads(row[3]) for row in file_rows(path, REPAIRS) if row[0] == table and row[2] == "*"]


def _cell(kind: str, value: Any) -> Cell:
    if kind != "text":
        return value  # type: ignore[no-any-return]
    try:
        return bytes(value).decode()
    except UnicodeDecodeError:
        return Broken(value)
