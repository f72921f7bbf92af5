"""What an export holds, of which moment, and where it is written."""

from __future__ import annotations

import json
import os
import stat
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from stina_core import (
    ConfigError,
    IdField,
    LedgerConflictError,
    Operations,
    ReadOnlyError,
    StoreConfig,
    StoreIOError,
    open_store,
)
from stina_core.testing import file_rows
from stina_core.transfer import Export, exported, write_export

from .conftest import Make, merged, run
from .shelf import PLUGINS, STEPS, config, loaded, rows, stepping
from .test_merge import ALL, AUTHORS


def lines(path: Path) -> list[str]:
    """Return the export of the store at *path*, line by line."""
    with exported(config(path), PLUGINS) as export:
        return list(export)


def documents(path: Path) -> list[Any]:
    return [json.loads(line) for line in lines(path)]


def test_an_export_begins_with_the_steps_and_ends_with_the_number_of_rows(make: Make) -> None:
    head, *middle, end = documents(make("store", *ALL))

    assert head["stina"] == 1
    assert head["plugins"] == {
        "shelf": {"version": "0", "steps": ["0001_initial", "0002_seen", "0003_adopt"]}
    }
    assert head["exported_at"].endswith("Z")
    assert end == {"end": {"rows": 7}}
    assert len(middle) == 7


def test_rows_come_by_key_and_none_before_what_it_points_to(make: Make) -> None:
    path = make("store", *reversed(ALL), foreign_keys=False)

    found = [(one["table"], next(iter(one["row"].values()))) for one in documents(path)[1:-1]]

    assert found == [
        ("shelf_author", "a"),
        ("shelf_author", "b"),
        ("shelf_book", "x"),
        ("shelf_book", "y"),
        ("shelf_label", "a"),
        ("shelf_label", "b"),
        ("shelf_note", 7),
    ]


def test_values_are_as_they_are_stored(make: Make) -> None:
    insert = """
        INSERT INTO shelf_book (id, title, rating, cover, facts) VALUES
        ('1', 'a' || char(0, 10, 133, 8232) || '"', 9e999, x'00ff', '{"a": 1}'),
        ('2', CAST(x'41ff' AS TEXT), -9e999, NULL, NULL), ('3', 'Köp 🍓', 1.0, x'', 'null')
    """

    found = [one["row"] for one in documents(make("store", insert))[1:-1]]

    assert [one["title"] for one in found] == ['a\0\n\x85\u2028"', {"$text": "Qf8="}, "Köp 🍓"]
    assert [one["rating"] for one in found] == [{"$real": "inf"}, {"$real": "-inf"}, 1.0]
    assert [one["cover"] for one in found] == [{"$bytes": "AP8="}, None, {"$bytes": ""}]
    assert [one["facts"] for one in found] == ['{"a": 1}', None, "null"]
    assert [one["pages"] for one in found] == [1, 1, 1]


def test_every_line_is_one_line_for_everybody(make: Make) -> None:
    """Also for programs that end lines at U+2028, and terminals that obey what lies above 127."""
    insert = "INSERT INTO shelf_author (id, name) VALUES ('a', 'x' || char(10, 13, 127, 133, 155, 8232, 8233) || 'ö')"

    text = "".join(lines(make("store", insert)))

    assert len(text.splitlines()) == 3
    assert "ö" in text
    assert text.replace("\n", "").isprintable()


def test_an_export_is_of_one_moment_and_keeps_nobody_from_writing(make: Make) -> None:
    path = make("store", *ALL)

    with exported(config(path), PLUGINS) as export:
        reading = iter(export)
        next(reading)
        run(path, "INSERT INTO shelf_author (id, name) VALUES ('z', 'Later')", "DELETE FROM shelf_note")
        assert checkpoint(path) == 0
        found = list(reading)

    assert len(found) == 8
    assert not any("Later" in line for line in found)


def checkpoint(path: Path) -> int:
    """Put the write-ahead log of a store into its file; 1 if somebody who reads is in the way."""
    connection = apsw.Connection(str(path))
    (busy, _, _) = next(iter(connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")))
    connection.close()
    return int(busy)


def test_a_read_transaction_would_have_been_in_the_way(make: Make) -> None:
    """The control of the test above."""
    path = make("store", *ALL)

    with open_store(config=config(path), plugins=PLUGINS) as store, store.snapshot():
        run(path, "INSERT INTO shelf_author (id, name) VALUES ('z', 'Later')")
        assert checkpoint(path) == 1


def large(make: Make, name: str = "large") -> Path:
    many = "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 3000) "
    return make(name, f"{many}INSERT INTO shelf_author (id, name) SELECT i, printf('%1000d', i) FROM n")


def test_the_rows_of_a_large_store_are_never_all_in_memory(make: Make) -> None:
    path, other = large(make), make("other")

    tracemalloc.start()
    with exported(config(path), PLUGINS) as export:
        size = sum(map(len, export))
    exporting = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    assert merged(other, path).added == 3000
    importing = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert size > 3_000_000
    assert max(exporting, importing) < 1_500_000
    assert file_rows(other, "SELECT count(*) FROM shelf_author") == [(3000,)]


def test_what_plugins_that_are_not_on_have_is_said(make: Make) -> None:
    def thing(op: Operations) -> None:
        op.create_table("thing", id=IdField())
        op.create_table("empty", id=IdField())

    path = make("store", *ALL, "INSERT INTO other_thing VALUES ('1')", plugins=loaded(other=stepping(thing)))

    with exported(config(path), PLUGINS) as export:
        assert export.left == {"other": {"other_thing": 1}}
        assert not any("other" in line for line in export)


def test_an_export_of_a_store_that_a_plugin_does_not_fit_would_not_be_whole(make: Make) -> None:
    path = make("store", *ALL, "UPDATE stina_ledger SET checksum = 'x' WHERE plugin = 'shelf'")

    with pytest.raises(LedgerConflictError, match="shelf"), exported(config(path), PLUGINS):
        raise AssertionError("it was exported")


def test_a_store_in_memory_is_not_exported() -> None:
    with (
        pytest.raises(ConfigError, match="in memory"),
        exported(StoreConfig().located(":memory:"), PLUGINS),
    ):
        raise AssertionError("it was exported")


def write(store: Path, file: Path) -> int:
    with exported(config(store), PLUGINS) as export:
        write_export(export, file, str(store))
    return export.rows


def test_a_file_is_readable_by_its_owner_alone_and_replaces_another_one_at_once(
    make: Make, tmp_path: Path
) -> None:
    store, file = make("store", *ALL), tmp_path / "out" / "all.jsonl"
    file.parent.mkdir()
    file.write_text("older")
    file.chmod(0o644)

    assert write(store, file) == 7

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["all.jsonl"]
    assert file.read_text().splitlines()[1:] == [line.rstrip("\n") for line in lines(store)[1:]]


class Failing(Export):
    """An export whose store cannot be read to its end."""

    def __iter__(self) -> Iterator[str]:
        yield "{}\n"
        raise ReadOnlyError("not today")


def test_a_file_that_could_not_be_written_to_its_end_is_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "all.jsonl"
    file.write_text("older")

    with pytest.raises(ReadOnlyError):
        write_export(Failing({}), file, str(tmp_path / "store.db"))

    assert file.read_text() == "older"
    assert list(tmp_path.iterdir()) == [file]


def test_what_is_no_ordinary_file_is_not_replaced(make: Make, tmp_path: Path) -> None:
    store = make("store", *ALL)
    os.mkfifo(tmp_path / "pipe")

    for file in (tmp_path / "pipe", tmp_path):
        with pytest.raises(StoreIOError, match="is no ordinary file"):
            write(store, file)


@pytest.mark.parametrize("name", ["store.db", "link.db", "store.db-wal"])
def test_an_export_never_replaces_the_store(make: Make, tmp_path: Path, name: str) -> None:
    store = make("store", *ALL)
    (tmp_path / "link.db").symlink_to(store)
    before = rows(store)

    with open_store(config=config(store), plugins=PLUGINS) as opened:
        opened.cursor()  # so that there is a log
        assert (tmp_path / "store.db-wal").exists()
        with pytest.raises(ConfigError, match="the store itself"):
            write(store, tmp_path / name)

    assert rows(store) == before


def test_a_folder_that_is_not_there_is_not_made(make: Make, tmp_path: Path) -> None:
    with pytest.raises(StoreIOError, match="is no directory"):
        write(make("store"), tmp_path / "none" / "all.jsonl")
    assert not (tmp_path / "none").exists()


def test_the_copy_is_gone_when_the_reader_goes_early(make: Make, tmp_path: Path) -> None:
    with exported(config(make("store", *ALL)), PLUGINS) as export:
        next(iter(export))
        (folder,) = tmp_path.glob(".stina-transfer-*")
        assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    assert not list(tmp_path.glob(".stina-transfer-*"))


def test_a_store_of_an_older_version_is_brought_up_to_date_and_exported(make: Make) -> None:
    path = make("older", AUTHORS, plugins=loaded(stepping(STEPS["0001_initial"])))

    assert documents(path)[1]["row"] == {"id": "a", "name": "Astrid", "seen_at": None}
