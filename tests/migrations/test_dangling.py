"""Foreign keys whose other end a step takes away, while no row shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from stina_core import ForeignKeyField, IdField, IntegerField, Operations, StepFailedError, TextField
from stina_core.testing import file_rows

from ..declarations import Run, opened, stepping


def family(op: Operations) -> None:
    op.create_table("parent", id=IdField(), number=IntegerField(default=1))
    op.create_table("child", id=IdField(), parent=ForeignKeyField("parent", null=True))


def drop_parent(op: Operations) -> None:
    op.drop_table("parent")


def other_key(op: Operations) -> None:
    with op.alter_table("parent") as parent:
        parent.set_primary_key("number")


@pytest.mark.parametrize(
    ("step", "reason"),
    [(drop_parent, "references that point to nothing"), (other_key, "does not fit the key it points to")],
)
@pytest.mark.parametrize("rows", [[], [{"id": "1", "parent_id": None}]], ids=["no row", "only NULL"])
def test_step_that_takes_the_other_end_of_a_foreign_key_away_is_undone(
    store_path: Path, step: Run, reason: str, rows: list[dict[str, str | None]]
) -> None:
    def children(op: Operations) -> None:
        op.insert("child", rows)

    def harmless(op: Operations) -> None:
        op.create_table("note", id=IdField())

    opened(store_path, stepping("notes", family, children), strict=True).close()
    before = file_rows(store_path, "SELECT sql FROM sqlite_schema WHERE name LIKE 'notes%' ORDER BY name")

    with opened(store_path, stepping("notes", family, children, step), stepping("good", harmless)) as store:
        assert isinstance(store.outcome.failed["notes"], StepFailedError)
        assert reason in str(store.outcome.failed["notes"])
        assert "good" not in store.outcome.failed

    assert (
        file_rows(store_path, "SELECT sql FROM sqlite_schema WHERE name LIKE 'notes%' ORDER BY name")
        == before
    )


def test_both_ends_may_go_in_any_order(store_path: Path) -> None:
    def drop_child(op: Operations) -> None:
        op.drop_table("child")

    opened(store_path, stepping("notes", family, drop_parent, drop_child), strict=True).close()

    assert file_rows(store_path, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'notes%'") == [(0,)]


def test_column_of_an_index_that_also_has_an_expression_can_be_renamed(store_path: Path) -> None:
    def make(op: Operations) -> None:
        op.create_table("memo", id=IdField(), title=TextField(default=""), body=TextField(default=""))
        op.add_index("memo", "title", "lower(body)", name="both")

    def rename(op: Operations) -> None:
        op.rename_column("memo", "title", "headline")
        op.rename_table("memo", "note")

    opened(store_path, stepping("notes", make, rename), strict=True).close()

    ((sql,),) = file_rows(store_path, "SELECT sql FROM sqlite_schema WHERE name = 'notes_note__both'")
    assert '"headline"' in sql
