"""What `stina db purge` says in the change feed, and takes out of what follows it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stina_core import Cursor, open_store
from stina_core.plugins import Plugins
from stina_core.testing import file_rows
from tests.cli.followers import following
from tests.cli.tasks_plugin import MAKE, TITLE, install, uninstall

if TYPE_CHECKING:
    from tests.cli.conftest import Run, Site

SEARCHED = f"{TITLE}\nclass Meta:\n    search = Search('title')"
SEARCH = 'op.create_search("todo", "title")'


@pytest.fixture
def orphan(site: Site, stina: Run, store_path: Path) -> Path:
    """A store with two plugins and a row of each, in which `tasks` is not installed any more."""
    site.add_notes()
    install(site, SEARCHED, MAKE, SEARCH)
    assert stina("--db", store_path, "notes", "add", "kept").code == 0
    file_rows(store_path, "INSERT INTO tasks_todo VALUES ('1', 'buy milk')")
    uninstall(site)
    return store_path


def head(path: Path) -> Cursor:
    with open_store(path, plugins=Plugins([])) as store:
        return store.cursor()


def rows(path: Path, table: str) -> list[tuple[Any, ...]]:
    return file_rows(path, f"SELECT * FROM {table} ORDER BY 1")


def test_its_tables_are_said_to_be_reset_in_one_marked_transaction(orphan: Path, stina: Run) -> None:
    before = head(orphan)

    assert stina("--db", orphan, "db", "purge", "tasks", "--yes").code == 0

    with open_store(orphan) as store:
        (transaction,) = store.changes(before)
    assert [(change.table, change.op, change.key) for change in transaction] == [
        ("tasks_todo", "reset", None)
    ]
    assert (transaction.origin or "").startswith("cli:")
    assert transaction.at is not None


def test_program_that_follows_is_told_at_once(orphan: Path, stina: Run) -> None:
    before = head(orphan)
    with following("--db", orphan, "changes", "--follow", "--json", "--since", before) as follower:
        stina("--db", orphan, "db", "purge", "tasks", "--yes")

        assert follower.document()["op"] == "reset"


def test_purge_that_is_undone_says_nothing(orphan: Path, stina: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    before = head(orphan)

    def interrupt(backend: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("stina_core.migrations.ledger.begin_epoch", interrupt)

    assert stina("--db", orphan, "db", "purge", "tasks", "--yes").code == 130
    assert head(orphan) == before


def test_what_indexes_and_captures_noted_of_its_rows_goes_and_of_others_stays(
    orphan: Path, stina: Run
) -> None:
    for name in ("tasks", "notes", "tasksmore"):
        file_rows(orphan, f"INSERT INTO stina_search (\"table\", \"key\") VALUES ('{name}_one', '1')")
        file_rows(
            orphan, f"INSERT INTO stina_conflict (\"table\", \"key\") VALUES ('{name}_one within', '1')"
        )
        file_rows(
            orphan, f"INSERT INTO stina_cursor VALUES ('search:{name}_one', '{name}', 'e', 1, NULL, NULL, 0)"
        )

    stina("--db", orphan, "db", "purge", "tasks", "--yes")

    assert [row[1] for row in rows(orphan, "stina_search")] == ["notes_one", "tasksmore_one"]
    assert [row[1] for row in rows(orphan, "stina_conflict")] == ["notes_one within", "tasksmore_one within"]
    assert [row[0] for row in rows(orphan, "stina_cursor")] == ["search:notes_one", "search:tasksmore_one"]
