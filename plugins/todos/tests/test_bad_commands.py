"""What the command refuses."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stina_core import open_store
from stina_core.testing import file_rows
from stina_todos import TodoRepository

if TYPE_CHECKING:
    from .conftest import Stina


@pytest.mark.parametrize("option", ["--due", "--remind", "--repeat"])
def test_empty_option_of_a_new_todo_is_refused_and_nothing_written(stina: Stina, option: str) -> None:
    result = stina("add", "Milk", option, "")

    assert (result.code, result.out) == (2, "")
    assert f"{option} is empty" in result.err
    assert stina("list", "--all", "--json").document == []


@pytest.mark.parametrize(
    "due",
    [
        "banana",
        "31 februari",
        "1/5",
        "kl 25",
        "every monday",
        "2026-02-30",
        "\ud83d".encode("utf-8", "surrogatepass"),
    ],
)
@pytest.mark.parametrize("option", ["--due", "--remind"])
def test_a_date_that_is_none_is_wrong_usage_and_nothing_is_written(
    stina: Stina, store_path: Path, option: str, due: str | bytes
) -> None:
    result = stina("add", "a", option, due, "--project", "p")

    assert (result.code, result.out) == (2, "")
    assert f"Invalid value for '{option}'" in result.err
    assert not store_path.exists()


@pytest.mark.parametrize(
    ("arguments", "stdin", "code"),
    [
        (["add", ""], b"", 1),
        (["add", " "], b"", 1),
        (["add", "x" * 501], b"", 1),
        (["add", b"\xff"], b"", 1),
        (["add", "b", "--tag", "x" * 101], b"", 1),
        (["add", "b", "--project", "x" * 501], b"", 1),
        (["add", "b", "--project", "new", "--repeat", "daily"], b"", 1),
        (["add", "b", "--repeat", "sometimes"], b"", 2),
        (["add", "b", "--priority", "5"], b"", 2),
        (["add", "b", "--status", "nearly"], b"", 2),
        (["add", "b", "--metadata", "{"], b"", 2),
        (["add", "b", "--metadata", "NaN"], b"", 1),
        (["add", "b", "--description", "-"], b"\xff", 2),
        (["add"], b"", 2),
        (["edit", "a", "--title", " "], b"", 1),
        (["edit", "nobody", "--project", "new"], b"", 1),
        (["show", "nobody"], b"", 1),
        (["done", "nobody"], b"", 1),
        (["comment", "a", " "], b"", 1),
        (["comment", "a", "-"], b"", 1),
        (["comment", "nobody", "x"], b"", 1),
        (["list", "--project", "nobody"], b"", 1),
        (["list", "--status", "nearly"], b"", 2),
        (["list", "--limit", "-1"], b"", 2),
        (["swap"], b"", 2),
    ],
)
def test_the_command_refuses_bad_input_in_few_words_and_writes_nothing(
    stina: Stina, store_path: Path, arguments: list[str | bytes], stdin: bytes, code: int
) -> None:
    with open_store(store_path) as store:
        store[TodoRepository].add("a", due=date(2026, 1, 1))

    result = stina(*arguments, stdin=stdin)

    assert (result.code, result.out) == (code, "")
    assert result.err
    assert "should not happen" not in result.err
    assert file_rows(store_path, "SELECT title, (SELECT count(*) FROM todos_project) FROM todos_todo") == [
        ("a", 0)
    ]


def test_a_process_ends_with_2_for_a_bad_date_and_with_1_for_a_missing_todo(
    processes: Stina, store_path: Path
) -> None:
    wrong = processes("add", "a", "--due", "banana")
    assert (wrong.code, wrong.out, store_path.exists()) == (2, "", False)

    missing = processes("done", "nobody")
    assert (missing.code, missing.out, missing.err) == (1, "", "stina: todos_todo has no row 'nobody'\n")
