"""Tables of the original app that are in a store again are merged, and go."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import apsw
import pytest

from stina_core import Operations
from stina_core.testing import file_rows
from stina_core.transfer import ImportReport, import_old_tables, importing, old_tables

from .conftest import Make, of, run
from .shelf import PLUGINS, STEPS, ShelfPlugin, config, loaded, rows

CREATE = "CREATE TABLE authors (id TEXT PRIMARY KEY, name TEXT)"
OURS = "INSERT INTO shelf_author (id, name) VALUES ('mine', 'Mine'), ('b', 'Ours')"
OLD = (CREATE, "INSERT INTO authors VALUES ('o', 'Old'), ('b', 'Theirs'), ('p', CAST(x'41ff' AS TEXT))")
REPAIRS = 'SELECT "table", "key", "column", "before", "reason" FROM stina_repair ORDER BY id'


def again(path: Path) -> ImportReport:
    return import_old_tables(config(path), PLUGINS)


def tables(path: Path) -> set[str]:
    return {name for (name,) in file_rows(path, "SELECT name FROM sqlite_schema WHERE type = 'table'")}


def test_rows_that_are_new_in_an_old_table_are_added_and_the_table_goes(make: Make) -> None:
    store = make("store", OURS, *OLD)

    report = again(store)

    assert file_rows(store, "SELECT id, name FROM shelf_author ORDER BY id") == [
        ("b", "Ours"),
        ("mine", "Mine"),
        ("o", "Old"),
        ("p", "A\ufffd"),
    ]
    assert (report.kind, report.dropped, dict(report.kept)) == ("old_tables", ("authors",), {})
    assert (of(report, "author").added, of(report, "author").different_keys) == (2, ("b",))
    assert "authors" not in tables(store)
    assert file_rows(store, "PRAGMA integrity_check") == [("ok",)]


def test_what_is_not_taken_over_is_noted_with_all_that_was_in_it(make: Make) -> None:
    store = make("store", OURS, *OLD)

    report = again(store)

    different, broken = (
        "the row was left out: another version of this row was here, and stayed",
        "the text was not UTF-8",
    )
    assert report.repairs == {different: 1, broken: 1}
    found = {reason: row for *row, reason in file_rows(store, REPAIRS)}
    table, key, column, before = found[different]
    assert (table, key, column) == ("shelf_author", "b", "*")
    assert json.loads(before) == {"id": "b", "name": "Theirs", "seen_at": None}
    assert found[broken] == ["authors", "p", "name", b"A\xff"]


def test_the_store_as_it_was_is_kept_in_a_verified_backup(make: Make) -> None:
    store = make("store", OURS, *OLD)
    before = rows(store)

    report = again(store)

    assert report.backup is not None
    assert report.backup.reason == "adopt"
    assert rows(report.backup.path) == before
    assert file_rows(report.backup.path, "SELECT count(*) FROM authors") == [(3,)]


def test_where_there_is_nothing_nothing_happens(make: Make, tmp_path: Path) -> None:
    store = make("store", OURS)

    report = again(store)

    assert (report.tables, report.dropped, dict(report.kept), report.backup) == ((), (), {}, None)
    assert not (tmp_path / "backups").exists()


def test_an_old_table_without_rows_goes_too(make: Make) -> None:
    store = make("store", OURS, CREATE)

    assert again(store).dropped == ("authors",)
    assert again(store).dropped == ()


@pytest.mark.parametrize(
    "user",
    [
        "CREATE VIEW looking AS SELECT name FROM authors",
        "CREATE TRIGGER looking AFTER INSERT ON shelf_note BEGIN DELETE FROM authors; END",
        "CREATE TABLE looking (author TEXT REFERENCES authors (id))",
    ],
)
def test_a_table_that_something_else_names_is_merged_and_stays(make: Make, user: str) -> None:
    store = make("store", OURS, *OLD, user)

    first, second = again(store), again(store)

    assert first.kept == {"authors": "looking names it"}
    assert (of(first, "author").added, of(second, "author").added) == (2, 0)
    assert second.repairs == {}
    assert "authors" in tables(store)
    assert len(file_rows(store, REPAIRS)) == 2


def test_a_table_whose_plugin_does_not_drop_it_stays(make: Make) -> None:
    def adopt_only(op: Operations) -> None:
        if op.has_table("authors", "id", "name"):
            op.insert(
                "author", [{"id": row.id(), "name": row.text("name")} for row in op.old_rows("authors")]
            )

    class Keeping(ShelfPlugin):
        steps = {**STEPS, "0003_adopt": adopt_only}  # noqa: RUF012

    keeping = loaded(Keeping())
    store = make("store", CREATE, "INSERT INTO authors VALUES ('o', 'Old')", plugins=keeping)

    report = import_old_tables(config(store), keeping)

    assert report.kept == {"authors": "its plugin does not say that all of it was taken over"}
    assert file_rows(store, "SELECT count(*) FROM authors") == [(1,)]


def test_everything_else_in_the_store_stays(make: Make) -> None:
    others = (
        "CREATE TABLE people (name TEXT)",
        "INSERT INTO people VALUES ('x')",
        "CREATE VIEW all_people AS SELECT * FROM people",
        "CREATE VIRTUAL TABLE found USING fts5 (name)",
        "INSERT INTO found VALUES ('y')",
        "CREATE INDEX by_name ON authors (name)",
    )
    store = make("store", OURS, *OLD, *others)
    before = tables(store)

    report = again(store)

    assert tables(store) == before - {"authors"}
    assert file_rows(store, "SELECT * FROM all_people") == [("x",)]
    assert file_rows(store, "SELECT * FROM found") == [("y",)]
    assert report.unowned == {}


def test_a_store_that_was_not_adopted_yet_is_adopted_by_opening_it(tmp_path: Path) -> None:
    store = tmp_path / "store.db"
    run(store, *OLD)

    report = again(store)

    assert report.dropped == ()
    assert file_rows(store, "SELECT count(*) FROM shelf_author") == [(3,)]


def test_the_original_app_cannot_write_while_its_rows_are_merged(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it committed after the copy would go with its table."""
    store = make("store", OURS, *OLD)
    keep_only, said = old_tables.keep_only, []

    def writing(path: str, those: Sequence[str]) -> None:
        original = apsw.Connection(str(store))
        try:
            original.execute("INSERT INTO authors VALUES ('late', 'Late')")
            said.append("written")
        except apsw.BusyError:
            said.append("locked")
        finally:
            original.close()
        keep_only(path, those)

    monkeypatch.setattr(importing, "keep_only", writing)

    again(store)

    assert said == ["locked"]
