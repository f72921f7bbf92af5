from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stina_core import InvalidValueError, Severity, Store
from stina_core.testing import file_rows
from stina_memories import MemoryRepository
from stina_memories.plugin import check

ROW = {
    "id": "'a'",
    "title": "'t'",
    "content": "'c'",
    "metadata": "NULL",
    "tags": "'[]'",
    "expires_at": "NULL",
    "digest": "'none'",
    "created_at": "0",
    "updated_at": "0",
}


def put(path: Path, **values: str) -> None:
    """Write a row as another program would; values are SQL."""
    row = ROW | values
    file_rows(path, f"INSERT INTO memories_memory ({', '.join(row)}) VALUES ({', '.join(row.values())})")


def test_a_store_the_repository_wrote_has_no_findings(memories: MemoryRepository, store: Store) -> None:
    memories.add(
        "🍓", "c\x00d", metadata=[1, {"a": None}], tags=["x"], expires_at=datetime(2000, 1, 1, tzinfo=UTC)
    )
    memories.add("t" * 500, " c ", actor="tool", source="", conversation_id="")

    assert list(check(store)) == []


@pytest.mark.parametrize(
    ("values", "severity", "message"),
    [
        ({"id": "CAST(x'ff6b' AS TEXT)"}, "error", r"the id '\\xffk' is not UTF-8"),
        ({"content": "CAST(x'22ff22' AS TEXT)"}, "error", "content of 'a' is not UTF-8"),
        ({"metadata": "printf('%.*c', 5000, '9')"}, "error", "the stored text is not JSON that can be read"),
        ({"tags": "'{}'"}, "error", "no list of texts"),
        ({"tags": "'[1]'"}, "error", "no list of texts"),
        ({"expires_at": "9000000000000000000"}, "error", "memories_memory.expires_at"),
        ({"title": "'  '"}, "warning", "the title is empty"),
        ({"content": "char(10)"}, "warning", "the content is empty"),
        ({"tags": "'[\" \"]'"}, "warning", "a tag has 1 to 100 characters"),
        ({"metadata": "'18446744073709551616'"}, "warning", "does not fit in 64 bits"),
        ({}, "warning", "'a' was changed by another program"),
    ],
)
def test_a_row_another_program_wrote_is_reported_without_its_contents(
    store: Store,
    memories: MemoryRepository,
    store_path: Path,
    values: dict[str, str],
    severity: str,
    message: str,
) -> None:
    memories.add("good", "good")
    put(store_path, **values)

    [finding] = list(check(store))

    assert (finding.severity, finding.subject) == (severity, "memories_memory")
    assert message in finding.message
    assert len(finding.message) < 300


def test_an_unreadable_row_is_a_typed_error_and_can_be_removed(
    memories: MemoryRepository, store: Store, store_path: Path
) -> None:
    for id, tags in (("a", "'{}'"), ("b", "'[1]'"), ("c", "'[\"x\"]'")):
        put(store_path, id=f"'{id}'", tags=tags, created_at="1")

    for id in "ab":
        with pytest.raises(InvalidValueError, match=r"^memories_memory\.tags: "):
            memories.get(id)
    with pytest.raises(InvalidValueError):
        memories.list()
    assert memories.delete("a")
    assert memories.delete("b")

    assert [memory.tags for memory in memories.list()] == [("x",)]


@pytest.mark.parametrize(
    ("id", "values"),
    [
        ("två ord", {"tags": "'{}'"}),
        ("it's", {"tags": "'{}'"}),
        ("$HOME; rm -rf /", {"tags": "'{}'"}),
        ("-", {"tags": "'{}'"}),
        ("--json", {}),
    ],
)
def test_the_command_a_finding_advises_mends_it_in_a_shell(
    id: str, values: dict[str, str], store: Store, store_path: Path
) -> None:
    quoted = id.replace("'", "''")
    put(store_path, id=f"'{quoted}'", **values)
    [finding] = list(check(store))
    command = finding.remedy.partition("stina memories ")[2].replace(
        "delete", "delete --yes", 1
    )  # no terminal
    script = f'stina() {{ "{sys.executable}" -m stina_core --db "$STORE" "$@"; }}; stina memories {command}'

    done = subprocess.run(
        ["bash", "-c", script],
        env={**os.environ, "STORE": str(store_path), "STINA_PLUGINS": "memories"},
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, b"")
    assert list(check(store)) == []


def test_an_edit_of_a_changed_row_makes_it_found_again(
    memories: MemoryRepository, store: Store, store_path: Path
) -> None:
    memories.add("t", "before", id="a")
    file_rows(store_path, "UPDATE memories_memory SET content = 'after'")
    [finding] = list(check(store))

    changed = memories.update("a")

    assert finding.severity is Severity.WARNING
    assert list(check(store)) == []
    assert memories.find_by_content("After") == changed


def test_no_command_is_advised_for_an_id_that_cannot_be_copied_from_a_terminal(
    store: Store, store_path: Path
) -> None:
    put(store_path, id="'a' || char(8238) || 'b'", tags="'{}'")

    [finding] = list(check(store))

    assert "stina memories" not in finding.remedy
    assert "MemoryRepository.delete()" in finding.remedy
    assert "\u202e" not in finding.message + finding.remedy


def test_a_long_id_is_cut_visibly(store: Store, store_path: Path) -> None:
    put(store_path, id="printf('%.*c', 61, 'k')", tags="'{}'")

    [finding] = list(check(store))

    assert finding.message.startswith(f"'{'k' * 60}…': ")
