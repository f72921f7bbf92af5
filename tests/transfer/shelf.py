"""A plugin `shelf` for the tests of import and export: every kind of column, key and reference, and its own merging."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from stina_core import (
    AutoIdField,
    BlobField,
    BooleanField,
    Check,
    CompositeKey,
    FloatField,
    ForeignKeyField,
    IdField,
    Index,
    IntegerField,
    JsonField,
    Migrations,
    Model,
    Operations,
    Plugins,
    Schema,
    StoreConfig,
    TextField,
    TimestampField,
    hookimpl,
    load_plugins,
    local_plugin,
)
from stina_core.testing import file_rows
from stina_core.transfer import Here, Row


class Author(Model):
    """Two of one name are one author."""

    id = IdField()
    name = TextField(unique=True)
    seen_at = TimestampField(null=True)


class Book(Model):
    """One that comes after another one is its sequel; at most one is being read."""

    id = IdField()
    author = ForeignKeyField(Author, null=True, on_delete="SET NULL")
    sequel_of = ForeignKeyField("self", null=True, on_delete="CASCADE")
    title = TextField()
    isbn = TextField(null=True, unique=True)
    reading = BooleanField(default=False)
    rating = FloatField(null=True)
    pages = IntegerField(default=1)
    cover = BlobField(null=True)
    facts = JsonField(null=True)

    class Meta:
        constraints = (Check("pages > 0", name="has_pages"),)
        indexes = (Index("reading", unique=True, where="reading"),)


class Label(Model):
    """A key of two columns, one of which is a reference."""

    author = ForeignKeyField(Author, on_delete="CASCADE", deferrable=True)
    word = TextField()
    weight = IntegerField(default=0)

    class Meta:
        primary_key = CompositeKey("author", "word")
        without_rowid = True


class Note(Model):
    """Its keys are numbers that the database gives, and its changes are not told."""

    id = AutoIdField()
    book = ForeignKeyField(Book, on_delete="CASCADE")
    text = TextField()

    class Meta:
        tracked = False


MODELS = (Author, Book, Label, Note)
TABLES = ("shelf_author", "shelf_book", "shelf_label", "shelf_note")


def author(row: Row, here: Here) -> Row:
    return here.find(name=row["name"]) or row


def book(row: Row, here: Here) -> Row:
    return {**row, "reading": 0} if row["reading"] and here.find(reading=1) else row


def initial(op: Operations) -> None:
    op.create_table("author", id=IdField(), name=TextField(unique=True))
    op.create_table(
        "book",
        Check("pages > 0", name="has_pages"),
        Index("reading", unique=True, where="reading"),
        id=IdField(),
        author=ForeignKeyField("author", null=True, on_delete="SET NULL"),
        sequel_of=ForeignKeyField("book", null=True, on_delete="CASCADE"),
        title=TextField(),
        isbn=TextField(null=True, unique=True),
        reading=BooleanField(default=False),
        rating=FloatField(null=True),
        pages=IntegerField(default=1),
        cover=BlobField(null=True),
        facts=JsonField(null=True),
    )
    op.create_table(
        "label",
        CompositeKey("author", "word"),
        author=ForeignKeyField("author", on_delete="CASCADE", deferrable=True),
        word=TextField(),
        weight=IntegerField(default=0),
        without_rowid=True,
    )
    op.create_table(
        "note", id=AutoIdField(), book=ForeignKeyField("book", on_delete="CASCADE"), text=TextField()
    )


def seen(op: Operations) -> None:
    op.add_column("author", seen_at=TimestampField(null=True))


def adopt(op: Operations) -> None:
    """Take over the table `authors` of an older program."""
    if not op.has_table("authors", "id", "name"):
        return
    rows: list[dict[str, Any]] = []
    for row in op.old_rows("authors"):
        rows.append({"id": row.id(), "name": row.text("name") or ""})
    op.insert("author", rows)
    op.retire("authors", into="author", same={"name": "name"})


STEPS: dict[str, Callable[[Operations], None]] = {
    "0001_initial": initial,
    "0002_seen": seen,
    "0003_adopt": adopt,
}


class ShelfPlugin:
    """The plugin at its newest."""

    steps = STEPS

    @hookimpl
    def register_schema(self, schema: Schema) -> None:
        schema.add(*MODELS)
        schema.adopts("authors")
        schema.merges(Author, using=author)
        schema.merges(Book, using="tests.transfer.shelf:book", ignoring=("reading",))

    @hookimpl
    def migrate(self, migrations: Migrations) -> None:
        for id, run in self.steps.items():
            migrations.step(id)(run)


def stepping(*runs: Callable[[Operations], None]) -> object:
    """Return a plugin without models, whose steps are *runs*, under the names they have in `STEPS` if they do."""
    names = {run: id for id, run in STEPS.items()}

    def migrate(migrations: Migrations) -> None:
        for number, run in enumerate(runs, 1):
            migrations.step(names.get(run, f"{number:04}_step"))(run)

    return SimpleNamespace(migrate=hookimpl(migrate))


def loaded(plugin: object | None = None, **others: object) -> Plugins:
    """Load the plugin, or another one in its place, and *others*, strictly."""
    those = {"shelf": plugin or ShelfPlugin(), **others}
    return load_plugins([local_plugin(name, one) for name, one in those.items()], StoreConfig(strict=True))


PLUGINS = loaded()


def config(path: Path) -> StoreConfig:
    """Return the settings of a store at *path*."""
    return StoreConfig(strict=True, synchronous="NORMAL").located(path)


def rows(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table of the plugin in the file *path*, with the type of each value."""
    found = {}
    for table in TABLES:
        columns = [row[0] for row in file_rows(path, "SELECT name FROM pragma_table_info(?)", (table,))]
        parts = ", ".join(f'typeof("{column}"), "{column}"' for column in columns)
        found[table] = file_rows(path, f'SELECT {parts} FROM "{table}" ORDER BY 2, 4')
    return found
