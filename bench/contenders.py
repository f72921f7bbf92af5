"""Tools that alter a column of a SQLite table by rebuilding it, each called as its manual says.

Every one gets the same file and alters the column `note` of `case_t`, in a
connection with foreign keys on, which is how an application uses its database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from stina_core import (
    Migrations,
    Operations,
    StoreConfig,
    TextField,
    hookimpl,
    load_plugins,
    local_plugin,
    open_store,
)


@dataclass(frozen=True)
class Contender:
    """A tool and its call.

    Attributes:
        alter: Alters `note` in the file it is given; raises whatever the tool raises.
        distribution: What must be installed for it.
    """

    name: str
    alter: Callable[[Path], None]
    distribution: str

    @property
    def version(self) -> str | None:
        """The installed version; None if it is not installed."""
        try:
            return version(self.distribution)
        except PackageNotFoundError:
            return None


def ours(path: Path) -> None:
    """Open the file as a store whose plugin adopts the table and gives `note` a default, which needs a rebuild."""
    config = StoreConfig(strict=True)
    plugin = local_plugin("case", SimpleNamespace(migrate=hookimpl(_migrate)))
    open_store(path, config, plugins=load_plugins([plugin], config)).close()


def _migrate(migrations: Migrations) -> None:
    @migrations.step("0001_adopt")
    def adopt(op: Operations) -> None:
        """The tables are there already."""

    @migrations.step("0002_alter")
    def alter(op: Operations) -> None:
        op.alter_column("t", "note", TextField(null=True, default="none"))


def playhouse_retype(path: Path) -> None:
    """Peewee's `alter_column_type`, to the same type without NOT NULL: any other would change values."""
    from peewee import TextField as PeeweeTextField

    with _migrator(path) as migrator:
        migrator.migrate(migrator.alter_column_type("case_t", "note", PeeweeTextField(null=True)))


def playhouse_default(path: Path) -> None:
    """Peewee's `add_column_default`."""
    with _migrator(path) as migrator:
        migrator.migrate(migrator.add_column_default("case_t", "note", "none"))


def playhouse_context(path: Path) -> None:
    """The same in playhouse's own context, with a transaction and foreign keys off; none may be open around it."""
    with _migrator(path) as migrator, migrator.migration_context():
        migrator.migrate(migrator.add_column_default("case_t", "note", "none"))


@contextmanager
def _migrator(path: Path) -> Iterator[Any]:
    from playhouse.apsw_ext import APSWDatabase
    from playhouse.migrate import SqliteMigrator

    database = APSWDatabase(str(path), pragmas={"foreign_keys": 1})
    with closing(database):
        yield SqliteMigrator(database)


def sqlite_utils_transform(path: Path) -> None:
    """The `transform` of sqlite-utils."""
    database = import_module("sqlite_utils").Database(str(path))
    with closing(database.conn):
        database.execute("PRAGMA foreign_keys = ON")
        database["case_t"].transform(not_null={"note": False}, defaults={"note": "none"})


def alembic_batch(path: Path) -> None:
    """Alembic's batch mode, with the table as it is reflected from the file."""
    engine = import_module("sqlalchemy").create_engine(f"sqlite:///{path}")
    operations = import_module("alembic.operations").Operations
    context = import_module("alembic.migration").MigrationContext
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql("PRAGMA foreign_keys = ON")
            with operations(context.configure(connection)).batch_alter_table(
                "case_t", recreate="always"
            ) as batch:
                batch.alter_column("note", nullable=True, server_default="none")
    finally:
        engine.dispose()


OURS = Contender("stina", ours, "stina-core")
PLAYHOUSE = (
    Contender("playhouse type", playhouse_retype, "peewee"),
    Contender("playhouse default", playhouse_default, "peewee"),
    Contender("playhouse context", playhouse_context, "peewee"),
)
OTHERS = (
    Contender("sqlite-utils", sqlite_utils_transform, "sqlite-utils"),
    Contender("alembic", alembic_batch, "alembic"),
)
CONTENDERS: tuple[Contender, ...] = (OURS, *PLAYHOUSE, *OTHERS)
