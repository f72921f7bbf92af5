from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stina_core import now
from stina_core.testing import file_rows
from stina_memories import MemoryRepository
from stina_memories.checks import findings

from .conftest import PLUGINS
from .old_files import GENERATIONS, LOOSE, REPAIRS, Broken, Cell, adopted, left_out, old_file, only

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NAMES = "SELECT name FROM sqlite_schema WHERE name LIKE '%memories' OR name LIKE 'idx%'"


def ms(number: int) -> datetime:
    return EPOCH + timedelta(milliseconds=number)


def test_a_new_file_starts_empty_and_nothing_is_repaired_or_copied_first(store_path: Path) -> None:
    with adopted(store_path) as store:
        assert store[MemoryRepository].count() == 0
        assert [step.id for step in store.outcome.applied if step.plugin == "memories"] == [
            "0001_initial",
            "0002_adopt",
        ]
        assert store.outcome.backup is None
    assert file_rows(store_path, REPAIRS) == []


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_memory_of_every_generation_comes_over_as_it_was(store_path: Path, generation: str) -> None:
    row: dict[str, Cell] = {
        "id": "09bb504c-fc12-4536-90d7-656f37f5d304",
        "content": " Åsa\r\ngillar 🍓\x00 ",
        "metadata": '{ "prio" : 1.50, "a": "\\u00e5", "a": null }',
        "source": "tool",
        "created_at": 1762532514806,
        "updated_at": 1762532514805,
    }
    if "title" in GENERATIONS[generation]:
        row["title"] = "Bär"
    if "tags" in GENERATIONS[generation]:
        row |= {"tags": '[ "hem", "h\\u00e4lsa" ]', "valid_until": 1762532514807}
    old_file(store_path, row, table=GENERATIONS[generation])

    memory = only(store_path)

    assert (memory.id, memory.content, memory.source) == (row["id"], row["content"], "tool")
    assert memory.metadata == {"prio": 1.5, "a": None}
    assert memory.title == ("Bär" if "title" in row else "Åsa")
    assert memory.tags == (("hem", "hälsa") if "tags" in row else ())
    assert memory.expires_at == (ms(1762532514807) if "tags" in row else None)
    assert (memory.created_at, memory.updated_at) == (ms(1762532514806), ms(1762532514805))
    assert (memory.actor, memory.conversation_id) == (None, None)
    [stored] = file_rows(store_path, "SELECT metadata, tags FROM memories_memory")
    assert stored == (row["metadata"], row.get("tags", "[]")), "to the letter"
    assert [repair[1] for repair in file_rows(store_path, REPAIRS)] == ([] if "title" in row else ["title"])
    assert file_rows(store_path, NAMES) == []


def test_adopted_memories_are_found_by_content_and_by_search(store_path: Path) -> None:
    old_file(store_path, {"id": "a", "content": "Köp\u00a0 A\u030aSAS bröd"}, {"id": "b", "content": "annat"})

    with adopted(store_path) as store:
        memories = store[MemoryRepository]
        found = memories.find_by_content("köp åsas BRÖD")
        assert found is not None
        assert found.id == "a"
        assert [hit.memory.id for hit in memories.search("bröd")] == ["a"]
        assert findings(store) == []


@pytest.mark.parametrize(
    ("metadata", "kept"),
    [
        ("null", True),
        ('"text"', True),
        ("[1, 2]", True),
        ("{}", True),
        (None, True),
        ("", False),
        ("{a: 1}", False),
        ("NaN", False),
        ("[1e400]", False),
        ("18446744073709551616", False),
        ('"\\ud83d"', False),
        ("[" * 102 + "]" * 102, False),
        (f'"{"x" * (1 << 20)}"', False),
    ],
)
def test_metadata_that_can_be_read_stays_and_any_other_is_listed(
    store_path: Path, metadata: str | None, kept: bool
) -> None:
    old_file(store_path, {"metadata": metadata})

    with adopted(store_path) as store:
        assert findings(store) == []

    assert file_rows(store_path, "SELECT metadata FROM memories_memory") == [(metadata if kept else None,)]
    repairs = [("a", "metadata", metadata, "it was no JSON that can be read")]
    assert file_rows(store_path, REPAIRS) == ([] if kept else repairs)


def test_texts_that_are_not_utf8_are_mended_and_listed_with_their_bytes(store_path: Path) -> None:
    row: dict[str, Cell] = {
        "id": Broken(b"a\xff"),
        "title": Broken(b"cut\xed\xa0\xbd"),
        "content": Broken(b"\xed\xa0\xbc\xed\xbd\x93"),
        "source": Broken(b"\xfe"),
    }
    old_file(store_path, row)

    memory = only(store_path)

    assert (memory.id, memory.title, memory.content, memory.source) == (
        "a\ufffd",
        "cut\ufffd",
        "🍓",
        "\ufffd",
    )
    assert {repair[:3] for repair in file_rows(store_path, REPAIRS)} == {
        ("a\ufffd", name, cell.data) for name, cell in row.items() if isinstance(cell, Broken)
    }


def test_numbers_and_bytes_become_text_and_are_listed(store_path: Path) -> None:
    table = LOOSE.replace(" TEXT", "")
    old_file(store_path, {"id": 7, "title": 1.5, "content": b"\xc3\xa5", "source": 2}, table=table)

    memory = only(store_path)

    assert (memory.id, memory.title, memory.content, memory.source) == ("7", "1.5", "å", "2")
    assert {repair[:3] for repair in file_rows(store_path, REPAIRS)} == {
        ("7", "title", 1.5),
        ("7", "content", b"\xc3\xa5"),
        ("7", "source", 2),
    }


def test_rows_without_an_id_get_one_that_follows_from_the_file(store_path: Path, tmp_path: Path) -> None:
    twin = tmp_path / "twin.db"
    for path in (store_path, twin):
        old_file(path, {"id": None}, {"id": None}, {"id": ""}, {"id": "a"})
        with adopted(path) as store:
            assert store[MemoryRepository].count() == 4

    ids = [id for (id,) in file_rows(store_path, "SELECT id FROM memories_memory ORDER BY id")]
    assert file_rows(twin, "SELECT id FROM memories_memory ORDER BY id") == [(id,) for id in ids]
    assert [repair[2] for repair in file_rows(store_path, REPAIRS)] == [None, None, ""]


def test_of_two_rows_with_one_id_the_first_is_kept_and_the_other_listed_whole(store_path: Path) -> None:
    old_file(
        store_path,
        {"id": 1, "title": "first"},
        {"id": "1", "title": "other"},
        table=LOOSE.replace(" TEXT", ""),
    )

    assert only(store_path).title == "first"
    assert [(row["id"], row["title"], row["content"]) for row in left_out(store_path)] == [
        ("1", "other", "c")
    ]
    assert file_rows(store_path, REPAIRS)[0][3] == "the row was left out: another row has the same id"


@pytest.mark.parametrize(
    ("created", "updated", "stored", "listed"),
    [
        (5, None, (5, 5), ["updated_at"]),
        (None, 7, (7, 7), ["created_at"]),
        ("soon", 7, (7, 7), ["created_at"]),
        (5, 253402300800000, (5, 5), ["updated_at"]),
        (9e18, 0, (0, 0), ["created_at"]),
        (b"5", 1.5, (5, 2), ["created_at", "updated_at"]),
        (9, 5, (9, 5), []),
        (0, 253402300799999, (0, 253402300799999), []),
    ],
)
def test_a_time_that_cannot_be_used_becomes_the_other_one_and_is_listed(
    store_path: Path, created: Cell, updated: Cell, stored: tuple[int, int], listed: list[str]
) -> None:
    old_file(store_path, {"created_at": created, "updated_at": updated}, table=LOOSE)

    memory = only(store_path)

    assert (memory.created_at, memory.updated_at) == (ms(stored[0]), ms(stored[1]))
    before = {"created_at": created, "updated_at": updated}
    repairs = [repair[:3] for repair in file_rows(store_path, REPAIRS)]
    assert repairs == [("a", name, before[name]) for name in listed]


def test_a_memory_without_any_time_gets_the_newest_one_of_the_table(store_path: Path) -> None:
    old_file(
        store_path,
        {"id": "a", "created_at": None, "updated_at": "soon"},
        {"id": "b", "created_at": 4, "updated_at": 9},
        {"id": "c", "created_at": 8, "updated_at": 3},
        table=LOOSE,
    )

    with adopted(store_path) as store:
        memory = store[MemoryRepository].get("a")

    assert (memory.created_at, memory.updated_at) == (ms(9), ms(9))
    assert [repair[:3] for repair in file_rows(store_path, REPAIRS)] == [
        ("a", "created_at", None),
        ("a", "updated_at", "soon"),
    ]


def test_where_no_row_tells_a_time_it_is_that_of_the_adoption(store_path: Path) -> None:
    old_file(store_path, {"created_at": None, "updated_at": None}, table=LOOSE)
    before = now()

    memory = only(store_path)

    assert before <= memory.created_at == memory.updated_at <= now()


@pytest.mark.parametrize(
    ("valid_until", "expires_at", "is_listed"),
    [
        (None, None, False),
        (0, ms(0), False),
        (1762532514806.4, ms(1762532514806), True),
        ("soon", None, True),
        (1 << 62, None, True),
    ],
)
def test_the_end_of_a_memory_comes_over_or_is_listed(
    store_path: Path, valid_until: Cell, expires_at: datetime | None, is_listed: bool
) -> None:
    old_file(store_path, {"valid_until": valid_until})

    assert only(store_path).expires_at == expires_at
    repairs = [repair[:3] for repair in file_rows(store_path, REPAIRS)]
    assert repairs == ([("a", "valid_until", valid_until)] if is_listed else [])


def test_what_another_program_added_to_the_table_is_listed(store_path: Path) -> None:
    table = LOOSE.removesuffix(")") + ", pinned, colour)"
    extra: list[dict[str, Any]] = [{"id": "a", "pinned": 1}, {"id": "b"}, {"id": "c", "colour": b"\x00"}]
    old_file(store_path, *extra, table=table)

    with adopted(store_path) as store:
        assert store[MemoryRepository].count() == 3
    assert file_rows(store_path, REPAIRS) == [
        ("a", "pinned", 1, "a memory has no place for it"),
        ("c", "colour", b"\x00", "a memory has no place for it"),
    ]


def test_the_steps_are_those_that_were_released() -> None:
    steps = PLUGINS["memories"].steps

    assert {step.id: step.checksum for step in steps} == {
        "0001_initial": "6253442a971d7955",
        "0002_adopt": "b11c30c9a0b5957e",
    }
