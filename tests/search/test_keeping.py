"""The index in a program that listens: brought up to date in the background, and observed like its table."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stina_core import (
    BlobField,
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
from stina_core.errors import DefinitionError, DriftError, SchemaTooNewError
from stina_core.feed import keeping
from stina_core.search.follower import Follower
from stina_core.testing import file_rows, plugins_of

DEADLINE = 10.0


class Note(Model):
    id = IdField()
    title = TextField()

    class Meta:
        search = Search("title")


class Plain(Model):
    id = IdField()
    data = BlobField(default=b"")


class NoteRepository(Repository):
    def add(self, title: str) -> None:
        Note.create(title=title)

    def found(self, text: str) -> int:
        return len(self.full_text(Note).newest(text))

    def best(self, text: str) -> list[object]:
        return [hit.key for hit in self.full_text(Note).ranked(text)]

    def keep(self, data: bytes) -> None:
        Plain.create(data=data)

    def kept(self, data: bytes) -> int:
        return int(Plain.select().where((Plain.data == data) | (Plain.data == memoryview(data))).count())


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
            op.create_table("plain", id=IdField(), data=BlobField(default=b""))


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


@pytest.mark.parametrize(
    "error",
    [
        SchemaTooNewError("notes", None, "too new"),
        DriftError("notes", None, "other"),
        LookupError(),
        OSError(24, "none left"),
        KeyboardInterrupt(),
    ],
)
def test_whatever_the_background_work_raises_callbacks_go_on_and_so_does_it(
    store: Store,
    store_path: Path,
    error: BaseException,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    told, failed = threading.Semaphore(0), threading.Event()

    def fail(self: Follower) -> bool:
        failed.set()
        raise error

    with store.subscribe(lambda changes: told.release()), caplog.at_level("ERROR"):
        with monkeypatch.context() as patch:
            patch.setattr(Follower, "follow_up", fail)
            store._feed._kept[:] = []
            keeper = keeping.IndexKeeper(
                "notes_note", lambda: store._follower(store._tables[0]).follow_up(), store._feed._delivery
            )
            store._feed._router.add(keeper, ["notes_note"])
            for _ in range(3):
                store[NoteRepository].add("one")
                assert told.acquire(timeout=DEADLINE)
                assert failed.wait(DEADLINE)
                failed.clear()
        store[NoteRepository].add("two")
        assert told.acquire(timeout=DEADLINE)
        until_indexed(store_path, 4)
    assert "index.not_followed" in caplog.text


def test_store_that_closes_begins_no_background_work(store: Store) -> None:
    done: list[bool] = []
    delivery = store._feed._delivery
    keeper = keeping.IndexKeeper("notes_note", lambda: done.append(True), delivery)

    keeper.run()
    delivery.stop()
    keeper.run()

    assert done == [True]


def test_observed_search_by_rank_answers_again_before_and_after_the_index_was_caught_up(
    store: Store, store_path: Path
) -> None:
    answers: list[list[object]] = []
    with store.observe(lambda: store[NoteRepository].best("milk"), answers.append) as observation:
        for count in range(1, 4):
            store[NoteRepository].add("milk " * count)
            deadline = time.monotonic() + DEADLINE
            while len(answers[-1]) != count:
                assert time.monotonic() < deadline
                time.sleep(0.001)
            assert observation.tables == {"notes_note"}
            until_indexed(store_path, count)


def test_search_that_is_observed_once_the_index_is_caught_up_answers_again(
    store: Store, store_path: Path
) -> None:
    store[NoteRepository].add("milk")
    with store.subscribe(lambda changes: None):
        until_indexed(store_path, 1)
    newest: list[int] = []
    best: list[list[object]] = []

    with (
        store.observe(lambda: store[NoteRepository].found("milk"), newest.append) as one,
        store.observe(lambda: store[NoteRepository].best("milk"), best.append) as other,
    ):
        assert one.tables == other.tables == {"notes_note"}
        store[NoteRepository].add("more milk")
        deadline = time.monotonic() + DEADLINE
        while newest[-1] != 2 or len(best[-1]) != 2:
            assert time.monotonic() < deadline
            time.sleep(0.001)


def test_observed_query_with_bytes_answers_again(store: Store) -> None:
    answers: list[int] = []
    with store.observe(lambda: store[NoteRepository].kept(b"\x00\xff"), answers.append) as observation:
        assert observation.tables == {"notes_plain"}
        for data in (b"other", b"\x00\xff"):
            store[NoteRepository].keep(data)
        deadline = time.monotonic() + DEADLINE
        while answers[-1] != 1:
            assert time.monotonic() < deadline
            time.sleep(0.001)


def test_model_without_an_index_has_none_to_ask(store: Store) -> None:
    with pytest.raises(DefinitionError, match="Plain has no full-text index"):
        store[NoteRepository].full_text(Plain)
