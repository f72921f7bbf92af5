from __future__ import annotations

import pytest

from stina_core import (
    AutoIdField,
    CompositeKey,
    ForeignKeyField,
    IdField,
    Model,
    Schema,
    StoreConfig,
    TextField,
    load_plugins,
)
from stina_core.plugins import Candidate

from .declarations import declared, refused


class Person(Model):
    id = IdField()


PEOPLE = declared(Person, name="people")


def test_reference_to_another_plugin_needs_its_distribution_as_a_dependency() -> None:
    class Note(Model):
        id = IdField()
        author = ForeignKeyField(Person)

    message = refused(Note)

    assert "people_person" in message
    assert "'people'" in message
    assert "'notes'" in message
    assert "dependencies" in message
    (table,) = declared(Note, requires=("people",)).tables
    assert [column.reference.table for column in table.columns if column.reference] == ["people_person"]


def test_reference_to_a_model_nobody_declared_is_refused() -> None:
    class Stranger(Model):
        id = IdField()

    class Note(Model):
        id = IdField()
        author = ForeignKeyField(Stranger)

    assert "no plugin has declared" in refused(Note)


def test_reference_to_a_model_named_as_text_is_refused_when_the_class_is_made() -> None:
    with pytest.raises(TypeError, match="names the model class"):

        class Note(Model):
            id = IdField()
            author = ForeignKeyField("person")


def test_reference_to_something_other_than_the_key_is_refused() -> None:
    class Tag(Model):
        id = IdField()
        name = TextField(unique=True)

    class Pair(Model):
        left = TextField()
        right = TextField()

        class Meta:
            primary_key = CompositeKey("left", "right")

    class ByPair(Model):
        id = IdField()
        pair = ForeignKeyField(Pair)

    with pytest.raises(TypeError, match="points to the primary key"):
        ForeignKeyField(Tag, field="name")  # type: ignore[call-overload]
    assert "several columns" in refused(Pair, ByPair)


def test_reference_has_the_type_of_the_key_it_points_to() -> None:
    class Counted(Model):
        id = AutoIdField()

    class Detail(Model):
        counted = ForeignKeyField(Counted, primary_key=True, on_delete="CASCADE")

    class Deeper(Model):
        id = IdField()
        detail = ForeignKeyField(Detail)

    tables = {table.name: table for table in declared(Counted, Detail, Deeper).tables}

    assert tables["notes_detail"].columns[0].type == "integer"
    assert tables["notes_detail"].primary_key == ("counted_id",)
    assert tables["notes_deeper"].columns[1].type == "integer"
    assert tables["notes_deeper"].columns[1].reference is not None
    assert tables["notes_deeper"].columns[1].reference.column == "counted_id"


def test_backref_reads_the_other_way_once_its_model_is_declared() -> None:
    class Album(Model):
        id = IdField()

    class Photo(Model):
        id = IdField()
        album = ForeignKeyField(Album, backref="photos")

    assert not hasattr(Album, "photos")

    schema = declared(Album, Photo)

    assert hasattr(Album, "photos")
    schema.withdraw()
    assert not hasattr(Album, "photos")


def test_no_backref_is_made_that_nobody_asked_for() -> None:
    class Album(Model):
        id = IdField()

    before = set(dir(Album))

    class Photo(Model):
        id = IdField()
        album = ForeignKeyField(Album)

    class Print(Photo):
        id = IdField()

    declared(Album, Photo, Print)

    assert set(dir(Album)) == before


def test_foreign_key_of_a_derived_model_points_to_the_key_itself_and_not_to_a_copy() -> None:
    class Album(Model):
        id = IdField()

    class Photo(Model):
        id = IdField()
        album = ForeignKeyField(Album)

    class Print(Photo):
        id = IdField()

    fields = [model._meta.fields["album"] for model in (Photo, Print)]

    assert all(getattr(field, "rel_field", None) is Album._meta.primary_key for field in fields)


def test_second_backref_of_one_name_is_refused_naming_both_plugins_models() -> None:
    class Album(Model):
        id = IdField()

    def make(module: str) -> type[Model]:
        return type(
            "Photo",
            (Model,),
            {"id": IdField(), "album": ForeignKeyField(Album, backref="photos"), "__module__": module},
        )

    declared(Album, name="albums")
    first, second = make("first"), make("second")
    schema = declared(first, name="first", requires=("albums",))

    message = refused(second, name="second", requires=("albums",))

    assert "first.Photo.album" in message
    assert "second.Photo.album" in message
    assert "'photos'" in message
    assert vars(Album)["photos"].field.model is first
    schema.withdraw()
    declared(second, name="second", requires=("albums",))
    assert vars(Album)["photos"].field.model is second


@pytest.mark.parametrize("name", ["id", "title", "save", "archive"])
def test_backref_that_would_replace_a_field_or_method_is_refused(name: str) -> None:
    class Album(Model):
        id = IdField()
        title = TextField()

        def archive(self) -> None: ...

    before = vars(Album).get(name)
    model = type("Photo", (Model,), {"id": IdField(), "album": ForeignKeyField(Album, backref=name)})
    album = declared(Album)

    message = refused(model)

    assert f"backref {name!r}" in message
    assert "field or method of its own" in message
    assert vars(Album).get(name) is before
    album.withdraw()


def test_withdrawn_plugin_leaves_nothing_on_the_models_it_pointed_to() -> None:
    class Album(Model):
        id = IdField()

    class Photo(Model):
        id = IdField()
        album = ForeignKeyField(Album, backref="photos")

    declared(Album, name="albums")
    before = set(dir(Album))
    schema = declared(Photo, name="photos", requires=("albums",))
    assert Album._meta.backrefs

    schema.withdraw()

    assert not Album._meta.backrefs
    assert set(dir(Album)) == before
    assert (schema.models, schema.repositories, schema.tables) == ([], [], [])
    declared(Photo, name="other", requires=("albums",))
    assert Photo._meta.table_name == "other_photo"


def test_failing_second_load_does_not_disturb_the_first() -> None:
    class Album(Model):
        id = IdField()

    class Photo(Model):
        id = IdField()
        album = ForeignKeyField(Album, backref="photos")

    declared(Album, Photo)
    again = Schema("notes")
    again.add(Album, Photo)

    again.withdraw()

    assert Photo._meta.table_name == "notes_photo"
    assert hasattr(Album, "photos")


def test_module_that_fails_while_it_is_imported_leaves_nothing_on_other_models() -> None:
    class Album(Model):
        id = IdField()

    declared(Album, name="albums")

    def load() -> object:
        class Photo(Model):
            id = IdField()
            album = ForeignKeyField(Album, backref="photos")

        raise ImportError("the rest of the module is missing")

    plugins = load_plugins([Candidate("photos", "photos", "1", frozenset(), load)], StoreConfig())

    assert "the rest of the module is missing" in plugins["photos"].reason
    assert not Album._meta.backrefs
    assert not hasattr(Album, "photos")
