from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import peewee
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stina_core import (
    AutoIdField,
    Check,
    CompositeKey,
    ConstraintError,
    DefinitionError,
    EnumField,
    ForeignKeyField,
    IdField,
    Index,
    IntegerField,
    JsonField,
    Migrations,
    Model,
    Operations,
    Plugins,
    StoreConfig,
    TextField,
    load_plugins,
    local_plugin,
    open_store,
)
from stina_core.definitions import NAME, check_name
from stina_core.testing import file_rows

from .declarations import declared, plugin, refused

Declare = Callable[[], type[Model]]


def test_table_is_named_by_plugin_and_model() -> None:
    class LongNote(Model):
        id = IdField()

    schema = declared(LongNote)

    assert [table.name for table in schema.tables] == ["notes_long_note"]
    assert LongNote._meta.table_name == "notes_long_note"


def test_indexes_are_named_by_table_and_columns() -> None:
    class Note(Model):
        id = IdField()
        title = TextField(unique=True)
        place = TextField(index=True)
        parent = ForeignKeyField("self", null=True)

        class Meta:
            indexes = (
                Index("place", "title DESC"),
                Index("parent", "title", unique=True),
                Index("title", where="place = 'x'", name="at_x"),
            )

    (table,) = declared(Note).tables

    assert {table.index_name(index): (index.columns, index.unique) for index in table.indexes} == {
        "notes_note__title": (("title",), True),
        "notes_note__place": (("place",), False),
        "notes_note__parent_id": (("parent_id",), False),
        "notes_note__place_title": (("place", "title DESC"), False),
        "notes_note__parent_title": (("parent_id", "title"), True),
        "notes_note__at_x": (("title",), False),
    }


def test_field_may_be_called_like_nearly_everything() -> None:
    class Note(Model):
        id = IdField()
        owner = TextField()
        plugin = TextField()
        table = TextField()
        order = IntegerField()

    (table,) = declared(Note).tables

    assert [column.name for column in table.columns] == ["id", "owner", "plugin", "table", "order"]


@pytest.mark.parametrize("name", ["save", "select", "delete", "update", "get", "insert"])
def test_field_that_would_hide_a_method_of_the_model_is_refused(name: str) -> None:
    model = type("Note", (Model,), {"id": IdField(), name: TextField()})

    assert f"hide Model.{name}()" in refused(model)


def test_model_without_a_primary_key_is_refused() -> None:
    class Implicit(Model):
        title = TextField()

    class Keyless(Model):
        title = TextField()

        class Meta:
            primary_key = False

    assert "no primary key" in refused(Implicit)
    assert "no primary key" in refused(Keyless)


@pytest.mark.parametrize(
    "field",
    [
        peewee.TextField(),
        peewee.CharField(),
        peewee.DateTimeField(),
        peewee.IntegerField(),
        peewee.DecimalField(),
    ],
)
def test_field_that_is_not_of_the_core_is_refused(field: peewee.Field) -> None:
    model = type("Note", (Model,), {"id": IdField(), "title": field})

    message = refused(model)

    assert f"title is a peewee.{type(field).__name__}" in message
    assert "Note" in message


def test_field_that_belongs_to_one_database_is_refused_when_the_class_is_made() -> None:
    for field in (peewee.BlobField(), peewee.JSONField()):
        with pytest.raises(TypeError, match=f"{type(field).__name__} belongs to one database"):
            type("Note", (Model,), {"id": IdField(), "data": field})


@pytest.mark.parametrize("option", ["constraints", "choices", "sequence", "unindexed"])
def test_option_that_would_do_nothing_is_refused(option: str) -> None:
    options: dict[str, Any] = {option: [peewee.SQL("UNIQUE")]}
    model = type("Note", (Model,), {"id": IdField(), "title": TextField(**options)})

    assert f"title has {option}=" in refused(model)


@pytest.mark.parametrize(
    "name", ["Title", "_title", "title_", "a__b", "tïtle", "x" * 51, "1a", "a b", 'a"; DROP', "", "a\0"]
)
def test_column_name_outside_the_rule_is_refused(name: str) -> None:
    model = type("Note", (Model,), {"id": IdField(), "title": TextField(column_name=name or '"')})

    assert "cannot name a column" in refused(model)


@given(st.text(max_size=60))
def test_only_lower_case_letters_digits_and_single_underscores_name_a_column(name: str) -> None:
    allowed = set("abcdefghijklmnopqrstuvwxyz0123456789_")
    good = (
        0 < len(name) <= 50
        and set(name) <= allowed
        and name[0] not in "0123456789_"
        and not name.endswith("_")
        and "__" not in name
    )

    if good:
        assert check_name(name, "a column") == name
    else:
        with pytest.raises(DefinitionError):
            check_name(name, "a column")


@given(st.from_regex(NAME, fullmatch=True).filter(lambda name: len(name) <= 50 and name.isascii()))
def test_every_name_of_the_rule_is_accepted(name: str) -> None:
    assert check_name(name, "a column") == name


def test_table_name_schema_and_database_are_not_the_models_to_choose() -> None:
    class Named(Model):
        id = IdField()

        class Meta:
            table_name = "other"

    class Placed(Model):
        id = IdField()

        class Meta:
            schema = "attached"

    class Bound(Model):
        id = IdField()

        class Meta:
            database = peewee.SqliteDatabase(None)

    for model in (Named, Placed, Bound):
        assert "leave them out" in refused(model)


def test_two_models_that_want_one_table_are_refused_naming_both() -> None:
    def make(module: str) -> type[Model]:
        return type("Note", (Model,), {"id": IdField(), "__module__": module})

    message = refused(make("first"), make("second"))

    assert "first.Note" in message
    assert "second.Note" in message
    assert "notes_note" in message


def test_two_indexes_of_one_name_are_refused() -> None:
    class Note(Model):
        id = IdField()
        title = TextField(index=True)

        class Meta:
            indexes = (Index("title DESC"),)

    assert "two of the index 'title'" in refused(Note)


def test_two_checks_of_one_name_are_refused() -> None:
    class Note(Model):
        id = IdField()
        color = EnumField(["red"])

        class Meta:
            constraints = (Check("color <> ''", name="color_enum"),)

    assert "two of the check 'color_enum'" in refused(Note)


@pytest.mark.parametrize("column", ["nothing", "title sideways", "title DESC NULLS", "lower title"])
def test_index_over_what_is_no_column_is_refused(column: str) -> None:
    model = type(
        "Note",
        (Model,),
        {
            "id": IdField(),
            "title": TextField(),
            "Meta": type("Meta", (), {"indexes": (Index(column, name="i"),)}),
        },
    )

    assert "has no column" in refused(model)


@pytest.mark.parametrize("part", [("title", True), (("title",), False), peewee.SQL("UNIQUE"), "title"])
def test_peewees_own_index_and_check_forms_are_refused(part: object) -> None:
    for option in ("indexes", "constraints"):
        model = type(
            "Note",
            (Model,),
            {"id": IdField(), "title": TextField(), "Meta": type("Meta", (), {option: [part]})},
        )

        assert "no stina_core.Check or stina_core.Index" in refused(model)


def test_nullable_key_is_refused() -> None:
    class Note(Model):
        number = IntegerField(primary_key=True, null=True)

    assert "cannot be NULL" in refused(Note)


def test_ids_of_the_database_need_rowids() -> None:
    class Note(Model):
        id = AutoIdField()

        class Meta:
            without_rowid = True

    assert "nothing hands out its ids" in refused(Note)


def test_something_that_is_no_model_is_refused() -> None:
    class Plain(peewee.Model):
        id = peewee.TextField(primary_key=True)

    for wrong in (Plain, object, "Note"):
        assert "derive it from Model" in refused(wrong)  # type: ignore[arg-type]


def test_model_declared_twice_is_refused() -> None:
    class Note(Model):
        id = IdField()

    assert "declared twice" in refused(Note, Note)


def test_model_of_two_plugins_is_refused_naming_both() -> None:
    class Note(Model):
        id = IdField()

    schema = declared(Note, name="first")

    message = refused(Note, name="second")

    assert "'first'" in message
    assert "'second'" in message
    assert Note._meta.table_name == "first_note"
    schema.withdraw()
    assert declared(Note, name="second").tables[0].name == "second_note"


def test_model_made_from_a_declared_one_is_declared_on_its_own() -> None:
    class Note(Model):
        id = IdField()
        title = TextField()

    declared(Note)

    class Draft(Note):
        id = IdField()
        due = IntegerField()

    (table,) = declared(Draft).tables

    assert table.name == "notes_draft"
    assert [column.name for column in table.columns] == ["id", "title", "due"]


# The file


class Author(Model):
    id = IdField()


class Book(Model):
    id = IdField()
    author = ForeignKeyField(Author, on_delete="CASCADE", on_update="CASCADE", backref="books")
    sequel_of = ForeignKeyField("self", null=True, on_delete="SET NULL", backref="sequels")
    color = EnumField(["red", "blue"])
    pages = IntegerField(default=1)

    class Meta:
        constraints = (Check("pages > 0", name="pages_positive"),)
        indexes = (Index("color", "pages DESC", unique=True, where="pages > 100"),)


class Shelf(Model):
    place = TextField()
    number = IntegerField()
    info = JsonField()

    class Meta:
        primary_key = CompositeKey("place", "number")
        without_rowid = True


def migrate(migrations: Migrations) -> None:
    @migrations.step("0001_initial")
    def initial(op: Operations) -> None:
        op.create_table("author", id=IdField())
        op.create_table(
            "book",
            Check("pages > 0", name="pages_positive"),
            Index("color", "pages DESC", unique=True, where="pages > 100"),
            id=IdField(),
            author=ForeignKeyField("author", on_delete="CASCADE", on_update="CASCADE"),
            sequel_of=ForeignKeyField("self", null=True, on_delete="SET NULL"),
            color=EnumField(["red", "blue"]),
            pages=IntegerField(default=1),
        )
        op.create_table(
            "shelf",
            CompositeKey("place", "number"),
            place=TextField(),
            number=IntegerField(),
            info=JsonField(),
            without_rowid=True,
        )


def library() -> Plugins:
    found = plugin(Author, Book, Shelf, migrate=migrate)
    return load_plugins([local_plugin("library", found)], StoreConfig(strict=True))


def test_tables_in_the_file_are_strict_and_their_checks_named(store_path: Path) -> None:
    with open_store(store_path, plugins=library()):
        kinds = file_rows(
            store_path,
            "SELECT name, strict, wr FROM pragma_table_list WHERE name LIKE 'library%' OR name LIKE 'stina%'",
        )
        sql = dict(file_rows(store_path, "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL"))

    assert {name: wr for name, _, wr in kinds if name.startswith("library_")} == {
        "library_author": 0,
        "library_book": 0,
        "library_shelf": 1,
    }
    assert all(strict for _, strict, _ in kinds)
    for table in sql.values():
        assert table.count("CHECK (") == table.count("CONSTRAINT ")
    assert 'CONSTRAINT "color_enum" CHECK' in sql["library_book"]
    assert 'CONSTRAINT "pages_positive" CHECK (pages > 0)' in sql["library_book"]
    assert sql["library_book__color_pages"] == (
        'CREATE UNIQUE INDEX "library_book__color_pages" ON "library_book" ("color", "pages" DESC) '
        "WHERE pages > 100"
    )
    assert "library_book__author_id" in sql


def test_foreign_key_actions_work_in_the_file(store_path: Path) -> None:
    with open_store(store_path, plugins=library()) as store, store.use():
        author = Author.create(id="a")
        first = Book.create(author=author, color="red")
        second = Book.create(author=Author.create(id="b"), color="blue", sequel_of=first)
        assert [book.id for book in author.books] == [first.id]  # type: ignore[attr-defined]
        assert [book.id for book in first.sequels] == [second.id]  # type: ignore[attr-defined]

        Author.update(id="c").where(Author.id == "b").execute()
        Author.delete().where(Author.id == "a").execute()

        rows = list(Book.select(Book.id, Book.author, Book.sequel_of).tuples())
        assert rows == [(second.id, "c", None)]
        with pytest.raises(ConstraintError) as caught:
            Book.create(author="nobody", color="red")
        assert caught.value.kind == "foreign_key"


def test_composite_key_finds_and_changes_its_row(store_path: Path) -> None:
    with open_store(store_path, plugins=library()) as store, store.use():
        Shelf.create(place="attic", number=1, info={"a": 1})
        shelf = Shelf.get_by_id(("attic", 1))
        shelf.info = [2]
        shelf.save()

        assert Shelf.get_by_id(("attic", 1)).info == [2]
        with pytest.raises(ConstraintError) as caught:
            Shelf.create(place="attic", number=1, info=None)
    assert caught.value.kind == "primary_key"


def test_deletes_follow_only_references_of_declared_models(store_path: Path) -> None:
    class Ghost(Model):
        """Its plugin failed while it was imported, so nobody declared it and it has no table."""

        id = IdField()
        author = ForeignKeyField(Author, backref="ghosts")

    with open_store(store_path, plugins=library()) as store, store.use():
        author = Author.create()
        Book.create(author=author, color="red")

        author.delete_instance(recursive=True)

        assert Book.select().count() == 0
