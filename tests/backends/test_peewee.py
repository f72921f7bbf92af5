from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw
import peewee
import pytest

from stina_core import Store

from .library import Author, Book, Visit


def test_models_are_created_changed_and_deleted(either: Store) -> None:
    with either.use():
        karin = Author.create(name="Karin")
        book = Book(title="Kallocain", author=karin, tags=["novel", {"year": 1940}])
        assert book.save(force_insert=True) == 1
        book.pages = 200
        assert book.save() == 1

        found = Book.get_by_id(book.id)
        assert (found.title, found.pages, found.tags) == ("Kallocain", 200, ["novel", {"year": 1940}])
        assert found.author.name == "Karin"
        assert [one.title for one in karin.books] == ["Kallocain"]  # type: ignore[attr-defined]
        assert found.delete_instance() == 1
        assert Book.get_or_none(Book.id == book.id) is None
        assert karin.delete_instance(recursive=True) == 1


def test_get_or_create_makes_a_row_once(either: Store) -> None:
    with either.use():
        first, made = Author.get_or_create(name="Karin")
        again, made_again = Author.get_or_create(name="Karin")

    assert (made, made_again) == (True, False)
    assert first.id == again.id


def test_get_or_create_lets_nobody_in_between(
    store: Store, store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = Author.create
    refused: list[bool] = []

    def create_second(**values: Any) -> Author:
        with pytest.raises(apsw.BusyError):
            apsw.Connection(str(store_path)).execute("INSERT INTO library_author VALUES ('1', 'Karin')")
        refused.append(True)
        return create(**values)

    monkeypatch.setattr(Author, "create", create_second)
    with store.use():
        author, made = Author.get_or_create(name="Karin", defaults={"id": "2"})

    assert (author.id, made, refused) == ("2", True, [True])


def test_conflicts_are_ignored_replaced_or_merged(either: Store) -> None:
    with either.use():
        Visit.insert(id=1, door="front").execute()
        Visit.insert(id=2, door="front").on_conflict_ignore().execute()
        assert [(one.id, one.door) for one in Visit.select()] == [(1, "front")]
        Visit.insert(id=3, door="front").on_conflict_replace().execute()
        assert [(one.id, one.door) for one in Visit.select()] == [(3, "front")]
        Visit.insert(id=3, door="back").on_conflict(
            conflict_target=[Visit.id], update={Visit.door: Visit.door + "+" + peewee.EXCLUDED.door}
        ).execute()
        assert [(one.id, one.door) for one in Visit.select()] == [(3, "front+back")]


def test_update_returns_the_new_rows(either: Store) -> None:
    with either.use():
        Visit.insert_many([{"door": "front"}, {"door": "back"}]).execute()

        changed = Visit.update(door=Visit.door + "!").where(Visit.id == 2).returning(Visit).execute()

        assert [(one.id, one.door) for one in changed] == [(2, "back!")]


@pytest.fixture
def shelves(either: Store) -> Store:
    with either.transaction():
        for name, titles in {"Karin": ["Kallocain", "Kris"], "Selma": ["Jerusalem"], "Unread": []}.items():
            author = Author.create(name=name)
            Book.bulk_create(
                [Book(title=title, author=author, pages=len(title)) for title in titles], batch_size=1
            )
    return either


def test_joins_groups_and_scalars(shelves: Store) -> None:
    with shelves.use():
        joined = Book.select(Book.title, Author.name).join(Author).order_by(Book.title)
        counted = (
            Author.select(Author.name, peewee.fn.count(Book.id).alias("books"))
            .join(Book, peewee.JOIN.LEFT_OUTER)
            .group_by(Author)
            .order_by(Author.name)
        )

        assert [(book.title, book.author.name) for book in joined] == [
            ("Jerusalem", "Selma"),
            ("Kallocain", "Karin"),
            ("Kris", "Karin"),
        ]
        assert list(counted.tuples()) == [("Karin", 2), ("Selma", 1), ("Unread", 0)]
        assert next(iter(counted.dicts())) == {"name": "Karin", "books": 2}
        assert [row.books for row in counted.namedtuples()] == [2, 1, 0]  # type: ignore[attr-defined]
        assert Book.select(peewee.fn.sum(Book.pages)).scalar() == 22
        assert Book.select().count() == 3
        assert Book.select().where(Book.title.contains("kall")).exists()
        assert not Book.select().where(Book.title == "none").exists()
        assert Book.select().where(Book.title == "none").first() is None
        assert [book.title for book in Book.select().order_by(Book.title).paginate(2, 1)] == ["Kallocain"]
        assert sorted(book.title for book in Book.select().iterator()) == ["Jerusalem", "Kallocain", "Kris"]


@pytest.mark.parametrize("shape", ["objects", "dicts", "tuples", "namedtuples"])
def test_empty_answers_have_every_shape(either: Store, shape: str) -> None:
    with either.use():
        query: Any = Book.select(Book, Author).join(Author)

        assert list(getattr(query, shape)()) == []


def test_prefetch_and_bulk_update(shelves: Store) -> None:
    with shelves.use():
        authors = peewee.prefetch(Author.select().order_by(Author.name), Book.select().order_by(Book.title))
        assert [[book.title for book in author.books] for author in authors] == [
            ["Kallocain", "Kris"],
            ["Jerusalem"],
            [],
        ]
        books = list(Book.select())
        for book in books:
            book.pages += 100

        model: Any = Book
        assert model.bulk_update(books, fields=[Book.pages], batch_size=2) == 3

        assert Book.select(peewee.fn.min(Book.pages)).scalar() == 104


def test_compound_and_recursive_queries(either: Store) -> None:
    with either.use():
        Visit.insert_many([{"door": door} for door in "abc"]).execute()
        low = Visit.select(Visit.door).where(Visit.id < 2)
        high = Visit.select(Visit.door).where(Visit.id > 2)
        chain = Visit.select(Visit.id).where(Visit.id == 1).cte("chain", recursive=True, columns=["id"])
        links = chain.union_all(Visit.select(Visit.id).join(chain, on=(Visit.id == chain.c.id + 1)))

        assert sorted(row[0] for row in (low | high).tuples()) == ["a", "c"]
        assert [row[0] for row in links.select_from(links.c.id).tuples()] == [1, 2, 3]
        assert list(Visit.select().where(Visit.id.in_([1, 3])).order_by(Visit.id).tuples()) == [
            (1, "a"),
            (3, "c"),
        ]
