"""The index of a plugin's table in a whole store: with its capture triggers, its log and its transactions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stina_core import (
    IdField,
    Migrations,
    Model,
    Operations,
    Repository,
    Schema,
    Search,
    Store,
    StoreConfig,
    TextField,
    hookimpl,
    open_store,
)
from stina_core.search.index import FullTextIndex
from stina_core.testing import file_rows, plugins_of


class Note(Model):
    id = IdField()
    title = TextField()

    class Meta:
        search = Search("title")


class NoteRepository(Repository):
    def add(self, key: str, title: str) -> None:
        Note.create(id=key, title=title)

    def retitle(self, key: str, title: str) -> None:
        Note.update(title=title).where(Note.id == key).execute()

    def remove(self, key: str) -> None:
        Note.delete_by_id(key)


class Notes:
    @hookimpl
    def register_schema(self, schema: Schema) -> None:
        schema.add(Note, repository=NoteRepository)

    @hookimpl
    def migrate(self, migrations: Migrations) -> None:
        @migrations.step("0001_initial")
        def initial(op: Operations) -> None:
            op.create_table("note", id=IdField(), title=TextField())
            op.create_search("note", "title")


PLUGINS = plugins_of(notes=Notes())


def index_of(store: Store) -> FullTextIndex:
    return store[NoteRepository].full_text(Note)


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, store_path: Path) -> Iterator[Store]:
    path = store_path if request.param == "file" else ":memory:"
    with open_store(path, StoreConfig(strict=True), plugins=PLUGINS) as opened:
        yield opened


def found(index: FullTextIndex, text: str) -> list[object]:
    return [hit.key for hit in index.newest(text)]


def test_rows_written_by_a_repository_are_found(store: Store) -> None:
    notes, index = store[NoteRepository], index_of(store)
    notes.add("b", "milk")
    notes.add("a", "milk and bread")
    assert found(index, "milk") == ["b", "a"]
    notes.add("0", "more milk")
    notes.retitle("b", "tea")
    notes.remove("a")

    assert found(index, "milk") == ["0"]
    assert found(index, "tea") == ["b"]
    with store.transaction():
        notes.add("c", "milk milk")
        assert found(index, "milk") == ["c", "0"]
        assert {hit.key for hit in index.ranked("milk")} == {"c", "0"}
    with store.snapshot():
        assert found(index, "milk") == ["c", "0"]
    assert found(index, "milk") == ["c", "0"]


def test_work_on_an_index_leaves_no_trace_in_the_log(store_path: Path) -> None:
    with open_store(store_path, StoreConfig(strict=True), plugins=PLUGINS) as store:
        store[NoteRepository].add("a", "milk")
        before = file_rows(store_path, "SELECT * FROM stina_change")

        assert found(index_of(store), "milk") == ["a"]

        assert file_rows(store_path, "SELECT count(*) FROM notes_note_search") == [(1,)]
        assert file_rows(store_path, "SELECT * FROM stina_change") == before


def test_row_that_another_program_wrote_is_found(store_path: Path) -> None:
    with open_store(store_path, StoreConfig(strict=True), plugins=PLUGINS) as store:
        index = index_of(store)
        assert found(index, "milk") == []

        file_rows(store_path, "INSERT INTO notes_note (id, title) VALUES ('a', 'milk')")

        assert found(index, "milk") == ["a"]
