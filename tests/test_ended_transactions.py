"""SQLite may end a whole transaction by itself, after which a SAVEPOINT would begin another one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from stina_core import ConstraintError, Store, TransactionError, open_store

from .notes_and_labels import CONFIG, PLUGINS, LabelRepository, NoteRepository


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, store_path: Path) -> Iterator[Store]:
    path = store_path if request.param == "file" else ":memory:"
    with open_store(path, CONFIG, plugins=PLUGINS) as opened:
        yield opened


@pytest.fixture
def notes(store: Store) -> NoteRepository:
    return store[NoteRepository]


def ended(notes: NoteRepository) -> None:
    notes.add("one")
    with pytest.raises(ConstraintError):
        notes.add_or_undo_all("one")


def nothing_more(store: Store, notes: NoteRepository) -> None:
    ended(notes)


def another_write(store: Store, notes: NoteRepository) -> None:
    ended(notes)
    notes.add("half")


def a_read(store: Store, notes: NoteRepository) -> None:
    ended(notes)
    notes.texts()


def another_block(store: Store, notes: NoteRepository) -> None:
    ended(notes)
    with store.transaction():
        notes.add("half")


def writes_in_between(store: Store, notes: NoteRepository) -> None:
    with store.transaction():
        ended(notes)
    notes.add("half")


def swallowed_twice(store: Store, notes: NoteRepository) -> None:
    ended(notes)
    for _ in range(2):
        with suppress(TransactionError), store.transaction():
            notes.add("half")
        with suppress(TransactionError):
            notes.add("half")


def many_rows(store: Store, notes: NoteRepository) -> None:
    ended(notes)
    with suppress(TransactionError):
        store._backend.execute_many("INSERT INTO notes_note (text) VALUES (?)", [["half"], ["more"]])


def new_table(store: Store, notes: NoteRepository) -> None:
    ended(notes)
    with suppress(TransactionError):
        store._backend.ddl.drop_table("labels_label")


@pytest.mark.parametrize(
    "act",
    [
        nothing_more,
        another_write,
        a_read,
        another_block,
        writes_in_between,
        swallowed_twice,
        many_rows,
        new_table,
    ],
)
def test_nothing_half_written_is_kept_when_sqlite_undoes_the_block(
    store: Store, notes: NoteRepository, act: Callable[[Store, NoteRepository], None]
) -> None:
    fired: list[str] = []

    def block() -> None:
        with store.transaction() as transaction:
            transaction.after_commit(lambda: fired.append("committed"))
            act(store, notes)

    with pytest.raises(TransactionError, match=r"undid the whole transaction|everything in it was undone"):
        block()

    assert fired == []
    assert notes.texts() == []
    assert store[LabelRepository].words() == []
    notes.add("next")
    assert notes.texts() == ["next"]


def test_error_that_made_sqlite_undo_the_block_is_what_is_raised(store: Store, notes: NoteRepository) -> None:
    def block() -> None:
        with store.transaction(), store.transaction():
            notes.add("one")
            notes.add_or_undo_all("one")

    with pytest.raises(ConstraintError):
        block()

    assert notes.texts() == []


def test_trigger_that_undoes_everything_is_noticed(store: Store, notes: NoteRepository) -> None:
    store._backend.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON notes_note WHEN new.text = 'no' "
        "BEGIN SELECT RAISE(ROLLBACK, 'not that'); END"
    )

    def block() -> None:
        with store.transaction():
            notes.add("one")
            with suppress(ConstraintError):
                notes.add("no")

    with pytest.raises(TransactionError):
        block()

    assert notes.texts() == []
