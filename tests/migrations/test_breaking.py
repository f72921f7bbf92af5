"""Which operations beside the changes of a table make a backup, and which stop older programs from writing."""

from __future__ import annotations

from pathlib import Path

import pytest

from stina_core import (
    Check,
    IdField,
    Index,
    IntegerField,
    Operations,
    TextField,
)
from stina_core.testing import file_rows

from ..declarations import Run, backups
from .alteration_cases import filled, noted, surroundings
from .changed import refusal, run

BEFORE = (noted(Index("stars", unique=True), title=TextField(index=True)), surroundings, filled)


def create_table(op: Operations) -> None:
    op.create_table("more", id=IdField())


def insert(op: Operations) -> None:
    op.insert("log", [{"id": "1", "title": "x"}])


def add_index(op: Operations) -> None:
    op.add_index("note", "kind")


def add_unique_index(op: Operations) -> None:
    op.add_index("note", "title", unique=True, name="own")


def drop_unique_index(op: Operations) -> None:
    op.drop_index("note", "stars")


def add_unique_column(op: Operations) -> None:
    op.add_column("note", code=TextField(null=True, unique=True))


def add_unique_column_with_default(op: Operations) -> None:
    op.add_column("log", code=TextField(default="", unique=True))


def create_search(op: Operations) -> None:
    op.create_search("note", "title")


def rename_table(op: Operations) -> None:
    op.rename_table("log", "diary")


def rename_column(op: Operations) -> None:
    op.rename_column("log", "title", "headline")


def add_check(op: Operations) -> None:
    op.add_check("note", Check("stars < 9", name="few"))


def drop_table(op: Operations) -> None:
    op.drop_table("comment")


def update_rows(op: Operations) -> None:
    op.update_rows("note", lambda row: None)


def unsafe_sql(op: Operations) -> None:
    op.unsafe_sql("SELECT 1")


def set_storage(op: Operations) -> None:
    with op.alter_table("log") as log:
        log.set_storage(without_rowid=True)


ADDITIVE = [create_table, insert, add_index, add_unique_column, create_search]
BREAKING = [
    add_unique_index,
    drop_unique_index,
    add_unique_column_with_default,
    rename_table,
    rename_column,
    add_check,
]
LOSING = [drop_table, update_rows, unsafe_sql, set_storage]


def breaking(path: Path) -> list[tuple[int]]:
    return file_rows(path, "SELECT breaking FROM stina_ledger WHERE id = '0004_step'")


@pytest.mark.parametrize("operation", ADDITIVE)
def test_additive_operation_needs_no_backup_and_breaks_nobody(store_path: Path, operation: Run) -> None:
    run(store_path, *BEFORE)
    run(store_path, *BEFORE, operation)

    assert backups(store_path) == []
    assert breaking(store_path) == [(0,)]


@pytest.mark.parametrize("operation", BREAKING)
def test_operation_that_older_programs_cannot_know_breaks_them_without_a_backup(
    store_path: Path, operation: Run
) -> None:
    run(store_path, *BEFORE)
    run(store_path, *BEFORE, operation)

    assert backups(store_path) == []
    assert breaking(store_path) == [(1,)]


@pytest.mark.parametrize("operation", LOSING)
def test_operation_that_may_lose_something_makes_one_backup(store_path: Path, operation: Run) -> None:
    def often(op: Operations) -> None:
        op.drop_column("note", "kind")
        operation(op)

    run(store_path, *BEFORE)
    run(store_path, *BEFORE, often)

    assert len(backups(store_path)) == 1
    assert breaking(store_path) == [(1,)]
    copy = store_path.parent / "backups" / backups(store_path)[0]
    assert file_rows(copy, "SELECT count(kind) FROM notes_note") == [(3,)]


@pytest.mark.parametrize("operation", LOSING)
def test_new_file_has_nothing_to_copy(store_path: Path, operation: Run) -> None:
    run(store_path, *BEFORE, operation)

    assert backups(store_path) == []
    assert breaking(store_path) == [(1,)]


def test_each_losing_operation_alone_makes_the_backup_before_it_begins(store_path: Path) -> None:
    seen: list[int] = []

    def look(op: Operations) -> None:
        for operation in (create_table, add_index, update_rows):
            operation(op)
            seen.append(len(backups(store_path)))

    run(store_path, *BEFORE)
    run(store_path, *BEFORE, look)

    assert seen == [0, 0, 1]


def unique_now(op: Operations) -> None:
    op.alter_column("note", "title", TextField(unique=True))


def no_more_unique(op: Operations) -> None:
    op.alter_column("note", "stars", IntegerField(null=True, index=True))


@pytest.mark.parametrize("alter", [unique_now, no_more_unique])
def test_index_of_a_column_is_not_taken_for_another_that_is_unique(store_path: Path, alter: Run) -> None:
    reason = refusal(store_path, *BEFORE, alter)

    assert "is there with another unique=" in reason
    assert "drop_index('" in reason


def test_column_is_made_unique_once_its_other_index_is_dropped(store_path: Path) -> None:
    def alter(op: Operations) -> None:
        with op.alter_table("note") as note:
            note.drop_index("title")
            note.alter_column("title", TextField(unique=True))

    run(store_path, *BEFORE, alter)

    assert file_rows(store_path, "SELECT sql FROM sqlite_schema WHERE name = 'notes_note__title'") == [
        ('CREATE UNIQUE INDEX "notes_note__title" ON "notes_note" ("title")',)
    ]
