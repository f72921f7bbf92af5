from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from stina_core import Query, Store, open_store
from stina_core.testing import memory_store, run_together
from stina_kv import KvRepository

INCREMENT = """
import sys
from stina_core import StoreConfig, open_store
from stina_kv import KvRepository

with open_store(sys.argv[1], StoreConfig(strict=True, synchronous="NORMAL")) as store:
    for _ in range(int(sys.argv[2])):
        store[KvRepository].increment("counter")
"""

APPEND = """
import sys
from stina_core import StoreConfig, open_store
from stina_kv import KvRepository

with open_store(sys.argv[1], StoreConfig(strict=True, synchronous="NORMAL")) as store:
    kv = store[KvRepository]
    for number in range(int(sys.argv[2])):
        while True:
            held = kv.get("names")
            if kv.compare_and_set("names", held, [*held, f"{sys.argv[3]}-{number}"]):
                break
"""


def test_eight_processes_increment_one_key_and_every_increment_counts(store_path: Path) -> None:
    run_together(INCREMENT, [(store_path, 500)] * 8)

    with open_store(store_path) as store:
        assert store[KvRepository].list() == [store[KvRepository].entry("counter")]
        assert store[KvRepository].get("counter") == 4000


def test_processes_that_compare_and_set_lose_no_value(store_path: Path) -> None:
    with open_store(store_path) as store:
        store[KvRepository].set("names", [])

    run_together(APPEND, [(store_path, 40, process) for process in range(4)])

    with open_store(store_path) as store:
        names = store[KvRepository].get("names")
    assert isinstance(names, list)
    assert sorted(map(str, names)) == sorted(
        f"{process}-{number}" for process in range(4) for number in range(40)
    )


@pytest.mark.parametrize("where", ["file", "memory"])
def test_threads_of_one_store_increment_one_key(store: Store, where: str) -> None:
    with memory_store() if where == "memory" else nullcontext(store) as shared:
        kv = shared[KvRepository]

        with ThreadPoolExecutor(4) as threads:
            sums = list(threads.map(lambda _: kv.increment("counter"), range(200)))

        assert kv.get("counter") == 200
        assert sorted(sums) == list(range(1, 201))


def test_without_its_transaction_an_increment_gets_lost(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A control: what the tests above would see if reading and writing were two steps."""
    both_have_read = threading.Barrier(2, timeout=30)
    ask = Query.list

    def ask_early(value_of: Query[..., object], key: str) -> list[object]:
        held = ask(value_of, key)
        both_have_read.wait()
        return held

    def no_transaction(self: KvRepository, actor: str | None = None) -> AbstractContextManager[None]:
        return nullcontext()

    monkeypatch.setattr(Query, "list", ask_early)
    monkeypatch.setattr(KvRepository, "transaction", no_transaction)

    with ThreadPoolExecutor(2) as threads:
        sums = list(threads.map(lambda _: store[KvRepository].increment("counter"), range(2)))
    monkeypatch.undo()

    assert sums == [1, 1]
    assert store[KvRepository].get("counter") == 1
