"""Texts taken apart by FTS5 itself, outside any index and one piece at a time: a text may be long."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias, cast

import apsw

from . import forking

PIECE = 4096
"""Bytes that are taken apart at once; more where they hold hardly a word."""

OVERLAP = 48
"""Tokens of a piece that the next one begins with again: a phrase, and what is shown around it, may be cut here."""

Token: TypeAlias = tuple[int, int, str]
"""Its first byte, the one after its last, and what it is found by."""

Tokenize: TypeAlias = Callable[[bytes, int], list[Token]]
"""Takes a text apart; FTS5 has flags that say what for."""

_OPTION = re.compile(r"'((?:[^']|'')*)'|(\S+)")  # FTS5 takes no other quotes here


class _Tokenizers(threading.local):
    def __init__(self) -> None:
        self.known: dict[str, Tokenize] = {}


_tokenizers = _Tokenizers()
"""One of each kind for each thread: it has a buffer, and Python may go on with another thread in the middle."""


def tokenizer_of(words: str) -> Tokenize:
    """Return the tokenizer that an index declares with *words*, for this thread: FTS5's own, also for broken UTF-8."""
    known = _tokenizers.known
    found = known.get(words)
    if found is None:
        found = known[words] = _tokenizer(words)
    return found


def _tokenizer(words: str) -> Tokenize:
    while forking.count & 1 and forking.pause():
        pass
    name, *options = (plain or quoted.replace("''", "'") for quoted, plain in _OPTION.findall(words))
    tokenizer = apsw.Connection(":memory:").fts5_tokenizer(name, options)  # which keeps the connection

    def tokenize(text: bytes, purpose: int) -> list[Token]:
        while forking.count & 1 and forking.pause():
            pass
        return cast("list[Token]", tokenizer(text, purpose, None, include_colocated=False))

    return tokenize


class Piece(NamedTuple):
    """A part of *text*.

    Attributes:
        start: The byte from which its tokens count.
        is_last: Whether the text ends with it, and has nothing more behind.
    """

    text: bytes
    start: int
    tokens: list[Token]
    is_last: bool


def pieces_of(text: bytes, tokenize: Tokenize, *, goes_on: bool = False) -> Iterator[Piece]:
    """Yield *text* in pieces which together have each of its tokens; a token that may go on is left to the next one.

    Args:
        goes_on: Whether *text* is only the beginning of one.
    """
    start, size = 0, PIECE
    end = 0
    while end < len(text):
        end = character_before(text, start + size)
        is_last = end == len(text) and not goes_on
        tokens = tokenize(text[start:end], apsw.FTS5_TOKENIZE_DOCUMENT)
        while not is_last and tokens and tokens[-1][1] >= end - start:
            tokens.pop()
        if end == len(text):
            yield Piece(text, start, tokens, is_last)
        elif len(tokens) > 2 * OVERLAP:
            yield Piece(text, start, tokens, False)
            start, size = start + tokens[-OVERLAP][0], PIECE
        else:
            size *= 2


def character_before(text: bytes, place: int) -> int:
    """Return where the character begins that *place* is in; the end of *text* if it is not in one."""
    if place >= len(text):
        return len(text)
    for before in range(4):  # no character is longer
        if place - before >= 0 and text[place - before] & 0xC0 != 0x80:
            return place - before
    return place
