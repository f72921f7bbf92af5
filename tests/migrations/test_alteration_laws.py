"""One by one, in one block, or in a new file from the start: the same changes make the same table."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from stina_core import Operations
from stina_core.migrations.drift import compare, of_plugin
from stina_core.shapes import Shapes

from ..declarations import Run
from .changed import opened
from .random_alterations import State, Step, alterations, states

Made = tuple[Shapes, list[tuple[Any, ...]]]


def made(state: State) -> Run:
    def make(op: Operations) -> None:
        op.create_table("t", *state.parts(), without_rowid=state.without_rowid, **state.fields())
        op.insert("t", state.rows)

    return make


def one_by_one(steps: list[Step]) -> Run:
    def alter(op: Operations) -> None:
        for change, _ in steps:
            with op.alter_table("t") as table:
                change(table)

    return alter


def in_one_block(steps: list[Step]) -> Run:
    def alter(op: Operations) -> None:
        with op.alter_table("t") as table:
            for change, _ in steps:
                change(table)

    return alter


def result(columns: list[str], *runs: Run) -> Made:
    """Return the schema and the rows, with the type of every value, that *runs* make."""
    with opened(":memory:", *runs) as store:
        backend = store._backend
        parts = ", ".join(f'"{name}", typeof("{name}")' for name in columns)
        rows = backend.execute(f"SELECT {parts} FROM notes_t ORDER BY id")
        assert backend.execute("PRAGMA integrity_check") == [("ok",)]
        return of_plugin("notes", backend.ddl.found()), rows


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_same_changes_make_the_same_table_in_whatever_way_they_are_made(data: st.DataObject) -> None:
    before = data.draw(states())
    steps = data.draw(alterations(before))
    after = steps[-1][1]
    columns = ["id", *after.columns]

    new_file, wanted = result(columns, made(after))
    separately, separate_rows = result(columns, made(before), one_by_one(steps))
    together, together_rows = result(columns, made(before), in_one_block(steps))

    assert compare(new_file, separately) == compare(new_file, together) == []
    assert separate_rows == together_rows == wanted
