from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stina_core import StoreConfig, open_store
from stina_core.testing import file_rows, run_python
from stina_core.testing.states import read
from stina_memories import MemoryRepository, adoption

from .conftest import PLUGINS
from .old_files import INDEX, LOOSE, REPAIRS, Cell, adopted, cells, old_file, raw

TABLE = "SELECT name FROM sqlite_schema WHERE name IN ('memories', 'idx_memories_created_at') ORDER BY name"


def telling_file(path: Path) -> None:
    old_file(
        path,
        {"id": "a", "title": "Te", "content": "Åsa gillar te", "tags": '["mat"]', "source": "tool"},
        {"id": "b", "title": "Annat", "content": "Något", "metadata": '{"a": 1}', "valid_until": 9},
    )
    file_rows(path, INDEX)


def test_the_table_is_dropped_once_all_of_it_is_found(store_path: Path) -> None:
    telling_file(store_path)

    with adopted(store_path) as store:
        backup = store.outcome.backup
        assert store[MemoryRepository].count(include_expired=True) == 2

    assert file_rows(store_path, TABLE) == []
    assert file_rows(store_path, REPAIRS) == []
    assert backup is not None
    assert file_rows(backup.path, TABLE) == [("idx_memories_created_at",), ("memories",)]
    assert file_rows(backup.path, "SELECT id, content FROM memories") == [
        ("a", "Åsa gillar te"),
        ("b", "Något"),
    ]


def test_an_empty_table_is_dropped_too(store_path: Path) -> None:
    old_file(store_path)

    with adopted(store_path) as store:
        assert store[MemoryRepository].count() == 0
    assert file_rows(store_path, TABLE) == []


@pytest.mark.parametrize("column", ["id", "content", "metadata", "source", "created_at", "updated_at"])
def test_a_table_that_lacks_a_column_of_the_originals_is_left_alone(store_path: Path, column: str) -> None:
    table = LOOSE.replace(f'"{column}"', '"other"')
    file_rows(store_path, table)
    file_rows(store_path, "INSERT INTO memories DEFAULT VALUES")

    with adopted(store_path) as store:
        assert store[MemoryRepository].count() == 0
        assert store.outcome.backup is None or file_rows(store.outcome.backup.path, TABLE)
    assert file_rows(store_path, REPAIRS) == []
    assert file_rows(store_path, "SELECT sql FROM sqlite_schema WHERE name = 'memories'") == [(table,)]
    assert file_rows(store_path, "SELECT count(*) FROM memories") == [(1,)]


def test_a_table_that_a_trigger_names_stays_and_the_log_says_why(
    store_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    telling_file(store_path)
    file_rows(store_path, "CREATE TABLE mine (id)")
    file_rows(
        store_path,
        "CREATE TRIGGER clean AFTER DELETE ON mine BEGIN DELETE FROM memories WHERE id = OLD.id; END",
    )

    with caplog.at_level("INFO", logger="stina"), adopted(store_path) as store:
        assert store[MemoryRepository].count(include_expired=True) == 2

    assert ("memories",) in file_rows(store_path, TABLE)
    assert "event='adoption.kept' table='memories' named_by=['clean']" in caplog.text


@pytest.mark.parametrize("kept", [False, True])
def test_opened_again_nothing_changes(store_path: Path, kept: bool) -> None:
    telling_file(store_path)
    if kept:
        file_rows(store_path, "CREATE VIEW notes AS SELECT title FROM memories")
    with adopted(store_path):
        first = read(store_path)

    with adopted(store_path) as store:
        assert store.outcome.applied == []
        assert store.outcome.backup is None
    assert read(store_path) == first


def test_a_table_the_original_app_makes_again_is_left_alone(store_path: Path) -> None:
    telling_file(store_path)
    with adopted(store_path):
        pass
    old_file(store_path, {"id": "c"})

    with adopted(store_path) as store:
        assert store[MemoryRepository].find("c") is None
    assert file_rows(store_path, "SELECT id FROM memories") == [("c",)]


def test_the_same_file_becomes_the_same_store_each_time(store_path: Path, tmp_path: Path) -> None:
    telling_file(store_path)
    file_rows(
        store_path,
        "INSERT INTO memories (title, content, created_at, updated_at) VALUES ('', 'x', 1, 'soon')",
    )
    twin = Path(shutil.copy(store_path, tmp_path / "twin.db"))
    with adopted(store_path):
        pass

    with adopted(twin):
        assert read(twin) == read(store_path)


def forgets_a_row(patch: pytest.MonkeyPatch) -> None:
    take = adoption._Adoption._take
    patch.setattr(
        adoption._Adoption,
        "_take",
        lambda self, row, memory: take(self, row, memory) if row.key != "b" else None,
    )


def changing(column: str, value: object) -> Callable[[pytest.MonkeyPatch], None]:
    """Return a fault: *column* of every memory becomes *value*, and nothing is noted."""

    def fault(patch: pytest.MonkeyPatch) -> None:
        memory_of = adoption.memory_of
        patch.setattr(adoption, "memory_of", lambda row, id: {**memory_of(row, id), column: value})

    fault.__name__ = f"changes_{column}"
    return fault


def changes_a_time(patch: pytest.MonkeyPatch) -> None:
    time = adoption._time
    patch.setattr(adoption, "_time", lambda row, column: (time(row, column) or 0) + 1)


def notes_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("stina_core.migrations.old_rows.OldRow.note", lambda row, column, reason: None)


FAULTS = [
    forgets_a_row,
    changes_a_time,
    notes_nothing,
    *(changing(column, value) for column, value in [("title", "x"), ("content", "x"), ("metadata", "[]")]),
    *(changing(column, value) for column, value in [("source", None), ("tags", "[]"), ("expires_at", None)]),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_step_that_loses_something_is_refused_and_the_table_stays_as_it_was(
    store_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Callable[[pytest.MonkeyPatch], Any]
) -> None:
    telling_file(store_path)
    file_rows(store_path, "INSERT INTO memories VALUES ('c', '  t', 'c', NULL, NULL, '[1]', NULL, 5, 5)")
    before = cells(store_path, "memories")

    with monkeypatch.context() as patch:
        fault(patch)
        with open_store(store_path, StoreConfig(), plugins=PLUGINS) as store:
            assert "nothing says why" in str(store.outcome.failed["memories"])

    assert cells(store_path, "memories") == before
    assert file_rows(store_path, "SELECT 1 FROM sqlite_schema WHERE name = 'memories_memory'") == []
    assert file_rows(store_path, REPAIRS) == []

    with adopted(store_path) as store:  # the step as it is takes the same file
        assert store[MemoryRepository].count(include_expired=True) == 3
    assert file_rows(store_path, TABLE) == []


@pytest.mark.parametrize(("column", "before", "after"), [("source", b"abc", "abc"), ("valid_until", -1, -2)])
def test_a_changed_value_is_noticed_also_where_python_hashes_it_as_the_old_one(
    store_path: Path, monkeypatch: pytest.MonkeyPatch, column: str, before: Cell, after: object
) -> None:
    old_file(store_path, {column: before})
    assert hash(raw(before)) == hash(after)

    with monkeypatch.context() as patch:
        notes_nothing(patch)
        changing("expires_at" if column == "valid_until" else column, after)(patch)
        with open_store(store_path, StoreConfig(), plugins=PLUGINS) as store:
            assert "nothing says why" in str(store.outcome.failed.get("memories"))


def test_a_file_that_was_adopted_is_opened_without_loading_the_adoption(store_path: Path) -> None:
    telling_file(store_path)
    script = (
        "import sys, stina_memories.plugin\n"
        "from stina_core import open_store\n"
        "from stina_core.testing import plugins_of\n"
        "with open_store(sys.argv[1], plugins=plugins_of(memories=stina_memories.plugin)):\n"
        "    print('stina_memories.adoption' in sys.modules)\n"
    )

    assert run_python(script, store_path).split() == ["True"]
    assert run_python(script, store_path).split() == ["False"]
