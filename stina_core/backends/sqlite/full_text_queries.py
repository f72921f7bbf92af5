"""Questions to one full-text index, in the file or in memory: which rows, in which order, with which excerpt."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from ...catalog import Table
from ..base import BrokenText, Row
from .excerpts import LOOKED, Excerpts, terms_of
from .relevance import RELEVANCE, SAMPLE, weight

Run = Callable[[str, Sequence[object]], list[Row]]
"""Runs one statement with values and returns all its rows."""

MAP = "stina_search"
"""The table that says which row of which table has which id in its index."""

RANKED = 2000
"""How many of the newest hits are weighed; weighing 30,000 takes 56-92 ms, measured."""


class Found(NamedTuple):
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
        assert table.search is not None
        self._run = run
        self._tokenizer = table.search.tokenizer
        self._index = f'"{table.search_name}"'
        (self.key,) = table.primary_key
        self.text_key = next(one.type for one in table.columns if one.name == self.key) == "text"
        texts = [f'CAST(f."{name}" AS BLOB)' for name in table.search.columns]
        self._whole = f"SELECT {', '.join(texts)} FROM {self._index} AS f WHERE f.rowid = ?"
        # In that order by force: the other one would look through the map.
        beginnings = ", ".join(f"substr({text}, 1, {LOOKED})" for text in texts)
        found = f"{self._index} AS f CROSS JOIN {MAP} AS m ON m.id = f.rowid"
        self._rows = f"SELECT m.id, {self.out('m.key')}, {beginnings} FROM"
        self._newest = f"{self._rows} {found} WHERE f.{self._index} MATCH ?"
        self._among = f"{self._rows} json_each(?) AS w CROSS JOIN {found} WHERE f.rowid = w.value"

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
        rows = self._run(f"{self._newest}{where} ORDER BY f.rowid DESC LIMIT ?", (match, *values, limit))
        return self._found(match, rows)

    def ranked(self, match: str, limit: int, without: Collection[int] = ()) -> list[Found]:
        """Return the *limit* best of the newest `RANKED` hits, best first; of equal ones the newer first."""
        where, values = self._without("rowid", without)
        weights = self._weights(match)
        given = "".join(", ?" for _ in weights)
        scores: dict[int, float] = dict(
            self._run(
                f"SELECT id, score FROM (SELECT rowid AS id, {RELEVANCE}({self._index}{given}) AS score "
                f"FROM {self._index} WHERE {self._index} MATCH ?{where} ORDER BY rowid DESC LIMIT {RANKED}) "
                "ORDER BY score, id DESC LIMIT ?",
                (*weights, match, *values, limit),
            )
        )
        rows = self._run(self._among, (json.dumps(list(scores)),))
        found = {one.place: one for one in self._found(match, rows, scores)}
        return [found[place] for place in scores if place in found]

    def _weights(self, match: str) -> list[float]:
        """Return what each phrase of the question counts: the more, the fewer rows have it."""
        ends = self._run(
            f"SELECT (SELECT rowid FROM {self._index} ORDER BY rowid DESC LIMIT 1), "
            f"(SELECT rowid FROM {self._index} ORDER BY rowid LIMIT 1)",
            (),
        )
        newest, oldest = ends[0]
        if newest is None:
            return []
        rows = newest - oldest + 1  # if none is gone, and no other table has places between
        return [weight(self._having(term, newest, rows), rows) for term in terms_of(match, self._tokenizer)]

    def _having(self, term: str, newest: int, rows: int) -> float:
        """Return how many rows have *term*."""
        with_it = f"FROM {self._index} WHERE {self._index} MATCH ?"
        found = self._run(f"SELECT rowid {with_it} ORDER BY rowid DESC LIMIT 1 OFFSET {SAMPLE - 1}", (term,))
        if found:
            return SAMPLE * rows / float(newest - found[0][0] + 1)
        ((count,),) = self._run(f"SELECT count(*) FROM (SELECT 1 {with_it} LIMIT {SAMPLE})", (term,))
        return float(count)

    def _without(self, place: str, without: Collection[int]) -> tuple[str, list[object]]:
        if not without:
            return "", []
        return f" AND +{place} NOT IN (SELECT value FROM json_each(?))", [json.dumps(list(without))]

    def _found(self, match: str, rows: list[Row], scores: Mapping[int, float] = {}) -> list[Found]:
        if not rows:
            return []
        excerpts = Excerpts(self._tokenizer, match)
        found = []
        for place, key, *texts in rows:
            text, marks = excerpts.of([text or b"" for text in texts], partial(self._texts_at, place))
            stored = readable(key) if self.text_key else key
            found.append(Found(place, stored, text, marks, scores.get(place, 0.0)))
        return found

    def _texts_at(self, place: int) -> list[bytes]:
        ((*texts,),) = self._run(self._whole, (place,))
        return [text or b"" for text in texts]


def readable(text: bytes) -> str | BrokenText:
    """Return a stored text as text, if it is one."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        return BrokenText(text)
