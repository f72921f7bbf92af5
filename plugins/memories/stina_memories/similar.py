"""Which memories say almost the same: few candidates from the full-text index, compared one by one."""

from __future__ import annotations

from difflib import SequenceMatcher
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from stina_core import StoreBusyError, get_logger

from .queries import by_ids, with_digest
from .texts import digest, normal
from .values import SimilarMemory

if TYPE_CHECKING:
    from stina_core import FullTextIndex

    from .values import MemoryValue

log = get_logger(__name__)

THRESHOLD: Final = 0.9
"""From which similarity on two contents are near duplicates."""

SHOWN: Final = 3
"""Near duplicates that are told at most."""

CANDIDATES: Final = 12
"""Contents that are compared; one takes up to 4 ms."""

LETTERS: Final = 400
"""Up to this length contents are compared letter by letter, longer ones word by word."""

WORDS: Final = 1_000
"""Words of a content that are compared, from its beginning on."""

_ASKED = 64  # words of a content that the index is asked for
_TOGETHER = 4  # of them that must stand after one another in a candidate
_LEAST = 3  # groups of words: a change in one place touches two of them at most


def near_duplicates(index: FullTextIndex, content: str) -> tuple[SimilarMemory, ...]:
    """Return the memories whose content is *content*, or nearly so: most similar first, then newest.

    Those of the same normal form come from an index of their own, so that the newest
    of them are always told.
    """
    form = normal(content)
    same = with_digest.list(digest(content), SHOWN)
    found = [SimilarMemory(memory, 1.0) for memory in same if normal(memory.content) == form]
    if len(found) < SHOWN and (question := _question(form)) is not None:
        keys = [hit.key for hit in index.ranked(question, CANDIDATES) if isinstance(hit.key, str)]
        known = {one.memory.id for one in found}
        found += [one for one in _compared(form, by_ids.list(keys)) if one.memory.id not in known]
    found.sort(key=lambda one: (one.similarity, one.memory.created_at, one.memory.id), reverse=True)
    return tuple(found[:SHOWN])


def hint(index: FullTextIndex, content: str) -> tuple[SimilarMemory, ...]:
    """Return the same; nothing where the search was stopped for taking too long, for a hint stops nobody."""
    try:
        return near_duplicates(index, content)
    except StoreBusyError as error:
        log.warning("hint.left", reason=type(error).__name__)
        return ()


def similarity(form: str, other: str) -> float:
    """Return how alike two contents in normal form are, 0.0 to 1.0; below `THRESHOLD` a rough figure."""
    if form == other:
        return 1.0
    if max(len(form), len(other)) <= LETTERS:
        return _ratio(SequenceMatcher(None, form, other, autojunk=False))
    return _ratio(SequenceMatcher(None, form.split(" ")[:WORDS], other.split(" ")[:WORDS], autojunk=False))


def _ratio(matcher: SequenceMatcher[str]) -> float:
    rough = min(matcher.real_quick_ratio(), matcher.quick_ratio())  # never less than the ratio
    return matcher.ratio() if rough >= THRESHOLD else rough


def _compared(form: str, candidates: list[MemoryValue]) -> list[SimilarMemory]:
    pairs = [(similarity(form, normal(memory.content)), memory) for memory in candidates]
    return [SimilarMemory(memory, alike) for alike, memory in pairs if alike >= THRESHOLD]


def _question(form: str) -> str | None:
    """Return what to ask the index for: any of some groups of words, each as it stands here."""
    words = [word.replace('"', " ") for word in form.split(" ") if any(map(str.isalnum, word))][:_ASKED]
    count = min(len(words), max(_LEAST, len(words) // _TOGETHER))
    edges = [len(words) * number // count for number in range(count + 1)] if count else []
    groups = dict.fromkeys(" ".join(words[first:last]) for first, last in pairwise(edges))
    return " OR ".join(f'"{group}"' for group in groups) or None
