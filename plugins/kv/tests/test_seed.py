from __future__ import annotations

from hypothesis import given, settings

import stina_kv.plugin
from stina_core import JsonValue, Store
from stina_core.testing import memory_store, plugins_of, run_python
from stina_kv import KvEntry, KvRepository
from stina_kv.checks import findings
from stina_kv.keys import check_key
from stina_kv.plugin import seed
from stina_kv.testing import json_values, keys

PLUGINS = plugins_of(kv=stina_kv.plugin)


def seeded(size: int, number: int) -> list[KvEntry]:
    with memory_store(PLUGINS) as store:
        seed(store, size, number)
        assert findings(store) == []
        return store[KvRepository].list()


def test_the_same_size_and_seed_write_the_same_data_times_included() -> None:
    assert seeded(2, 7) == seeded(2, 7)
    assert seeded(2, 7) != seeded(2, 8)
    assert len(seeded(1, 7)) == 40
    assert seeded(0, 7) == []


def test_another_process_seeds_the_same_data() -> None:
    output = run_python(
        "import stina_kv.plugin\n"
        "from stina_kv import KvRepository\n"
        "from stina_core.testing import memory_store, plugins_of\n"
        "with memory_store(plugins_of(kv=stina_kv.plugin)) as store:\n"
        "    stina_kv.plugin.seed(store, 1, 3)\n"
        "    print(ascii(store[KvRepository].list()))\n"
    )

    assert output.strip() == ascii(seeded(1, 3))


def test_seeding_needs_no_hypothesis_and_keeps_what_else_is_there(store: Store) -> None:
    store[KvRepository].set("mine", 1)

    seed(store, 1, 1)
    seed(store, 1, 1)

    assert store[KvRepository].get("mine") == 1
    assert store[KvRepository].count() == 41
    output = run_python("import sys, stina_kv.testing; print('hypothesis' in sys.modules)")
    assert output.split() == ["False"]


@given(key=keys(), value=json_values())
@settings(max_examples=50)
def test_the_strategies_give_what_the_repository_takes(key: str, value: JsonValue) -> None:
    from stina_kv.models import Entry

    assert check_key(key) == key
    assert Entry.value.db_value(value)
