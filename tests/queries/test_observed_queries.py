"""Compiled queries in live queries, and in the methods of repositories."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from peewee import ModelInsert, ModelSelect, fn

from stina_core import Repository, Store, TransactionError, query, write
from stina_core.backends.sqlite.database import StoreDatabase

from ..feed.desk import Heard, Values
from ..feed.reads import settle
from .library import Author, Book, fill, open_library
from .test_updates import add_pages, remove, rename
from .values import AuthorName, BookTitle


@query(AuthorName)
def authors() -> ModelSelect[Author]:
    return Author.select().order_by(Author.id)


@query(str)
def of_thick_books(least: int) -> ModelSelect[Author]:
    return (
        Author.select(Author.name)
        .where(Author.id.in_(Book.select(Book.author).where(Book.pages > least)))
        .order_by(Author.id)
    )


@query(str)
def among(ids: list[str]) -> ModelSelect[Author]:
    return Author.select(Author.name).where(Author.id.in_(ids)).order_by(Author.id)


@write
def add(id: str, name: str) -> ModelInsert:
    return Author.insert(id=id, name=name)


@pytest.fixture
def filled(store_path: Path) -> Iterator[Store]:
    """Open a store on a file, which another store may open too."""
    with open_library(store_path) as opened:
        fill(opened)
        yield opened


@pytest.fixture
def other(filled: Store, store_path: Path) -> Iterator[Store]:
    """Open another store on the same file."""
    with open_library(store_path) as opened:
        yield opened


def using(store: Store, ask: Callable[[], Any]) -> Callable[[], Any]:
    """Return *ask*, with *store* current while it runs."""

    def call() -> Any:
        with store.use():
            return ask()

    return call


def test_live_query_is_told_of_each_commit_of_another_store(filled: Store, other: Store) -> None:
    values = Values()

    with filled.observe(using(filled, lambda: [author.id for author in authors.list()]), values) as observed:
        assert observed.tables == {"library_author"}
        for id in ("a", "b", "c"):  # from the second time on SQLite serves the statement from its cache
            using(other, lambda id=id: add(id, "X"))()  # type: ignore[misc]
            values.wait_for([*"abc"[: "abc".index(id) + 1], "karin", "selma", "unread"])


@pytest.mark.parametrize("way", ["list", "find", "get", "exists", "count"])
def test_every_kind_of_answer_is_observed_also_by_a_second_live_query(
    filled: Store, other: Store, way: str
) -> None:
    @query(AuthorName)
    def last() -> ModelSelect[Author]:
        return Author.select().where(Author.name == "New").order_by(Author.id.desc())

    def ask() -> object:
        try:
            return getattr(last, way)()
        except LookupError:
            return "nothing"

    using(filled, ask)()  # so that the statement is known, and in the cache, before anything is observed
    for number in range(2):
        values = Values()
        with filled.observe(using(filled, ask), values) as observed:
            assert observed.tables == {"library_author"}
            using(other, lambda number=number: add(f"z{number}", "New"))()  # type: ignore[misc]
            values.wait_for(using(filled, ask)())
            settle(filled)
        using(other, lambda: Author.delete().where(Author.name == "New").execute())()


def test_live_query_reads_again_only_for_tables_that_it_reads(filled: Store) -> None:
    asked: list[object] = []
    values = Values()

    def ask() -> object:
        asked.append(None)
        return [author.name for author in authors.list()]

    with filled.observe(using(filled, ask), values), filled.use():
        for _ in range(3):
            add_pages(1, "Kris")
        settle(filled)
        assert len(asked) == 1
        add("new", "New")
        values.wait_for(["Karin", "New", "Selma", "Unread"])


def test_tables_inside_a_query_are_observed(filled: Store) -> None:
    values = Values()

    with filled.observe(using(filled, lambda: of_thick_books.list(400)), values) as observed, filled.use():
        assert observed.tables == {"library_author", "library_book"}
        assert values.all == [["Selma"]]
        add_pages(300, "Kallocain")
        values.wait_for(["Karin", "Selma"])
        remove("Jerusalem")
        values.wait_for(["Karin"])


def test_live_query_with_a_list_reads_no_table_more(filled: Store) -> None:
    values = Values()

    with (
        filled.observe(using(filled, lambda: among.list(["new", "karin"])), values) as observed,
        filled.use(),
    ):
        assert observed.tables == {"library_author"}
        add("new", "New")
        values.wait_for(["Karin", "New"])


def test_without_the_note_of_the_statement_nothing_would_be_noticed(
    filled: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: statements that run without being recorded."""
    monkeypatch.setattr(StoreDatabase, "_noted", lambda self, run, sql, values: run(sql, values))
    values, heard = Values(), Heard()

    with (
        filled.observe(using(filled, authors.count), values) as observed,
        filled.subscribe(heard),
        filled.use(),
    ):
        assert observed.tables == set()
        add("new", "New")
        heard.wait(1)
        settle(filled)

    assert values.all == [3]


def test_live_query_that_writes_is_refused(filled: Store) -> None:
    for ask in (lambda: add("x", "X"), lambda: rename("Kris", "x")):
        with pytest.raises(TransactionError, match="only reads"):
            filled.observe(using(filled, ask), Values())
    with filled.use():
        assert authors.count() == 3


class Authors(Repository):
    """A repository over compiled queries."""

    def everybody(self) -> list[AuthorName]:
        return authors.list()

    def add(self, id: str, name: str) -> AuthorName:
        with self.transaction():
            add(id, name)
            return next(one for one in authors.list() if one.id == id)


def test_repository_method_makes_its_store_current_for_a_compiled_query(filled: Store, other: Store) -> None:
    here, there = Authors(filled), Authors(other)

    assert here.add("new", "New") == AuthorName("new", "New")
    assert there.everybody() == here.everybody()
    assert len(there.everybody()) == 4


def test_aggregate_over_a_table_that_changes_is_observed(filled: Store) -> None:
    @query(int)
    def pages() -> ModelSelect[Book]:
        return Book.select(fn.SUM(Book.pages))

    values = Values()

    with filled.observe(using(filled, pages.list), values), filled.use():
        add_pages(1, "Kris")
        values.wait_for([1102])
        remove("Kris")
        values.wait_for([700])


def test_answers_of_a_live_query_are_compared_as_values(filled: Store) -> None:
    @query(BookTitle)
    def titles() -> ModelSelect[Book]:
        return Book.select().order_by(Book.id)

    asked: list[object] = []
    values = Values()

    def ask() -> object:
        asked.append(None)
        return titles.list()

    with filled.observe(using(filled, ask), values), filled.use():
        add_pages(1, "Kris")  # which the value does not show
        settle(filled)
        assert len(asked) == 2
        rename("Kallocain", "Kallocain II")
        values.wait_for([BookTitle("Kallocain II", 1, "karin"), *titles.list()[1:]])

    assert len(values.all) == 2
