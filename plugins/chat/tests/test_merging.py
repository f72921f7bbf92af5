from __future__ import annotations

from pathlib import Path

import pytest

from stina_chat import ConversationRepository
from stina_core import Store, StoreConfig, open_store
from stina_core.testing import file_rows
from stina_core.transfer import ImportReport, import_file

from .conftest import PLUGINS

ACTIVE = "SELECT id FROM chat_conversation WHERE active"


def opened(path: Path) -> Store:
    return open_store(path, StoreConfig(strict=True), plugins=PLUGINS)


def made(path: Path, *titles: str, active: str = "") -> Path:
    """Make a store with conversations that are called by their titles."""
    with opened(path) as store:
        conversations = store[ConversationRepository]
        for title in titles:
            conversations.start(title)
    file_rows(path, "UPDATE chat_conversation SET active = 0")
    file_rows(path, "UPDATE chat_conversation SET id = title, active = title = ?", (active,))
    return path


def imported(into: Path, source: Path) -> ImportReport:
    return import_file(StoreConfig().located(into), PLUGINS, source)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return made(tmp_path / "source.db", "their first", "their second", active="their second")


def test_the_conversation_that_is_active_here_stays_it(source: Path, store_path: Path) -> None:
    made(store_path, "ours", active="ours")

    report = imported(store_path, source)

    assert (report.added, report.left_out) == (2, 0)
    assert file_rows(store_path, ACTIVE) == [("ours",)]


def test_where_none_is_active_the_one_that_was_there_is(source: Path, store_path: Path) -> None:
    made(store_path, "ours")

    imported(store_path, source)

    assert file_rows(store_path, ACTIVE) == [("their second",)]


@pytest.mark.parametrize("active", ["ours", ""])
def test_which_one_is_active_makes_no_conversation_another_one(
    source: Path, store_path: Path, active: str
) -> None:
    made(store_path, "ours", active=active)
    imported(store_path, source)
    file_rows(store_path, "UPDATE chat_conversation SET active = 0")

    report = imported(store_path, source)

    assert (report.added, report.different) == (0, 0)


def test_two_stores_with_one_active_each_can_be_told_apart_from_one(source: Path, store_path: Path) -> None:
    """The control: without the plugin's word the index of the active one refuses the second, and all in it."""
    made(store_path, "ours", active="ours")
    schema = PLUGINS["chat"].schema
    assert schema is not None
    merging = dict(schema.merging)
    schema.merging.clear()
    try:
        report = imported(store_path, source)
    finally:
        schema.merging.update(merging)

    assert (report.added, report.left_out) == (1, 1)
