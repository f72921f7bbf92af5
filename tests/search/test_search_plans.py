"""No statement of an index looks through a table where it could look a row up."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from stina_core.backends.sqlite.full_text import FullText
from stina_core.catalog import Type

from .shelf import Shelf, shelf_at, table_of

KEYS: dict[Type, tuple[object, object, object]] = {
    "text": ("1", "2", "3"),
    "integer": (1, 2, 3),
    "blob": (b"1", b"2", b"3"),
}
WORK: dict[str, Callable[[FullText, Sequence[object]], object]] = {
    "index": lambda texts, keys: texts.index(keys),
    "count": lambda texts, keys: texts.rewritten(keys, 10),
    "go on": lambda texts, keys: texts.index_after(keys[0], 1),
    "remove": lambda texts, keys: texts.remove_orphans([1, 2]),
    "search beside": lambda texts, keys: texts.pending(keys).close(),
    "newest": lambda texts, keys: texts.newest("word", 5, 100, [1]),
    "ranked": lambda texts, keys: texts.ranked("word", 5, [1]),
    "fetch": lambda texts, keys: texts.texts([1, 2]),
}


def looked_through(shelf: Shelf, sql: str) -> list[str]:
    """Return the steps of SQLite's plan that look at every row of the table, its map or its index."""
    plan = [row[3] for row in shelf.run(f"EXPLAIN QUERY PLAN {sql}", (None,) * sql.count("?"))]
    return [
        step
        for step in plan
        if step.startswith(("SCAN t", "SCAN m"))
        or "AUTOMATIC" in step
        or re.search(r"SCAN s VIRTUAL TABLE INDEX \d+:$", step)
    ]


@pytest.mark.parametrize("what", WORK)
@pytest.mark.parametrize(
    ("key", "collation"), [("text", None), ("text", "NOCASE"), ("integer", None), ("blob", None)]
)
def test_work_on_some_rows_looks_each_of_them_up(
    tmp_path: Path, key: Type, collation: str | None, what: str
) -> None:
    with shelf_at(tmp_path / "shelf.db", table_of(key, collation)) as shelf:
        for one in KEYS[key]:
            shelf.add(one, "word")
        shelf.index.newest("word")
        shelf.ran.clear()
        with shelf.transactions.begin():
            WORK[what](shelf.texts, KEYS[key])
        ran = list(dict.fromkeys(shelf.ran))

        assert [sql for sql in ran if looked_through(shelf, sql)] == []
        assert ran
