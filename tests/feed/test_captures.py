"""What a migration says in the feed: resets of what it may have changed, and nothing row by row."""

from __future__ import annotations

from pathlib import Path

import pytest

from stina_core import (
    AutoIdField,
    Changes,
    IntegerField,
    Model,
    Op,
    Operations,
    Store,
    TextField,
    load_plugins,
    open_store,
)
from stina_core.backends.following import RESET
from stina_core.plugins import Candidate
from stina_core.testing import file_rows

from ..declarations import making, stepping
from .desk import CONFIG, Heard, short


def pages(*, sized: bool = False, is_tracked: bool = True) -> type[Model]:
    """Return a model of the table `book_page`."""

    class Page(Model):
        id = AutoIdField()
        title = TextField(default="")

        class Meta:
            tracked = is_tracked

    if sized:
        Page._meta.add_field("size", IntegerField(default=1))
    return Page


def page(op: Operations) -> None:
    op.create_table("page", id=AutoIdField(), title=TextField(default=""))


def size(op: Operations) -> None:
    op.add_column("page", size=IntegerField(default=1))


def fill(op: Operations) -> None:
    op.unsafe_sql("UPDATE book_page SET title = title || '!'")


def fail(op: Operations) -> None:
    op.unsafe_sql("DELETE FROM book_page")
    raise LookupError


def book(*runs: object, model: type[Model] | None = None) -> Candidate:
    return stepping("book", *runs, models=[model or pages()])  # type: ignore[arg-type]


def open_with(path: Path, *candidates: Candidate, strict: bool = True) -> Store:
    config = CONFIG if strict else type(CONFIG)(synchronous="NORMAL")
    return open_store(path, config, plugins=load_plugins(candidates, config))


def write(path: Path, *titles: str) -> None:
    for title in titles:
        file_rows(path, "INSERT INTO book_page (title) VALUES (?)", (title,))


def migrated(path: Path, *candidates: Candidate, strict: bool = True) -> list[Changes]:
    """Open the file with *candidates* and return what the feed says of that."""
    head = file_rows(path, "SELECT ifnull(max(seq), 0) FROM stina_change")[0][0]
    with open_with(path, *candidates, strict=strict) as store:
        return [
            changes for changes in store.changes() if changes.cursor is not None and changes.cursor.seq > head
        ]


def is_captured(path: Path) -> bool:
    before = file_rows(path, "SELECT count(*) FROM stina_change")
    write(path, "probe")
    return file_rows(path, "SELECT count(*) FROM stina_change") != before


@pytest.fixture
def path(store_path: Path) -> Path:
    """Return a file with a table of pages and a row in it."""
    open_with(store_path, book(page)).close()
    write(store_path, "a")
    return store_path


def test_new_file_has_an_empty_feed_and_captures_from_the_start(store_path: Path) -> None:
    with open_with(store_path, book(page)) as store:
        assert list(store.changes()) == []

    assert is_captured(store_path)


def test_opening_without_steps_says_nothing(path: Path) -> None:
    assert migrated(path, book(page)) == []


def test_steps_reset_the_tables_of_their_plugin_in_one_transaction(path: Path) -> None:
    (changes,) = migrated(path, book(page, size, fill, model=pages(sized=True)))

    assert short(changes) == [("book_page", "reset", None)]
    assert changes.origin is not None
    assert changes.origin.startswith("python:")
    assert changes.at is not None
    assert is_captured(path)


def test_steps_of_one_plugin_say_nothing_of_another(path: Path) -> None:
    other = stepping("other", making("thing"))

    assert migrated(path, book(page), other) == []
    assert is_captured(path)


def test_steps_that_were_undone_say_nothing_and_leave_the_capture(path: Path) -> None:
    assert migrated(path, book(page, fail), strict=False) == []

    assert is_captured(path)


def test_table_that_was_dropped_is_said_to_be_reset(path: Path) -> None:
    def drop(op: Operations) -> None:
        op.drop_table("page")

    (changes,) = migrated(path, stepping("book", page, drop))

    assert short(changes) == [("book_page", "reset", None)]


def test_table_that_was_renamed_is_reset_under_both_names(path: Path) -> None:
    def rename(op: Operations) -> None:
        op.rename_table("page", "sheet")

    class Sheet(Model):
        id = AutoIdField()
        title = TextField(default="")

    (changes,) = migrated(path, book(page, rename, model=Sheet))
    file_rows(path, "INSERT INTO book_sheet (title) VALUES ('b')")

    assert short(changes) == [("book_page", "reset", None), ("book_sheet", "reset", None)]
    assert file_rows(path, 'SELECT "table" FROM stina_change ORDER BY seq DESC LIMIT 1') == [("book_sheet",)]


def test_triggers_that_were_dropped_are_mended_at_opening_and_the_table_reset(path: Path) -> None:
    file_rows(path, 'DROP TRIGGER "stina_capture_book_page_insert"')
    assert not is_captured(path)

    (changes,) = migrated(path, book(page))

    assert short(changes) == [("book_page", "reset", None)]
    assert is_captured(path)


def test_table_that_leaves_the_feed_loses_its_triggers(path: Path) -> None:
    found = migrated(path, book(page, model=pages(is_tracked=False)))

    assert [change.op for changes in found for change in changes] == [Op.RESET]
    assert not is_captured(path)
    assert file_rows(path, "SELECT name FROM sqlite_schema WHERE name GLOB 'stina_capture_*'") == []


def test_untracked_table_is_not_captured_from_the_start_and_is_reset_when_it_comes_in(
    store_path: Path,
) -> None:
    open_with(store_path, book(page, model=pages(is_tracked=False))).close()
    assert not is_captured(store_path)

    (changes,) = migrated(store_path, book(page))

    assert short(changes) == [("book_page", "reset", None)]
    assert is_captured(store_path)


def test_program_that_has_the_file_open_hears_of_the_reset(path: Path) -> None:
    heard = Heard()

    with open_with(path, book(page)) as store, store.subscribe(heard):
        migrated(path, book(page, size, model=pages(sized=True)))
        (changes,) = heard.wait(1)

        assert short(changes) == [("book_page", "reset", None)]
        assert changes.origin != store.origin


def test_without_the_reset_rows_a_migration_would_go_unsaid(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the same steps, and nothing in the log."""
    monkeypatch.setattr("stina_core.migrations.captures.Captures._reset", lambda self, tables: None)

    assert migrated(path, book(page, size, fill, model=pages(sized=True))) == []
    assert RESET not in {op for (op,) in file_rows(path, "SELECT op FROM stina_change")}
