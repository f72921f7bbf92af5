"""A text in pieces has the tokens of the whole."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from unittest.mock import patch

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stina_core.backends.sqlite import text_pieces
from stina_core.backends.sqlite.text_pieces import Piece, pieces_of, tokenizer_of
from stina_core.catalog import TOKENIZER

from .shelf import TOKENIZERS

words = st.sampled_from(
    ["red", "Röd", "blue-green", "x'y", "日本語", "e\u0301te", "\U0001f600", " ", "  ", "\0", ". "]
)
texts = st.one_of(
    st.text(max_size=60).map(str.encode),
    st.lists(words, max_size=20).map("".join).map(str.encode),
    st.binary(max_size=40),
)


def tokens_in(pieces: list[Piece]) -> set[text_pieces.Token]:
    return {
        (piece.start + first, piece.start + last, word)
        for piece in pieces
        for first, last, word in piece.tokens
    }


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@settings(max_examples=100)
@given(text=texts, size=st.integers(1, 30), overlap=st.integers(1, 5))
def test_pieces_have_exactly_the_tokens_of_the_whole(
    tokenizer: str, text: bytes, size: int, overlap: int
) -> None:
    tokenize = tokenizer_of(tokenizer)
    with patch.multiple(text_pieces, PIECE=size, OVERLAP=overlap):
        pieces = list(pieces_of(text, tokenize))
        begun = list(pieces_of(text, tokenize, goes_on=True))

    whole = tokenize(text, apsw.FTS5_TOKENIZE_DOCUMENT)
    assert tokens_in(pieces) == set(whole)
    assert [piece.is_last for piece in pieces] == [False] * (len(pieces) - 1) + [True] * bool(pieces)
    assert tokens_in(begun) == {token for token in whole if token[1] < len(text)}
    assert not any(piece.is_last for piece in begun)


def test_word_that_may_go_on_is_left_out() -> None:
    tokenize = tokenizer_of(TOKENIZER)

    (whole,) = pieces_of(b"one tw", tokenize)
    (begun,) = pieces_of(b"one tw", tokenize, goes_on=True)

    assert whole.tokens == [(0, 3, "one"), (4, 6, "tw")]
    assert begun.tokens == [(0, 3, "one")]


def test_each_thread_has_a_tokenizer_of_its_own() -> None:
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(tokenizer_of, TOKENIZER).result()

    assert tokenizer_of(TOKENIZER) is tokenizer_of(TOKENIZER) is not other
