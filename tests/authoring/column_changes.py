"""Columns that come, go or get another name, one change of each kind."""

from __future__ import annotations

from datetime import UTC, datetime

from stina_core import (
    BlobField,
    BooleanField,
    Check,
    EnumField,
    FloatField,
    ForeignKeyField,
    IntegerField,
    JsonField,
    Model,
    Search,
    TextField,
    TimestampField,
    now,
)

from .changes import Changed, Status, model, note, of_note


def added() -> Changed:
    return of_note(
        note(title=TextField()),
        note(title=TextField(), stars=IntegerField(default=0)),
        'op.add_column("note", stars=IntegerField(default=0))',
        rows=[{"title": "a"}],
        after=[("k0", "a", 0)],
    )


def added_nullable() -> Changed:
    return of_note(
        note(),
        note(
            extra=JsonField(null=True),
            seen=TimestampField(null=True, index=True),
            since=TimestampField(default=datetime(1970, 1, 1, 0, 1, tzinfo=UTC)),
        ),
        '    table.add_column("extra", JsonField(null=True))',
        rows=[{}],
        after=[("k0", None, None, 60_000)],
    )


def added_with_a_value() -> Changed:
    return of_note(
        note(),
        note(
            title=TextField(),
            rank=IntegerField(),
            weight=FloatField(),
            done=BooleanField(),
            status=EnumField(Status),
            extra=JsonField(),
            data=BlobField(),
            seen=TimestampField(),
            made=TimestampField(default=now),
        ),
        '    table.add_column("title", TextField(), fill="it\'s")',
        '    table.add_column("rank", IntegerField(), fill=-3)',
        '    table.add_column("weight", FloatField(), fill=2.0)',
        '    table.add_column("done", BooleanField(), fill=1)',
        '    table.add_column("status", EnumField(["open", "done"]), fill="done")',
        '    table.add_column("extra", JsonField(), fill=\'{"a":[1]}\')',
        '    table.add_column("data", BlobField(), fill=b"\\x00\\xff")',
        '    table.add_column("seen", TimestampField(), fill=1769860800000)',
        '    table.add_column("made", TimestampField(default=now), fill=0)',
        rows=[{}],
        after=[("k0", "it's", -3, 2.0, 1, "done", '{"a":[1]}', b"\0\xff", 1769860800000, 0)],
        fills={
            "note.title": "it's",
            "note.rank": "-3",
            "note.weight": "2",
            "note.done": "true",
            "note.status": "done",
            "note.extra": '{"a": [1]}',
            "note.data": "00FF",
            "note.seen": "2026-01-31T12:00:00Z",
            "note.made": "1970-01-01T00:00:00+00:00",
        },
    )


def added_with_a_value_although_it_may_be_null() -> Changed:
    return of_note(
        note(),
        note(stars=IntegerField(null=True)),
        '    table.add_column("stars", IntegerField(null=True), fill=3)',
        rows=[{}],
        after=[("k0", 3)],
        fills={"note.stars": "3"},
    )


def added_nullable_now() -> Changed:
    return of_note(
        note(title=TextField()),
        note(title=TextField(), made=TimestampField(default=now, null=True, index=True)),
        'op.add_column("note", made=TimestampField(null=True, index=True))',
        "op.alter_column(",
        rows=[{"title": "a"}],
        after=[("k0", "a", None)],
    )


def added_under_names_that_are_no_keywords() -> Changed:
    return of_note(
        note(),
        note(
            sort=TextField(column_name="class", null=True),
            without_rowid=TextField(default="x"),
            self_=TextField(column_name="self", default="y"),
        ),
        rows=[{}],
        after=[("k0", None, "x", "y")],
    )


def added_alone_under_a_keyword() -> Changed:
    return of_note(
        note(),
        note(sort=TextField(column_name="class", default="x")),
        'op.add_column("note", class_=TextField(column_name="class", default="x"))',
        rows=[{}],
        after=[("k0", "x")],
    )


def added_reference() -> Changed:
    def owner() -> type[Model]:
        return model("Owner", name=TextField())

    first = owner()
    return Changed(
        [owner(), note()],
        [first, note(owner=ForeignKeyField(first, null=True, on_delete="SET NULL"))],
        (
            "op.add_column(",
            '    owner=ForeignKeyField("owner", on_delete="SET NULL", null=True),',
        ),
        {"Owner": [{"id": "o", "name": "n"}], "Note": [{"id": "k"}]},
        {
            "SELECT * FROM notes_note": [("k", None)],
            "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = 'notes_note'": [
                ("notes_note__owner_id",)
            ],
        },
    )


def dropped() -> Changed:
    return of_note(
        note(title=TextField(), old=TextField(index=True), older=EnumField(["a"], null=True)),
        note(title=TextField()),
        'with op.alter_table("note") as table:',
        '    table.drop_index("old")',
        '    table.drop_column("old")',
        '    table.drop_column("older")',
        rows=[{"title": "a", "old": "b"}],
        after=[("k0", "a")],
        drops={"note.old", "note.older"},
    )


def dropped_that_a_rule_names() -> Changed:
    return of_note(
        note({"constraints": [Check("length(old) < 9", name="short")]}, title=TextField(), old=TextField()),
        note({"constraints": [Check("length(title) < 9", name="short")]}, title=TextField()),
        '    table.drop_check("short")',
        '    table.add_check(Check("length(title) < 9", name="short"))',
        'op.drop_column("note", "old")',
        rows=[{"title": "a", "old": "b"}],
        after=[("k0", "a")],
        drops={"note.old"},
    )


def renamed() -> Changed:
    return of_note(
        note(
            {"constraints": [Check("title <> 'x'", name="not_x")], "search": Search("title")},
            title=TextField(max_length=9, index=True),
        ),
        note(
            {"constraints": [Check("name <> 'x'", name="not_x")], "search": Search("name")},
            name=TextField(max_length=9, index=True),
        ),
        'op.rename_column("note", "title", "name")',
        'op.alter_search("note", "name")',
        rows=[{"title": "a"}],
        after=[("k0", "a")],
        renames={"note.title": "note.name"},
    )


def renamed_in_turn() -> Changed:
    return of_note(
        note(a=TextField(), b=TextField()),
        note(b=TextField(), c=TextField()),
        'op.rename_column("note", "b", "c")',
        'op.rename_column("note", "a", "b")',
        rows=[{"a": "1", "b": "2"}],
        query="SELECT b, c FROM notes_note",
        after=[("1", "2")],
        renames={"note.a": "note.b", "note.b": "note.c"},
    )


def renamed_and_altered() -> Changed:
    return of_note(
        note(state=EnumField(["open"])),
        note(status=EnumField(Status, default=Status.OPEN)),
        'op.rename_column("note", "state", "status")',
        '    EnumField(["open", "done"], default="open"),',
        rows=[{"state": "open"}],
        after=[("k0", "open")],
        renames={"note.state": "note.status"},
    )


def kept() -> Changed:
    return of_note(
        note(
            title=TextField(),
            old=EnumField(["a"], collation="NOCASE"),
            owner=ForeignKeyField("self", null=True),
        ),
        note(title=TextField()),
        '    table.alter_column("old", TextField(null=True, collation="NOCASE"))',
        '    table.alter_column("owner_id", TextField(null=True))',
        rows=[{"title": "a", "old": "a"}],
        after=[("k0", "a", "a", None)],
        keeps={"note.old", "note.owner_id"},
    )


def kept_json() -> Changed:
    return of_note(
        note(title=TextField(), extra=JsonField(index=True)),
        note(title=TextField()),
        'op.alter_column("note", "extra", TextField(null=True), using=\'"extra"\')',
        rows=[{"title": "a", "extra": ["x"]}],
        after=[("k0", "a", '["x"]')],
        keeps={"note.extra"},
    )


def renamed_in_short() -> Changed:
    return Changed(
        [note(a=TextField())],
        [model("Memo", b=TextField())],
        ('op.rename_column("memo", "a", "b")',),
        {"Note": [{"id": "k", "a": "1"}]},
        {"SELECT id, b FROM notes_memo": [("k", "1")]},
        {"renames": {"note.a": "b", "note": "memo"}},
    )


CHANGES = {
    make.__name__.replace("_", " "): make
    for make in (
        added,
        added_nullable,
        added_with_a_value,
        added_with_a_value_although_it_may_be_null,
        added_nullable_now,
        added_under_names_that_are_no_keywords,
        added_alone_under_a_keyword,
        added_reference,
        dropped,
        dropped_that_a_rule_names,
        renamed,
        renamed_in_turn,
        renamed_and_altered,
        kept,
        kept_json,
        renamed_in_short,
    )
}
