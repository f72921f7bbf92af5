"""What a new step demands of rows that other people have is said beforehand."""

from __future__ import annotations

from stina_core import BooleanField, Check, EnumField, ForeignKeyField, Index, IntegerField, Model, TextField

from .changes import model, note
from .drafting import drafted


def test_changes_that_rows_may_refuse_are_named() -> None:
    def owner() -> type[Model]:
        return model("Owner")

    old = note(
        number=TextField(),
        name=TextField(max_length=9),
        state=EnumField(["a", "b"]),
        may=TextField(null=True),
        by_id=TextField(),
        flag=IntegerField(),
    )
    target = owner()
    new = note(
        {
            "constraints": [Check("length(may) > 0", name="there")],
            "indexes": [Index("name", "state", unique=True)],
        },
        number=IntegerField(),
        name=TextField(max_length=8),
        state=EnumField(["a"]),
        may=TextField(default=""),
        by=ForeignKeyField(target),
        flag=BooleanField(),
    )

    made = drafted(target, new, made=[drafted(owner(), old)])

    assert sorted(made.warnings) == [
        "note gets different values in name, state in every row (UNIQUE)",
        "note gets the CHECK there",
        "note.by_id must point to a row of notes_owner",
        "note.flag becomes true or false",
        "note.may may not be NULL any more",
        "note.name has at most 8 characters",
        "note.number becomes an integer",
        "note.state is one of 'a'",
    ]


def test_changes_that_every_row_fits_are_not_named() -> None:
    old = note(
        {"indexes": [Index("name", unique=True, name="one")]},
        name=TextField(max_length=8, null=False),
        state=EnumField(["a"]),
        long=TextField(max_length=8),
        flag=BooleanField(),
    )
    new = note(
        {"indexes": [Index("name", unique=True, name="other"), Index("state")]},
        name=TextField(max_length=9),
        state=EnumField(["b", "a"]),
        long=TextField(null=True),
        flag=IntegerField(),
        more=TextField(null=True),
        count=IntegerField(default=0),
    )

    made = drafted(new, made=[drafted(old)])

    assert made.step
    assert made.warnings == ()
