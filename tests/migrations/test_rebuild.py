"""A rebuild holds the new table against the old one before that goes, whatever kind of table it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stina_core import (
    BlobField,
    FloatField,
    ForeignKeyField,
    IdField,
    Index,
    IntegerField,
    Operations,
    StepFailedError,
    TextField,
    TransactionError,
)
from stina_core.alterations import Alteration, TableChange
from stina_core.backends.sqlite.rebuild import Rebuild
from stina_core.catalog import Column
from stina_core.fields import AnyField
from stina_core.testing import file_rows

from ..declarations import Run
from .alteration_cases import filled, noted, surroundings
from .changed import assert_sound, contents, differences, made_by, opened, rebuilds, refusal, run, values

# What the comparison finds


def kept(op: Operations) -> None:
    op.create_table(
        "t",
        id=IdField(),
        word=TextField(null=True, collation="NOCASE"),
        end=TextField(null=True, collation="RTRIM"),
        number=IntegerField(null=True),
        share=FloatField(null=True),
        raw=BlobField(null=True),
        some=AnyField(null=True),
        x=TextField(null=True),
    )
    rows: list[tuple[Any, ...]] = [
        ("a", "Word", "end", 1, 0.5, b"\x00", 1),
        ("b", None, "", 0, None, b"", "1"),
        ("c", "", None, None, 2.0, None, 1.0),
    ]
    names = ("id", "word", "end", "number", "share", "raw", "some")
    op.insert("t", [dict(zip(names, row, strict=True)) for row in rows])


def rebuild_x(op: Operations) -> None:
    op.alter_column("t", "x", TextField(default="", null=True))


LOSSES = [
    "DELETE FROM {new} WHERE id = 'b'",
    "DELETE FROM {new}",
    "INSERT INTO {new} (id) VALUES ('d')",
    "UPDATE {new} SET id = 'd' WHERE id = 'c'",
    "UPDATE {new} SET rowid = 9 WHERE id = 'c'",
    "UPDATE {new} SET word = '' WHERE word IS NULL",
    "UPDATE {new} SET word = NULL WHERE word = ''",
    "UPDATE {new} SET word = 'word' WHERE word = 'Word'",
    "UPDATE {new} SET end = 'end ' WHERE end = 'end'",
    "UPDATE {new} SET word = (SELECT max(word) FROM {new} AS o WHERE o.id <> {new}.id)",
    "UPDATE {new} SET number = 0 WHERE number IS NULL",
    "UPDATE {new} SET number = 2 WHERE number = 1",
    "UPDATE {new} SET share = 0.5000000001 WHERE share = 0.5",
    "UPDATE {new} SET raw = x'' WHERE raw IS NULL",
    "UPDATE {new} SET raw = x'0000' WHERE raw = x'00'",
    "UPDATE {new} SET some = '1' WHERE typeof(some) = 'integer'",
    "UPDATE {new} SET some = 1.0 WHERE typeof(some) = 'integer'",
    "UPDATE {new} SET some = 1 WHERE typeof(some) = 'text'",
    "UPDATE {new} SET x = 'y' WHERE id = 'a'",
]


def losing(monkeypatch: pytest.MonkeyPatch, sql: str) -> None:
    copy = Rebuild._copy

    def careless(self: Rebuild, new_name: str) -> None:
        copy(self, new_name)
        self.database.run(sql.format(new=new_name))

    monkeypatch.setattr(Rebuild, "_copy", careless)


@pytest.mark.parametrize("sql", LOSSES)
def test_copy_that_is_not_the_same_is_never_put_in_the_place_of_the_table(
    store_path: Path, monkeypatch: pytest.MonkeyPatch, sql: str
) -> None:
    losing(monkeypatch, sql)

    reason = refusal(store_path, kept, rebuild_x)

    assert "would not survive" in reason or "its copy" in reason


@pytest.mark.parametrize("sql", LOSSES)
def test_without_the_comparison_that_copy_would_be_kept(
    store_path: Path, monkeypatch: pytest.MonkeyPatch, sql: str
) -> None:
    rows = "SELECT rowid, *, typeof(some) FROM notes_t ORDER BY rowid"
    run(store_path, kept)
    before = values(store_path, rows)
    losing(monkeypatch, sql)
    monkeypatch.setattr(Rebuild, "_compare", lambda self, new_name: None)

    run(store_path, kept, rebuild_x)

    assert values(store_path, rows) != before


RETYPED_LOSSES = [
    "DELETE FROM {new} WHERE id = 'b'",
    "UPDATE {new} SET number = '' WHERE number IS NULL",
    "UPDATE {new} SET number = NULL WHERE number = '0'",
    "UPDATE {new} SET number = '2' WHERE number = '1'",
    "UPDATE {new} SET word = x'' WHERE word IS NULL",
    "UPDATE {new} SET word = x'776f7264' WHERE word = x'576f7264'",
]


@pytest.mark.parametrize("sql", RETYPED_LOSSES)
@pytest.mark.parametrize("strict", [True, False])
def test_copy_with_other_types_is_held_against_the_table_too(
    store_path: Path, monkeypatch: pytest.MonkeyPatch, sql: str, strict: bool
) -> None:
    def loosen(op: Operations) -> None:
        with op.alter_table("t") as t:
            t.drop_column("some")
            t.set_storage(strict=strict)

    def retype(op: Operations) -> None:
        with op.alter_table("t") as t:
            t.alter_column("number", TextField(null=True))
            t.alter_column("word", BlobField(null=True))

    run(store_path, kept, loosen)
    losing(monkeypatch, sql)

    reason = refusal(store_path, kept, loosen, retype)

    assert "would not survive" in reason or "its copy" in reason


# Where it runs


def test_rebuild_outside_a_migration_is_refused_and_changes_nothing(store_path: Path) -> None:
    change = TableChange("notes_note", alter=[Alteration(Column("title", "text", default="'x'"))])

    with opened(store_path, noted(), surroundings, filled) as store:
        before = contents(store_path)
        ddl = store._backend.ddl
        with pytest.raises(TransactionError, match="only inside a migration"):
            ddl.change_table(change, lambda: None)
        with store.transaction(), pytest.raises(TransactionError, match="with foreign keys off"):
            ddl.change_table(change, lambda: None)

    assert contents(store_path) == before


def test_foreign_keys_are_on_again_after_a_rebuild(store_path: Path) -> None:
    def alter(op: Operations) -> None:
        op.alter_column("note", "title", TextField(default="x"))

    with opened(store_path, noted(), surroundings, filled, alter) as store:
        assert store._backend.execute("PRAGMA foreign_keys") == [(1,)]
        assert store._backend.execute("PRAGMA legacy_alter_table") == [(0,)]


# Foreign keys


def drop_reference(op: Operations) -> None:
    op.alter_column("t", "u_id", TextField(null=True))


def change_reference(op: Operations) -> None:
    op.alter_column("t", "u_id", ForeignKeyField("u", null=True, on_delete="SET NULL", index=False))


def keep_reference(op: Operations) -> None:
    op.alter_column("t", "u_id", ForeignKeyField("u", on_delete="CASCADE", index=False), fill="b")


REFERENCES: list[tuple[Run, list[Any], bool]] = [
    (drop_reference, [], True),
    (change_reference, [("u_id", "SET NULL")], True),
    (keep_reference, [("u_id", "CASCADE")], False),
]


@pytest.mark.parametrize(
    ("change", "wanted", "rebuilt"), REFERENCES, ids=lambda one: getattr(one, "__name__", "")
)
def test_foreign_key_written_beside_the_columns_is_that_of_its_column(
    store_path: Path, change: Run, wanted: list[Any], rebuilt: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = made_by(
        (
            "CREATE TABLE notes_u (id TEXT PRIMARY KEY)",
            (
                "CREATE TABLE notes_t (id TEXT PRIMARY KEY, u_id TEXT, v TEXT, "
                "CONSTRAINT own FOREIGN KEY (u_id) REFERENCES notes_u (id) ON DELETE CASCADE)"
            ),
            "INSERT INTO notes_u VALUES ('a'), ('b')",
            "INSERT INTO notes_t VALUES ('1', 'a', NULL), ('2', NULL, NULL)",
        )
    )
    made = rebuilds(monkeypatch)

    run(store_path, make, change)

    found = file_rows(store_path, "SELECT \"from\", on_delete FROM pragma_foreign_key_list('notes_t')")
    assert found == wanted
    assert made == ["notes_t"] * rebuilt
    assert_sound(store_path)


def test_foreign_key_over_rows_that_point_to_nothing_is_refused(store_path: Path) -> None:
    def make(op: Operations) -> None:
        op.create_table("u", id=IdField())
        op.create_table("t", id=IdField(), u_id=TextField(null=True))
        op.insert("u", [{"id": "a"}])
        op.insert("t", [{"id": "1", "u_id": "a"}, {"id": "2", "u_id": "nobody"}])

    def refer(op: Operations) -> None:
        op.alter_column("t", "u_id", ForeignKeyField("u", null=True))

    run(store_path, make)
    before = contents(store_path)
    with pytest.raises(StepFailedError, match="leave notes_t with references that point to nothing"):
        run(store_path, make, refer)
    assert contents(store_path) == before


def test_renamed_table_takes_its_full_text_index_along_and_can_be_rebuilt(store_path: Path) -> None:
    def make(op: Operations) -> None:
        op.create_table("note", Index("stars", "title"), **fields(TextField()))
        op.create_search("note", "title")
        op.insert("note", [{"id": "a", "title": "x"}, {"id": "b", "title": "y"}])
        op.unsafe_sql("INSERT INTO notes_note_search (rowid, title) SELECT rowid, title FROM notes_note")

    def rename(op: Operations) -> None:
        op.rename_table("note", "memo")
        op.alter_column("memo", "title", TextField(default="x"))

    def wanted(op: Operations) -> None:
        op.create_table("memo", Index("stars", "title"), **fields(TextField(default="x")))
        op.create_search("memo", "title")

    def fields(title: TextField[str]) -> dict[str, Any]:
        return {"id": IdField(), "title": title, "stars": IntegerField(null=True, index=True)}

    run(store_path, make, rename)

    assert differences(store_path, wanted) == []
    assert values(store_path, "SELECT id, title FROM notes_memo") == ["('a', 'x')", "('b', 'y')"]
    assert file_rows(store_path, "SELECT rowid FROM notes_memo_search ('y')") == [(2,)]
    assert_sound(store_path)
