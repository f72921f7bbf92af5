from __future__ import annotations

from hypothesis import given, settings

import stina_todos.plugin
from stina_core import Store
from stina_core.testing import memory_store, plugins_of, run_python
from stina_todos import ProjectRepository, TodoRepository, WholeTodo
from stina_todos.checks import findings
from stina_todos.plugin import seed
from stina_todos.rules import parsed
from stina_todos.testing import recurrences, titles
from stina_todos.texts import title_of

PLUGINS = plugins_of(todos=stina_todos.plugin)


def seeded(size: int, number: int) -> list[WholeTodo]:
    with memory_store(PLUGINS) as store:
        seed(store, size, number)
        assert findings(store) == []
        todos = store[TodoRepository]
        return todos.whole(todos.list())


def test_the_same_size_and_seed_write_the_same_data_times_and_ids_included() -> None:
    assert seeded(2, 7) == seeded(2, 7)
    assert seeded(2, 7) != seeded(2, 8)
    assert len(seeded(1, 7)) == 20
    assert seeded(0, 7) == []


def test_another_process_seeds_the_same_data() -> None:
    output = run_python(
        "import stina_todos.plugin\n"
        "from stina_todos import TodoRepository\n"
        "from stina_core.testing import memory_store, plugins_of\n"
        "with memory_store(plugins_of(todos=stina_todos.plugin)) as store:\n"
        "    stina_todos.plugin.seed(store, 1, 3)\n"
        "    todos = store[TodoRepository]\n"
        "    print(ascii(todos.whole(todos.list())))\n"
    )

    assert output.strip() == ascii(seeded(1, 3))


def test_seeding_needs_no_hypothesis_and_keeps_what_else_is_there(store: Store) -> None:
    store[TodoRepository].add("mine")
    store[ProjectRepository].add("HEM")

    for number in (1, 1, 2, 10_001):
        seed(store, 1, number)

    assert store[TodoRepository].count(None) == 61
    assert [project.name for project in store[ProjectRepository].list()].count("HEM") == 1
    output = run_python("import sys, stina_todos.testing; print('hypothesis' in sys.modules)")
    assert output.split() == ["False"]


@given(title=titles(), rule=recurrences())
@settings(max_examples=50)
def test_the_strategies_give_what_the_repository_takes(title: str, rule: str) -> None:
    assert title_of(title) == title
    assert str(parsed(rule)) == rule
