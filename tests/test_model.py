from __future__ import annotations

from collections.abc import Iterator
from typing import Any, assert_type

import peewee
import pytest

from stina_core import (
    DefinitionError,
    IdField,
    IntegerField,
    InvalidValueError,
    Model,
    NotFoundError,
    Operations,
    Store,
    TextField,
    TransactionError,
)
from stina_core.model import current_database
from stina_core.testing import memory_store, plugins_of

from .declarations import declaring, plugin


class Note(Model):
    id = IdField()
    title = TextField(default="")
    stars = IntegerField(default=0)


def initial(op: Operations) -> None:
    op.create_table("note", id=IdField(), title=TextField(default=""), stars=IntegerField(default=0))


@pytest.fixture
def notes() -> Iterator[Store]:
    with memory_store(plugins_of(notes=plugin(Note, migrate=declaring(initial)))) as store, store.use():
        yield store


@pytest.mark.usefixtures("notes")
def test_save_writes_only_what_was_changed() -> None:
    note = Note.create(title="first", stars=1)
    Note.update(stars=7).where(Note.id == note.id).execute()  # another program, meanwhile

    note.title = "second"
    assert note.save() == 1

    again = Note.get_by_id(note.id)
    assert_type(again, Note)
    assert (again.title, again.stars) == ("second", 7)


@pytest.mark.usefixtures("notes")
def test_save_without_a_change_writes_nothing() -> None:
    note = Note.get_by_id(Note.create(title="first").id)

    assert not note.save()
    assert Note.get_by_id(note.id).title == "first"


@pytest.mark.usefixtures("notes")
def test_save_of_a_row_that_is_gone_raises_with_its_key() -> None:
    note = Note.create(title="first")
    note.delete_instance()
    note.title = "second"

    with pytest.raises(NotFoundError) as caught:
        note.save()

    assert (caught.value.table, caught.value.key) == ("notes_note", note.id)
    assert Note.select().count() == 0


@pytest.mark.usefixtures("notes")
def test_new_row_with_a_key_of_its_own_needs_create_or_force_insert() -> None:
    note = Note(title="new")

    with pytest.raises(NotFoundError):
        note.save()
    note.save(force_insert=True)

    assert Note.get_by_id(note.id).title == "new"


@pytest.mark.usefixtures("notes")
def test_get_by_id_raises_with_table_and_key_or_refuses_the_key() -> None:
    with pytest.raises(NotFoundError) as caught:
        Note.get_by_id("absent")
    assert str(caught.value) == "notes_note has no row 'absent'"

    with pytest.raises(InvalidValueError) as refused:
        Note.get_by_id(7)
    assert refused.value.field == "notes_note.id"


def test_store_is_current_only_inside_its_block(notes: Store) -> None:
    before = current_database.get()
    with pytest.raises(ZeroDivisionError):
        with notes.use():
            raise ZeroDivisionError

    assert current_database.get() is before


def write_and_fail(block: Any) -> None:
    with block:
        Note.create(title="gone")
        raise ZeroDivisionError


@pytest.mark.usefixtures("notes")
def test_peewees_own_transaction_words_are_the_stores() -> None:
    database = Note._meta.database
    with pytest.raises(ZeroDivisionError):
        write_and_fail(database.atomic())
    with database.transaction():
        Note.create(title="kept")
        with pytest.raises(ZeroDivisionError):
            write_and_fail(database.savepoint())

    assert [note.title for note in Note.select()] == ["kept"]
    with pytest.raises(TransactionError):
        database.manual_commit()


@pytest.mark.usefixtures("notes")
def test_does_not_exist_of_each_model_knows_its_model() -> None:
    with pytest.raises(peewee.DoesNotExist) as caught:
        Note.get(Note.title == "absent")

    assert getattr(caught.value, "model", None) is Note


@pytest.mark.parametrize("name", ["create_table", "drop_table", "truncate_table", "add_index", "bind"])
def test_table_is_made_and_changed_by_steps_only(name: str) -> None:
    with pytest.raises(DefinitionError, match="by migration steps"):
        getattr(Note, name)()
