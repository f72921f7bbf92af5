"""The list of changes of one table: where each begins, where it must end, and what becomes of the rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stina_core import (
    BlobField,
    BooleanField,
    Check,
    EnumField,
    FloatField,
    ForeignKeyField,
    IdField,
    Index,
    IntegerField,
    JsonField,
    Operations,
    TextField,
    TimestampField,
    now,
)

from ..declarations import Run

KINDS = ("open", "done")
ROWS: dict[str, list[Any]] = {
    "id": ["a", "b", "c"],
    "title": ["Äpfel", "", "007"],
    "stars": [3, None, -1],
    "kind": ["open", "done", "open"],
    "parent_id": [None, "a", "b"],
}


def noted(*parts: Index | Check, without_rowid: bool = False, **changed: Any) -> Run:
    """A step that makes the table `note`, with *changed* fields; None leaves one out."""

    def make(op: Operations) -> None:
        fields = {
            "id": IdField(),
            "title": TextField(),
            "stars": IntegerField(null=True),
            "kind": EnumField(KINDS, default="open"),
            "parent": ForeignKeyField("self", null=True),
            **changed,
        }
        there = {name: one for name, one in fields.items() if one is not None}
        op.create_table("note", *parts, without_rowid=without_rowid, **there)

    return make


def surroundings(op: Operations) -> None:
    """What hangs on the table: rows that point to it, a trigger and a view."""
    op.create_table("comment", id=IdField(), note=ForeignKeyField("note", on_delete="CASCADE"))
    op.create_table("log", id=IdField(), title=TextField())
    op.unsafe_sql(
        "CREATE TRIGGER notes_noted AFTER UPDATE OF title ON notes_note "
        "BEGIN INSERT INTO notes_log VALUES (NEW.id, NEW.title); END"
    )
    op.unsafe_sql("CREATE VIEW notes_titles AS SELECT id, upper(title) AS title FROM notes_note")


def filled(op: Operations) -> None:
    names = list(ROWS)
    op.insert("note", [dict(zip(names, row, strict=True)) for row in zip(*ROWS.values(), strict=True)])
    op.insert("comment", [{"id": f"to {key}", "note_id": key} for key in ROWS["id"]])


BEFORE = noted()


@dataclass(frozen=True)
class Case:
    """A change, where it begins and where it must end.

    Attributes:
        values: The columns whose rows it changes, None for one that goes.
    """

    name: str
    change: Run
    after: Run
    before: Run = BEFORE
    values: Mapping[str, list[Any] | None] = field(default_factory=dict)


def altering(column: str, one: Callable[[], Any], **how: Any) -> Run:
    return lambda op: op.alter_column("note", column, one(), **how)


def adding(**fields: Callable[[], Any]) -> Run:
    return lambda op: op.add_column("note", **{name: one() for name, one in fields.items()})


def filling(op: Operations) -> None:
    with op.alter_table("note") as note:
        note.add_column("size", IntegerField(), fill=7)


def filling_beside_default(op: Operations) -> None:
    with op.alter_table("note") as note:
        note.add_column("size", IntegerField(default=3), fill=7)


def filling_a_time(op: Operations) -> None:
    with op.alter_table("note") as note:
        note.add_column("made_at", TimestampField(default=now), fill=0)


def dropping_reference(op: Operations) -> None:
    op.drop_index("note", "parent_id")
    op.alter_column("note", "parent_id", TextField(null=True))


def adding_indexes(op: Operations) -> None:
    op.add_index("note", "title DESC", unique=True)
    op.add_index("note", "stars", where="stars > 0")


def without_rowid(op: Operations) -> None:
    with op.alter_table("note") as note:
        note.set_storage(without_rowid=True)


SHORT = Check("length(title) < 9", name="title_short")

NATIVE = [
    Case("nullable", altering("title", lambda: TextField(null=True)), noted(title=TextField(null=True))),
    Case(
        "NOT NULL",
        altering("stars", IntegerField, fill=0),
        noted(stars=IntegerField()),
        values={"stars": [3, 0, -1]},
    ),
    Case(
        "enum grows",
        altering("kind", lambda: EnumField([*KINDS, "late"], default="open")),
        noted(kind=EnumField([*KINDS, "late"], default="open")),
    ),
    Case(
        "enum shrinks",
        altering("kind", lambda: EnumField(KINDS, default="open")),
        noted(),
        noted(kind=EnumField([*KINDS, "never"], default="open")),
    ),
    Case(
        "length",
        altering("title", lambda: TextField(max_length=5)),
        noted(title=TextField(max_length=5)),
    ),
    Case(
        "length changes",
        altering("title", lambda: TextField(max_length=5)),
        noted(title=TextField(max_length=5)),
        noted(title=TextField(max_length=50)),
    ),
    Case("length goes", altering("title", TextField), noted(), noted(title=TextField(max_length=5))),
    Case(
        "enum instead of text",
        altering("kind", lambda: EnumField(KINDS, default="open")),
        noted(),
        noted(kind=TextField(default="open")),
    ),
    Case(
        "add nullable column",
        adding(due=lambda: TimestampField(null=True, index=True)),
        noted(due=TimestampField(null=True, index=True)),
        values={"due": [None] * 3},
    ),
    Case(
        "add column with default",
        adding(done=lambda: BooleanField(default=False), tag=lambda: EnumField(["it's"], default="it's")),
        noted(done=BooleanField(default=False), tag=EnumField(["it's"], default="it's")),
        values={"done": [0] * 3, "tag": ["it's"] * 3},
    ),
    Case(
        "add JSON and blob",
        adding(extra=lambda: JsonField(default=[]), raw=lambda: BlobField(null=True, unique=True)),
        noted(extra=JsonField(default=[]), raw=BlobField(null=True, unique=True)),
        values={"extra": ["[]"] * 3, "raw": [None] * 3},
    ),
    Case(
        "add foreign key column",
        adding(other=lambda: ForeignKeyField("note", null=True, on_delete="SET NULL")),
        noted(other=ForeignKeyField("note", null=True, on_delete="SET NULL")),
        values={"other_id": [None] * 3},
    ),
    Case("add column with fill", filling, noted(size=IntegerField()), values={"size": [7] * 3}),
    Case("add check", lambda op: op.add_check("note", SHORT), noted(SHORT)),
    Case("drop check", lambda op: op.drop_check("note", "title_short"), noted(), noted(SHORT)),
    Case(
        "add indexes",
        adding_indexes,
        noted(Index("title DESC", unique=True), Index("stars", where="stars > 0")),
    ),
    Case("drop index", lambda op: op.drop_index("note", "stars"), noted(), noted(Index("stars"))),
    Case(
        "rename column",
        lambda op: op.rename_column("note", "stars", "points"),
        noted(Index("points", "title"), stars=None, points=IntegerField(null=True, index=True)),
        noted(Index("stars", "title"), stars=IntegerField(null=True, index=True)),
        values={"stars": None, "points": ROWS["stars"]},
    ),
    Case(
        "drop column", lambda op: op.drop_column("note", "stars"), noted(stars=None), values={"stars": None}
    ),
]

REBUILT = [
    Case(
        "to text",
        altering("stars", lambda: TextField(null=True)),
        noted(stars=TextField(null=True)),
        values={"stars": ["3", None, "-1"]},
    ),
    Case(
        "to real",
        altering("stars", lambda: FloatField(null=True)),
        noted(stars=FloatField(null=True)),
        values={"stars": [3.0, None, -1.0]},
    ),
    Case(
        "to real, NOT NULL, with default",
        altering("stars", lambda: FloatField(default=0.5), fill=0.5),
        noted(stars=FloatField(default=0.5)),
        values={"stars": [3.0, 0.5, -1.0]},
    ),
    Case(
        "using and fill",
        altering("title", lambda: TextField(default="none"), using="title || stars", fill="none"),
        noted(title=TextField(default="none")),
        values={"title": ["Äpfel3", "none", "007-1"]},
    ),
    Case(
        "default", altering("title", lambda: TextField(default="a,b")), noted(title=TextField(default="a,b"))
    ),
    Case(
        "default changes",
        altering("kind", lambda: EnumField(KINDS, default="done")),
        noted(kind=EnumField(KINDS, default="done")),
    ),
    Case("default goes", altering("kind", lambda: EnumField(KINDS)), noted(kind=EnumField(KINDS))),
    Case(
        "default is now",
        altering("stars", lambda: TimestampField(null=True, default=now)),
        noted(stars=TimestampField(null=True, default=now)),
    ),
    Case(
        "collation",
        altering("title", lambda: TextField(collation="NOCASE", index=True)),
        noted(title=TextField(collation="NOCASE", index=True)),
        noted(title=TextField(index=True)),
    ),
    Case(
        "add foreign key",
        altering("other_id", lambda: ForeignKeyField("note", null=True), using="parent_id"),
        noted(other=ForeignKeyField("note", null=True)),
        noted(other_id=TextField(null=True)),
        values={"other_id": ROWS["parent_id"]},
    ),
    Case(
        "drop foreign key",
        dropping_reference,
        noted(parent=None, parent_id=TextField(null=True)),
    ),
    Case(
        "change foreign key",
        altering(
            "parent_id", lambda: ForeignKeyField("self", null=True, on_delete="CASCADE", deferrable=True)
        ),
        noted(parent=ForeignKeyField("self", null=True, on_delete="CASCADE", deferrable=True)),
    ),
    Case("WITHOUT ROWID", without_rowid, noted(without_rowid=True)),
    Case(
        "add column with default and fill",
        filling_beside_default,
        noted(size=IntegerField(default=3)),
        values={"size": [7] * 3},
    ),
    Case(
        "add column with fill and time of now",
        filling_a_time,
        noted(made_at=TimestampField(default=now)),
        values={"made_at": [0] * 3},
    ),
    Case(
        "add nullable column with time of now",
        adding(made_at=lambda: TimestampField(null=True, default=now)),
        noted(made_at=TimestampField(null=True, default=now)),
        values={"made_at": [None] * 3},
    ),
]

ADDITIVE = {
    *("add nullable column", "add column with default", "add JSON and blob", "add foreign key column"),
    *("add column with default and fill", "add column with fill and time of now"),
    *("add nullable column with time of now", "drop index"),
}
"""Cases after which programs that do not know the step may go on writing."""

LOSING = {"NOT NULL", "add column with fill", "drop column", *(case.name for case in REBUILT)}
"""Cases that remove or rewrite something, so that a copy of the file is made before."""
