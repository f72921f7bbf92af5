from __future__ import annotations

from pathlib import Path

import pytest

import stina_todos.plugin
from stina_core import Store, StoreConfig, open_store
from stina_core.testing import file_rows, plugins_of
from stina_core.transfer import ImportReport, TableReport, import_file
from stina_todos import ProjectRepository, TodoRepository

PLUGINS = plugins_of(todos=stina_todos.plugin)


def opened(path: Path) -> Store:
    return open_store(path, StoreConfig(strict=True), plugins=PLUGINS)


def made(path: Path, project: str, **places: str) -> Path:
    """Make a store with one project, and a todo in it at each of the places, by its title."""
    with opened(path) as store:
        one = store[ProjectRepository].add(project)
        todos = {title: store[TodoRepository].add(title, project_id=one.id).id for title in places}
    for title, id in todos.items():
        file_rows(path, "UPDATE todos_todo SET position = ? WHERE id = ?", (places[title], id))
    return path


def imported(into: Path, source: Path) -> ImportReport:
    return import_file(StoreConfig().located(into), PLUGINS, source)


def of(report: ImportReport, table: str) -> TableReport:
    return next(one for one in report.tables if one.table == f"todos_{table}")


def order(path: Path) -> list[str]:
    return [title for (title,) in file_rows(path, "SELECT title FROM todos_todo ORDER BY position")]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return made(tmp_path / "source.db", "HEMMA", milk="b", bread="d")


def test_a_project_of_the_same_name_is_the_one_that_is_here(source: Path, store_path: Path) -> None:
    made(store_path, "hemma", cake="c")

    report = imported(store_path, source)

    assert (of(report, "project").merged, of(report, "todo").added) == (1, 2)
    assert file_rows(store_path, "SELECT name FROM todos_project") == [("hemma",)]
    assert file_rows(store_path, "SELECT count(DISTINCT project_id), count(*) FROM todos_todo") == [(1, 3)]
    assert order(store_path) == ["milk", "cake", "bread"]


def test_a_project_of_another_name_is_added(source: Path, store_path: Path) -> None:
    made(store_path, "jobb")

    assert of(imported(store_path, source), "project").added == 1


def test_a_todo_whose_place_is_taken_comes_right_after_that_one(source: Path, store_path: Path) -> None:
    made(store_path, "hemma", cake="b", coffee="b1", tea="c", rolls="d")

    report = imported(store_path, source)

    assert of(report, "todo").added == 2
    assert order(store_path) == ["cake", "coffee", "milk", "tea", "rolls", "bread"]
    with opened(store_path) as store:  # the places can still be moved between
        milk, tea = (store[TodoRepository].find(title) for title in ("milk", "tea"))
        assert milk is not None
        assert tea is not None
        store[TodoRepository].move(tea.id, before=milk.id)
    assert order(store_path) == ["cake", "coffee", "tea", "milk", "rolls", "bread"]


def test_a_second_import_adds_nothing_also_after_todos_were_moved(source: Path, store_path: Path) -> None:
    made(store_path, "hemma", cake="b")
    imported(store_path, source)
    assert order(store_path) == ["cake", "milk", "bread"]
    file_rows(store_path, "UPDATE todos_todo SET position = 'z' WHERE title = 'milk'")

    report = imported(store_path, source)

    assert (report.added, report.different, report.left_out) == (0, 0, 0)
    assert order(store_path) == ["cake", "bread", "milk"]


def test_what_was_edited_since_stays(source: Path, store_path: Path) -> None:
    imported(store_path, source)
    file_rows(store_path, "UPDATE todos_todo SET description = 'two litres' WHERE title = 'milk'")

    report = imported(store_path, source)

    assert (report.added, report.different) == (0, 1)
    assert file_rows(store_path, "SELECT description FROM todos_todo WHERE title = 'milk'") == [
        ("two litres",)
    ]


def test_without_the_plugins_word_names_and_places_that_are_taken_keep_rows_out(
    source: Path, store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of the tests above."""
    made(store_path, "hemma", cake="b")
    schema = PLUGINS["todos"].schema
    assert schema is not None
    monkeypatch.setattr(schema, "merging", {})

    report = imported(store_path, source)

    assert of(report, "project").left_out == 1
    assert of(report, "todo").left_out == 2
