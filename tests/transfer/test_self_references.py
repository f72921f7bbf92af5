"""Rows of one table that point to one another, in whatever order they are stored."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stina_core.testing import file_rows
from stina_core.transfer import merge
from stina_core.transfer.selfreference import in_order

from .conftest import Make, merged, of
from .shelf import rows

CHAIN = (
    "INSERT INTO shelf_book (id, title) VALUES ('a', 'A'), ('b', 'B'), ('c', 'C')",
    "UPDATE shelf_book SET sequel_of_id = 'b' WHERE id = 'a'",
    "UPDATE shelf_book SET sequel_of_id = 'c' WHERE id = 'b'",
)
CIRCLE = (*CHAIN, "UPDATE shelf_book SET sequel_of_id = 'a' WHERE id = 'c'")
BEHIND = "INSERT INTO shelf_book (id, title, sequel_of_id) VALUES ('0', 'Behind the circle', 'a')"
ITSELF = "INSERT INTO shelf_book (id, title, sequel_of_id) VALUES ('me', 'Me', 'me')"


@pytest.mark.parametrize("statements", [CHAIN, CIRCLE, (*CIRCLE, BEHIND), (ITSELF,)])
def test_rows_that_point_to_one_another_are_all_added(make: Make, statements: tuple[str, ...]) -> None:
    source, store = make("source", *statements), make("store")

    report = merged(store, source)

    assert of(report, "book").left_out == 0
    assert rows(store) == rows(source)
    again = merged(store, source)
    assert (again.added, again.different, again.left_out) == (0, 0, 0)
    assert file_rows(store, "PRAGMA foreign_key_check") == []


def test_a_row_behind_one_that_is_left_out_is_left_out(make: Make) -> None:
    source = make("source", *CHAIN, "UPDATE shelf_book SET isbn = '1' WHERE id = 'c'")
    store = make("store", "INSERT INTO shelf_book (id, title, isbn) VALUES ('mine', 'Mine', '1')")

    book = of(merged(store, source), "book")

    assert (book.added, book.left_out_keys) == (0, ("c", "b", "a"))
    assert book.reasons == {
        "another row here has the same isbn": 1,
        "the row of shelf_book it points to was left out": 2,
    }


def test_a_circle_of_which_one_is_refused_is_left_out_as_a_whole(make: Make) -> None:
    others = "INSERT INTO shelf_book (id, title) VALUES ('z', 'Z')"
    source = make("source", *CIRCLE, BEHIND, others, "UPDATE shelf_book SET isbn = '1' WHERE id = 'b'")
    store = make("store", "INSERT INTO shelf_book (id, title, isbn) VALUES ('mine', 'Mine', '1')")

    book = of(merged(store, source), "book")

    assert (book.added, book.left_out) == (1, 4)
    assert book.reasons == {merge._CIRCLE: 4}
    assert file_rows(store, "SELECT id FROM shelf_book ORDER BY id") == [("mine",), ("z",)]
    assert file_rows(store, "PRAGMA foreign_key_check") == []


def test_a_circle_that_is_here_in_part_is_completed(make: Make) -> None:
    source = make("source", *CIRCLE)
    store = make("store", "INSERT INTO shelf_book (id, title) VALUES ('b', 'B here')")

    book = of(merged(store, source), "book")

    assert (book.added, book.different_keys) == (2, ("b",))
    assert file_rows(store, "SELECT id, sequel_of_id FROM shelf_book ORDER BY id") == [
        ("a", "b"),
        ("b", None),
        ("c", "a"),
    ]


def test_a_key_that_is_not_utf8_hides_no_other(make: Make) -> None:
    source = make(
        "source", *CHAIN, "INSERT INTO shelf_book (id, title) VALUES (CAST(x'ff' AS TEXT), 'Broken')"
    )

    book = of(merged(make("store"), source), "book")

    assert (book.added, book.left_out) == (3, 1)


def test_rows_in_the_order_of_their_keys_alone_would_point_to_nothing(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of the tests above."""

    def by_key(pointing: Iterable[tuple[object, object]]) -> tuple[list[object], list[object]]:
        return [key for key, _ in pointing], []

    monkeypatch.setattr(merge, "in_order", by_key)

    book = of(merged(make("store"), make("source", *CHAIN)), "book")

    assert book.left_out_keys == ("a", "b")


@given(st.dictionaries(st.integers(0, 20), st.lists(st.none() | st.integers(0, 25), max_size=2)))
def test_nothing_comes_before_what_it_points_to(graph: dict[int, list[int | None]]) -> None:
    ordered, circle = in_order(graph.items())

    assert sorted([*ordered, *circle]) == sorted(graph)
    places = {key: place for place, key in enumerate(ordered)}
    for key in ordered:
        for target in graph[key]:
            assert target is None or target == key or target not in graph or places[target] < places[key]
    for key in circle:  # each waits for another one of them
        assert any(target != key and target in circle for target in graph[key])


def test_the_store_is_whole_after_all_of_it(make: Make, tmp_path: Path) -> None:
    store = make("store")
    for number, statements in enumerate([CIRCLE, (*CIRCLE, BEHIND), CHAIN, (ITSELF,)]):
        merged(store, make(f"source{number}", *statements))

    assert file_rows(store, "PRAGMA integrity_check") == [("ok",)]
    assert file_rows(store, "SELECT count(*) FROM shelf_book") == [(5,)]
