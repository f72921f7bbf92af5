"""Files that have to be adopted first, or of which not everything can be taken; and what an import leaves around."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from pathlib import Path

import apsw
import pytest

from stina_core import (
    IdField,
    MigrationError,
    Operations,
    StepFailedError,
    StinaError,
    open_store,
)
from stina_core.testing import file_rows
from stina_core.transfer import Here, Row, importing

from .conftest import Make, merged, of, run
from .shelf import PLUGINS, STEPS, ShelfPlugin, config, loaded, stepping
from .test_export import lines
from .test_import_files import others
from .test_merge import ALL
from .test_merging_functions import Failing

NEWER = "INSERT INTO stina_ledger VALUES ('{}', '0099_later', 'x', 0, 0, '3', '9.9', 1)"


def old_file(path: Path, *statements: str) -> Path:
    run(path, "CREATE TABLE authors (id TEXT PRIMARY KEY, name TEXT)", *statements)
    return path


def test_an_original_file_is_adopted_in_the_copy_and_merged_with_its_repairs(
    make: Make, tmp_path: Path
) -> None:
    (tmp_path / "usb").mkdir()
    source = old_file(
        tmp_path / "usb" / "old.db",
        "INSERT INTO authors VALUES ('o', 'Old'), ('p', CAST(x'41ff' AS TEXT)), (NULL, 'No key')",
        "CREATE TABLE people (name TEXT)",
        "INSERT INTO people VALUES ('x'), ('y')",
        "CREATE TABLE empty (name TEXT)",
    )
    store = make("store")

    with others(source):
        report = merged(store, source)

    assert (report.kind, of(report, "author").added) == ("original", 3)
    assert report.unowned == {"people": 2}
    assert report.repairs == {"the text was not UTF-8": 1, "the row had no usable id; it was given one": 1}
    noted = 'SELECT plugin, "table", "column", "before" FROM stina_repair ORDER BY id'
    repairs = file_rows(store, noted)
    assert repairs == [("shelf", "authors", "name", b"A\xff"), ("shelf", "authors", "id", None)]
    again = merged(store, source)
    assert (again.added, again.different, dict(again.repairs)) == (0, 0, {})
    assert file_rows(store, noted) == repairs


def test_equal_repairs_are_noted_as_often_as_they_are_in_the_source(make: Make) -> None:
    note = "INSERT INTO stina_repair (plugin, \"table\", \"column\", reason, at) VALUES ('{}', 't', 'c', 'r', {})"
    source = make("source", note.format("shelf", 1), note.format("shelf", 2), note.format("other", 3))
    store = make("store", note.format("shelf", 9))

    assert merged(store, source).repairs == {"r": 1}
    assert merged(store, source).repairs == {}
    assert file_rows(store, "SELECT plugin FROM stina_repair") == [("shelf",), ("shelf",)]


def test_old_tables_that_are_in_a_store_again_are_said_and_not_imported(make: Make) -> None:
    """The steps that would adopt them have run in that file."""
    source = old_file(make("source"), "INSERT INTO authors VALUES ('o', 'Old')")

    report = merged(make("store"), source)

    assert (report.added, report.unowned) == (0, {"authors": 1})


def test_rows_of_a_plugin_that_is_not_here_are_counted_and_left(make: Make) -> None:
    def thing(op: Operations) -> None:
        op.create_table("thing", id=IdField())

    insert = "INSERT INTO other_thing VALUES ('1'), ('2')"
    source = make("source", *ALL, insert, plugins=loaded(other=stepping(thing)))

    report = merged(make("store"), source)

    assert (report.added, report.missing, report.unowned) == (7, {"other": {"other_thing": 2}}, {})


def failing(op: Operations) -> None:
    raise ZeroDivisionError("by nothing")


class Clumsy(ShelfPlugin):
    """Cannot adopt anything."""

    steps = {**STEPS, "0003_adopt": failing}  # noqa: RUF012


def test_a_plugin_that_cannot_adopt_the_file_ends_it_all(make: Make, tmp_path: Path) -> None:
    source = old_file(tmp_path / "old.db", "INSERT INTO authors VALUES ('o', 'Old')")
    store = tmp_path / "store.db"
    two = loaded(Clumsy(), clumsy=stepping(failing))

    with pytest.raises(StepFailedError) as caught:
        merged(store, source, two)

    assert str(source) in str(caught.value)
    assert "'shelf'" in str(caught.value)
    assert "'clumsy'" in str(caught.value)
    assert not store.exists()


def test_a_plugin_that_does_not_fit_the_store_ends_it_all(make: Make) -> None:
    store = make("store", NEWER.format("shelf"))

    with pytest.raises(MigrationError, match=r"store\.db: the plugin 'shelf' does not fit this file"):
        merged(store, make("source", *ALL))

    assert file_rows(store, "SELECT count(*) FROM shelf_author") == [(0,)]


def test_the_copy_is_in_a_private_folder_which_is_gone_afterwards(make: Make, tmp_path: Path) -> None:
    modes: list[int] = []

    def looking(row: Row, here: Here) -> Row:
        (folder,) = tmp_path.glob(".stina-transfer-*")
        modes.extend(stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / "source.db"))
        raise ZeroDivisionError

    with pytest.raises(StinaError):
        merged(make("store"), make("source", *ALL), loaded(Failing(looking)))

    assert modes == [0o700, 0o600]
    assert not list(tmp_path.glob(".stina*"))


def test_next_import_removes_what_a_killed_one_left_and_nothing_somebody_works_in(
    make: Make, tmp_path: Path
) -> None:
    store = make("store")
    for name in ("killed", "busy", "begun"):
        folder = tmp_path / f".stina-transfer-{name}"
        folder.mkdir()
        (folder / "source.db").write_bytes(b"rows")
        os.utime(folder, (time.time() - (0 if name == "begun" else 90),) * 2)
    descriptor = os.open(tmp_path / ".stina-transfer-busy", os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)  # as another import holds it

    merged(store, make("source"))

    os.close(descriptor)
    assert sorted(path.name for path in tmp_path.glob(".stina*")) == [
        ".stina-transfer-begun",
        ".stina-transfer-busy",
    ]


def test_others_see_the_import_as_one_transaction_of_a_person(make: Make) -> None:
    store = make("store")

    with open_store(config=config(store), plugins=PLUGINS) as open_here:
        cursor = open_here.cursor()
        merged(store, make("source", *ALL))
        (changes,) = open_here.changes(cursor)

    assert changes.actor == importing.ACTOR
    assert sorted((change.table, change.op, change.key) for change in changes)[:2] == [
        ("shelf_author", "insert", "a"),
        ("shelf_author", "insert", "b"),
    ]
    assert len(list(changes)) == 6  # those of an untracked table are not told


def test_a_file_in_another_encoding_is_adopted_and_exported_like_any(make: Make, tmp_path: Path) -> None:
    source = tmp_path / "wide.db"
    connection = apsw.Connection(str(source))
    connection.execute("PRAGMA encoding = 'UTF-16le'")
    connection.execute("CREATE TABLE authors (id TEXT PRIMARY KEY, name TEXT)")
    connection.execute("INSERT INTO authors VALUES ('o', 'Åsa 🍓')")
    connection.close()
    store = make("store")

    assert of(merged(store, source), "author").added == 1
    assert of(merged(store, source), "author").same == 1
    assert file_rows(store, "SELECT name FROM shelf_author") == [("Åsa 🍓",)]

    open_store(config=config(source), plugins=PLUGINS).close()
    assert of(merged(source, store), "author").same == 1
    assert lines(source)[1:] == lines(store)[1:]
