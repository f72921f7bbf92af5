"""What becomes of each row: added, the same, different, taken for another one, or left out."""

from __future__ import annotations

import pytest

from stina_core.testing import file_rows
from stina_core.transfer import TableReport

from .conftest import Make, merged, of
from .shelf import rows

AUTHORS = "INSERT INTO shelf_author (id, name) VALUES ('a', 'Astrid'), ('b', 'Tove')"
BOOKS = (
    "INSERT INTO shelf_book (id, author_id, title, isbn, rating, cover, facts) VALUES "
    "('x', 'a', 'One', '1', 0.1, x'00ff', '{\"a\": 1.0}'), ('y', 'b', 'Two', '2', NULL, NULL, NULL)"
)
LABELS = "INSERT INTO shelf_label VALUES ('a', 'red', 1), ('b', 'red', 2)"
NOTES = "INSERT INTO shelf_note VALUES (7, 'x', 'nice')"
ALL = (AUTHORS, BOOKS, LABELS, NOTES)


def test_rows_that_are_not_here_are_added_as_they_are_stored(make: Make) -> None:
    source, store = make("source", *ALL), make("store")

    report = merged(store, source)

    assert rows(store) == rows(source)
    assert [(one.table, one.added) for one in report.tables] == [
        ("shelf_author", 2),
        ("shelf_book", 2),
        ("shelf_label", 2),
        ("shelf_note", 1),
    ]
    assert (report.added, report.different, report.left_out) == (7, 0, 0)
    assert (report.kind, report.source, report.path) == ("store", str(source), str(store))


def test_rows_that_are_here_already_are_counted_and_nothing_is_written(make: Make) -> None:
    source, store = make("source", *ALL), make("store", *ALL)
    before = file_rows(store, "SELECT max(seq) FROM stina_change")

    report = merged(store, source)

    assert [(one.added, one.same) for one in report.tables] == [(0, 2), (0, 2), (0, 2), (0, 1)]
    assert file_rows(store, "SELECT max(seq) FROM stina_change") == before


def test_a_row_with_other_values_stays_as_it_is_here_and_is_listed_by_its_key(make: Make) -> None:
    store = make("store", *ALL, "UPDATE shelf_book SET title = 'Mine' WHERE id = 'x'")
    before = rows(store)

    report = merged(store, make("source", *ALL))

    assert of(report, "book") == TableReport(
        "shelf", "shelf_book", same=1, different=1, different_keys=("x",)
    )
    assert rows(store) == before


def test_a_whole_number_and_a_fraction_of_the_same_size_are_different_values(make: Make) -> None:
    store = make("store", AUTHORS, BOOKS, "UPDATE shelf_book SET facts = '{\"a\": 1}' WHERE id = 'x'")

    assert of(merged(store, make("source", AUTHORS, BOOKS)), "book").different_keys == ("x",)


def test_keys_are_listed_up_to_a_number_and_all_are_counted(make: Make) -> None:
    many = "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 500) "
    insert = f"{many}INSERT INTO shelf_book (id, title) SELECT printf('%03d', i), '%s' FROM n"
    source, store = (
        make("source", insert.replace("%s", "theirs")),
        make("store", insert.replace("%s", "ours")),
    )

    book = of(merged(store, source), "book")

    assert book.different == 500
    assert book.different_keys == tuple(f"{number:03}" for number in range(1, 21))


def test_a_column_that_is_ignored_makes_no_difference(make: Make) -> None:
    store = make("store", *ALL, "UPDATE shelf_book SET reading = 1 WHERE id = 'x'")

    assert of(merged(store, make("source", *ALL)), "book").different == 0


def test_the_plugin_may_change_a_row_before_it_is_added(make: Make) -> None:
    source = make("source", *ALL, "UPDATE shelf_book SET reading = 1 WHERE id = 'x'")
    store = make("store", "INSERT INTO shelf_book (id, title, reading) VALUES ('mine', 'Mine', 1)")

    assert of(merged(store, source), "book").added == 2

    assert file_rows(store, "SELECT id FROM shelf_book WHERE reading") == [("mine",)]


def test_what_points_to_a_row_that_is_another_one_here_points_to_that_one(make: Make) -> None:
    store = make("store", "INSERT INTO shelf_author (id, name) VALUES ('ours', 'Astrid')")
    source = make("source", *ALL)

    report = merged(store, source)

    assert (of(report, "author").merged, of(report, "author").added) == (1, 1)
    assert file_rows(store, "SELECT id, author_id FROM shelf_book ORDER BY id") == [("x", "ours"), ("y", "b")]
    assert file_rows(store, "SELECT author_id, weight FROM shelf_label ORDER BY 1") == [("b", 2), ("ours", 1)]
    again = merged(store, source)
    assert (again.added, again.different, again.left_out) == (0, 0, 0)
    assert of(again, "author").merged == 1


def test_two_rows_that_become_one_by_that_are_compared(make: Make) -> None:
    """Their keys have the reference in them, and the same row comes twice, in one batch."""
    store = make("store", "INSERT INTO shelf_author (id, name) VALUES ('ours', 'Astrid')")
    labels = "INSERT INTO shelf_label VALUES ('a', 'red', 1), ('ours', 'red', 1), ('ours', 'blue', 5), ('a', 'blue', 6)"
    source = make("source", AUTHORS, labels, foreign_keys=False)

    label = of(merged(store, source), "label")

    assert (label.added, label.same, label.different) == (2, 1, 1)
    assert label.different_keys == (["ours", "blue"],)


def test_a_row_that_a_unique_index_refuses_is_left_out_with_what_points_to_it(make: Make) -> None:
    store = make("store", "INSERT INTO shelf_book (id, title, isbn) VALUES ('mine', 'Mine', '1')")

    report = merged(store, make("source", *ALL))

    book, note = of(report, "book"), of(report, "note")
    assert (book.added, book.left_out, book.left_out_keys) == (1, 1, ("x",))
    assert book.reasons == {"another row here has the same isbn": 1}
    assert note.reasons == {"the row of shelf_book it points to was left out": 1}
    assert report.left_out == 2


def test_a_row_that_breaks_a_check_is_left_out(make: Make) -> None:
    source = make(
        "source", "INSERT INTO shelf_book (id, title, pages) VALUES ('x', 'No', 0)", foreign_keys=False
    )

    book = of(merged(make("store"), source), "book")

    assert book.reasons == {"it breaks a rule of the table (has_pages)": 1}


@pytest.mark.parametrize("table", ["book", "label"])
def test_a_row_that_points_to_nothing_is_left_out_also_where_sqlite_would_ask_later(
    make: Make, table: str
) -> None:
    """The reference of a label is only checked at the commit, where it would end the whole import."""
    insert = {
        "book": "INSERT INTO shelf_book (id, author_id, title) VALUES ('x', 'nobody', 'Lost')",
        "label": "INSERT INTO shelf_label VALUES ('nobody', 'red', 1)",
    }[table]
    source = make("source", AUTHORS, insert, foreign_keys=False)

    report = merged(make("store"), source)

    assert of(report, table).reasons == {"the row of shelf_author it points to is nowhere": 1}
    assert of(report, "author").added == 2


def test_a_row_that_points_to_one_that_is_only_here_is_added(make: Make) -> None:
    source = make("source", "INSERT INTO shelf_label VALUES ('a', 'red', 1)", foreign_keys=False)

    assert of(merged(make("store", AUTHORS), source), "label").added == 1


def test_a_text_that_is_not_utf8_is_not_taken_over(make: Make) -> None:
    broken = "UPDATE shelf_book SET title = CAST(x'41ff' AS TEXT) WHERE id = 'x'"
    source = make("source", *ALL, broken)

    report = merged(make("store"), source)
    assert of(report, "book").reasons == {"it has a text that is not UTF-8": 1}
    assert of(report, "note").left_out == 1

    report = merged(make("other", *ALL), source)
    assert (of(report, "book").different, of(report, "note").same) == (1, 1)
    assert of(merged(make("third", *ALL, broken), make("good", *ALL)), "book").different_keys == ("x",)


def test_a_row_of_ours_that_cannot_be_read_hides_no_other(make: Make) -> None:
    store = make("store", *ALL, "UPDATE shelf_author SET name = CAST(x'ff' AS TEXT) WHERE id = 'a'")

    author = of(merged(store, make("source", *ALL)), "author")

    assert (author.same, author.different_keys) == (1, ("a",))
