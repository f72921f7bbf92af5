"""Excerpts of texts around what a question found, by work that grows with the text and no faster.

FTS5's own snippet() weighs every hit of a row against every other one, in one call
that no deadline interrupts: 0.7 s for 64 kB of one word, measured.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

import apsw

from .text_pieces import Piece, Token, Tokenize, character_before, pieces_of, tokenizer_of

EXCERPT = 24
"""Words of an excerpt, about two lines; of a longer phrase so many are looked for. Half of what pieces overlap by."""

LONGEST = 1000
"""Bytes of an excerpt at most, because a word may be as long as a text."""

LOOKED = 16_384
"""Bytes of each text in which the place with most of the question is looked for; behind them any place will do."""

Excerpt: TypeAlias = tuple[str, tuple[tuple[int, int], ...]]
"""A text, and where the hits are in it: the first character of each, and the one after its last."""

_Hit: TypeAlias = tuple[int, int, int]
"""Where a phrase stands: its first token, the one after its last, and which it is."""

_TERM = re.compile(r'"((?:[^"]|"")*)"( \*)?|\bNOT\b')


class _Phrase(NamedTuple):
    """Words that follow one another; the last is only a beginning if it *is_open*."""

    words: tuple[str, ...]
    is_open: bool

    def stands_in(self, tokens: list[Token], first: int) -> bool:
        if tokens[first][2] != self.words[0]:
            return False
        there = tuple([word for _, _, word in tokens[first : first + len(self.words)]])
        if there == self.words:
            return True
        if not self.is_open or len(there) < len(self.words):
            return False
        return there[:-1] == self.words[:-1] and there[-1].startswith(self.words[-1])

    def first_in(self, tokens: list[Token]) -> int | None:
        """Return the first token of the first place where it stands."""
        if len(self.words) > 1:
            return next((first for first in range(len(tokens)) if self.stands_in(tokens, first)), None)
        (wanted,) = self.words
        for first, (_, _, word) in enumerate(tokens):
            if word == wanted or (self.is_open and word.startswith(wanted)):
                return first
        return None


class _Place(NamedTuple):
    """Where an excerpt may be: around the tokens *first* to *end* of *piece*.

    Attributes:
        found: How many phrases are there.
        hits: Those of the whole piece; None where nobody looked for more than the first.
    """

    piece: Piece
    first: int
    end: int
    found: int
    hits: list[_Hit] | None


class Excerpts:
    """Chooses the excerpts for one question.

    Args:
        tokenizer: That of the index, in its own words.
        match: The question, as `web_query()` writes it.
    """

    def __init__(self, tokenizer: str, match: str) -> None:
        self._tokenize = tokenizer_of(tokenizer)
        self._phrases = list(dict.fromkeys(_phrases(match, self._tokenize)))
        self._words: dict[str, int] = {}
        self._beginnings: dict[str, int] = {}
        self._groups: dict[str, list[int]] = {}
        for number, phrase in enumerate(self._phrases):
            if len(phrase.words) > 1:
                self._groups.setdefault(phrase.words[0], []).append(number)
            elif phrase.is_open:
                self._beginnings[phrase.words[0]] = number
            else:
                self._words[phrase.words[0]] = number
        self._only = self._phrases[0] if len(self._phrases) == 1 else None
        self._lengths = sorted(set(map(len, self._beginnings)))

    def of(self, texts: Sequence[bytes], whole: Callable[[], Sequence[bytes]]) -> Excerpt:
        """Return the first place with most of the question; if nothing of it is there, where the texts begin.

        Args:
            texts: The first `LOOKED` bytes of each column.
            whole: Reads all of the columns, where those are not enough.
        """
        best: _Place | None = None
        for text in texts:
            for piece in pieces_of(text, self._tokenize, goes_on=len(text) >= LOOKED):
                place = self._place(piece)
                if place is not None and (best is None or place.found > best.found):
                    best = place
                    if best.found == len(self._phrases):
                        return self._shown(best)
        if best is None and any(len(text) >= LOOKED for text in texts):
            pieces = (piece for text in whole() for piece in pieces_of(text, self._tokenize))
            best = next(filter(None, map(self._place, pieces)), None)
        return self._beginning(texts) if best is None else self._shown(best)

    def _place(self, piece: Piece) -> _Place | None:
        """Return the first place with most of the question, of those in *piece*."""
        # What begins at the end of a piece is for the next one, which has what stands around it.
        usable = len(piece.tokens) if piece.is_last else len(piece.tokens) - EXCERPT
        if self._only is not None:
            first = self._only.first_in(piece.tokens)
            if first is None or first >= usable:
                return None
            return _Place(piece, first, first + len(self._only.words), 1, None)
        hits = self._hits(piece.tokens)
        best: _Place | None = None
        close = [0] * len(self._phrases)  # how often each stands in the words that can be shown together
        found = behind = 0
        for number, (first, _, phrase) in enumerate(hits):
            if first >= usable:
                break
            while behind < len(hits) and hits[behind][0] < first + EXCERPT:
                found += not close[hits[behind][2]]
                close[hits[behind][2]] += 1
                behind += 1
            if best is None or found > best.found:
                end = min(max([end for _, end, _ in hits[number:behind]]), first + EXCERPT)
                best = _Place(piece, first, end, found, hits)
                if found == len(self._phrases):
                    break
            close[phrase] -= 1
            found -= not close[phrase]
        return best

    def _hits(self, tokens: list[Token]) -> list[_Hit]:
        """Return where phrases stand, in order."""
        words, beginnings = self._words, self._beginnings
        hits = [(first, first + 1, words[word]) for first, (_, _, word) in enumerate(tokens) if word in words]
        for length in self._lengths:
            hits += [
                (first, first + 1, beginnings[word[:length]])
                for first, (_, _, word) in enumerate(tokens)
                if len(word) >= length and word[:length] in beginnings
            ]
        if self._groups:
            for first, (_, _, word) in enumerate(tokens):
                for number in self._groups.get(word, ()):
                    phrase = self._phrases[number]
                    if phrase.stands_in(tokens, first):
                        hits.append((first, first + len(phrase.words), number))
        if len(self._phrases) > 1:
            hits.sort()
        return hits

    def _shown(self, place: _Place) -> Excerpt:
        """Return what is around a place: from where its text begins if that is near, else with it in the middle."""
        piece, first, last, _, hits = place
        text, start, tokens, is_last = piece
        begin = 0 if start == 0 and last <= EXCERPT else first - (EXCERPT - (last - first)) // 2
        begin = max(min(begin, len(tokens) - EXCERPT), 0)
        shown = tokens[begin : begin + EXCERPT]
        low = start + shown[0][0] if start + begin else 0
        high = len(text) if is_last and begin + EXCERPT >= len(tokens) else start + shown[-1][1]
        if high - low > LONGEST:
            low = max(low, character_before(text, max(start + tokens[first][0] - LONGEST // 4, 0)))
            high = min(high, character_before(text, low + LONGEST))
        if hits is None:
            inside = [(first, end) for first, end, _ in self._hits(shown)]
        else:
            inside = [
                (one - begin, end - begin)
                for one, end, _ in hits
                if one >= begin and end <= begin + len(shown)
            ]
        spans = [(start + shown[first][0], start + shown[end - 1][1]) for first, end in inside]
        return _marked(text, low, high, spans)

    def _beginning(self, texts: Sequence[bytes]) -> Excerpt:
        text = next(filter(None, texts), b"")
        high = character_before(text, LONGEST)
        tokens = self._tokenize(text[:high], apsw.FTS5_TOKENIZE_DOCUMENT)
        if len(tokens) > EXCERPT:
            high = tokens[EXCERPT - 1][1]
        return _marked(text, 0, high, [])


def terms_of(match: str, tokenizer: str) -> list[str]:
    """Return each phrase of a question as a question of its own, as FTS5 counts them; without those that exclude."""
    tokenize = tokenizer_of(tokenizer)
    terms = []
    for term in _TERM.finditer(match):
        if term[1] is None:
            break
        if tokenize(term[1].replace('""', '"').encode(), apsw.FTS5_TOKENIZE_QUERY):
            terms.append(term[0])
    return terms


def _phrases(match: str, tokenize: Tokenize) -> Iterator[_Phrase]:
    for term in _TERM.finditer(match):
        if term[1] is None:  # NOT: what follows is in no row that was found
            return
        purpose = apsw.FTS5_TOKENIZE_QUERY | (apsw.FTS5_TOKENIZE_PREFIX if term[2] else 0)
        words = [word for _, _, word in tokenize(term[1].replace('""', '"').encode(), purpose)]
        if words:
            yield _Phrase(tuple(words[:EXCERPT]), term[2] is not None and len(words) <= EXCERPT)


def _marked(text: bytes, low: int, high: int, spans: list[tuple[int, int]]) -> Excerpt:
    """Return the bytes *low* to *high* as text, with marks where *spans* are; those that overlap are one."""
    joined: list[tuple[int, int]] = []
    for first, last in sorted((max(first, low), min(last, high)) for first, last in spans):
        if joined and first < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        elif first < last:
            joined.append((first, last))
    shown, marks, place = "…" if low else "", [], low
    for first, last in joined:
        shown += text[place:first].decode(errors="replace")
        begin = len(shown)
        shown += text[first:last].decode(errors="replace")
        marks.append((begin, len(shown)))
        place = last
    shown += text[place:high].decode(errors="replace")
    return shown + "…" * (high < len(text)), tuple(marks)
