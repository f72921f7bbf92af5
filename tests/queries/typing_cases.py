"""Checked by mypy, which knows the arguments and the answers of a compiled query; run by `test_typing.py`.

Every `type: ignore` is a case: without an error there mypy, which is strict here, complains of the comment.
"""

from __future__ import annotations

from datetime import datetime
from typing import assert_type

import pytest
from peewee import ModelDelete, ModelInsert, ModelSelect, ModelUpdate

from stina_core import Query, Returning, Write, query, returning, write

from .library import Author, Book
from .values import AuthorName, BookTitle


@query(BookTitle)
def thick(least: int, author: str = "karin", *, sold: bool = False) -> ModelSelect[Book]:
    return Book.select().where(Book.pages >= least, Book.author == author, Book.sold == sold)


@query(datetime)
def times() -> ModelSelect[Book]:
    return Book.select(Book.added_at).order_by(Book.id)


def _shown(title: str, pages: int) -> tuple[str, int]:
    return title, pages


@query(_shown)
def shown(ids: list[int]) -> ModelSelect[Book]:
    return Book.select(Book.title, Book.pages).where(Book.id.in_(ids))


@write
def add(name: str, mentor: str | None) -> ModelInsert:
    return Author.insert(name=name, mentor=mentor)


@write
def remove(id: int) -> ModelDelete:
    return Book.delete().where(Book.id == id)


@returning(AuthorName)
def rename(id: str, name: str) -> ModelUpdate:
    return Author.update(name=name).where(Author.id == id).returning(Author)


@returning(int)
def ids(title: str) -> ModelUpdate:
    return Book.update(pages=1).where(Book.title == title).returning(Book.id)


def answers_have_exact_types() -> None:
    assert_type(thick.get(100), BookTitle)
    assert_type(thick.find(100), BookTitle | None)
    assert_type(thick.list(100, "selma", sold=True), list[BookTitle])
    assert_type(thick.exists(100, author="selma"), bool)
    assert_type(thick.count(least=100), int)
    assert_type(thick.sql(), str)
    assert_type(times.get(), datetime)
    assert_type(times.find(), datetime | None)
    assert_type(times.list(), list[datetime])
    assert_type(shown.list([1, 2]), list[tuple[str, int]])
    assert_type(shown.find([1]), tuple[str, int] | None)
    assert_type(add("New", None), int)
    assert_type(remove(4), int)
    assert_type(rename("karin", "Karin B"), list[AuthorName])
    assert_type(ids("Kris"), list[int])


def queries_have_exact_types() -> None:
    one: Query[[], datetime] = times
    two: Write[[int]] = remove
    three: Returning[[str], int] = ids
    assert (one, two, three) == (times, remove, ids)
    wrong: Query[[], str] = times  # type: ignore[assignment]
    also_wrong: Write[[str]] = remove  # type: ignore[assignment]
    pairs: list[tuple[object, object]] = [(wrong, times), (also_wrong, remove)]
    assert all(left is right for left, right in pairs)


def wrong_arguments_are_errors() -> None:
    with pytest.raises(ValueError, match="expected a whole number, got str"):
        thick.list("100")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="expected text, got int"):
        thick.find(100, 7)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="expected True or False"):
        thick.get(100, sold="no")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        thick.exists()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="takes from 1 to 2 positional arguments"):
        thick.count(100, "selma", True)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        thick.list(100, solid=True)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="takes 0 positional arguments"):
        times.list(1)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="expected a whole number"):
        shown.list(["1"])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        add("x")  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="expected text"):
        add(7, None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="expected a whole number"):
        remove("4")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="expected text"):
        rename("karin", b"Karin")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        ids(name="Kris")  # type: ignore[call-arg]


def wrong_uses_are_errors() -> None:
    with pytest.raises(AttributeError):
        thick.first(100)  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        add.list("x", None)  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match="not callable"):
        thick(100)  # type: ignore[operator]


CASES = [
    answers_have_exact_types,
    queries_have_exact_types,
    wrong_arguments_are_errors,
    wrong_uses_are_errors,
]
