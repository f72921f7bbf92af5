"""`with op.alter_table(...)`: several changes of one table, in one rebuild, all of them or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from stina_core import (
    Check,
    DefinitionError,
    EnumField,
    FloatField,
    ForeignKeyField,
    IdField,
    Index,
    IntegerField,
    Operations,
    StinaError,
    TextField,
    TimestampField,
)
from stina_core.testing import file_rows

from ..declarations import Run, backups
from .alteration_cases import KINDS, ROWS, filled, noted, surroundings
from .changed import assert_sound, contents, differences, rebuilds, refusal, root_page, run, values

LONG = Check("length(title) < 99", name="title_long")
SHORT = Check("length(title) < 9", name="title_short")
BEFORE = (noted(LONG, Index("stars"), color=TextField(default="red")), surroundings, filled)


def much(op: Operations) -> None:
    with op.alter_table("note") as note:
        note.add_index("points", "due_at DESC")
        note.rename_column("stars", "points")
        note.alter_column("points", FloatField(default=0.5), fill=0.5)
        note.drop_column("color")
        note.add_column("due_at", TimestampField(null=True))
        note.add_column("size", IntegerField(), fill=7)
        note.drop_check("title_long")
        note.add_check(SHORT)
        note.alter_column("parent_id", ForeignKeyField("self", null=True, on_delete="SET NULL"))
        note.drop_index("points")
        note.alter_column("kind", EnumField([*KINDS, "late"], default="open"))


MUCH = noted(
    SHORT,
    Index("points", "due_at DESC"),
    stars=None,
    points=FloatField(default=0.5),
    due_at=TimestampField(null=True),
    size=IntegerField(),
    kind=EnumField([*KINDS, "late"], default="open"),
    parent=ForeignKeyField("self", null=True, on_delete="SET NULL"),
)


def test_block_with_every_kind_of_change_is_one_rebuild(
    store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = rebuilds(monkeypatch)

    run(store_path, *BEFORE)
    run(store_path, *BEFORE, much)

    assert made == ["notes_note"]
    assert differences(store_path, MUCH, surroundings) == []
    rows = values(
        store_path, "SELECT id, title, points, kind, parent_id, due_at, size FROM notes_note ORDER BY id"
    )
    assert rows == [
        "('a', 'Äpfel', 3.0, 'open', None, None, 7)",
        "('b', '', 0.5, 'done', 'a', None, 7)",
        "('c', '007', -1.0, 'open', 'b', None, 7)",
    ]
    assert file_rows(store_path, "SELECT count(*) FROM notes_comment") == [(3,)]
    assert len(backups(store_path)) == 1
    assert_sound(store_path)


def test_block_of_native_changes_is_no_rebuild(store_path: Path) -> None:
    def natively(op: Operations) -> None:
        with op.alter_table("note") as note:
            note.drop_check("title_long")
            note.add_check(SHORT)
            note.add_column("due_at", TimestampField(null=True, index=True))
            note.alter_column("title", TextField(null=True, max_length=20))
            note.rename_column("color", "shade")

    run(store_path, *BEFORE)
    page = root_page(store_path)
    run(store_path, *BEFORE, natively)

    assert root_page(store_path) == page
    assert backups(store_path) == []
    wanted = noted(
        SHORT,
        Index("stars"),
        title=TextField(null=True, max_length=20),
        due_at=TimestampField(null=True, index=True),
        shade=TextField(default="red"),
    )
    assert differences(store_path, wanted, surroundings) == []


def test_column_can_go_and_come_back_as_another_in_one_block(store_path: Path) -> None:
    def replace(op: Operations) -> None:
        with op.alter_table("note") as note:
            note.add_column("color", IntegerField(default=5))
            note.drop_column("color")

    run(store_path, *BEFORE, replace)

    assert values(store_path, "SELECT color FROM notes_note") == ["(5,)"] * 3
    assert (
        differences(store_path, noted(LONG, Index("stars"), color=IntegerField(default=5)), surroundings)
        == []
    )


def test_check_goes_before_the_column_that_it_names(store_path: Path) -> None:
    def drop(op: Operations) -> None:
        with op.alter_table("note") as note:
            note.drop_column("color")
            note.drop_check("colored")

    before = noted(Check("color <> title", name="colored"), color=TextField(default="red"))
    run(store_path, before, surroundings, filled, drop)

    assert differences(store_path, noted(), surroundings) == []


def test_check_can_be_replaced_under_its_name(store_path: Path) -> None:
    def replace(op: Operations) -> None:
        with op.alter_table("note") as note:
            note.add_check(Check("length(title) < 50", name="title_long"))
            note.drop_check("title_long")

    run(store_path, *BEFORE, replace)

    wanted = noted(
        Check("length(title) < 50", name="title_long"), Index("stars"), color=TextField(default="red")
    )
    assert differences(store_path, wanted, surroundings) == []


def test_columns_can_swap_names_before_they_are_altered(store_path: Path) -> None:
    def swap(op: Operations) -> None:
        with op.alter_table("note") as note:
            note.rename_column("title", "other")
            note.rename_column("color", "title")
            note.rename_column("other", "color")
            note.alter_column("title", TextField(default="blue"))

    run(store_path, *BEFORE, swap)

    assert values(store_path, "SELECT title, color FROM notes_note ORDER BY id") == [
        repr(("red", title)) for title in ROWS["title"]
    ]


def raise_at_the_end(op: Operations) -> None:
    with op.alter_table("note") as note:
        note.rename_column("stars", "points")
        note.drop_index("points")
        note.drop_column("color")
        note.alter_column("title", TextField(null=True))
        raise RuntimeError("the step changed its mind")


def fail_after_the_block(op: Operations) -> None:
    with op.alter_table("note") as note:
        note.rename_column("stars", "points")
        note.drop_column("color")
        note.add_column("size", IntegerField(default=3))
        note.alter_column("title", IntegerField())


def fail_at_the_index(op: Operations) -> None:
    with op.alter_table("note") as note:
        note.drop_column("color")
        note.alter_column("title", TextField(default="x"))
        note.add_index("kind", unique=True)


@pytest.mark.parametrize("failing", [raise_at_the_end, fail_after_the_block, fail_at_the_index])
def test_block_that_raises_applies_nothing_even_if_the_step_goes_on(store_path: Path, failing: Run) -> None:
    caught: list[str] = []

    def go_on(op: Operations) -> None:
        try:
            failing(op)
        except (StinaError, RuntimeError) as error:
            caught.append(type(error).__name__)

    run(store_path, *BEFORE)
    before = contents(store_path)
    run(store_path, *BEFORE, go_on)

    assert len(caught) == 1
    assert contents(store_path) == before
    ((breaking,),) = file_rows(store_path, "SELECT breaking FROM stina_ledger WHERE id = '0004_step'")
    assert breaking == 0


def alter_twice(op: Operations) -> None:
    with op.alter_table("note") as note:
        note.alter_column("color", IntegerField(), using="1")
        note.alter_column("color", TextField(null=True))


def rename_what_was_altered(op: Operations) -> None:
    with op.alter_table("note") as note:
        note.alter_column("color", TextField(null=True))
        note.rename_column("color", "shade")


def rename_to_what_was_altered(op: Operations) -> None:
    with op.alter_table("note") as note:
        note.add_column("shade", TextField(null=True))
        note.rename_column("color", "shade")


@pytest.mark.parametrize("wrong", [alter_twice, rename_what_was_altered, rename_to_what_was_altered])
def test_column_that_was_changed_is_not_changed_again_in_its_block(store_path: Path, wrong: Run) -> None:
    reason = refusal(store_path, *BEFORE, wrong)

    assert "changed in this block already" in reason
    assert "notes_note." in reason


def test_column_that_goes_cannot_be_altered_in_the_same_block(store_path: Path) -> None:
    def alter(op: Operations) -> None:
        with op.alter_table("note") as note:
            note.alter_column("color", TextField(null=True))
            note.drop_column("color")

    assert "no column 'color'" in refusal(store_path, *BEFORE, alter)


def test_empty_block_changes_nothing(store_path: Path) -> None:
    def nothing(op: Operations) -> None:
        with op.alter_table("note"):
            pass

    run(store_path, *BEFORE)
    before = contents(store_path)
    run(store_path, *BEFORE, nothing)

    assert contents(store_path) == before
    assert backups(store_path) == []


def test_storage_settings_of_two_calls_add_up(store_path: Path) -> None:
    def store(op: Operations) -> None:
        op.unsafe_sql("CREATE TABLE notes_old (id TEXT PRIMARY KEY NOT NULL, title TEXT NOT NULL)")
        with op.alter_table("old") as old:
            old.set_storage(strict=True)
            old.set_storage(without_rowid=True)

    def wanted(op: Operations) -> None:
        op.create_table("old", id=IdField(), title=TextField(), without_rowid=True)

    run(store_path, store)

    assert differences(store_path, wanted) == []


def test_primary_key_of_no_columns_is_refused(store_path: Path) -> None:
    def nothing(op: Operations) -> None:
        with op.alter_table("note") as note:
            with pytest.raises(DefinitionError, match="primary key of notes_note"):
                note.set_primary_key()

    run(store_path, *BEFORE, nothing)
