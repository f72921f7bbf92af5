"""What a hit shows, and that no text can be mistaken for a mark."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stina_core import Search
from stina_core.search.hits import Hit, Snippet

from .shelf import shelf_at, table_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shelf.db"


def test_snippet_says_where_the_words_are(path: Path) -> None:
    with shelf_at(path) as shelf:
        shelf.add("a", "Buy milk", "Fresh MILK from the farm")

        (hit,) = shelf.index.newest("milk farm")

        assert hit == Hit("a", Snippet("Fresh MILK from the farm", ((6, 10), (20, 24))), 1)
        assert hit.snippet.parts() == [
            ("Fresh ", False),
            ("MILK", True),
            (" from the ", False),
            ("farm", True),
        ]


def test_snippet_of_a_long_text_is_the_part_around_the_hit(path: Path) -> None:
    with shelf_at(path) as shelf:
        shelf.add("a", "x " * 500 + "needle" + " y" * 500)

        (hit,) = shelf.index.ranked("needle")

        text = hit.snippet.text
        assert text.startswith("…")
        assert text.endswith("…")
        assert len(text) < 100
        assert [text[first:last] for first, last in hit.snippet.highlights] == ["needle"]


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=10)


def test_text_of_any_characters_comes_back_as_it_is_with_the_hit_where_it_is(path: Path) -> None:
    with shelf_at(path) as shelf:
        shelf.add("a", "")

        @settings(max_examples=50)
        @given(before=texts, after=texts)
        def comes_back(before: str, after: str) -> None:
            text = f"{before} needle {after}"
            shelf.change("a", text)

            (hit,) = shelf.index.newest("needle")

            start = hit.snippet.text.index("needle", len(before))
            assert hit.snippet.text == text
            assert (start, start + 6) in hit.snippet.highlights
            assert "".join(piece for piece, _ in hit.snippet.parts()) == text

        comes_back()


def test_text_that_is_no_utf_8_is_found_and_shown_with_replacements(path: Path) -> None:
    with shelf_at(path) as shelf:
        shelf.run(
            "INSERT INTO notes_note (id, title) VALUES ('a', CAST(x'6e6565646c6520ff20fe20ff2078' AS TEXT))"
        )
        shelf.add("b", "needle")

        assert shelf.found("needle") == ["b", "a"]
        with shelf.transactions.begin():
            shelf.run("UPDATE notes_note SET notes = 'changed'")
            assert shelf.found("needle") == ["b", "a"]
        (hit,) = shelf.index.newest("x")
        assert hit.snippet == Snippet("needle \ufffd \ufffd \ufffd x", ((13, 14),))


def test_text_with_nul_is_found_by_all_its_words(path: Path) -> None:
    with shelf_at(path) as shelf:
        shelf.add("a", "one\0two three needle four")

        for word in ("one", "two", "needle", "four"):
            assert shelf.found(word) == ["a"]
        (hit,) = shelf.index.newest("needle")
        assert [hit.snippet.text[a:b] for a, b in hit.snippet.highlights] == ["needle"]


@pytest.mark.parametrize("tokenizer", ["porter unicode61", "trigram", "unicode61 remove_diacritics 0"])
def test_every_tokenizer_has_snippets(path: Path, tokenizer: str) -> None:
    with shelf_at(path, table_of(search=Search("title", tokenizer=tokenizer, prefix=(2,)))) as shelf:
        shelf.add("a", "running shoes")

        (hit,) = shelf.index.newest("run*")

        assert hit.snippet == Snippet("running shoes", ((0, 3 if tokenizer == "trigram" else 7),))
