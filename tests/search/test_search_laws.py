"""Whatever was written, in whichever order: the index holds what the table holds, and a search finds it at any time."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stina_core.backends.sqlite.ddl_text import create_search_sql
from stina_core.catalog import Table
from stina_core.search import follower
from stina_core.search.hits import Hit, Snippet
from stina_core.search.web_query import web_query

from .shelf import Shelf, shelf_at, table_of

KEYS: dict[str, tuple[Table, Sequence[object]]] = {
    "text": (table_of("text"), ("a", "b", "c", "Äö", "\U0001f600", "d")),
    "nocase": (table_of("text", "NOCASE"), ("a", "A", "b", "B", "c", "d")),
    "integer": (table_of("integer"), (-1, 0, 1, 2, 2**62, 3)),
    "real": (table_of("real"), (-0.5, 1.0, 0.1, 1e300, 2.0, 3.0)),
    "blob": (table_of("blob"), (b"", b"a", b"\xff\0", b"b", b"c", b"d")),
}
TEMPLATES: dict[str, Path] = {}
WORDS = ("red", "green", "blue", "reddish", "Grün")
QUESTIONS = ("red", "red*", "red green", "red OR blue", "red -green", '"red green"', "grun", "nothing")

texts = st.lists(st.sampled_from(WORDS), max_size=3).map(" ".join)
keys = st.integers(0, 5)
writes = st.one_of(
    st.tuples(st.just("add"), keys, texts, st.none() | texts),
    st.tuples(st.just("change"), keys, texts, st.none() | texts),
    st.tuples(st.just("remove"), keys),
    st.tuples(st.just("rename"), keys, keys),
)
events = st.one_of(
    st.tuples(st.sampled_from(["reset", "prune", "restore", "catch_up", "follow_up", "search"])),
    st.tuples(st.just("tell"), st.sampled_from(["others_one"])),
)


@pytest.fixture(autouse=True, scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Make one empty file of each kind, for the examples to begin with a copy of."""
    folder = tmp_path_factory.mktemp("templates")
    for kind, (table, _) in KEYS.items():
        TEMPLATES[kind] = folder / f"{kind}.db"
        with shelf_at(TEMPLATES[kind], table):
            pass
    yield
    TEMPLATES.clear()


@contextmanager
def fresh(kind: str) -> Iterator[Shelf]:
    with TemporaryDirectory() as folder:
        path = Path(folder, "shelf.db")
        shutil.copy(TEMPLATES[kind], path)
        with shelf_at(path, KEYS[kind][0]) as shelf:
            shelf.run("PRAGMA synchronous = OFF")
            yield shelf


def do(shelf: Shelf, names: Sequence[object], event: tuple[Any, ...]) -> None:
    """Let *event* happen; what the table does not allow does not."""
    what, *values = event
    if what in ("add", "change", "remove", "rename"):
        places = 2 if what == "rename" else 1
        values = [*(names[one] for one in values[:places]), *values[places:]]
        if what in ("add", "rename") and shelf.run(
            f"SELECT 1 FROM {shelf.table.name} WHERE id = ?", (values[places - 1],)
        ):
            return
    if what == "search":
        shelf.index.newest("red")
    elif what in ("catch_up", "follow_up"):
        getattr(shelf.follower, what)()
    else:
        getattr(shelf, what)(*values)


def brute_force(shelf: Shelf, question: str) -> set[object]:
    """Return the keys that a new index over all rows finds."""
    match = web_query(question)
    assert match is not None
    assert shelf.table.search is not None
    connection = apsw.Connection(":memory:")
    try:
        connection.execute(create_search_sql("t", shelf.table.search))
        rows = shelf.run(f"SELECT id, title, notes FROM {shelf.table.name}")
        for number, (_, *stored) in enumerate(rows):
            connection.execute("INSERT INTO t (rowid, title, notes) VALUES (?, ?, ?)", (number, *stored))
        return {rows[number][0] for (number,) in connection.execute("SELECT rowid FROM t(?)", (match,))}
    finally:
        connection.close()


def pages(shelf: Shelf, question: str, size: int) -> list[Hit]:
    """Return all hits, page by page."""
    hits: list[Hit] = []
    while page := shelf.index.newest(question, size, hits[-1].place if hits else None):
        hits += page
    return hits


def answers(shelf: Shelf) -> dict[str, list[Hit]]:
    return {question: shelf.index.newest(question, 100) for question in QUESTIONS}


def small_batches() -> Any:
    return patch.multiple(follower, BATCH=3, REWRITTEN=2, REMADE=4, FAR=10_000)


@pytest.mark.parametrize("kind", KEYS)
@settings(max_examples=25)
@given(happened=st.lists(st.one_of(writes, writes, events), max_size=25))
def test_index_equals_the_table_and_search_equals_a_search_of_all_rows(
    kind: str, happened: list[tuple[Any, ...]]
) -> None:
    with fresh(kind) as shelf, small_batches():
        for event in happened:
            do(shelf, KEYS[kind][1], event)

        for question in QUESTIONS:
            wanted = brute_force(shelf, question)
            assert set(shelf.found(question)) == wanted
            assert {hit.key for hit in shelf.index.ranked(question)} == wanted
        shelf.check()


@pytest.mark.parametrize("kind", KEYS)
@settings(max_examples=25)
@given(
    before=st.lists(st.one_of(writes, writes, events), max_size=15),
    after=st.lists(writes, max_size=12),
    size=st.integers(1, 4),
)
def test_search_that_cannot_catch_up_answers_exactly_as_if_it_had(
    kind: str, before: list[tuple[Any, ...]], after: list[tuple[Any, ...]], size: int
) -> None:
    with fresh(kind) as shelf, small_batches():
        for event in before:
            do(shelf, KEYS[kind][1], event)
        shelf.follower.catch_up()
        for event in after:
            do(shelf, KEYS[kind][1], event)
        with shelf.transactions.snapshot(60):
            beside = answers(shelf)
            ranked = {one: {hit.key for hit in shelf.index.ranked(one)} for one in QUESTIONS}
            paged = {one: pages(shelf, one, size) for one in QUESTIONS}
        shelf.follower.catch_up()

        assert shown(beside) == shown(answers(shelf))
        assert paged == beside
        assert shown({one: pages(shelf, one, size) for one in QUESTIONS}) == shown(beside)
        assert ranked == {one: {hit.key for hit in hits} for one, hits in beside.items()}


@pytest.mark.parametrize("kind", KEYS)
@settings(max_examples=15)
@given(happened=st.lists(st.one_of(writes, writes, events), max_size=20))
def test_search_that_cannot_catch_up_finds_the_same_rows_also_where_the_index_lost_its_place(
    kind: str, happened: list[tuple[Any, ...]]
) -> None:
    with fresh(kind) as shelf, small_batches():
        for event in happened:
            do(shelf, KEYS[kind][1], event)
            with shelf.transactions.snapshot(60):
                for question in QUESTIONS[:3]:
                    assert set(shelf.found(question)) == brute_force(shelf, question)


@settings(max_examples=30)
@given(
    before=st.lists(st.one_of(writes, events), max_size=10),
    inside=st.lists(writes, min_size=1, max_size=10),
    keep=st.booleans(),
)
def test_search_inside_a_transaction_sees_own_rows_and_afterwards_only_those_that_were_kept(
    before: list[tuple[Any, ...]], inside: list[tuple[Any, ...]], keep: bool
) -> None:
    with fresh("text") as shelf:
        for event in before:
            do(shelf, KEYS["text"][1], event)
        with suppress(ZeroDivisionError), shelf.transactions.begin():
            for event in inside:
                do(shelf, KEYS["text"][1], event)
            for question in QUESTIONS:
                assert set(shelf.found(question)) == brute_force(shelf, question)
            if not keep:
                raise ZeroDivisionError
        for question in QUESTIONS:
            assert set(shelf.found(question)) == brute_force(shelf, question)
        shelf.check()


def shown(found: dict[str, list[Hit]]) -> dict[str, list[tuple[object, Snippet]]]:
    return {question: [(hit.key, hit.snippet) for hit in hits] for question, hits in found.items()}


BROKEN: dict[str, Callable[[Shelf], object]] = {
    "changes are not looked at": lambda shelf: patch.object(shelf.texts, "index"),
    "stale rows are not left out": lambda shelf: patch.object(
        shelf.texts, "_without", lambda place, without: ("", [])
    ),
}


@pytest.mark.parametrize("how", BROKEN)
def test_laws_would_notice_that(how: str) -> None:
    with fresh("text") as shelf:
        shelf.add("a", "red")
        shelf.index.newest("red")
        with BROKEN[how](shelf):  # type: ignore[attr-defined]
            shelf.change("a", "green")
            with shelf.transactions.snapshot(5):
                beside = shelf.found("red")
            shelf.follower.catch_up()
            assert (beside, shelf.found("red")) != ([], [])
