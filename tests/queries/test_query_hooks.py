"""What Peewee's `query_hooks` are told of compiled queries: what they are told of ad-hoc ones."""

from __future__ import annotations

from typing import Any

import pytest

from stina_core import ConstraintError, InvalidValueError, Store

from .library import Author, database_of, open_library
from .test_units import add, authors
from .test_updates import rename


def test_hook_is_told_of_compiled_and_ad_hoc_statements_alike(shelf: Store) -> None:
    told: list[Any] = []
    database = database_of(shelf)
    database.query_hooks.append(told.append)

    authors.list()
    list(Author.select().order_by(Author.id))
    add("new", "New")
    rename("Kris", "Crisis")
    authors.exists()

    assert [(event.sql.split()[0], event.params, event.exception) for event in told] == [
        ("SELECT", (), None),
        ("SELECT", (), None),
        ("INSERT", ("new", "New"), None),
        ("UPDATE", ("Crisis", "Kris"), None),
        ("SELECT", told[4].params, None),
    ]
    assert told[0].sql == authors.sql()
    assert all(event.duration > 0 for event in told)


def test_hook_is_told_of_the_error_of_a_statement(shelf: Store) -> None:
    told: list[Any] = []
    database_of(shelf).query_hooks.append(told.append)

    with pytest.raises(ConstraintError) as compiled:
        add("karin", "Again")
    with pytest.raises(ConstraintError) as ad_hoc:
        Author.insert(id="karin", name="Again").execute()
    with pytest.raises(ConstraintError), shelf.transaction():
        add("karin", "Again")

    assert [event.exception for event in told[:2]] == [compiled.value, ad_hoc.value]
    assert [event.params for event in told] == [("karin", "Again")] * 3
    assert told[0].sql == told[1].sql == told[2].sql


def test_hook_is_not_told_of_what_never_reached_the_database(shelf: Store) -> None:
    told: list[Any] = []
    database_of(shelf).query_hooks.append(told.append)

    with pytest.raises(InvalidValueError):
        add("x", "y" * 41)
    with pytest.raises(TypeError):
        add("x")  # type: ignore[call-arg]

    assert told == []


def test_hook_of_one_store_is_not_told_of_another(shelf: Store) -> None:
    told: list[Any] = []
    database_of(shelf).query_hooks.append(told.append)

    with open_library() as other, other.use():
        authors.list()
    assert told == []
    authors.list()
    assert len(told) == 1


def test_hook_that_was_taken_away_is_told_no_more(shelf: Store) -> None:
    told: list[Any] = []
    hooks = database_of(shelf).query_hooks
    hooks.append(told.append)
    authors.list()
    hooks.remove(told.append)

    authors.list()

    assert len(told) == 1


def test_hook_is_told_of_a_compiled_read_in_a_snapshot_and_of_a_write_in_a_transaction(shelf: Store) -> None:
    told: list[Any] = []
    database_of(shelf).query_hooks.append(told.append)

    with shelf.snapshot():
        authors.list()
    with shelf.transaction():
        add("new", "New")

    assert [event.sql.split()[0] for event in told] == ["SELECT", "INSERT"]
