"""What the best hits are: BM25, as FTS5 itself reckons it, but for frequencies that are estimated."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stina_core.backends.sqlite import full_text_queries
from stina_core.backends.sqlite.relevance import RELEVANCE, weight
from stina_core.search.web_query import web_query

from .shelf import Shelf, shelf_at

QUESTIONS = (
    "red", "red blue", "red OR blue", "re*", '"red blue"', '"red blu"*', "red -blue", "red -green blue", "!!! red",
    "red OR (!) OR blue", "red red", "nothing OR red",
)  # fmt: skip

texts = st.lists(st.sampled_from(["red", "blue", "green", "reddish", "und so weiter"]), max_size=9).map(
    " ".join
)


def scores(shelf: Shelf, question: str) -> list[tuple[int, float, float]]:
    """Return place, FTS5's score and ours of each row that answers *question*."""
    match = web_query(question)
    assert match is not None
    weights = shelf.texts._weights(match)
    name = shelf.table.search_name
    given = "".join(", ?" for _ in weights)
    rows = shelf.run(
        f"SELECT rowid, bm25({name}), {RELEVANCE}({name}{given}) FROM {name} WHERE {name} MATCH ?",
        (*weights, match),
    )
    return [(place, theirs, ours) for place, theirs, ours in rows]


def fill(shelf: Shelf, rows: list[tuple[str, str | None]]) -> None:
    with shelf.transactions.begin():
        for number, (title, notes) in enumerate(rows):
            shelf.add(f"{number:05}", title, notes)
    shelf.follower.catch_up()


@given(rows=st.lists(st.tuples(texts, st.none() | texts), min_size=1, max_size=12))
@example(rows=[("red", None), ("blue", "red red"), ("green", "und so weiter")])
def test_few_rows_are_weighed_as_fts5_weighs_them(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str | None]]
) -> None:
    with shelf_at(tmp_path_factory.mktemp("shelf") / "shelf.db") as shelf:
        shelf.run("PRAGMA synchronous = OFF")
        fill(shelf, rows)
        for question in QUESTIONS:
            for _, theirs, ours in scores(shelf, question):
                assert ours == pytest.approx(theirs, rel=1e-9)


def test_frequency_of_a_word_that_many_rows_have_is_estimated(tmp_path: Path) -> None:
    with shelf_at(tmp_path / "shelf.db") as shelf:
        fill(shelf, [("red" if number % 4 == 0 else "blue", None) for number in range(400)])
        with patch.object(full_text_queries, "SAMPLE", 20):
            (red,), (blue,) = shelf.texts._weights('"red"'), shelf.texts._weights('"blue"')

    assert red == pytest.approx(weight(100, 400), rel=0.1)
    assert blue == weight(300, 400) < red


def test_rarer_word_counts_more(tmp_path: Path) -> None:
    with shelf_at(tmp_path / "shelf.db") as shelf:
        fill(shelf, [("red", None), *[("green", None)] * 3, *[("blue", None)] * 12])

        assert [hit.key for hit in shelf.index.ranked("red OR green", 2)] == ["00000", "00003"]
