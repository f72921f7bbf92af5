"""Changes of tables, their rules, indexes and keys, one of each kind."""

from __future__ import annotations

from typing import Any

from stina_core import (
    Check,
    CompositeKey,
    ForeignKeyField,
    Index,
    IntegerField,
    JsonField,
    Model,
    Search,
    TextField,
)

from .changes import Changed, model, note, of_note


def rules_of_the_table() -> Changed:
    checks = [Check("length(title) > 0", name="first"), Check("title <> 'b'", name="second")]
    return of_note(
        note({"constraints": checks}, title=TextField()),
        note(
            {"constraints": [Check("title <> 'c'", name="second"), Check("title <> 'd'", name="third")]},
            title=TextField(),
        ),
        '    table.drop_check("first")',
        '    table.drop_check("second")',
        '    table.add_check(Check("title <> \'c\'", name="second"))',
        '    table.add_check(Check("title <> \'d\'", name="third"))',
        rows=[{"title": "a"}],
        after=[("k0", "a")],
        drops={"check:note.first"},
    )


def rule_renamed() -> Changed:
    return of_note(
        note({"constraints": [Check("title <> 'b'", name="first")]}, title=TextField()),
        note({"constraints": [Check("title <> 'b'", name="second")]}, title=TextField(null=True)),
        '    table.drop_check("first")',
        '    table.add_check(Check("title <> \'b\'", name="second"))',
        rows=[{"title": "a"}],
        after=[("k0", "a")],
    )


def indexes() -> Changed:
    return of_note(
        note(
            {"indexes": [Index("title", "rank"), Index("rank", name="mine")]},
            title=TextField(),
            rank=IntegerField(),
        ),
        note(
            {
                "indexes": [
                    Index("title DESC", "rank", unique=True, where="rank > 0"),
                    Index("lower(title) COLLATE NOCASE", name="low"),
                ]
            },
            title=TextField(),
            rank=IntegerField(unique=True),
        ),
        '    table.drop_index("mine")',
        '    table.drop_index("title_rank")',
        '    table.add_index("rank", unique=True)',
        '    table.add_index("title DESC", "rank", unique=True, where="rank > 0")',
        '    table.add_index("lower(title) COLLATE NOCASE", name="low")',
        rows=[{"title": "a", "rank": 1}, {"title": "a", "rank": 2}],
        after=[("k0", "a", 1), ("k1", "a", 2)],
        drops={"index:note__mine"},
    )


def index_of_a_field_that_changes_too() -> Changed:
    return of_note(
        note(rank=IntegerField(index=True)),
        note(rank=TextField(unique=True)),
        '    table.drop_index("rank")',
        '    table.alter_column("rank", TextField(unique=True))',
        rows=[{"rank": 1}, {"rank": 2}],
        after=[("k0", "1"), ("k1", "2")],
    )


def references() -> Changed:
    def two() -> list[type[Model]]:
        return [model("Owner"), model("Group", key=TextField(primary_key=True))]

    (owner, group), (new_owner, new_group) = two(), two()
    old = note(by=ForeignKeyField(owner), to=ForeignKeyField(owner, null=True), plain=TextField(null=True))
    new = note(
        by=ForeignKeyField(new_owner, on_delete="CASCADE"),
        to=ForeignKeyField(new_group, null=True, deferrable=True),
        plain=TextField(null=True),
    )
    rows = {"Owner": [{"id": "o"}], "Group": [{"key": "g"}], "Note": [{"id": "k", "by": "o"}]}
    return Changed(
        [owner, group, old],
        [new_owner, new_group, new],
        (
            '        "by_id",',
            '        ForeignKeyField("owner", on_delete="CASCADE"),',
            '        ForeignKeyField("group", deferrable=True, null=True),',
        ),
        rows,
        {"SELECT * FROM notes_note": [("k", "o", None, None)]},
    )


def search_made() -> Changed:
    new = note({"search": Search("title", prefix=(2, 3))}, title=TextField())
    return of_note(note(title=TextField()), new, 'op.create_search("note", "title", prefix=(2, 3))')


def search_altered() -> Changed:
    return of_note(
        note({"search": Search("title")}, title=TextField()),
        note({"search": Search("title", tokenizer="porter unicode61")}, title=TextField()),
        'op.alter_search("note", "title", tokenizer="porter unicode61")',
    )


def search_dropped() -> Changed:
    old = note({"search": Search("title")}, title=TextField())
    return of_note(old, note(title=TextField()), 'op.drop_search("note")', drops={"search:note"})


def key_of_two_columns() -> Changed:
    return of_note(
        note(title=TextField(), rank=IntegerField()),
        note(
            {"primary_key": CompositeKey("title", "rank"), "without_rowid": True},
            title=TextField(),
            rank=IntegerField(),
        ),
        '    table.set_primary_key("title", "rank")',
        "    table.set_storage(without_rowid=True)",
        'op.drop_column("note", "id")',
        rows=[{"title": "a", "rank": 1}, {"title": "a", "rank": 2}],
        query="SELECT * FROM notes_note ORDER BY rank",
        after=[("a", 1), ("a", 2)],
        drops={"note.id"},
    )


def key_of_one_column_less() -> Changed:
    return of_note(
        note({"primary_key": CompositeKey("title", "rank")}, title=TextField(), rank=IntegerField()),
        note(title=TextField(primary_key=True)),
        'op.drop_column("note", "rank")',
        rows=[{"title": "a", "rank": 1}, {"title": "b", "rank": 1}],
        query="SELECT * FROM notes_note ORDER BY title",
        after=[("a",), ("b",)],
        drops={"note.rank"},
    )


def key_without_a_row_id_that_becomes_json() -> Changed:
    return of_note(
        note({"without_rowid": True}, title=TextField(primary_key=True), rank=IntegerField()),
        note(
            {"primary_key": CompositeKey("rank", "part")},
            title=JsonField(),
            rank=IntegerField(),
            part=TextField(),
        ),
        '    table.set_primary_key("rank", "part")',
        '    table.alter_column("title", JsonField(), using=\'json_quote("title")\')',
        "    table.set_storage(without_rowid=False)",
        rows=[{"title": "a", "rank": 1}, {"title": "b", "rank": 2}],
        after=[('"a"', 1, "x"), ('"b"', 2, "x")],
        query="SELECT title, rank, part FROM notes_note ORDER BY rank",
        fills={"note.part": "x"},
        usings={"note.title": 'json_quote("title")'},
    )


def key_without_a_row_id_that_becomes_what_another_column_was() -> Changed:
    old = note(
        {"without_rowid": True}, title=TextField(primary_key=True), code=TextField(), rank=IntegerField()
    )
    new = note(
        {"without_rowid": True, "constraints": [Check("json_type(title) = 'text'", name="said")]},
        title=JsonField(),
        code=JsonField(),
        rank=IntegerField(primary_key=True),
    )
    return of_note(
        old,
        new,
        '    table.set_primary_key("rank")',
        rows=[{"title": "a", "code": "c", "rank": 1}, {"title": "b", "code": "d", "rank": 2}],
        after=[('"c"', '"a"', 1), ('"d"', '"b"', 2)],
        query="SELECT title, code, rank FROM notes_note ORDER BY rank",
        usings={"note.title": 'json_quote("code")', "note.code": 'json_quote("title")'},
    )


def key_of_another_type_that_the_table_points_to() -> Changed:
    return of_note(
        note(number=TextField(primary_key=True), parent=ForeignKeyField("self", null=True)),
        note(number=IntegerField(primary_key=True), parent=ForeignKeyField("self", null=True)),
        'op.alter_column("note", "number", IntegerField(primary_key=True))',
        query="SELECT * FROM notes_note",
    )


def key_of_another_type_that_others_point_to() -> Changed:
    def two(kind: Any) -> list[type[Model]]:
        owner = model("Owner", number=kind(primary_key=True))
        return [note(owner=ForeignKeyField(owner)), owner]  # declared before what it points to

    (old, old_owner), (new, new_owner) = two(IntegerField), two(TextField)
    return Changed(
        [old, old_owner],
        [new, new_owner],
        ('op.alter_column("owner", "number", TextField(primary_key=True))',),
        {"Owner": [{"number": 5}], "Note": [{"id": "k", "owner": 5}]},
        {"SELECT * FROM notes_note": [("k", "5")], "SELECT * FROM notes_owner": [("5",)]},
    )


def tables_added() -> Changed:
    owner = model("Owner", name=TextField())
    first = note(owner=ForeignKeyField(owner))
    last = model(
        "Link",
        {"primary_key": CompositeKey("note", "number")},
        note=ForeignKeyField(first),
        number=IntegerField(),
    )
    return Changed(
        [model("Other")],
        [last, first, owner, model("Other")],
        ('op.create_table("owner", id=IdField(), name=TextField())',),
        {},
        {"SELECT count(*) FROM notes_link JOIN notes_note JOIN notes_owner": [(0,)]},
    )


def table_dropped() -> Changed:
    owner = model("Owner")
    old = note({"search": Search("title")}, title=TextField(index=True), owner=ForeignKeyField(owner))
    return Changed(
        [owner, old],
        [model("Other")],
        ('op.drop_table("note")', 'op.drop_table("owner")'),
        {"Owner": [{"id": "o"}], "Note": [{"id": "k", "title": "a", "owner": "o"}]},
        {
            "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'notes_note%' OR name LIKE 'notes_owner%'": [
                (0,)
            ]
        },
        {"drops": {"note", "owner"}},
    )


def table_renamed() -> Changed:
    def fields() -> dict[str, Any]:
        return {"title": TextField(index=True), "parent": ForeignKeyField("self", null=True)}

    search = Search("title")
    return Changed(
        [note({"search": search}, **fields())],
        [model("Memo", {"search": search}, **fields())],
        ('op.rename_table("note", "memo")',),
        {"Note": [{"id": "k", "title": "a", "parent": "k"}]},
        {"SELECT * FROM notes_memo": [("k", "a", "k")]},
        {"renames": {"note": "memo"}},
    )


def table_and_columns_renamed() -> Changed:
    return Changed(
        [note(a=TextField(), b=TextField(), c=TextField())],
        [model("Memo", x=TextField(), y=TextField())],
        (
            'op.rename_table("note", "memo")',
            'op.rename_column("memo", "a", "x")',
            'op.rename_column("memo", "b", "y")',
            'op.drop_column("memo", "c")',
        ),
        {"Note": [{"id": "k", "a": "1", "b": "2", "c": "3"}]},
        {"SELECT x, y FROM notes_memo": [("1", "2")]},
        {
            "renames": {"note.a": "memo.x", "memo.b": "note.y", "note": "memo"},
            "drops": {"note.c"},
        },
    )


def table_kept() -> Changed:
    return Changed(
        [note({"search": Search("title")}, title=TextField(index=True)), model("Other")],
        [model("Other", more=TextField(null=True))],
        ('op.add_column("other", more=TextField(null=True))',),
        {"Note": [{"id": "k", "title": "a"}]},
        {"SELECT * FROM notes_note": [("k", "a")]},
        {"keeps": {"note"}},
    )


CHANGES = {
    make.__name__.replace("_", " "): make
    for make in (
        rules_of_the_table,
        rule_renamed,
        indexes,
        index_of_a_field_that_changes_too,
        references,
        search_made,
        search_altered,
        search_dropped,
        key_of_two_columns,
        key_of_one_column_less,
        key_without_a_row_id_that_becomes_json,
        key_without_a_row_id_that_becomes_what_another_column_was,
        key_of_another_type_that_the_table_points_to,
        key_of_another_type_that_others_point_to,
        tables_added,
        table_dropped,
        table_renamed,
        table_and_columns_renamed,
        table_kept,
    )
}
