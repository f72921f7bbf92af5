"""The plugin `shelf` for the tests of the feed: every shape of key, a cascade, and rows that REPLACE can remove."""

from __future__ import annotations

from stina_core import (
    AutoIdField,
    CompositeKey,
    ForeignKeyField,
    IntegerField,
    Migrations,
    Model,
    Operations,
    Plugins,
    Repository,
    Schema,
    Store,
    StoreConfig,
    TextField,
    hookimpl,
    load_plugins,
    local_plugin,
    open_store,
)


class Author(Model):
    id = AutoIdField()
    name = TextField(unique=True)


class Book(Model):
    id = TextField(primary_key=True)
    author = ForeignKeyField(Author, on_delete="CASCADE")
    code = TextField(unique=True)
    pages = IntegerField(default=0)


class Half(Model):
    """Written in pairs, both in one transaction."""

    token = TextField()
    side = TextField()

    class Meta:
        primary_key = CompositeKey("token", "side")


class Present(Model):
    """What a follower knows from keys alone."""

    follower = TextField()
    name = TextField()
    key = TextField()

    class Meta:
        primary_key = CompositeKey("follower", "name", "key")
        tracked = False


class Copy(Model):
    """What a follower read again because its key was told."""

    follower = TextField()
    name = TextField()
    key = TextField()
    row = TextField()

    class Meta:
        primary_key = CompositeKey("follower", "name", "key")
        tracked = False


class Seen(Model):
    """Which changes a follower was told of; twice is refused."""

    follower = TextField()
    seq = IntegerField()

    class Meta:
        primary_key = CompositeKey("follower", "seq")
        tracked = False


class ShelfRepository(Repository):
    def add_pair(self, token: str) -> None:
        with self.transaction():
            Half.create(token=token, side="left")
            Half.create(token=token, side="right")

    def add_half(self, token: str) -> None:
        Half.create(token=token, side="left")

    def tokens(self) -> list[str]:
        halves = Half.select().where(Half.side == "left").order_by(Half.token)
        return [half.token for half in halves]


def first(op: Operations) -> None:
    op.create_table("author", id=AutoIdField(), name=TextField(unique=True))
    op.create_table(
        "book",
        id=TextField(primary_key=True),
        author=ForeignKeyField("author", on_delete="CASCADE"),
        code=TextField(unique=True),
        pages=IntegerField(default=0),
    )
    op.create_table("half", CompositeKey("token", "side"), token=TextField(), side=TextField())


def followers(op: Operations) -> None:
    op.create_table(
        "present",
        CompositeKey("follower", "name", "key"),
        follower=TextField(),
        name=TextField(),
        key=TextField(),
    )
    op.create_table(
        "copy",
        CompositeKey("follower", "name", "key"),
        follower=TextField(),
        name=TextField(),
        key=TextField(),
        row=TextField(),
    )
    op.create_table("seen", CompositeKey("follower", "seq"), follower=TextField(), seq=IntegerField())


class Shelf:
    @hookimpl
    def register_schema(self, schema: Schema) -> None:
        schema.add(Author, Book, Half, Present, Copy, Seen, repository=ShelfRepository)

    @hookimpl
    def migrate(self, migrations: Migrations) -> None:
        migrations.step("0001_first")(first)
        migrations.step("0002_followers")(followers)


def shelf_plugins() -> Plugins:
    return load_plugins([local_plugin("shelf", Shelf())], StoreConfig(strict=True))


def open_shelf(path: object, origin: str = "shelf", synchronous: str = "FULL") -> Store:
    config = StoreConfig(strict=True, origin=origin, busy_timeout=30)
    return open_store(str(path), config, plugins=shelf_plugins())
