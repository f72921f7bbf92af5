from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stina_core import StoreConfig, open_store
from stina_core.testing import file_rows, run_python
from stina_core.testing.states import read
from stina_kv import KvRepository, adoption

from .old_files import KV, PLUGINS, REPAIRS, STATE, adopted, old_file, values

OLD = "SELECT name FROM sqlite_schema WHERE name IN ('kv', 'state') ORDER BY name"


def both_tables(path: Path) -> None:
    old_file(
        path,
        KV,
        STATE,
        "INSERT INTO kv VALUES ('counter', '7'), ('conversation_id', 'conv_1'), ('theme', 'light')",
        "INSERT INTO state VALUES ('theme', 'dark', 5), ('count', '2', 6)",
    )


def test_both_tables_are_dropped_once_all_of_them_is_found(store_path: Path) -> None:
    both_tables(store_path)

    with adopted(store_path) as store:
        backup = store.outcome.backup
        assert values(store) == {"conversation_id": "conv_1", "count": "2", "counter": 7, "theme": "dark"}

    assert file_rows(store_path, OLD) == []
    assert backup is not None
    assert file_rows(backup.path, OLD) == [("kv",), ("state",)]
    assert file_rows(backup.path, "SELECT value FROM kv ORDER BY key") == [("conv_1",), ("7",), ("light",)]


def test_empty_tables_are_dropped_too(store_path: Path) -> None:
    old_file(store_path, KV, STATE)

    with adopted(store_path) as store:
        assert values(store) == {}
    assert file_rows(store_path, OLD) == []


def test_a_new_file_is_not_copied_first(store_path: Path) -> None:
    with adopted(store_path) as store:
        assert store.outcome.backup is None


def test_a_table_that_a_view_names_stays_and_the_log_says_why(
    store_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    both_tables(store_path)
    file_rows(store_path, "CREATE VIEW settings AS SELECT key FROM kv")

    with caplog.at_level("INFO", logger="stina"), adopted(store_path) as store:
        assert values(store)["conversation_id"] == "conv_1"

    assert file_rows(store_path, OLD) == [("kv",)]
    assert file_rows(store_path, "SELECT count(*) FROM settings") == [(3,)]
    assert "event='adoption.kept' table='kv' named_by=['settings']" in caplog.text


@pytest.mark.parametrize("kept", [False, True])
def test_opened_again_nothing_changes(store_path: Path, kept: bool) -> None:
    both_tables(store_path)
    if kept:
        file_rows(store_path, "CREATE VIEW settings AS SELECT key FROM kv")
    with adopted(store_path):
        first = read(store_path)

    with adopted(store_path) as store:
        assert store.outcome.applied == []
        assert store.outcome.backup is None
    assert read(store_path) == first


def test_a_table_the_original_app_makes_again_is_left_alone(store_path: Path) -> None:
    both_tables(store_path)
    with adopted(store_path) as store:
        store[KvRepository].set("conversation_id", "conv_2")
    file_rows(store_path, KV)
    file_rows(store_path, "INSERT INTO kv VALUES ('conversation_id', 'conv_3')")

    with adopted(store_path) as store:
        assert store[KvRepository].get("conversation_id") == "conv_2"
    assert file_rows(store_path, "SELECT value FROM kv") == [("conv_3",)]


def test_the_same_file_becomes_the_same_store_each_time(store_path: Path, tmp_path: Path) -> None:
    both_tables(store_path)
    twin = Path(shutil.copy(store_path, tmp_path / "twin.db"))
    with adopted(store_path):
        pass

    with adopted(twin):
        assert read(twin) == read(store_path)


def forgets_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adoption, "_key", lambda row: row.id() if row.key != "conversation_id" else None)


def changes_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    document = adoption._document
    monkeypatch.setattr(adoption, "_document", lambda row, key: document(row, key).lower())


def changes_a_counter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adoption, "_counter", lambda row: 8)


def changes_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adoption, "_time", lambda row: 9)


def notes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stina_core.migrations.old_rows.OldRow.leave_out", lambda row, reason: None)


@pytest.mark.parametrize(
    "fault", [forgets_a_row, changes_a_value, changes_a_counter, changes_a_time, notes_nothing]
)
def test_a_step_that_loses_something_is_refused_and_the_tables_stay_as_they_were(
    store_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Callable[[pytest.MonkeyPatch], Any]
) -> None:
    both_tables(store_path)
    file_rows(store_path, "INSERT INTO kv VALUES ('Name', 'Åsa'), (NULL, 'x')")
    before = {table: file_rows(store_path, f"SELECT * FROM {table}") for table in ("kv", "state")}

    with monkeypatch.context() as patch:
        fault(patch)
        with open_store(store_path, StoreConfig(), plugins=PLUGINS) as store:
            assert "nothing says why" in str(store.outcome.failed["kv"])

    assert {table: file_rows(store_path, f"SELECT * FROM {table}") for table in before} == before
    assert file_rows(store_path, "SELECT 1 FROM sqlite_schema WHERE name = 'kv_entry'") == []
    assert file_rows(store_path, REPAIRS) == []

    with adopted(store_path) as store:  # the step as it is takes the same file
        assert store[KvRepository].get("Name") == "Åsa"
    assert file_rows(store_path, OLD) == []


def test_a_file_that_was_adopted_is_opened_without_loading_the_adoption(store_path: Path) -> None:
    both_tables(store_path)
    script = (
        "import sys, stina_kv.plugin\n"
        "from stina_core import open_store\n"
        "from stina_core.testing import plugins_of\n"
        "with open_store(sys.argv[1], plugins=plugins_of(kv=stina_kv.plugin)):\n"
        "    print('stina_kv.adoption' in sys.modules)\n"
    )

    assert run_python(script, store_path).split() == ["True"]
    assert run_python(script, store_path).split() == ["False"]
