"""Changes of columns that stay, one of each kind."""

from __future__ import annotations

from stina_core import (
    BooleanField,
    EnumField,
    FloatField,
    IntegerField,
    JsonField,
    TextField,
)

from .changes import Changed, Status, note, of_note


def retyped() -> Changed:
    return of_note(
        note(number=IntegerField(), text=TextField(null=True), real=IntegerField()),
        note(number=TextField(), text=IntegerField(null=True), real=FloatField()),
        '    table.alter_column("number", TextField())',
        rows=[{"number": 7, "text": "12", "real": 3}, {"number": -1, "text": None, "real": 0}],
        after=[("k0", "7", 12, 3.0), ("k1", "-1", None, 0.0)],
    )


def no_longer_null() -> Changed:
    return of_note(
        note(title=TextField(null=True), stars=IntegerField(null=True), extra=JsonField(null=True)),
        note(title=TextField(), stars=IntegerField(default=5), extra=JsonField(default=["x"])),
        '    table.alter_column("title", TextField(), fill="none")',
        '    table.alter_column("stars", IntegerField(default=5), fill=5)',
        '    table.alter_column("extra", JsonField(default=["x"]), fill=\'["x"]\')',
        rows=[{"title": "a", "stars": 1, "extra": []}, {}],
        after=[("k0", "a", 1, "[]"), ("k1", "none", 5, '["x"]')],
        fills={"note.title": "none"},
    )


def null_allowed_and_default_gone() -> Changed:
    return of_note(
        note(title=TextField(), stars=IntegerField(default=1)),
        note(title=TextField(null=True), stars=IntegerField()),
        '    table.alter_column("title", TextField(null=True))',
        '    table.alter_column("stars", IntegerField())',
        rows=[{"title": "a"}],
        after=[("k0", "a", 1)],
    )


def rules_of_fields() -> Changed:
    return of_note(
        note(
            status=EnumField(["open"]), name=TextField(max_length=5), length=TextField(), old=BooleanField()
        ),
        note(status=EnumField(Status), name=TextField(max_length=9), length=TextField(), old=IntegerField()),
        '    table.alter_column("status", EnumField(["open", "done"]))',
        '    table.alter_column("name", TextField(max_length=9))',
        '    table.alter_column("old", IntegerField())',
        rows=[{"status": "open", "name": "abcde", "length": "l", "old": True}],
        after=[("k0", "open", "abcde", "l", 1)],
    )


def collation() -> Changed:
    return of_note(
        note(title=TextField(index=True)),
        note(title=TextField(index=True, collation="NOCASE")),
        rows=[{"title": "a"}, {"title": "A"}],
        query="SELECT count(*) FROM notes_note WHERE title = 'a'",
        after=[(2,)],
    )


def becomes_json() -> Changed:
    quoted = 'CASE WHEN "more" IS NOT NULL THEN json_quote("more") END'
    return of_note(
        note(extra=TextField(), more=TextField(null=True), plain=JsonField()),
        note(extra=JsonField(), more=JsonField(null=True), plain=TextField()),
        '    table.alter_column("extra", JsonField(), using=\'json_quote("extra")\')',
        '    table.alter_column("plain", TextField(), using=\'"plain"\')',
        rows=[{"extra": "5", "more": None, "plain": [1]}, {"extra": "it's", "more": "x", "plain": "y"}],
        after=[("k0", '"5"', None, "[1]"), ("k1", '"it\'s"', '"x"', '"y"')],
        usings={"note.extra": 'json_quote("extra")', "note.more": quoted, "note.plain": '"plain"'},
    )


def converted_by_hand() -> Changed:
    return of_note(
        note(size=TextField()),
        note(size=IntegerField()),
        'op.alter_column("note", "size", IntegerField(), using="length(size)")',
        rows=[{"size": "many"}],
        after=[("k0", 4)],
        usings={"note.size": "length(size)"},
    )


CHANGES = {
    make.__name__.replace("_", " "): make
    for make in (
        retyped,
        no_longer_null,
        null_allowed_and_default_gone,
        rules_of_fields,
        collation,
        becomes_json,
        converted_by_hand,
    )
}
