from __future__ import annotations

from pathlib import Path

import pytest

import stina_kv.plugin
from stina_core import Store, StoreConfig, open_store
from stina_core.testing import file_rows, plugins_of
from stina_core.transfer import TableReport, import_file
from stina_kv import KvRepository

PLUGINS = plugins_of(kv=stina_kv.plugin)


def made(path: Path, **values: object) -> Path:
    with opened(path) as store:
        for key, value in values.items():
            store[KvRepository].set(key, value)  # type: ignore[arg-type]  # all of them are JSON
    return path


def opened(path: Path) -> Store:
    return open_store(path, StoreConfig(strict=True), plugins=PLUGINS)


def imported(into: Path, source: Path) -> TableReport:
    (table,) = import_file(StoreConfig().located(into), PLUGINS, source).tables
    return table


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return made(tmp_path / "source.db", theme="dark", visits=3, mine=True)


def test_values_that_are_not_here_are_added_and_those_that_are_stay(source: Path, store_path: Path) -> None:
    made(store_path, theme="light", ours=1)

    table = imported(store_path, source)

    with opened(store_path) as store:
        assert {entry.key: entry.value for entry in store[KvRepository].list()} == {
            "mine": True,
            "ours": 1,
            "theme": "light",
            "visits": 3,
        }
    assert (table.added, table.different_keys) == (2, ("theme",))


def test_a_value_that_was_only_written_at_another_time_is_the_same(source: Path, store_path: Path) -> None:
    imported(store_path, source)
    file_rows(store_path, "UPDATE kv_entry SET updated_at = updated_at + 1")

    table = imported(store_path, source)

    assert (table.same, table.different) == (3, 0)


def test_a_file_of_the_original_app_is_imported_once(tmp_path: Path, store_path: Path) -> None:
    """The original's kv knew no times; the entries get that of the import, another one each time."""
    old = tmp_path / "old.db"
    file_rows(old, "CREATE TABLE kv (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
    file_rows(old, "INSERT INTO kv VALUES ('counter', '7'), ('theme', 'dark')")

    first, second = imported(store_path, old), imported(store_path, old)

    assert (first.added, second.added, second.same, second.different) == (2, 0, 2, 0)
