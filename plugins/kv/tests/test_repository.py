from __future__ import annotations

from datetime import UTC
from pathlib import Path

import pytest

from stina_core import InvalidValueError, JsonValue, NotFoundError, Store, now, open_store
from stina_core.testing import file_rows, run_python
from stina_kv import MISSING, KvEntry, KvRepository
from stina_kv.models import Entry
from stina_kv.queries import between


def test_set_returns_what_is_stored_and_get_reads_it_back(kv: KvRepository) -> None:
    before = now()

    entry = kv.set("theme", {"name": "mörk 🍓", "sizes": [1, 2.5, None, True]})

    assert entry == kv.entry("theme") == kv.find("theme")
    assert kv.get("theme") == {"name": "mörk 🍓", "sizes": [1, 2.5, None, True]}
    assert before <= entry.updated_at <= now()
    assert entry.updated_at.tzinfo is UTC


def test_get_of_a_missing_key_raises_with_table_and_key(kv: KvRepository) -> None:
    with pytest.raises(NotFoundError) as caught:
        kv.get("theme")

    assert (caught.value.table, caught.value.key) == ("kv_entry", "theme")
    with pytest.raises(NotFoundError):
        kv.entry("theme")


def test_get_returns_the_default_only_for_a_missing_key(kv: KvRepository) -> None:
    kv.set("nothing", None)

    assert kv.get("absent", "default") == "default"
    assert kv.get("absent", None) is None
    assert kv.get("absent", MISSING) is MISSING
    assert kv.get("nothing", "default") is None


def test_find_returns_none_for_a_missing_key_and_an_entry_for_null(kv: KvRepository) -> None:
    kv.set("nothing", None)

    assert kv.find("absent") is None
    assert kv.find("nothing") == KvEntry("nothing", None, kv.entry("nothing").updated_at)


def test_set_replaces_the_value_and_its_time(kv: KvRepository, store: Store) -> None:
    first = kv.set("theme", "dark")
    with store.transaction():
        Entry.update(updated_at=first.updated_at.replace(year=2001)).execute()

    second = kv.set("theme", "dark")

    assert second.updated_at >= first.updated_at
    assert kv.list() == [second]


def test_changing_a_value_that_was_given_or_returned_changes_nothing_stored(kv: KvRepository) -> None:
    given: JsonValue = ["a"]
    entry = kv.set("labels", given)
    assert isinstance(given, list)
    assert isinstance(entry.value, list)

    given.append("b")
    entry.value.append("c")

    assert kv.get("labels") == ["a"]


def test_delete_says_whether_the_key_was_there(kv: KvRepository) -> None:
    kv.set("theme", "dark")

    assert kv.delete("theme") is True
    assert kv.delete("theme") is False
    assert not kv.contains("theme")


def test_keys_are_exact(kv: KvRepository) -> None:
    names = ["a", "A", "a ", " a", "å", "a\u030a", "a/b", "%", "🍓", "\U0010ffff", "\ufffe"]
    for number, name in enumerate(names):
        kv.set(name, number)

    assert {name: kv.get(name) for name in names} == {name: number for number, name in enumerate(names)}
    assert [entry.key for entry in kv.list()] == sorted(names)


def test_a_key_may_have_512_bytes_and_no_more(kv: KvRepository) -> None:
    kv.set("k" * 512, 1)
    kv.set("🍓" * 128, 2)

    for key in ("k" * 513, "🍓" * 128 + "k"):
        with pytest.raises(InvalidValueError, match=r"^kv_entry\.key: the key is 513 bytes long"):
            kv.set(key, 3)
    assert kv.count() == 2


@pytest.mark.parametrize("prefix", ["%", "_", "*", "?", "[", "a%", "a_", "a*", "a?", "[a]", "\\", "'", '"'])
def test_no_character_of_a_prefix_is_a_wildcard(kv: KvRepository, prefix: str) -> None:
    for key in ("a", "ab", "abc", "b", prefix, f"{prefix}x"):
        kv.set(key, key)

    assert [entry.key for entry in kv.list(prefix)] == [prefix, f"{prefix}x"]
    assert kv.count(prefix) == 2


def test_a_prefix_at_the_end_of_the_code_points_has_its_keys(kv: KvRepository) -> None:
    last = "\U0010ffff"
    for key in ("a", "\ud7ff", "\ud7ffz", "\ue000", last, f"{last}a", f"{last}{last}"):
        kv.set(key, None)

    assert [entry.key for entry in kv.list("\ud7ff")] == ["\ud7ff", "\ud7ffz"]
    assert [entry.key for entry in kv.list(last)] == [last, f"{last}a", f"{last}{last}"]
    assert kv.count(last + last) == 1


def test_a_prefix_case_counts_and_an_impossible_one_matches_nothing(kv: KvRepository) -> None:
    kv.set("Theme", 1)

    assert kv.list("theme") == []
    assert kv.list("Theme\x00") == []
    assert kv.count("x" * 100_000) == 0


def test_list_by_prefix_reads_only_that_part_of_the_primary_key(store: Store, store_path: Path) -> None:
    with store.use():
        sql = between.sql()

    plan = [row[3] for row in file_rows(store_path, f"EXPLAIN QUERY PLAN {sql}", ("a/", "a0"))]
    like = [
        row[3]
        for row in file_rows(store_path, "EXPLAIN QUERY PLAN SELECT * FROM kv_entry WHERE key LIKE 'a/%'")
    ]

    assert plan == ["SEARCH t1 USING PRIMARY KEY (key>? AND key<?)"]
    assert like == ["SCAN kv_entry"]


def test_increment_counts_from_zero_and_returns_the_sum(kv: KvRepository) -> None:
    assert kv.increment("counter") == 1
    assert kv.increment("counter", by=41) == 42
    assert kv.increment("counter", by=-50) == -8
    assert kv.increment("counter", by=0) == -8
    assert kv.increment("zero", by=0) == 0
    assert (kv.get("counter"), kv.get("zero")) == (-8, 0)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "null"),
        (True, "true or false"),
        ("5", "text"),
        (5.0, "a number with a fraction"),
        ([5], "a list"),
        ({"n": 5}, "an object"),
    ],
)
def test_increment_of_what_is_no_whole_number_says_what_it_is(
    kv: KvRepository, value: JsonValue, kind: str
) -> None:
    before = kv.set("counter", value)

    with pytest.raises(InvalidValueError, match=f"^kv_entry.value: the value is {kind}, not a whole number"):
        kv.increment("counter")

    assert kv.entry("counter") == before


@pytest.mark.parametrize(("start", "by"), [((1 << 63) - 1, 1), (-(1 << 63), -1), (1 << 62, 1 << 62)])
def test_increment_beyond_64_bits_is_refused_and_changes_nothing(
    kv: KvRepository, start: int, by: int
) -> None:
    before = kv.set("counter", start)

    with pytest.raises(InvalidValueError, match="does not fit in 64 bits"):
        kv.increment("counter", by)

    assert kv.entry("counter") == before


def test_increment_takes_a_member_of_an_enum_without_counting_up_to_it() -> None:
    script = """
from enum import IntEnum
from stina_core.testing import memory_store
from stina_kv import KvRepository

with memory_store() as store:
    print(store[KvRepository].increment("goals", IntEnum("Points", {"GOAL": 3}).GOAL))
"""

    assert run_python(script, deadline=20).split()[-1] == "3"


def test_increment_reaches_both_ends_of_64_bits(kv: KvRepository) -> None:
    assert kv.increment("most", (1 << 63) - 1) == (1 << 63) - 1
    assert kv.increment("least", -(1 << 63)) == -(1 << 63)


@pytest.mark.parametrize("by", [1.0, True, "1", None, 1 << 63])
def test_increment_by_what_is_no_whole_number_is_refused(kv: KvRepository, by: object) -> None:
    with pytest.raises(InvalidValueError) as caught:
        kv.increment("counter", by)  # type: ignore[arg-type]

    assert caught.value.field == "by"
    assert not kv.contains("counter")


def test_compare_and_set_writes_only_over_the_expected_value(kv: KvRepository) -> None:
    kv.set("owner", "ann")

    assert kv.compare_and_set("owner", "ben", "cid") is False
    assert kv.get("owner") == "ann"
    assert kv.compare_and_set("owner", "ann", "ben") is True
    assert kv.get("owner") == "ben"


def test_compare_and_set_with_missing_writes_only_a_new_key(kv: KvRepository) -> None:
    assert kv.compare_and_set("owner", MISSING, None) is True
    assert kv.compare_and_set("owner", MISSING, "ben") is False
    assert kv.compare_and_set("owner", None, "cid") is True
    assert kv.compare_and_set("other", None, "cid") is False
    assert (kv.get("owner"), kv.contains("other")) == ("cid", False)


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        (1, True),
        (True, 1),
        (1, 1.0),
        (0, False),
        (0.0, -0.0),
        (None, False),
        ("1", 1),
        ([1], [True]),
        ({}, []),
    ],
)
def test_compare_and_set_tells_values_apart_that_python_calls_equal(
    kv: KvRepository, held: JsonValue, expected: JsonValue
) -> None:
    kv.set("value", held)

    assert kv.compare_and_set("value", expected, "new") is False
    assert kv.compare_and_set("value", held, "new") is True


def test_compare_and_set_ignores_the_order_of_an_objects_keys(kv: KvRepository) -> None:
    kv.set("value", {"a": {"x": 1, "y": 2}, "b": [1, 2]})

    assert kv.compare_and_set("value", {"b": [2, 1], "a": {"x": 1, "y": 2}}, "new") is False
    assert kv.compare_and_set("value", {"b": [1, 2], "a": {"y": 2, "x": 1}}, "new") is True


def test_compare_and_set_refuses_an_expected_value_that_is_no_json(kv: KvRepository) -> None:
    kv.set("value", [1])

    with pytest.raises(InvalidValueError, match="tuple is no JSON"):
        kv.compare_and_set("value", (1,), 2)

    assert kv.get("value") == [1]


def test_a_repository_joins_the_transaction_around_it(kv: KvRepository, store: Store) -> None:
    def write_and_fail() -> None:
        with store.transaction():
            kv.set("a", 1)
            kv.increment("n")
            kv.compare_and_set("b", MISSING, 2)
            assert kv.count() == 3
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()

    assert kv.list() == []


def test_a_failed_increment_leaves_the_transaction_around_it_usable(kv: KvRepository, store: Store) -> None:
    kv.set("text", "five")

    with store.transaction():
        kv.set("a", 1)
        with pytest.raises(InvalidValueError):
            kv.increment("text")
        kv.set("b", 2)

    assert [entry.key for entry in kv.list()] == ["a", "b", "text"]


def test_values_survive_closing_the_store(store_path: Path) -> None:
    with open_store(store_path) as first:
        written = first[KvRepository].set("theme", {"dark": True})

    with open_store(store_path) as second:
        assert second[KvRepository].list() == [written]


def test_the_table_is_strict_and_kept_in_key_order(store: Store, store_path: Path) -> None:
    [(strict, without_rowid)] = file_rows(
        store_path, "SELECT strict, wr FROM pragma_table_list WHERE name = 'kv_entry'"
    )

    assert (strict, without_rowid) == (1, 1)
