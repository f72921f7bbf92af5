"""Checked by mypy; running it shows that the same lines work."""

from __future__ import annotations

from typing import TypeAlias, assert_type

from stina_core import JsonValue, Store
from stina_kv import MISSING, KvEntry, KvRepository, Missing

JsonOrBytes: TypeAlias = "JsonValue | bytes"
JsonOrMissing: TypeAlias = "JsonValue | Missing"


def test_the_repository_and_what_it_returns_have_exact_types(store: Store) -> None:
    kv = assert_type(store[KvRepository], KvRepository)
    assert_type(store.find(KvRepository), KvRepository | None)
    assert_type(kv.set("n", 1), KvEntry)
    assert_type(kv.get("n"), JsonValue)
    assert_type(kv.get("n", None), JsonValue)
    assert_type(kv.get("n", b""), JsonOrBytes)
    assert_type(kv.get("n", default=MISSING), JsonOrMissing)
    assert_type(kv.find("n"), KvEntry | None)
    assert_type(kv.entry("n").value, JsonValue)
    assert_type(kv.increment("n", by=2), int)
    assert_type(kv.compare_and_set("m", MISSING, [1, {"a": None}]), bool)
    assert_type(kv.list("n"), list[KvEntry])
    assert_type(kv.count(), int)
    assert_type(kv.contains("n"), bool)
    assert_type(kv.delete("n"), bool)

    assert [entry.key for entry in kv.list()] == ["m"]


def test_lists_and_dicts_of_one_type_are_json_to_a_type_checker(store: Store) -> None:
    names: list[str] = ["a", "b"]
    counts: dict[str, int] = {"a": 1}

    store[KvRepository].set("names", names)
    store[KvRepository].set("counts", counts)

    assert store[KvRepository].get("names") == names
    assert store[KvRepository].get("counts") == counts
