"""Real files of the original app, and example data, with the plugins that are installed."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from stina_core import Plugins, Store, StoreConfig, installed_plugins, load_plugins, open_store
from stina_core.testing import file_rows
from stina_core.transfer import exported, import_file

from ..legacy.originals import DATA, names, unpack
from .test_import_files import others

PLUGINS: Plugins = load_plugins(installed_plugins(), StoreConfig(strict=True))
CONFIG = StoreConfig(strict=True, synchronous="NORMAL")
STATE = "e238762-small.state.json"

_TIMELESS = {"kv_entry": {"updated_at"}}
"""Columns that the file says nothing of; they have the time of the import."""


def contents(path: Path) -> Mapping[str, list[tuple[Any, ...]]]:
    """Return the rows of every table of a plugin in the file *path*."""
    found = {}
    for plugin in PLUGINS.on:
        assert plugin.schema is not None
        for table in plugin.schema.tables:
            columns = [
                f'"{one.name}"' for one in table.columns if one.name not in _TIMELESS.get(table.name, ())
            ]
            found[table.name] = file_rows(
                path,
                f'SELECT {", ".join(columns)} FROM "{table.name}" ORDER BY {", ".join(table.primary_key)}',
            )
    return found


def repairs(path: Path) -> list[tuple[Any, ...]]:
    return file_rows(
        path,
        'SELECT plugin, "table", key, "column", before, reason FROM stina_repair ORDER BY 1, 2, 3, 4, 6, 5',
    )


def lines(path: Path) -> list[str]:
    with exported(CONFIG.located(path), PLUGINS) as export:
        return list(export)


@pytest.mark.parametrize("name", names())
def test_importing_a_file_gives_what_adopting_it_gives_and_once_is_enough(name: str, tmp_path: Path) -> None:
    adopted, source = unpack(name, tmp_path / "adopted"), unpack(name, tmp_path / "source")
    open_store(config=CONFIG.located(adopted), plugins=PLUGINS).close()
    store = tmp_path / "store.db"

    with others(source):
        first = import_file(CONFIG.located(store), PLUGINS, source)
        second = import_file(CONFIG.located(store), PLUGINS, source)

    assert contents(store) == contents(adopted)
    assert repairs(store) == repairs(adopted)
    assert first.added == sum(map(len, contents(store).values())) > 0
    assert (first.different, first.left_out, dict(first.missing)) == (0, 0, {})
    assert (second.added, second.different, second.left_out, dict(second.repairs)) == (0, 0, 0, {})


@pytest.mark.parametrize(
    "name", [name for name in names() if name.startswith(("6e8be20", "799063c", "b595cd5"))]
)
def test_what_was_imported_is_exported_and_imported_as_it_is(name: str, tmp_path: Path) -> None:
    store, other = tmp_path / "store.db", tmp_path / "other.db"
    import_file(CONFIG.located(store), PLUGINS, unpack(name, tmp_path / "source"))
    written = lines(store)
    (tmp_path / "all.jsonl").write_text("".join(written), encoding="utf-8")

    import_file(CONFIG.located(other), PLUGINS, tmp_path / "all.jsonl")

    assert contents(other) == contents(store)
    assert lines(other)[1:] == written[1:]


def test_all_files_come_together_in_one_store(tmp_path: Path) -> None:
    """Each has an active conversation and values under the same keys; nothing but those values is in the way."""
    store = tmp_path / "store.db"
    those = [name for name in names() if "small" in name]
    for name in those:
        report = import_file(CONFIG.located(store), PLUGINS, unpack(name, tmp_path / name))
        assert report.left_out == 0
        assert {one.table for one in report.tables if one.different} <= {"kv_entry"}
    before = contents(store)

    for name in those:
        report = import_file(CONFIG.located(store), PLUGINS, tmp_path / name / "stina.db")
        assert (report.added, report.left_out) == (0, 0)

    assert contents(store) == before
    assert file_rows(store, "SELECT count(*) FROM chat_conversation WHERE active") == [(1,)]
    assert file_rows(store, "PRAGMA foreign_key_check") == []


def test_the_file_from_before_sqlite_is_imported_once(tmp_path: Path) -> None:
    file, store = tmp_path / "state.json", tmp_path / "store.db"
    file.write_bytes(gzip.decompress((DATA / f"{STATE}.gz").read_bytes()))

    first = import_file(CONFIG.located(store), PLUGINS, file)
    second = import_file(CONFIG.located(store), PLUGINS, file)

    assert file_rows(store, "SELECT count(*) FROM chat_message") == [(8,)]
    assert file_rows(store, "SELECT value FROM kv_entry WHERE key = 'counter'") == [("2",)]
    assert first.added > 8
    assert (second.added, second.different, second.left_out) == (0, 0, 0)


def test_example_data_is_exported_and_imported_as_it_is_and_edited_rows_stay(
    seeded_store: Store, tmp_path: Path
) -> None:
    source, store = Path(seeded_store.path), tmp_path / "other.db"
    written = lines(source)
    (tmp_path / "all.jsonl").write_text("".join(written), encoding="utf-8")

    for file in (tmp_path / "all.jsonl", source):
        report = import_file(CONFIG.located(store), PLUGINS, file)
        assert (report.different, report.left_out) == (0, 0)
    assert report.added == 0
    assert lines(store)[1:] == written[1:]

    file_rows(store, "UPDATE todos_todo SET description = 'mine'")
    report = import_file(CONFIG.located(store), PLUGINS, source)
    (edited,) = (one for one in report.tables if one.different)
    assert (edited.table, edited.different) == (
        "todos_todo",
        file_rows(store, "SELECT count(*) FROM todos_todo")[0][0],
    )
    assert file_rows(store, "SELECT DISTINCT description FROM todos_todo") == [("mine",)]
