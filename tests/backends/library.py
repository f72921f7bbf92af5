"""A plugin with a few tables, and what the tests of the database need around it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stina_core import (
    AutoIdField,
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
    hookimpl,
)
from stina_core.backends.sqlite.backend import SqliteBackend
from stina_core.backends.sqlite.database import StoreDatabase
from stina_core.testing import plugins_of


class Author(Model):
    id = IdField()
    name = TextField(unique=True)


class Book(Model):
    id = IdField()
    title = TextField()
    author = ForeignKeyField(Author, backref="books", on_delete="CASCADE")
    pages = IntegerField(default=0)
    tags = JsonField(default=list)


class Visit(Model):
    id = AutoIdField()
    door = TextField(unique=True)


class Library:
    @hookimpl
    def register_schema(self, schema: Schema) -> None:
        schema.add(Author, Book, Visit)

    @hookimpl
    def migrate(self, migrations: Migrations) -> None:
        @migrations.step("0001_initial")
        def initial(op: Operations) -> None:
            op.create_table("author", id=IdField(), name=TextField(unique=True))
            op.create_table(
                "book",
                id=IdField(),
                title=TextField(),
                author=ForeignKeyField("author", on_delete="CASCADE"),
                pages=IntegerField(default=0),
                tags=JsonField(default=list),
            )
            op.create_table("visit", id=AutoIdField(), door=TextField(unique=True))


PLUGINS = plugins_of(library=Library())
CONFIG = StoreConfig(strict=True, busy_timeout=0.1)
DEADLINE = 20.0
FOREVER = "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT sum(i) FROM n"


def database_of(store: Store) -> StoreDatabase:
    backend = store._backend
    assert isinstance(backend, SqliteBackend)
    return backend.database


def files_open(path: Path) -> int:
    count = 0
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            count += str(link.readlink()).startswith(str(path))
    return count


@contextmanager
def in_thread(work: Callable[[], object]) -> Iterator[list[BaseException]]:
    """Run *work* beside the block; what it raised is in the list once the block has ended."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001, the test asks for all of them
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield raised
    finally:
        thread.join(DEADLINE)
        assert not thread.is_alive()
