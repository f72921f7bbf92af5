from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import apsw
import pytest

from stina_core import Store
from stina_core.testing import file_rows, run_python
from stina_todos import CommentRepository, ProjectRepository, StepRepository, TodoRepository, TodoStatus
from stina_todos.checks import findings

from .old_files import (
    AT,
    COMMENTS,
    GENERATIONS,
    NEW_TODOS,
    PROJECTS,
    STEPS,
    TEMPLATES,
    TODOS,
    adopted,
    everything,
    old_file,
    put,
    repairs,
    tables,
    todo,
)

MADE = datetime(2025, 11, 7, 16, 21, 54, 806000, UTC)

OLD_TABLES = {"todos", "todo_comments", "todo_projects", "todo_steps"}


def ids(store: Store) -> set[str]:
    return {one.id for one in store[TodoRepository].list()}


def test_a_new_file_has_nothing_to_adopt(store_path: Path) -> None:
    with adopted(store_path) as store:
        assert ids(store) == set()

    assert repairs(store_path) == []


@pytest.mark.parametrize("generation", GENERATIONS)
def test_todos_of_every_generation_come_over_whole(store_path: Path, generation: str) -> None:
    old_file(store_path, *GENERATIONS[generation])
    there = tables(store_path)
    metadata = '{"tags": ["hem"], "n": 1e21, "u": "\\u2028"}'
    put(
        store_path,
        "todos",
        todo(
            "k3x",
            title="Köp mjölk 🍓",
            description=" två\nliter ",
            due_ts=0,
            metadata=metadata,
            source="chat",
        ),
        todo("td_1", status="completed", due_ts=1_764_280_415_858, updated_at=AT + 1),
    )
    if "todo_comments" in there:
        put(store_path, "todo_comments", {"id": "c1", "todo_id": "k3x", "content": " med\x00nul "})

    with adopted(store_path) as store:
        milk, done = (store[TodoRepository].get(id) for id in ("k3x", "td_1"))
        comments = store[CommentRepository].list("k3x")
        assert findings(store) == []

    assert (milk.title, milk.description, milk.metadata) == (
        "Köp mjölk 🍓",
        " två\nliter ",
        json.loads(metadata),
    )
    assert file_rows(store_path, "SELECT metadata FROM todos_todo WHERE id = 'k3x'") == [(metadata,)]
    assert (milk.due_at, milk.due_date, milk.time_zone) == (datetime(1970, 1, 1, tzinfo=UTC), None, None)
    assert (milk.status, milk.source, milk.created_at, milk.updated_at, milk.completed_at) == (
        *(TodoStatus.NOT_STARTED, "chat", MADE, MADE, None),
    )
    assert (done.status, done.description, done.completed_at) == (TodoStatus.COMPLETED, "", done.updated_at)
    assert done.due_at == datetime(2025, 11, 27, 21, 53, 35, 858000, UTC)
    assert [(one.id, one.content, one.created_at) for one in comments] == (
        [("c1", " med\x00nul ", MADE)] if "todo_comments" in there else []
    )
    assert repairs(store_path) == []
    assert not tables(store_path) & OLD_TABLES


def test_what_was_adopted_is_searched_found_and_worked_on(store_path: Path) -> None:
    old_file(store_path, TODOS)
    put(store_path, "todos", todo("a", title="Köp mjölk"), todo("b"))

    with adopted(store_path) as store:
        todos = store[TodoRepository]
        assert [hit.todo.id for hit in todos.search("mjölk")] == ["a"]
        found = todos.find("KÖP MJÖLK")
        assert found is not None
        assert todos.complete(found.id).todo.status is TodoStatus.COMPLETED


def test_projects_steps_icons_and_series_come_over(store_path: Path) -> None:
    old_file(store_path, PROJECTS, NEW_TODOS, COMMENTS, STEPS)
    put(
        store_path,
        "todo_projects",
        {"id": "pr_1", "name": "Hem", "description": "Huset"},
        {"id": "pr_2", "name": "Arbete", "description": None},
    )
    put(store_path, "todos", todo("a", project_id="pr_1", icon="check-list", recurring_template_id="rt_1"))
    put(
        store_path,
        "todo_steps",
        {"id": "s1", "todo_id": "a", "title": "later", "order_index": 7, "updated_at": AT + 5},
        {
            "id": "s2",
            "todo_id": "a",
            "title": "first",
            "is_done": 1,
            "order_index": 2,
            "completed_at": AT + 9,
        },
    )

    with adopted(store_path) as store:
        one = store[TodoRepository].get("a")
        first, later = store[StepRepository].list("a")
        home, work = (store[ProjectRepository].get(id) for id in ("pr_1", "pr_2"))

    assert (one.project_id, one.project, one.icon, one.series) == ("pr_1", "Hem", "check-list", "rt_1")
    assert (first.id, first.done, first.position) == ("s2", True, 2)
    assert first.completed_at is not None
    assert (later.id, later.done, later.position, later.completed_at) == ("s1", False, 7, None)
    assert later.updated_at > later.created_at == MADE
    assert (home.name, home.description, work.description) == ("Hem", "Huset", "")
    assert repairs(store_path) == []
    assert not tables(store_path) & OLD_TABLES


def test_recurring_templates_stay_with_the_projects_they_point_to(store_path: Path) -> None:
    old_file(store_path, PROJECTS, TEMPLATES, NEW_TODOS)
    put(store_path, "todo_projects", {"id": "pr_1", "name": "Hem"})
    put(store_path, "recurring_templates", {"id": "rt_1", "title": "Vattna", "project_id": "pr_1"})
    put(store_path, "todos", todo("a", project_id="pr_1", recurring_template_id="rt_1"))

    with adopted(store_path) as store:
        assert store[TodoRepository].get("a").project == "Hem"

    assert tables(store_path) & {*OLD_TABLES, "recurring_templates"} == {
        "todo_projects",
        "recurring_templates",
    }
    assert file_rows(store_path, "SELECT * FROM recurring_templates") == [("rt_1", "Vattna", "pr_1")]


def test_what_points_to_nothing_is_left_out_or_without_a_project(store_path: Path) -> None:
    old_file(store_path, PROJECTS, NEW_TODOS, COMMENTS, STEPS, "PRAGMA foreign_keys = OFF")
    put(store_path, "todos", todo("a", project_id="nobody"))
    put(store_path, "todo_comments", {"id": "c", "todo_id": "gone", "content": "lost?"})
    put(store_path, "todo_steps", {"id": "s", "todo_id": "gone", "title": "lost?"})

    with adopted(store_path) as store:
        assert store[TodoRepository].get("a").project_id is None

    assert file_rows(store_path, "PRAGMA foreign_key_check") == []
    project, comment, step = repairs(store_path)
    assert project == ("todos", "a", "project_id", "nobody")
    assert (comment[:3], step[:3]) == (("todo_comments", "c", "*"), ("todo_steps", "s", "*"))
    assert json.loads(comment[3]) == {"id": "c", "todo_id": "gone", "content": "lost?", "created_at": AT}


def test_an_id_that_cannot_be_kept_is_followed_by_what_points_to_it(store_path: Path) -> None:
    old_file(store_path, TODOS, COMMENTS)
    connection = apsw.Connection(str(store_path))
    half = "CAST(x'61eda0bd' AS TEXT)"
    connection.execute(
        f"INSERT INTO todos (id, title, status, created_at, updated_at) VALUES ({half}, 'a', 'completed', 1, 1), "
        f"(NULL, 'b', 'completed', 1, 1), (x'00ff', 'c', 'completed', 1, 1), (7, 'd', 'completed', 1, 1)"
    )
    connection.execute(
        f"INSERT INTO todo_comments VALUES ('1', {half}, 'a', 1), ('2', x'00ff', 'c', 1), ('3', 7, 'd', 1)"
    )
    connection.close()

    with adopted(store_path) as store:
        by_title = {one.title: one for one in store[TodoRepository].list()}
        for title, count in (("a", 1), ("b", 0), ("c", 1), ("d", 1)):
            comments = store[CommentRepository].list(by_title[title].id)
            assert [one.content for one in comments] == [title] * count
        assert (by_title["a"].id, by_title["d"].id) == ("a\ufffd", "7")

    assert [row[2:] for row in repairs(store_path)] == [
        *(("id", b"a\xed\xa0\xbd"), ("id", None), ("id", b"\x00\xff")),
        *(("todo_id", b"a\xed\xa0\xbd"), ("todo_id", b"\x00\xff")),
    ]


def test_of_two_ids_that_become_the_same_the_first_wins(store_path: Path) -> None:
    old_file(store_path, TODOS)
    put(store_path, "todos", todo("a\ufffd", title="first"))
    connection = apsw.Connection(str(store_path))
    connection.execute(
        "INSERT INTO todos (id, title, created_at, updated_at) VALUES (CAST(x'61ff' AS TEXT), 'second', 1, 1)"
    )
    connection.close()

    with adopted(store_path) as store:
        assert [one.title for one in store[TodoRepository].list()] == ["first"]

    assert json.loads(repairs(store_path)[-1][3])["title"] == "second"


def test_a_start_that_adopts_nothing_loads_none_of_this(store_path: Path) -> None:
    with adopted(store_path):
        pass

    output = run_python(
        "import sys\nfrom stina_core import open_store\n"
        "with open_store(sys.argv[1]) as store:\n"
        "    print('stina_todos.models' in sys.modules, 'stina_todos.adoption' in sys.modules)",
        store_path,
    )

    assert output.split() == ["True", "False"]


@pytest.mark.parametrize(
    "table",
    [
        "CREATE TABLE todos (id INTEGER PRIMARY KEY, title TEXT, done INTEGER)",
        "CREATE TABLE todo_comments (id TEXT PRIMARY KEY, todo_id TEXT, content TEXT)",
        "CREATE TABLE todo_steps (id TEXT PRIMARY KEY, title TEXT)",
        "CREATE TABLE todo_projects (name TEXT PRIMARY KEY)",
    ],
)
def test_a_table_of_another_program_stays(store_path: Path, table: str) -> None:
    old_file(store_path, table)
    before = file_rows(store_path, "SELECT sql FROM sqlite_schema WHERE type = 'table'")

    with adopted(store_path):
        pass

    assert set(before) <= set(file_rows(store_path, "SELECT sql FROM sqlite_schema WHERE type = 'table'"))
    assert repairs(store_path) == []


def test_the_same_file_gives_the_same_rows_and_opening_it_again_changes_nothing(tmp_path: Path) -> None:
    paths = [tmp_path / "one.db", tmp_path / "two.db"]
    for path in paths:
        old_file(path, PROJECTS, NEW_TODOS, COMMENTS, STEPS)
        put(path, "todo_projects", {"id": None, "name": "A"}, {"id": "p", "name": "a"})
        put(path, "todos", todo("a", project_id="p"), *(todo(None) for _ in range(3)))
        put(path, "todo_comments", *({"id": None, "todo_id": "a", "content": "x"} for _ in range(2)))
        with adopted(path):
            pass

    names = ("todos_todo", "todos_project", "todos_comment", "todos_step")
    first, second = ({name: everything(path)[name] for name in names} for path in paths)
    assert first == second
    assert len(first["todos_todo"]) == 4
    before = everything(paths[0])
    with adopted(paths[0]) as store:
        assert not store.outcome.applied
    assert everything(paths[0]) == before
