"""`stina db seed`: example data of every plugin that has some."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stina_core import PluginError, load_plugins, local_plugin, open_store, seeding
from stina_core.config import StoreConfig
from stina_core.testing import file_rows

from .conftest import NOTES_PLUGIN

if TYPE_CHECKING:
    from .conftest import Run, Site

NOTES = "SELECT title FROM notes_note ORDER BY title"
SEEDED = f"""{NOTES_PLUGIN}
    from random import Random

    @hookimpl
    def seed(store, size, seed):
        print("a plugin may print")
        random = Random(seed)
        for number in range(size):
            Note.create(title=f"note {{number}} {{random.random()}}")
            FAULT
"""


@pytest.fixture(autouse=True)
def only_kv_and_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STINA_PLUGINS", "kv,notes")


def install(site: Site, fault: str = "pass") -> None:
    site.add("notes", plugin=SEEDED.replace("FAULT", fault))


@pytest.mark.parametrize(("size", "rows"), seeding.SIZES.items())
def test_each_plugin_writes_as_much_as_the_size_says(
    site: Site, stina: Run, store_path: Path, size: str, rows: int
) -> None:
    install(site)

    done = stina("--db", store_path, "--json", "--no-plugins", "db", "seed", "--yes", "--size", size)
    assert (done.code, done.document["seeded"]) == (0, [])
    done = stina("--db", store_path, "--json", "db", "seed", "--yes", "--size", size, "--seed", 7)

    assert done.code == 0
    assert done.document == {
        "path": str(store_path),
        "size": size,
        "seed": 7,
        "seeded": ["kv", "notes"],
        "failed": [],
    }
    assert file_rows(store_path, "SELECT count(*) FROM notes_note") == [(rows,)]


def test_seed_decides_the_data(site: Site, stina: Run, tmp_path: Path) -> None:
    install(site)
    written = []
    for number, seed in enumerate((1, 1, 2)):
        path = tmp_path / f"{number}.db"
        assert stina("--db", path, "db", "seed", "--yes", "--seed", seed).code == 0
        written.append((file_rows(path, NOTES), file_rows(path, "SELECT * FROM kv_entry ORDER BY key")))

    assert written[0] == written[1] != written[2]


def test_plugin_that_fails_writes_nothing_and_the_others_do(site: Site, stina: Run, store_path: Path) -> None:
    install(site, "raise ZeroDivisionError('by nothing')")

    done = stina("--db", store_path, "--json", "db", "seed", "--yes")

    assert done.code == 1
    assert (done.document["seeded"], done.document["failed"]) == (["kv"], ["notes"])
    assert "notes: seed of the plugin 'notes' raised ZeroDivisionError: by nothing" in done.err
    assert file_rows(store_path, NOTES) == []
    assert file_rows(store_path, "SELECT count(*) FROM kv_entry") == [(40,)]


def test_what_is_there_stays(site: Site, stina: Run, store_path: Path) -> None:
    install(site)
    assert stina("--db", store_path, "kv", "set", "mine", "1").code == 0

    assert stina("--db", store_path, "db", "seed", "--yes").code == 0

    assert stina("--db", store_path, "kv", "get", "mine").out == "1\n"


def test_nobody_is_seeded_without_being_asked(stina: Run, store_path: Path) -> None:
    done = stina("--db", store_path, "db", "seed")

    assert done.code == 2
    assert "add --yes" in done.err
    assert not store_path.exists()


def test_plugin_that_is_off_is_left_out(store_path: Path) -> None:

    called: list[str] = []

    class Seeding:
        from stina_core import hookimpl

        @hookimpl
        def startup(self) -> None:
            raise PluginError("seeding", "not today")

        @hookimpl
        def seed(self) -> None:
            called.append("seed")

    plugins = load_plugins([local_plugin("seeding", Seeding())], StoreConfig())
    with open_store(store_path, plugins=plugins) as store:
        assert seeding.seed(store, plugins, 1, 0) == {}
    assert called == []


@pytest.mark.parametrize("plugin", ["chat", "kv", "memories", "todos"])
def test_seeding_again_leaves_everything_as_it_is_now(
    stina: Run, store_path: Path, monkeypatch: pytest.MonkeyPatch, plugin: str
) -> None:
    """What was edited or deleted since, too: edited rows stay, and only deleted ones come back."""
    monkeypatch.setenv("STINA_PLUGINS", plugin)
    table, column = {
        "chat": ("chat_message", "content"),
        "kv": ("kv_entry", "value"),
        "memories": ("memories_memory", "content"),
        "todos": ("todos_comment", "content"),
    }[plugin]
    assert stina("--db", store_path, "db", "seed", "--yes").code == 0
    file_rows(store_path, f"UPDATE {table} SET {column} = '\"mine\"'")
    before = file_rows(store_path, f"SELECT * FROM {table} ORDER BY 1")
    head = file_rows(store_path, "SELECT max(seq) FROM stina_change")

    assert stina("--db", store_path, "db", "seed", "--yes").code == 0

    assert len(before) > 10
    assert file_rows(store_path, f"SELECT * FROM {table} ORDER BY 1") == before
    assert file_rows(store_path, "SELECT max(seq) FROM stina_change") == head
