"""Where an excerpt is taken from, what is marked in it, and how much of a text is looked at for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import apsw
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from stina_core import Search
from stina_core.backends.sqlite import excerpts, text_pieces
from stina_core.backends.sqlite.excerpts import EXCERPT, LONGEST, LOOKED, Excerpts
from stina_core.backends.sqlite.text_pieces import PIECE, tokenizer_of
from stina_core.catalog import TOKENIZER
from stina_core.search.hits import Snippet

from .shelf import TOKENIZERS, Shelf, shelf_at, table_of

WORDS = ("red", "reddish", "Röd", "running", "blue-green", "x'y", "日本語", "e\u0301te", "\U0001f600")
QUESTIONS = {
    "red": '"red"',
    "red*": '"red" *',
    "rod": '"rod"',
    "runs*": '"runs" *',
    "blue green": '"blue" OR "green"',
    '"red blue-green"': '"red blue-green"',
    '"red run"*': '"red run" *',
    "red OR x'y": '"red" OR "x\'y"',
    "red -nothing": '"red"',
    "-nothing OR red": '"red"',
    "日本*": '"日本" *',
    "été": '"été"',
    "red reddish running": '"red" OR "reddish" OR "running"',
}
"""What is typed, and as an expression of FTS5 any of the words and phrases that it asks for."""

separators = st.sampled_from([" ", " ", " ", "\n", ". ", " — ", "\0", "  ", "…"])
words = st.tuples(st.sampled_from(WORDS), separators).map("".join)
fillers = st.integers(0, 40).map(lambda count: "und so weiter " * count)
texts = st.lists(words | fillers, max_size=12).map("".join)


@contextmanager
def shelf_of(tokenizer: str = TOKENIZER, *columns: str) -> Iterator[Shelf]:
    search = Search(*(columns or ("title", "notes")), tokenizer=tokenizer)
    with TemporaryDirectory() as folder, shelf_at(Path(folder, "shelf.db"), table_of(search=search)) as shelf:
        shelf.run("PRAGMA synchronous = OFF")
        yield shelf


def fill(shelf: Shelf, *rows: tuple[str, str | None]) -> None:
    with shelf.transactions.begin():
        for number, (title, notes) in enumerate(rows):
            shelf.add(str(number), title, notes)


def shown(snippet: Snippet) -> list[str]:
    return [snippet.text[first:last] for first, last in snippet.highlights]


def finds(tokenizer: str, match: str, text: str) -> bool:
    """Whether FTS5 finds *match* in *text* alone."""
    connection = apsw.Connection(":memory:")
    connection.execute(
        f"CREATE VIRTUAL TABLE one USING fts5 (text, tokenize = {apsw.format_sql_value(tokenizer)})"
    )
    connection.execute("INSERT INTO one VALUES (?)", (text,))
    return bool(connection.execute("SELECT 1 FROM one WHERE one MATCH ?", (match,)).fetchall())


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@settings(max_examples=30)
@given(rows=st.lists(st.tuples(texts, st.none() | texts), min_size=1, max_size=4))
def test_excerpt_of_whatever_is_found_marks_words_that_answer_and_nothing_else(
    tokenizer: str, rows: list[tuple[str, str | None]]
) -> None:
    with shelf_of(tokenizer) as shelf:
        fill(shelf, *rows)
        for question, any_of in QUESTIONS.items():
            found = shelf.index.newest(question)
            for hit in found:
                parts = shown(hit.snippet)
                assert parts
                assert all(finds(tokenizer, any_of, part) for part in parts)
                assert any(hit.snippet.text.strip("…") in (text or "") for text in rows[int(str(hit.key))])
                assert len(hit.snippet.text.encode()) <= LONGEST + 2 * len("…".encode())
            ranked = {hit.key: hit.snippet for hit in shelf.index.ranked(question)}
            assert ranked == {hit.key: hit.snippet for hit in found}


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@settings(max_examples=30)
@given(text=st.lists(words, max_size=6).map("".join).filter(lambda text: "\0" not in text))
def test_excerpt_of_a_short_text_is_what_fts5_gives(tokenizer: str, text: str) -> None:
    assume(len(tokenizer_of(tokenizer)(text.encode(), apsw.FTS5_TOKENIZE_DOCUMENT)) <= EXCERPT)
    with shelf_of(tokenizer, "title") as shelf:
        fill(shelf, (text, None))
        for question, any_of in QUESTIONS.items():
            for hit in shelf.index.newest(question):
                ((marked,),) = shelf.run(
                    "SELECT snippet(notes_note_search, 0, '\x01', '\x02', '…', 24) FROM notes_note_search "
                    "WHERE notes_note_search MATCH ?",
                    (any_of,),
                )
                parts = [
                    (part, number % 2 == 1) for number, part in enumerate(re.split("[\x01\x02]", marked))
                ]
                assert hit.snippet.parts() == [part for part in parts if part[0]]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, LOOKED + 3 * PIECE), st.sampled_from(["und ", "ö ", "\U0001f600 x ", "\0x"]))
@example(LOOKED - 9, "und ")
@example(LOOKED, "und ")
@example(PIECE - 9, "und ")
def test_hit_is_shown_in_the_middle_wherever_it_is(place: int, filler: str) -> None:
    check_middle(place, filler)


def check_middle(place: int, filler: str) -> None:
    before = filler * (place // len(filler.encode()))
    with shelf_of() as shelf:
        fill(shelf, ("title", f"{before} needle point {filler * 100}"))

        (hit,) = shelf.index.newest('"needle point"')

    assert shown(hit.snippet) == ["needle point"]
    left, right = re.split("needle point", hit.snippet.text)
    words_before = len(re.findall(r"\w+", before))
    assert len(re.findall(r"\w+", left)) == (
        words_before if words_before <= EXCERPT - 2 else EXCERPT // 2 - 1
    )
    assert len(re.findall(r"\w+", left + right)) == EXCERPT - 2


def check_end_of_a_piece() -> None:
    for place in range(PIECE - 200, PIECE, 20):
        check_middle(place, "und ")


def test_hit_would_stand_at_an_edge_if_pieces_did_not_overlap() -> None:
    check_end_of_a_piece()
    with patch.object(text_pieces, "OVERLAP", 1), pytest.raises(AssertionError):
        check_end_of_a_piece()


def test_place_with_most_of_the_question_is_shown_in_whichever_column_it_is() -> None:
    far = "und so weiter " * 100
    with shelf_of() as shelf:
        fill(
            shelf,
            (f"apple {far} apple pie {far} apple pie cake {far} apple pie cake", "pie"),
            ("apple", f"cake {far} pie apple cake"),
        )

        second, first = shelf.index.newest("apple pie cake")

    assert shown(first.snippet) == ["apple", "pie", "cake"]
    assert first.snippet.text.count("und") > 6  # the first one: text on both sides
    assert shown(second.snippet) == ["pie", "apple", "cake"]


def test_text_with_nul_is_shown_whole() -> None:
    with shelf_of() as shelf:
        fill(shelf, ("one\0two three needle four", None))

        (hit,) = shelf.index.newest("needle")

    assert hit.snippet == Snippet("one\0two three needle four", ((14, 20),))


def test_text_without_any_word_of_the_question_is_shown_from_its_beginning() -> None:
    chosen = Excerpts(TOKENIZER, '"nothing"')

    assert chosen.of([b"", b"some text."], lambda: []) == ("some text.", ())
    assert chosen.of([b"word " * 100], lambda: []) == (("word " * EXCERPT).strip() + "…", ())
    assert chosen.of([b"word " * LOOKED], lambda: [b"word " * LOOKED]) == (
        ("word " * EXCERPT).strip() + "…",
        (),
    )
    assert chosen.of([], lambda: []) == ("", ())


def test_excerpt_of_endless_words_and_blanks_is_short() -> None:
    with shelf_of() as shelf:
        fill(shelf, ("a" * 100_000, "ö" * 99_999 + " needle " + "å" * 99_999 + " " * 100_000 + "needle"))

        (needle,) = shelf.index.newest("needle")
        (beginning,) = shelf.index.newest("aaa*")

    assert shown(needle.snippet) == ["needle"]
    assert LONGEST // 2 < len(needle.snippet.text.encode()) <= LONGEST + 6
    assert beginning.snippet == Snippet("a" * LONGEST + "…", ((0, LONGEST),))


def test_phrase_that_is_longer_than_an_excerpt_is_marked_as_far_as_it_is_shown() -> None:
    phrase = " ".join(f"word{number}" for number in range(100))
    with shelf_of() as shelf:
        fill(shelf, (f"before {phrase} after", None))

        (hit,) = shelf.index.newest(f'"{phrase}"')

    assert shown(hit.snippet) == [" ".join(f"word{number}" for number in range(EXCERPT))]


MEGABYTE = 1 << 20


def looked_at(text: str, question: str, piece: int = PIECE) -> tuple[Snippet, int]:
    """Return the excerpt of a row with *text*, and how many bytes were taken apart for it."""
    sizes: list[int] = []

    def measured(words: str) -> Callable[[bytes, int], list[text_pieces.Token]]:
        tokenize = tokenizer_of(words)

        def note(text: bytes, purpose: int) -> list[text_pieces.Token]:
            sizes.append(len(text))
            return tokenize(text, purpose)

        return note

    with shelf_of() as shelf, patch.object(excerpts, "tokenizer_of", measured):
        fill(shelf, (text, None))
        shelf.follower.catch_up()
        shelf.ran.clear()
        with patch.object(text_pieces, "PIECE", piece):
            (hit,) = shelf.index.newest(question)
        assert not [sql for sql in shelf.ran if re.search(r"\b(snippet|highlight)\b", sql)]
    return hit.snippet, sum(sizes)


def test_megabyte_of_one_word_is_looked_at_no_further_than_a_page() -> None:
    text = "word " * (MEGABYTE // 5)

    for question in ("word", "wor*", '"word word"', "word word*"):
        snippet, size = looked_at(text, question)
        assert shown(snippet)
        assert size <= PIECE + len(question)
    snippet, size = looked_at(text, 'word OR else OR "word else"')
    assert shown(snippet) == ["word"] * EXCERPT
    assert size <= 2 * LOOKED


def test_megabyte_would_be_looked_at_whole_if_it_were_not_taken_in_pieces() -> None:
    with patch.object(excerpts, "LOOKED", 2 * MEGABYTE):
        with patch("stina_core.backends.sqlite.full_text_queries.LOOKED", 2 * MEGABYTE):
            _, size = looked_at("word " * (MEGABYTE // 5), "word", piece=2 * MEGABYTE)

    assert size > MEGABYTE - 5


@pytest.mark.parametrize("filler", ["und so weiter ", "x", " ", "\U0001f600"])
def test_megabyte_with_the_hit_at_its_end_is_looked_through_a_few_times_at_most(filler: str) -> None:
    text = filler * (MEGABYTE // len(filler.encode())) + " needle"

    snippet, size = looked_at(text, "needle")

    assert shown(snippet) == ["needle"]
    assert size <= 4 * len(text.encode())
