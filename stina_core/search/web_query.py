"""What people type into a search box, as an expression for FTS5.

Which form an operator has follows web search engines. An exclusion holds for the
whole question, wherever it stands; FTS5 could not express it inside one alternative
that has nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_TERMS = 200
"""Words and phrases that are looked at; FTS5 opens a list of hits for each of them.
Whoever pastes a whole document finds what has its first words."""

_TERM = re.compile(
    r"""
    (?P<minus>(?<!\S)-(?=[^\s"]|"[^"]*"))?          # an exclusion begins a word
    (?: "(?P<phrase>[^"]*)"(?P<beginning>\*?)
      | (?P<word>[^\s"]+)
    )
    """,
    re.VERBOSE,
)

_UNSAFE = re.compile("[\0\ud800-\udfff]")
"""FTS5 reads up to the first NUL, and half of a character cannot be handed to SQLite: both part words."""


@dataclass(frozen=True, slots=True)
class _Term:
    text: str
    beginning: bool = False
    excluded: bool = False
    quoted: bool = False

    @property
    def is_or(self) -> bool:
        return self.text == "OR" and not (self.quoted or self.excluded or self.beginning)

    def __str__(self) -> str:
        return f'"{self.text}" *' if self.beginning else f'"{self.text}"'


def web_query(text: str) -> str | None:
    """Return *text* as an FTS5 MATCH expression, or None if it asks for nothing.

    Understood are words, all of which must be there; `"a phrase"`; `-word` and
    `-"a phrase"`, which must not be there; `OR` in capitals between two things,
    which parts the question into alternatives; and a `*` at the end of a word or
    phrase, which asks for its beginning. Everything else is text: quotes that
    are not closed, brackets, colons, FTS5's own words.

    Guarantees:
        - FTS5 takes whatever comes back, with every tokenizer.
        - A word of which the tokenizer makes nothing takes no part: it neither
          asks for anything nor keeps the others from being found.
        - A question of nothing but exclusions asks for nothing.
    """
    terms = list(_terms(text))
    alternatives = [" ".join(map(str, part)) for part in _parted(terms) if part]
    if not alternatives:
        return None
    wanted = " OR ".join(alternatives)
    unwanted = " OR ".join(str(term) for term in terms if term.excluded)
    if not unwanted:
        return wanted
    return f"({wanted}) NOT ({unwanted})"


def _terms(text: str) -> Iterator[_Term]:
    count = 0
    for match in _TERM.finditer(_UNSAFE.sub(" ", text)):
        phrase, word = match["phrase"], match["word"]
        words = (phrase if phrase is not None else word.rstrip("*")).strip()
        beginning = bool(match["beginning"]) if phrase is not None else word.endswith("*")
        if words and count < MAX_TERMS:
            count += 1
            yield _Term(words, beginning, match["minus"] is not None, phrase is not None)


def _parted(terms: list[_Term]) -> Iterator[list[_Term]]:
    """Yield the terms that are asked for, one list for each alternative.

    An OR at the beginning is a word; one at the end waits for what is still being typed.
    """
    last = len(terms) - 1
    part: list[_Term] = []
    for place, term in enumerate(terms):
        if term.is_or and place > 0:
            if place < last:
                yield part
                part = []
        elif not term.excluded:
            part.append(term)
    yield part
