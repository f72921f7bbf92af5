from __future__ import annotations

import json
from pathlib import Path

import pytest

from stina_core.testing import file_rows
from stina_memories.checks import findings

from .old_files import GENERATIONS, LOOSE, REPAIRS, Cell, adopted, old_file, only

NO_TITLES = GENERATIONS["88ccfa5"]

MADE = [
    ("one line", "one line"),
    ("\n \t\r\n  first  \r\nsecond", "first"),
    ("a\u2028b", "a"),
    ("å" * 80, "å" * 80),
    ("å" * 81, "å" * 79 + "…"),
    ("word " * 30, ("word " * 30)[:79].rstrip() + "…"),
    ("x" * 78 + " yy", "x" * 78 + "…"),
    ("\x00", "\x00"),
]


@pytest.mark.parametrize(("content", "title"), MADE)
def test_where_there_were_no_titles_each_is_made_of_the_content_and_listed(
    store_path: Path, content: str, title: str
) -> None:
    old_file(store_path, {"content": content}, table=NO_TITLES)

    memory = only(store_path)

    assert (memory.title, memory.content) == (title, content)
    assert len(memory.title) <= 80
    assert file_rows(store_path, REPAIRS) == [
        ("a", "title", None, "memories had no titles yet; it was made of the content")
    ]


@pytest.mark.parametrize("empty", ["", " \n", None])
def test_an_empty_title_is_made_of_the_content_and_listed_with_what_it_was(
    store_path: Path, empty: str | None
) -> None:
    old_file(store_path, {"title": empty, "content": "\nfirst\nsecond"}, table=LOOSE)

    assert only(store_path).title == "first"
    assert file_rows(store_path, REPAIRS) == [
        ("a", "title", empty, "it was empty; it was made of the content")
    ]


def test_a_title_longer_than_500_characters_is_cut_and_listed(store_path: Path) -> None:
    fits, cut, blank = "å" * 500, "å" * 501, "x" * 499 + " y"
    old_file(store_path, {"id": "a", "title": fits}, {"id": "b", "title": cut}, {"id": "c", "title": blank})

    with adopted(store_path) as store:
        assert findings(store) == []

    titles = dict(file_rows(store_path, "SELECT id, title FROM memories_memory"))
    assert titles == {"a": fits, "b": "å" * 500, "c": "x" * 499}
    assert file_rows(store_path, REPAIRS) == [
        ("b", "title", cut, "it was cut to 500 characters"),
        ("c", "title", blank, "it was cut to 500 characters"),
    ]


def test_white_space_around_a_title_is_taken_off_and_listed(store_path: Path) -> None:
    old_file(store_path, {"title": " " * 600 + "t\u00a0"})

    assert only(store_path).title == "t"
    assert file_rows(store_path, REPAIRS) == [
        ("a", "title", " " * 600 + "t\u00a0", "the white space around it was taken off")
    ]


@pytest.mark.parametrize("empty", ["", "\u3000\n", None])
def test_an_empty_content_becomes_the_title_and_is_listed(store_path: Path, empty: str | None) -> None:
    old_file(store_path, {"title": f" {'t' * 600}", "content": empty}, table=LOOSE)

    memory = only(store_path)

    assert (memory.title, memory.content) == ("t" * 500, f" {'t' * 600}")
    assert file_rows(store_path, REPAIRS)[0] == ("a", "content", empty, "it was empty; the title was taken")


@pytest.mark.parametrize("table", [LOOSE, NO_TITLES])
def test_a_memory_with_neither_title_nor_content_is_kept_and_listed(store_path: Path, table: str) -> None:
    row: dict[str, Cell] = {"content": "", "metadata": "{}"}
    old_file(store_path, row | ({"title": ""} if "title" in table else {}), table=table)

    memory = only(store_path)

    assert (memory.title, memory.content, memory.metadata) == ("(untitled)", "(empty)", {})
    before = "" if "title" in table else None
    why = "it was empty" if "title" in table else "memories had no titles yet"
    assert file_rows(store_path, REPAIRS) == [
        ("a", "content", "", "it was empty, and so was the title"),
        ("a", "title", before, f"{why}; nor is there a content"),
    ]


@pytest.mark.parametrize(
    "tags", [None, "[]", '["a"]', '[ "b" ,"a"]', '["h\\u00e4lsa", "🏔", "\\ud83c\\udf53"]']
)
def test_tags_that_are_tags_stay_to_the_letter(store_path: Path, tags: str | None) -> None:
    old_file(store_path, {"tags": tags})

    with adopted(store_path) as store:
        assert findings(store) == []
    assert file_rows(store_path, "SELECT tags FROM memories_memory") == [(tags or "[]",)]
    assert file_rows(store_path, REPAIRS) == []


@pytest.mark.parametrize(
    ("tags", "kept"),
    [
        ('["a", 1, null, true, ["x"], {"y": "z"}, "b"]', ("a", "b")),
        ('["a", "b", "a", " a "]', ("a", "b")),
        ('["", "  ", "a"]', ("a",)),
        ('[" a"]', ("a",)),
        (f'["{"å" * 101}", "b"]', ("å" * 100, "b")),
        ('["cut \\ud83d"]', ("cut \ufffd",)),
        ("null", ()),
        ('"a"', ()),
        ('{"a": 1}', ()),
        ("", ()),
        ("a, b", ()),
        ('["a"', ()),
        ("[" * 100_000, ()),
        (f"[{'9' * 5000}]", ()),
        (json.dumps([str(number) for number in range(120_000)]), ()),
    ],
)
def test_what_is_no_tag_or_there_twice_is_left_out_and_listed(
    store_path: Path, tags: str, kept: tuple[str, ...]
) -> None:
    old_file(store_path, {"tags": tags})

    with adopted(store_path) as store:
        assert findings(store) == []

    assert only(store_path).tags == kept
    [repair] = file_rows(store_path, REPAIRS)
    assert repair[:3] == ("a", "tags", tags)
