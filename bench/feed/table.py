"""The plugin whose tables the parts write, and its files."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

from peewee import ModelInsert, ModelSelect

from stina_core import (
    AutoIdField,
    IntegerField,
    Migrations,
    Model,
    Operations,
    Plugins,
    Schema,
    Store,
    StoreConfig,
    TextField,
    hookimpl,
    load_plugins,
    local_plugin,
    open_store,
    query,
    write,
)
from stina_core.config import Synchronous

from .plain import connect

TABLE = "bench_row"


class Row(Model):
    id = AutoIdField()
    title = TextField()
    status = TextField()
    rank = IntegerField()
    note = TextField(null=True)


class Quiet(Model):
    """The same, kept out of the feed: what the rest of the store costs."""

    id = AutoIdField()
    title = TextField()
    status = TextField()
    rank = IntegerField()
    note = TextField(null=True)

    class Meta:
        tracked = False


@write
def insert_row(title: str, status: str, rank: int, note: str) -> ModelInsert:
    """One row, the way a repository writes it."""
    return Row.insert(title=title, status=status, rank=rank, note=note)


def _ranked(id: int, rank: int) -> tuple[int, int]:  # the names of the fields
    return id, rank


@query(_ranked)
def ranks(number: int) -> ModelSelect[Row]:
    """The row *number*, read the way a repository does."""
    return Row.select().where(Row.id == number)


@write
def insert_quiet(title: str, status: str, rank: int, note: str) -> ModelInsert:
    """One row outside the feed."""
    return Quiet.insert(title=title, status=status, rank=rank, note=note)


class Mark(Model):
    """A row of a transaction that says in its key which one it belongs to, and to how many."""

    key = TextField(primary_key=True)


class _Bench:
    @hookimpl
    def register_schema(self, schema: Schema) -> None:
        schema.add(Row, Quiet, Mark)

    @hookimpl
    def migrate(self, migrations: Migrations) -> None:
        @migrations.step("0001_initial")
        def initial(op: Operations) -> None:
            for name in ("row", "quiet"):
                op.create_table(
                    name,
                    id=AutoIdField(),
                    title=TextField(),
                    status=TextField(),
                    rank=IntegerField(),
                    note=TextField(null=True),
                )
            op.create_table("mark", key=TextField(primary_key=True))


BENCH = local_plugin("bench", _Bench())
PLUGINS = load_plugins([BENCH], StoreConfig(strict=True))


def open_bench(path: Path, synchronous: Synchronous = "NORMAL", plugins: Plugins = PLUGINS) -> Store:
    """Open the store at *path* with these tables, and make it if it is not there."""
    return open_store(
        path, StoreConfig(strict=True, origin="bench", synchronous=synchronous), plugins=plugins
    )


def make(folder: Path, name: str, *, captured: bool = True, plugins: Plugins = PLUGINS) -> Path:
    """Make the empty file *name* in a new directory of its own; without the capture triggers if not *captured*."""
    place = folder / name
    place.mkdir(parents=True)
    path = place / "bench.db"
    original = folder / "original.db"
    if not original.exists():
        open_bench(original, plugins=plugins).close()
    shutil.copyfile(original, path)
    if not captured:
        with closing(connect(str(path))) as connection:
            for (trigger,) in connection.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND name GLOB 'stina_capture_*'"
            ).fetchall():
                connection.execute(f'DROP TRIGGER "{trigger}"').fetchall()
    return path
