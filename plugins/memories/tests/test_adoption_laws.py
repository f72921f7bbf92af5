from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from stina_core.testing import file_rows
from stina_core.testing.states import State, read
from stina_memories import MemoryRepository
from stina_memories.checks import findings
from stina_memories.texts import digest

from .old_files import (  # fmt: skip
    GENERATIONS,
    REPAIRS,
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

CELLS = {
    "id": any_cell("a", "b", "", 1, "1", Broken(b"a\xff"), Broken(b"a\xfe")),
    "title": any_cell("t", "", " \n", " t ", "å" * 501, " " * 600 + "t", "\x00"),
    "content": any_cell("c", "", "\t", "\n\n first line \r\nsecond", "å" * 81, "\x00"),
    "metadata": any_cell('{"a": [1, null]}', "", "null", "{", "NaN", "[1e400]", '"\\ud800"', "[" * 101 + "]" * 101),
    "source": any_cell("tool", ""),
    "tags": any_cell(
        '["a", "b"]', '["a","a"," b"]', '["",1,null,["x"]]', '{"a": 1}', "[", '["\\ud83d"]', f'["{"å" * 101}"]'
    ),
    "valid_until": any_cell(0, 1762532514806, 253402300800000, "soon"),
    "created_at": any_cell(0, 1762532514806, 253402300799999, 253402300800000, "1762532514806", "soon"),
    "updated_at": any_cell(0, 1762532514806, 253402300799999, 253402300800000, "1762532514806", "soon"),
}  # fmt: skip

NEW_NAMES = {"valid_until": "expires_at"}


def check_that_nothing_is_lost(path: Path, rows: list[dict[str, Cell]]) -> None:
    memories = {row["id"]: row for row in cells(path, "memories_memory")}
    repairs = [row[:3] for row in file_rows(path, REPAIRS)]
    notes = {(key, column, type(before), before) for key, column, before in repairs}
    gone = left_out(path)
    made = {key for key, column, _ in repairs if column == "id"}  # ids that are not as they were

    def is_noted(key: Cell, column: str, before: Cell) -> bool:
        return (key, column, type(raw(before)), raw(before)) in notes

    for row in rows:
        if written_out(row) in gone:
            continue
        old = row["id"]
        key = str(old) if isinstance(old, int) else old
        keys = [key] if key in memories else [one for one in made if is_noted(one, "id", old)]
        assert any(
            all(
                is_kept(value, memories[one][NEW_NAMES.get(column, column)]) or is_noted(one, column, value)
                for column, value in row.items()
                if column != "id"
            )
            and (column_missing_is_noted(one, row, notes))
            for one in keys
        )
    assert len(rows) == len(memories) + len(gone)


def is_kept(old: Cell, new: Cell) -> bool:
    return same(old, new) or (old is None and new == "[]")


def column_missing_is_noted(
    key: Cell, row: dict[str, Cell], notes: set[tuple[Cell, str, type, object]]
) -> bool:
    return "title" in row or (key, "title", type(None), None) in notes


@st.composite
def rows_of(draw: st.DrawFn, generation: str) -> list[dict[str, Cell]]:
    columns = {
        name: cell for name, cell in CELLS.items() if f"{name} " in GENERATIONS[generation].replace('"', "")
    }
    return draw(st.lists(st.fixed_dictionaries(columns), max_size=5))


@st.composite
def old_tables(draw: st.DrawFn) -> tuple[str, list[dict[str, Cell]]]:
    """Draw a table of any generation, as it was or without types, and rows for it."""
    generation = draw(st.sampled_from(sorted(GENERATIONS)))
    sql = GENERATIONS[generation].replace(" NOT NULL", "")
    if draw(st.booleans()):
        sql = sql.replace(" TEXT", "").replace(" INTEGER", "").replace(" PRIMARY KEY", "")
    return sql, draw(rows_of(generation))


@given(table=old_tables(), dated=st.booleans())
@settings(max_examples=50, deadline=None)
def test_whatever_is_in_an_old_file_becomes_a_memory_or_is_noted(
    table: tuple[str, list[dict[str, Cell]]], dated: bool
) -> None:
    sql, rows = table
    with TemporaryDirectory() as folder:
        path = Path(folder) / "stina.db"
        file_rows(path, sql)
        certain: dict[str, Cell] = {"id": "dated", "content": "c", "created_at": 5, "updated_at": 5}
        put(path, [certain, *rows] if dated else rows)
        before = cells(path, "memories")
        twin = Path(shutil.copy(path, path.with_name("twin.db")))

        first = opened(path)

        check_that_nothing_is_lost(path, before)
        assert "memories" not in first.rows
        assert opened(path) == first
        if dated:  # else what has no time gets that of the adoption
            assert opened(twin) == first


def opened(path: Path) -> State:
    """Open the file at *path* and return all that is in it then; it is sound, and nothing points to nothing."""
    with adopted(path) as store:
        assert findings(store) == []
        for memory in store[MemoryRepository].list(include_expired=True):
            found = store[MemoryRepository].find_by_content(memory.content)
            assert found is not None
            assert digest(found.content) == digest(memory.content)
    return read(path)
