from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stina_core import open_store
from stina_core.testing import run_python
from stina_memories import MemoryRepository

from .conftest import PLUGINS

if TYPE_CHECKING:
    from stina_core.testing import StinaCommand

KEYS = ["id", "title", "content", "metadata", "source", "tags", "expires_at", "created_at", "updated_at"]
MORE = ["actor", "conversation_id"]


def moment(text: str) -> datetime:
    assert len(text) == len("2026-03-01T12:00:00.000Z")
    assert text.endswith("Z")
    return datetime.fromisoformat(text)


def test_add_show_edit_and_delete_with_json(stina: StinaCommand, store_path: Path) -> None:
    added = stina(
        "add", "Te", "Anna gillar grönt te", "--tag", "mat", "--tag", "anna", "--source", "chat",
        "--metadata", '{"säker": true}', "--expires", "2099-01-31T12:00Z", "--conversation", "c1",
        "--actor", "assistant", "--json",
    ).document  # fmt: skip
    id = added["id"]

    assert [*KEYS, *MORE, "similar"] == list(added)
    assert moment(added["created_at"]) == moment(added["updated_at"])
    assert {name: added[name] for name in (*KEYS[1:7], *MORE, "similar")} == {
        "title": "Te",
        "content": "Anna gillar grönt te",
        "metadata": {"säker": True},
        "source": "chat",
        "tags": ["mat", "anna"],
        "expires_at": "2099-01-31T12:00:00.000Z",
        "actor": "assistant",
        "conversation_id": "c1",
        "similar": [],
    }
    del added["similar"]
    assert stina("show", id, "--json").document == added
    assert stina("list", "--json").document == [added]

    edited = stina(
        "edit", id, "--title", "Grönt te", "--clear", "expires", "--clear", "tags", "--json"
    ).document

    assert edited == {
        **added,
        "title": "Grönt te",
        "expires_at": None,
        "tags": [],
        "updated_at": edited["updated_at"],
    }
    assert moment(edited["updated_at"]) > moment(added["updated_at"])
    with open_store(store_path, plugins=PLUGINS) as store:
        assert store[MemoryRepository].get(id).title == "Grönt te"
    assert stina("delete", id, "--yes", "--json").document == {"id": id, "deleted": True}
    assert stina("list", "--json", "--all").document == []


def test_add_says_which_memories_are_almost_the_same(stina: StinaCommand) -> None:
    first = stina("add", "Tea", "Anna likes green tea", "--json").document["id"]

    twin = stina("add", "Drinks", "Anna likes green  TEA", "--json").document["similar"]
    plain = stina("add", "Tea again", "Anna likes green teas")

    assert twin == [{"id": first, "title": "Tea", "similarity": 1.0}]
    line, *hints = plain.out.splitlines()
    assert line.endswith(" Tea again")
    assert [hint.split()[:2] for hint in hints] == [["98%", "like"]] * 2
    assert hints[1].endswith(f"{first} Tea")


def test_show_prints_the_memory_for_people(stina: StinaCommand) -> None:
    id = stina(
        "add", "Tea", "first\n  second", "--expires", "2099-01-31", "--tag", "a", "--tag", "b c", "--json"
    ).document["id"]

    lines = stina("show", id).out.splitlines()

    assert lines[:4] == ["Tea", f"id: {id}", "tags: a, b c", "expires: 2099-01-31T23:00:00.000Z"]
    assert lines[-3:] == ["", "first", "  second"]
    assert not any(line.startswith(("source", "metadata", "conversation")) for line in lines)
    assert "by: user" in lines


def test_list_shows_what_matters_now_and_all_shows_everything_whole(stina: StinaCommand) -> None:
    stina("add", "Old", "old content", "--expires", "2001-01-01")
    stina("add", "New", "new content", "--tag", "a", "--tag", "b")

    head, *rows = stina("list").out.splitlines()
    now, every = stina("list", "--json").document, stina("list", "--all", "--json").document

    assert head.split() == ["id", "title", "tags", "expires_at", "updated_at"]
    assert [row.split()[1:4] for row in rows] == [["New", "a,", "b"]]
    assert [memory["title"] for memory in now] == ["New"]
    assert [memory["content"] for memory in every] == ["new content", "old content"]
    assert all(list(memory) == [*KEYS, *MORE] for memory in every)
    assert [memory["title"] for memory in stina("list", "--all", "--limit", "1", "--json").document] == [
        "New"
    ]


def test_search_finds_words_newest_first_or_ranked(stina: StinaCommand) -> None:
    stina("add", "Best", "te te te")
    stina("add", "Walk", "a long walk in the rain and then a cup of té with milk, and another walk home")
    stina("add", "Gone", "te", "--expires", "2001-01-01")

    found = stina("search", "te", "--json").document

    assert [memory["title"] for memory in found] == ["Walk", "Best"]
    assert list(found[0]) == [*KEYS, *MORE, "snippet"]
    ((first, last),) = found[0]["snippet"]["highlights"]
    assert found[0]["snippet"]["text"][first:last] == "té"
    assert [memory["title"] for memory in stina("search", "te", "--ranked", "--json").document] == [
        "Best",
        "Walk",
    ]
    assert len(stina("search", "te", "--all", "--json").document) == 3
    assert len(stina("search", "te", "--limit", "1", "--json").document) == 1
    assert stina("search", "te").out.splitlines()[1].split()[1:4] == ["Walk", "a", "long"]
    assert (stina("search", "nothing").out, stina("search", "nothing", "--json").document) == ("", [])


def test_a_dash_reads_the_content_from_standard_input_without_its_last_line_end(stina: StinaCommand) -> None:
    id = stina("add", "T", "-", "--json", stdin="  två\nrader\n\n".encode()).document["id"]

    assert stina("show", id, "--json").document["content"] == "  två\nrader\n"
    assert stina("edit", id, "--content", "-", "--json", stdin=b"new\r\n").document["content"] == "new"
    assert stina("add", "--json", "--", "-t", "-c").document["content"] == "-c"


def test_edit_changes_only_what_is_named(stina: StinaCommand) -> None:
    added = stina("add", "T", "c", "--tag", "a", "--source", "s", "--metadata", "1", "--json").document
    del added["similar"]
    id = added["id"]

    assert stina("edit", id, "--json").document == added
    assert stina("edit", id, "--tag", "b", "--tag", "c", "--json").document["tags"] == ["b", "c"]
    changed = stina(
        "edit", id, "--metadata", "[]", "--actor", "tool", "--conversation", "x", "--json"
    ).document
    assert (changed["metadata"], changed["actor"], changed["conversation_id"]) == ([], "tool", "x")
    cleared = stina(
        "edit",
        id,
        *(word for name in ("metadata", "source", "actor", "conversation") for word in ("--clear", name)),
        "--json",
    ).document
    assert [cleared[name] for name in ("metadata", "source", "actor", "conversation_id")] == [None] * 4
    assert (cleared["title"], cleared["content"], cleared["tags"]) == ("T", "c", ["b", "c"])


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("2026-06-30", "2026-06-30T22:00:00.000Z"),  # the end of that day in Stockholm
        ("2026-12-31", "2026-12-31T23:00:00.000Z"),
        ("2026-03-29", "2026-03-29T22:00:00.000Z"),  # the clocks change on it
        ("2026-06-30T18:00", "2026-06-30T16:00:00.000Z"),
        ("2026-06-30T18:00:01.250Z", "2026-06-30T18:00:01.250Z"),
        ("2026-06-30T18:00-05:00", "2026-06-30T23:00:00.000Z"),
    ],
)
def test_a_date_expires_at_its_end_and_a_time_without_a_zone_is_local(
    stina: StinaCommand, given: str, wanted: str
) -> None:
    assert stina("add", "T", "c", "--expires", given, "--json").document["expires_at"] == wanted


def test_delete_expired_deletes_what_has_expired(stina: StinaCommand) -> None:
    stina("add", "Old", "a", "--expires", "2001-01-01")
    stina("add", "New", "b", "--expires", "2099-01-01")

    assert stina("delete", "--expired", "--yes").out == "1 expired memory is deleted\n"
    assert stina("delete", "--expired", "--yes", "--json").document == {"deleted": 0}
    assert [memory["title"] for memory in stina("list", "--all", "--json").document] == ["New"]


@pytest.mark.parametrize("command", ["show", "edit", "delete"])
def test_a_missing_memory_is_one_line_on_stderr_and_exit_code_1(stina: StinaCommand, command: str) -> None:
    result = stina(command, "absent", "--json")

    assert (result.code, result.out) == (1, "")
    assert result.err == "stina: memories_memory has no row 'absent'\n"


def test_every_json_line_is_utf_8_whatever_is_stored(stina: StinaCommand, store_path: Path) -> None:
    with open_store(store_path, plugins=PLUGINS) as store:
        store[MemoryRepository].add(
            "a\x00b\n\x1b[31m", "NUL \x00 and 🍓", created_at=datetime(1, 1, 2, tzinfo=UTC)
        )

    (memory,) = json.loads(stina("list", "--json").out)

    assert (memory["title"], memory["content"]) == ("a\x00b\n\x1b[31m", "NUL \x00 and 🍓")
    assert memory["created_at"] == "0001-01-02T00:00:00.000Z"
    assert len(stina("list").out.splitlines()) == 2
    assert stina("show", memory["id"]).code == 0


def test_the_command_is_imported_without_the_database() -> None:
    output = run_python(
        "import sys, stina_memories.commands\n"
        "heavy = {'peewee', 'apsw', 'difflib', 'stina_core.store', 'stina_memories.repository', 'importlib.metadata'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )

    assert output.strip() == "[]"
