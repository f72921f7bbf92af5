"""The newer version of the plugin `shelf`: a step more, which has to build the table of books anew."""

from __future__ import annotations

from stina_core import (
    AutoIdField,
    CompositeKey,
    ForeignKeyField,
    Migrations,
    Model,
    Operations,
    Schema,
    Store,
    StoreConfig,
    TextField,
    hookimpl,
    load_plugins,
    local_plugin,
    open_store,
)

from . import feed_shelf


class Author(Model):
    id = AutoIdField()
    name = TextField(unique=True)


class Book(Model):
    id = TextField(primary_key=True)
    author = ForeignKeyField(Author, on_delete="CASCADE")
    code = TextField(unique=True)
    pages = TextField(null=True)


class Half(Model):
    token = TextField()
    side = TextField()

    class Meta:
        primary_key = CompositeKey("token", "side")


def pages_as_text(op: Operations) -> None:
    op.alter_column("book", "pages", TextField(null=True))


class NewerShelf:
    @hookimpl
    def register_schema(self, schema: Schema) -> None:
        schema.add(Author, Book, Half)

    @hookimpl
    def migrate(self, migrations: Migrations) -> None:
        feed_shelf.Shelf().migrate(migrations)
        migrations.step("0003_pages")(pages_as_text)


def open_newer(path: str) -> Store:
    config = StoreConfig(strict=True, origin="newer")
    return open_store(path, config, plugins=load_plugins([local_plugin("shelf", NewerShelf())], config))
