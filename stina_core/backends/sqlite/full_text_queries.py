"""Questions to one full-text index, in the file or in memory: which rows, in which order, with which excerpt.

An excerpt comes from FTS5 with marks around each hit that UTF-8 cannot have, so
that they are not mistaken for text, and is taken apart here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from ...catalog import Table
from ..base import BrokenText, Row

Run = Callable[[str, Sequence[object]], list[Row]]
"""Runs one statement with values and returns all its rows."""

MAP = "stina_search"
"""The table that says which row of which table has which id in its index."""

EXCERPT = 24
"""Tokens of an excerpt, about two lines; FTS5 gives 64 at most."""

RANKED = 2000
"""How many of the newest hits are weighed; weighing 30,000 takes 56-92 ms, measured."""

_BEGIN, _END = b"\xff\xfe\xfd(", b"\xff\xfe\xfd)"
_MARKS = re.compile(b"(\xff\xfe\xfd[()])")


@dataclass(frozen=True, slots=True)
class Found:
    """One row that was found.

    Attributes:
        place: Its id in the index; the newer, the greater.
        key: Its key as stored.
        text: The excerpt.
        marks: Where the hits are in *text*: first character, and the one after the last.
        score: The smaller, the better; 0 where nobody asked for it.
    """

    place: int
    key: object
    text: str
    marks: tuple[tuple[int, int], ...]
    score: float = 0.0


class FullTextQueries:
    """Asks the index of *table* by way of *run*; reads only.

    What SQLite gives back is read as bytes: a foreign program may have written a
    text that is not UTF-8, and one such row must not hide the others.
    """

    def __init__(self, table: Table, run: Run) -> None:
        self._run = run
        self._index = f'"{table.search_name}"'
        (self.key,) = table.primary_key
        self.text_key = next(one.type for one in table.columns if one.name == self.key) == "text"
        snippet = f"CAST(snippet({self._index}, -1, {_text_sql(_BEGIN)}, {_text_sql(_END)}, '…', {EXCERPT}) AS BLOB)"
        hits = (
            f"FROM {self._index} AS f CROSS JOIN {MAP} AS m ON m.id = f.rowid WHERE f.{self._index} MATCH ?"
        )
        self._excerpts = f"SELECT m.id, {self.out('m.key')}, {snippet} {hits}"

    def out(self, column: str) -> str:
        """SQL that reads a key so that it can always be read."""
        return f"CAST({column} AS BLOB)" if self.text_key else column

    def newest(
        self, match: str, limit: int, before: int | None = None, without: Collection[int] = ()
    ) -> list[Found]:
        """Return the *limit* newest hits, newest first.

        Args:
            before: Only those with a smaller place.
            without: Places that do not count.
        """
        where, values = self._without("f.rowid", without)
        if before is not None:
            where, values = f"{where} AND f.rowid < ?", [*values, before]
        rows = self._run(f"{self._excerpts}{where} ORDER BY f.rowid DESC LIMIT ?", (match, *values, limit))
        return [self._found(row) for row in rows]

    def ranked(self, match: str, limit: int, without: Collection[int] = ()) -> list[Found]:
        """Return the *limit* best of the newest `RANKED` hits, best first; of equal ones the newer first."""
        where, values = self._without("rowid", without)
        scores: dict[int, float] = dict(
            self._run(
                f"SELECT id, score FROM (SELECT rowid AS id, bm25({self._index}) AS score FROM {self._index} "
                f"WHERE {self._index} MATCH ?{where} ORDER BY rowid DESC LIMIT {RANKED}) "
                "ORDER BY score, id DESC LIMIT ?",
                (match, *values, limit),
            )
        )
        if not scores:
            return []
        # In one pass over the hits between them: one question per hit would look up each word again.
        rows = self._run(
            f"{self._excerpts} AND f.rowid BETWEEN ? AND ? AND +f.rowid IN (SELECT value FROM json_each(?))",
            (match, min(scores), max(scores), json.dumps(list(scores))),
        )
        found = {row[0]: self._found(row, scores[row[0]]) for row in rows}
        return [found[place] for place in scores if place in found]

    def _without(self, place: str, without: Collection[int]) -> tuple[str, list[object]]:
        if not without:
            return "", []
        return f" AND +{place} NOT IN (SELECT value FROM json_each(?))", [json.dumps(list(without))]

    def _found(self, row: Row, score: float = 0.0) -> Found:
        place, key, excerpt = row
        text, marks = _taken_apart(excerpt or b"")
        return Found(place, readable(key) if self.text_key else key, text, marks, score)


def readable(text: bytes) -> str | BrokenText:
    """Return a stored text as text, if it is one."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        return BrokenText(text)


def _text_sql(mark: bytes) -> str:
    return f"CAST(x'{mark.hex()}' AS TEXT)"


def _taken_apart(excerpt: bytes) -> tuple[str, tuple[tuple[int, int], ...]]:
    text = ""
    marks: list[tuple[int, int]] = []
    begun: int | None = None
    for part in _MARKS.split(excerpt):
        if part == _BEGIN:
            begun = len(text)
        elif part == _END:
            if begun is not None and begun < len(text):
                marks.append((begun, len(text)))
            begun = None
        else:
            text += part.decode(errors="replace")
    return text, tuple(marks)
