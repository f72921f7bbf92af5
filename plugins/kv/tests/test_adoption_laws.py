from __future__ import annotations

import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from stina_core.testing import file_rows
from stina_core.testing.states import State, read
from stina_kv.checks import findings

from .old_files import (  # fmt: skip
    KV,
    REPAIRS,
    STATE,
    Broken,
    Cell,
    adopted,
    any_cell,
    cells,
    left_out,
    put,
    raw,
    same,
    written_out,
)

KEYS = any_cell("a", "b", "counter", "", "line\n", "k" * 513, "å" * 257, Broken(b"a\xff"), Broken(b"a\xfe"))
VALUES = any_cell("x", "7", "NaN", "2.75", "1e400", "1e3", "", '{"a": 1}')
TIMES = any_cell(0, 5, 1762532514806, 253402300799999, 253402300800000, "1762532514806", "soon")

Table = list[tuple[Cell, ...]]

UNTYPED = {"state": "CREATE TABLE state (key, value, updatedAt)", "kv": "CREATE TABLE kv (key, value)"}
TYPED = {"state": STATE.replace(" NOT NULL", ""), "kv": KV.replace(" NOT NULL", "")}


def check_that_nothing_is_lost(path: Path, table: str, rows: list[dict[str, Cell]]) -> None:
    entries = {row["key"]: row for row in cells(path, "kv_entry")}
    repairs = [row[1:4] for row in file_rows(path, REPAIRS) if row[0] == table]
    notes = {(key, column, type(before), before) for key, column, before in repairs}
    gone = left_out(path, table)

    def is_noted(key: str, column: str, before: Cell) -> bool:
        return (key, column, type(raw(before)), raw(before)) in notes

    for row in rows:
        if written_out(row) in gone:
            continue
        key, value = row["key"], row["value"]
        assert isinstance(key, str | Broken)
        name = key if isinstance(key, str) else repaired(key)
        entry = entries[name]
        assert isinstance(key, str) or is_noted(name, "key", key)
        assert is_kept(name, value, entry["value"]) or is_noted(name, "value", value)
        if "updatedAt" in row:
            time = row["updatedAt"]
            assert same(time, entry["updated_at"]) or is_noted(name, "updatedAt", time)


def repaired(text: Broken) -> str:
    try:
        halves = text.data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        halves = text.data.decode("utf-8", "replace")
    return halves.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def is_kept(key: str, value: Cell, stored: Cell) -> bool:
    assert isinstance(stored, str)
    if key == "counter":
        return isinstance(value, int | float | str) and is_number(value, json.loads(stored))
    return isinstance(value, str) and same(json.loads(stored), value)


def is_number(value: float | str, stored: int) -> bool:
    try:
        return float(value) == stored
    except ValueError:
        return False


@st.composite
def tables(draw: st.DrawFn) -> dict[str, Table]:
    columns = {"state": (KEYS, VALUES, TIMES), "kv": (KEYS, VALUES)}
    chosen = draw(st.sets(st.sampled_from(sorted(columns)), min_size=1))
    return {table: draw(st.lists(st.tuples(*columns[table]), max_size=6)) for table in sorted(chosen)}


@given(tables=tables(), typed=st.booleans(), dated=st.booleans())
@settings(max_examples=50, deadline=None)
def test_whatever_is_in_an_old_file_becomes_an_entry_or_is_noted(
    tables: dict[str, Table], typed: bool, dated: bool
) -> None:
    if dated:
        tables["state"] = [("dated", "x", 5), *tables.get("state", [])]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "stina.db"
        for table, rows in tables.items():
            file_rows(path, (TYPED if typed else UNTYPED)[table])
            put(path, table, rows)
        before = {table: cells(path, table) for table in tables}
        twin = Path(shutil.copy(path, path.with_name("twin.db")))

        first = opened(path)

        for table, old in before.items():
            check_that_nothing_is_lost(path, table, old)
        assert first.rows.keys() & {"state", "kv"} == set()
        assert opened(path) == first
        if dated:  # else what has no time gets that of the adoption
            assert opened(twin) == first


def opened(path: Path) -> State:
    """Open the file at *path* and return all that is in it then; it is sound, and nothing points to nothing."""
    with adopted(path) as store:
        assert findings(store) == []
    return read(path)
