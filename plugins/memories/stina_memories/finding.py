"""Finding a memory by a part of its content: the index narrows, and what it gives is read and compared.

The full-text index knows words, and a text that is looked for may begin and end in
the middle of one. So what it is asked for are the words between, and the beginning
of the last one. Letters beyond U+024F are left out of the question: of those, this
Python may know a case that the index does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from .queries import NEVER, words_of, words_page
from .texts import Wanted

if TYPE_CHECKING:
    from stina_core import FullTextIndex

    from .queries import Words

WALKED = 10_000
"""Memories, from the newest on, that are read if the index cannot be asked. About 60 ms."""

CHUNK = 500
"""Memories that are read at once."""

HITS = 2_000
"""Hits of the index, from the newest on, that are read."""

_WORDS = 40  # of a text; the index looks each one up
_SAFE = "\u024f"


def containing(index: FullTextIndex, text: str) -> str | None:
    """Return the id of the newest memory whose content contains *text*, None if none is found.

    It is the newest of all where the index can be asked and has at most `HITS` answers;
    otherwise the newest of the newest `WALKED` memories, and if none of those has it,
    the newest of the `HITS` in which a word begins as *text* does.
    """
    wanted = Wanted(text)
    question = _question(wanted.form.split(" ")[1:])
    hits: list[Words] = []
    if question is not None:
        hits, are_all = _read(index, question)
        if are_all:
            return _newest(wanted, hits)
    walked = next((one.id for one in _walk() if wanted.is_in(one.content)), None)
    if walked is not None:
        return walked
    if question is None and (question := _question(wanted.form.split(" "))) is not None:
        hits, _ = _read(index, question)
    return _newest(wanted, hits)


def _question(words: list[str]) -> str | None:
    """Return what to ask the index for texts that have *words* after one another; the last may go on.

    None where it would be about no letter or digit the index is sure to know.
    """
    runs: list[list[str]] = [[]]
    for word in words[:_WORDS]:
        if max(word, default="") <= _SAFE:
            runs[-1].append(word.replace('"', " "))
        else:
            runs.append([])
    phrases = [" ".join(run) for run in runs]
    may_go_on = len(words) <= _WORDS
    asked = [
        f'"{phrase}"{"*" if may_go_on and number == len(phrases) - 1 else ""}'
        for number, phrase in enumerate(phrases)
        if any(map(str.isalnum, phrase))
    ]
    return " ".join(asked) or None


def _read(index: FullTextIndex, question: str) -> tuple[list[Words], bool]:
    """Return the contents of what answers *question*, and whether that is all."""
    keys: list[str] = []
    before: int | None = None
    while len(keys) < HITS:
        hits = index.newest(question, CHUNK, before)
        keys += [hit.key for hit in hits if isinstance(hit.key, str)]
        if len(hits) < CHUNK:
            return words_of.list(keys), True
        before = hits[-1].place
    return words_of.list(keys), False


def _walk() -> Iterator[Words]:
    created_ms, id = NEVER, ""
    for _ in range(0, WALKED, CHUNK):
        chunk = words_page.list(created_ms, id, CHUNK)
        yield from chunk
        if len(chunk) < CHUNK:
            return
        created_ms, id = chunk[-1].created_ms, chunk[-1].id


def _newest(wanted: Wanted, among: Iterable[Words]) -> str | None:
    found = [(one.created_ms, one.id) for one in among if wanted.is_in(one.content)]
    return max(found)[1] if found else None
