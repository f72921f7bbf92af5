"""A query is stated and compiled once, for all stores and threads; each store gets its own rows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from peewee import ModelInsert, ModelSelect

from stina_core import Query, Store, Write, query, returning, write
from stina_core.config import MEMORY
from stina_core.model import current
from stina_core.queries.statement import Statement

from ..feed.desk import DEADLINE
from .library import Author, open_library
from .values import AuthorName


class Counting:
    """States queries and writes, and counts how often it is asked to."""

    def __init__(self) -> None:
        self.times = 0

    def query(self) -> Query[[str], AuthorName]:
        @query(AuthorName)
        def by_name(name: str) -> ModelSelect[Author]:
            self.times += 1
            return Author.select().where(Author.name == name).order_by(Author.id)

        return by_name

    def write(self) -> Write[[str, str]]:
        @write
        def add(id: str, name: str) -> ModelInsert:
            self.times += 1
            return Author.insert(id=id, name=name)

        return add


@pytest.fixture
def two(store_path: Path) -> Iterator[list[Store]]:
    """Open a store on a file and one in memory, each with an author of its own."""
    with ExitStack() as stack:
        stores = [stack.enter_context(open_library(path)) for path in (store_path, MEMORY)]
        for number, store in enumerate(stores):
            with store.use():
                Author.create(id=f"store {number}", name="Karin")
        yield stores


def together(count: int, work: Callable[[int], object]) -> None:
    """Call *work* with 0, 1, ... in as many threads, which start at one moment; raise what one of them raised."""
    start = threading.Barrier(count)
    raised: list[BaseException] = []

    def run(number: int) -> None:
        try:
            start.wait(DEADLINE)
            work(number)
        except BaseException as error:  # noqa: BLE001, raised again below
            raised.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
        assert not thread.is_alive()
    if raised:
        raise raised[0]


def test_query_is_not_stated_before_it_is_asked() -> None:
    counting = Counting()
    counting.query()
    counting.write()

    assert counting.times == 0


def test_query_is_stated_once_however_often_it_is_asked(store: Store) -> None:
    counting = Counting()
    by_name, add = counting.query(), counting.write()

    for number in range(20):
        assert len(by_name.list("Karin")) == number
        add(str(number), "Karin")

    assert counting.times == 2


def test_each_kind_of_answer_is_compiled_once(store: Store) -> None:
    counting = Counting()
    by_name = counting.query()
    ways = (by_name.list, by_name.find, by_name.exists, by_name.count)

    for way in ways:
        way("Karin")
    stated = counting.times
    for way in (*ways, *ways):
        way("Selma")

    assert stated <= len(ways)
    assert counting.times == stated


def test_error_of_one_call_has_nothing_compiled_anew(store: Store) -> None:
    counting = Counting()
    by_name = counting.query()
    by_name.list("Karin")

    for wrong in ((1,), (), (None,), ("a", "b")):
        with pytest.raises((TypeError, ValueError)):
            by_name.list(*wrong)
    by_name.list("Karin")

    assert counting.times == 1


def test_without_keeping_what_was_compiled_each_call_would_state_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control."""
    anew = property(lambda statement: statement._compile(current()).run, lambda statement, run: None)
    monkeypatch.setattr(Statement, "run", anew, raising=False)
    counting = Counting()
    by_name = counting.query()

    for _ in range(3):
        by_name.list("Karin")

    assert counting.times == 3


def test_two_stores_share_what_was_compiled_and_nothing_else(two: list[Store]) -> None:
    counting = Counting()
    by_name, add = counting.query(), counting.write()

    for _ in range(2):
        for number, store in enumerate(two):
            with store.use():
                assert by_name.list("Karin") == [AuthorName(f"store {number}", "Karin")]
    with two[1].use():
        add("only here", "Selma")
    with two[0].use():
        assert by_name.find("Selma") is None
        with two[1].use():
            assert by_name.get("Selma").id == "only here"
        assert by_name.count("Selma") == 0

    assert counting.times <= 5  # list, find, get and count, and the write


def test_threads_that_ask_first_all_get_their_own_answer(two: list[Store]) -> None:
    for _ in range(10):
        counting = Counting()
        by_name = counting.query()

        def ask(number: int, by_name: Query[[str], AuthorName] = by_name) -> None:
            with two[number % 2].use():
                for _ in range(5):
                    assert by_name.list("Karin") == [AuthorName(f"store {number % 2}", "Karin")]
                    assert by_name.list("nobody") == []

        together(8, ask)
        stated = counting.times
        together(8, ask)

        assert 1 <= stated <= 8
        assert counting.times == stated


def test_threads_that_write_first_each_write_their_own_row(two: list[Store]) -> None:
    counting = Counting()
    add = counting.write()

    def put(number: int) -> None:
        with two[number % 2].use():
            for row in range(5):
                assert add(f"{number} {row}", f"of {number}") == 1

    together(6, put)

    for parity, store in enumerate(two):
        with store.use():
            names = sorted(author.name for author in Author.select().where(Author.name != "Karin"))
            assert names == sorted(f"of {number}" for number in range(parity, 6, 2) for _ in range(5))


def test_rows_that_threads_write_in_memory_are_each_told_of_their_own(store: Store) -> None:
    """One connection for all: what one wrote must not be counted as another's."""

    @returning(str)
    def add(id: str) -> ModelInsert:
        return Author.insert(id=id, name="x").returning(Author.id)

    @write
    def rename(prefix: str, name: str) -> Any:
        return Author.update(name=name).where(Author.id**prefix)

    def work(number: int) -> None:
        with store.use():
            for row in range(number + 1):
                assert add(f"{number}-{row}") == [f"{number}-{row}"]
            for name in ("a", "b", "c"):
                assert rename(f"{number}-%", name) == number + 1

    together(6, work)

    assert Author.select().count() == 21


def test_query_that_states_itself_through_another_one_is_compiled_like_any_other(store: Store) -> None:
    def chosen(name: str) -> ModelSelect[Author]:
        return Author.select().where(Author.name == name)

    @query(AuthorName)
    def above(name: str) -> ModelSelect[Author]:
        return Author.select().where(Author.id.in_(chosen(name).select(Author.mentor)))

    Author.create(id="karin", name="Karin")
    Author.create(id="selma", name="Selma", mentor="karin")

    assert above.list("Selma") == [AuthorName("karin", "Karin")]
    assert above.list("Karin") == []
