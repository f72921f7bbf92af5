"""A plugin with a field of every kind, and stores with it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from stina_core import (
    AutoIdField,
    BlobField,
    BooleanField,
    CompositeKey,
    EnumField,
    FloatField,
    ForeignKeyField,
    IdField,
    IntegerField,
    JsonField,
    Migrations,
    Model,
    Operations,
    Schema,
    Store,
    StoreConfig,
    TextField,
    TimestampField,
    hookimpl,
    new_id,
    now,
    open_store,
)
from stina_core.backends.sqlite.database import StoreDatabase
from stina_core.config import MEMORY
from stina_core.testing import plugins_of


class Kind(StrEnum):
    """Kinds of books; one text has a quote in it."""

    NOVEL = "novel"
    POEMS = "po'ems"


class Shade(StrEnum):
    """Shades, of which a newer program may know more."""

    DARK = "dark"
    OTHER = "other"


class Shouted(TextField[str]):
    """A field of a plugin's own: kept as it is, read in capitals."""

    def python_value(self, value: Any) -> Any:
        return None if value is None else value.upper()


serials = itertools.count(1)


def next_serial() -> int:
    """Return a number that is another one at each call."""
    return next(serials)


class Author(Model):
    id = IdField()
    name = TextField(max_length=40)
    born = TimestampField(null=True)
    mentor = ForeignKeyField("self", null=True)


class Book(Model):
    id = AutoIdField()
    title = TextField()
    author = ForeignKeyField(Author, on_delete="CASCADE")
    pages = IntegerField(default=0)
    price = FloatField(null=True)
    sold = BooleanField(default=False)
    added_at = TimestampField(default=now)
    code = TextField(default=new_id)
    serial = IntegerField(default=next_serial)
    tags = JsonField(default=["new"])
    rank = IntegerField(default=7, column_name="position")


class Thing(Model):
    """A field of each kind, and each once more with NULL."""

    id = IdField()
    text = TextField(max_length=60)
    number = IntegerField()
    ratio = FloatField()
    flag = BooleanField()
    document = JsonField()
    kind = EnumField(Kind)
    shade = EnumField(Shade, unknown=Shade.OTHER)
    at = TimestampField()
    data = BlobField()
    maybe_text = TextField(null=True)
    maybe_number = IntegerField(null=True)
    maybe_ratio = FloatField(null=True)
    maybe_flag = BooleanField(null=True)
    maybe_document = JsonField(null=True)
    maybe_kind = EnumField(Kind, null=True)
    maybe_at = TimestampField(null=True)
    maybe_data = BlobField(null=True)


class Place(Model):
    """A key of two columns, one of them a foreign key."""

    book = ForeignKeyField(Book, on_delete="CASCADE")
    room = TextField()
    copies = IntegerField(default=1)

    class Meta:
        primary_key = CompositeKey("book", "room")


class Badge(Model):
    word = Shouted(primary_key=True)
    twin = ForeignKeyField("self", null=True)


class Step(Model):
    """A table whose key is a moment."""

    at = TimestampField(primary_key=True)
    after = ForeignKeyField("self", null=True)


class LibraryPlugin:
    @hookimpl
    def register_schema(self, schema: Schema) -> None:
        schema.add(Author, Book, Thing, Place, Badge, Step)

    @hookimpl
    def migrate(self, migrations: Migrations) -> None:
        @migrations.step("0001_initial")
        def initial(op: Operations) -> None:
            op.create_table(
                "author",
                id=IdField(),
                name=TextField(max_length=40),
                born=TimestampField(null=True),
                mentor=ForeignKeyField("author", null=True),
            )
            op.create_table(
                "book",
                id=AutoIdField(),
                title=TextField(),
                author=ForeignKeyField("author", on_delete="CASCADE"),
                pages=IntegerField(default=0),
                price=FloatField(null=True),
                sold=BooleanField(default=False),
                added_at=TimestampField(default=now),
                code=TextField(),
                serial=IntegerField(),
                tags=JsonField(default=["new"]),
                rank=IntegerField(default=7, column_name="position"),
            )
            op.create_table(
                "thing",
                id=IdField(),
                text=TextField(max_length=60),
                number=IntegerField(),
                ratio=FloatField(),
                flag=BooleanField(),
                document=JsonField(),
                kind=EnumField(["novel", "po'ems"]),
                shade=EnumField(["dark", "other"]),
                at=TimestampField(),
                data=BlobField(),
                maybe_text=TextField(null=True),
                maybe_number=IntegerField(null=True),
                maybe_ratio=FloatField(null=True),
                maybe_flag=BooleanField(null=True),
                maybe_document=JsonField(null=True),
                maybe_kind=EnumField(["novel", "po'ems"], null=True),
                maybe_at=TimestampField(null=True),
                maybe_data=BlobField(null=True),
            )
            op.create_table(
                "place",
                CompositeKey("book", "room"),
                book=ForeignKeyField("book", on_delete="CASCADE"),
                room=TextField(),
                copies=IntegerField(default=1),
            )
            op.create_table(
                "badge", word=TextField(primary_key=True), twin=ForeignKeyField("badge", null=True)
            )
            op.create_table(
                "step", at=TimestampField(primary_key=True), after=ForeignKeyField("step", null=True)
            )


PLUGINS = plugins_of(library=LibraryPlugin())
CONFIG = StoreConfig(strict=True, synchronous="NORMAL", busy_timeout=5.0)

DAY = datetime(2025, 3, 1, 12, tzinfo=UTC)


def open_library(path: str | Path = MEMORY) -> Store:
    """Open the store at *path* with the plugin."""
    return open_store(path, CONFIG, plugins=PLUGINS)


def fill(store: Store) -> None:
    """Put the rows of the example tests into *store*: three authors, four books."""
    books: list[tuple[str, str, int, float | None]] = [
        ("Kallocain", "karin", 200, 10.5),
        ("Kris", "karin", 100, None),
        ("Kris", "selma", 300, 7.25),
        ("Jerusalem", "selma", 500, 3.0),
    ]
    with store.transaction():
        Author.create(id="karin", name="Karin", born=DAY)
        Author.create(id="selma", name="Selma", mentor="karin")
        Author.create(id="unread", name="Unread", born=DAY - timedelta(days=9), mentor="selma")
        for number, (title, author, pages, price) in enumerate(books, 1):
            Book.create(
                id=number,
                title=title,
                author=author,
                pages=pages,
                price=price,
                sold=number % 2 == 0,
                added_at=DAY + timedelta(hours=number),
                code=f"c{number}",
                serial=number,
                tags=["new", {"n": number}],
            )


def database_of(store: Store) -> StoreDatabase:
    """Return the database that models speak to while *store* is current."""
    with store.use():
        database = Book._meta.database.obj
    assert isinstance(database, StoreDatabase)
    return database


@contextmanager
def unchecked(store: Store) -> Iterator[None]:
    """Inside the block *store* takes what its CHECKs refuse, as a file of a newer program may hold it."""
    database = database_of(store)
    database.run("PRAGMA ignore_check_constraints = 1")
    try:
        yield
    finally:
        database.run("PRAGMA ignore_check_constraints = 0")
