"""Indexes, CHECKs and full-text indexes that no model has any more, one change of each kind."""

from __future__ import annotations

from stina_core import Check, Index, IntegerField, Search, TextField

from .changes import Changed, model, note, of_note


def objects_kept() -> Changed:
    meta = {"indexes": [Index("title", "rank", unique=True)], "search": Search("title")}
    return of_note(
        note(meta, title=TextField(), rank=IntegerField(index=True)),
        note(title=TextField(), rank=IntegerField(), stars=IntegerField(default=0)),
        'op.add_column("note", stars=IntegerField(default=0))',
        rows=[{"title": "a", "rank": 1}],
        query="SELECT name FROM sqlite_schema WHERE name GLOB 'notes_note__[rt]*' "
        "OR name GLOB 'notes_*_search' ORDER BY 1",
        after=[("notes_note__rank",), ("notes_note__title_rank",), ("notes_note_search",)],
        keeps={"index:note__rank", "index:note__title_rank", "search:note"},
    )


def index_renamed() -> Changed:
    return of_note(
        note({"indexes": [Index("title", "rank", name="old")]}, title=TextField(), rank=IntegerField()),
        note({"indexes": [Index("title", "rank", name="new")]}, title=TextField(), rank=IntegerField()),
        '    table.drop_index("old")',
        '    table.add_index("title", "rank", name="new")',
    )


def objects_of_a_renamed_table_dropped() -> Changed:
    meta = {"indexes": [Index("title", "rank")], "search": Search("title")}
    checked = {**meta, "constraints": [Check("rank > 0", name="positive")]}
    return Changed(
        [note(checked, title=TextField(), rank=IntegerField())],
        [model("Memo", title=TextField(), rank=IntegerField())],
        (
            '    table.drop_index("title_rank")',
            '    table.drop_check("positive")',
            'op.drop_search("memo")',
        ),
        {"Note": [{"id": "k", "title": "a", "rank": 1}]},
        {"SELECT * FROM notes_memo": [("k", "a", 1)]},
        {
            "renames": {"note": "memo"},
            "drops": {"index:memo__title_rank", "check:memo.positive", "search:memo"},
        },
    )


def objects_of_a_dropped_column() -> Changed:
    meta = {
        "indexes": [Index("title", "rank", unique=True)],
        "constraints": [Check("rank > 0", name="positive")],
        "search": Search("note"),
    }
    return of_note(
        note(meta, title=TextField(), rank=IntegerField(), note=TextField()),
        note(title=TextField()),
        rows=[{"title": "a", "rank": 1, "note": "b"}],
        after=[("k0", "a")],
        drops={"note.rank", "note.note"},
    )


CHANGES = {
    make.__name__.replace("_", " "): make
    for make in (
        objects_kept,
        index_renamed,
        objects_of_a_renamed_table_dropped,
        objects_of_a_dropped_column,
    )
}
