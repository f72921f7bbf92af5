"""The index in a program that listens: brought up to date in the background, and observed like its table."""

from __future__ import annotations

import time
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
    TextField,
    hookimpl,
    open_store,
)
from stina_core.errors import DefinitionError
from stina_core.feed import keeping
from stina_core.testing import file_rows, plugins_of

DEADLINE = 10.0


class Note(Model):
    id = IdField()
    title = TextField()

    class Meta:
        search = Search("title")


class Plain(Model):
    id = IdField()


class NoteRepository(Repository):
    def add(self, title: str) -> None:
        Note.create(title=title)

    def found(self, text: str) -> int:
        return len(self.full_text(Note).newest(text))


class Notes:
    @hookimpl
    def register_schema(self, schema: Schema) -> None:
        schema.add(Note, Plain, repository=NoteRepository)

    @hookimpl
    def migrate(self, migrations: Migrations) -> None:
        @migrations.step("0001_initial")
        def initial(op: Operations) -> None:
            op.create_table("note", id=IdField(), title=TextField())
            op.create_search("note", "title")
            op.create_table("plain", id=IdField())


@pytest.fixture
def store(store_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr(keeping, "DELAY", 0.01)
    with open_store(store_path, plugins=plugins_of(notes=Notes())) as opened:
        yield opened


def indexed(path: Path) -> int:
    return int(file_rows(path, "SELECT count(*) FROM notes_note_search")[0][0])


def until_indexed(path: Path, count: int) -> None:
    deadline = time.monotonic() + DEADLINE
    while indexed(path) != count:
        assert time.monotonic() < deadline, f"{indexed(path)} of {count} rows are indexed"
        time.sleep(0.005)


def test_program_that_listens_keeps_the_index_up_to_date(store: Store, store_path: Path) -> None:
    store[NoteRepository].add("before anybody listened")
    with store.subscribe(lambda changes: None, ["notes_plain"]):  # of another table
        until_indexed(store_path, 1)
        store[NoteRepository].add("afterwards")
        until_indexed(store_path, 2)


def test_program_that_does_not_listen_leaves_the_index_to_the_next_search(
    store: Store, store_path: Path
) -> None:
    store[NoteRepository].add("nobody listens")
    assert indexed(store_path) == 0

    assert store[NoteRepository].found("listens") == 1
    assert indexed(store_path) == 1


def test_error_of_the_background_work_ends_neither_it_nor_the_listener(
    store: Store, store_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store._backend.execute("ALTER TABLE notes_note_search RENAME TO notes_elsewhere")
    with store.subscribe(lambda changes: None), caplog.at_level("ERROR"):
        store[NoteRepository].add("one")
        deadline = time.monotonic() + DEADLINE
        while "index.not_followed" not in caplog.text:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        store._backend.execute("ALTER TABLE notes_elsewhere RENAME TO notes_note_search")
        store[NoteRepository].add("two")
        until_indexed(store_path, 2)


def test_observed_search_answers_again_when_its_table_changes(store: Store) -> None:
    answers: list[int] = []
    with store.observe(lambda: store[NoteRepository].found("milk"), answers.append) as observation:
        assert answers == [0]
        assert observation.tables == {"notes_note"}

        store[NoteRepository].add("buy milk")

        deadline = time.monotonic() + DEADLINE
        while answers != [0, 1]:
            assert time.monotonic() < deadline
            time.sleep(0.001)


def test_model_without_an_index_has_none_to_ask(store: Store) -> None:
    with pytest.raises(DefinitionError, match="Plain has no full-text index"):
        store[NoteRepository].full_text(Plain)
