"""Ways to write the same rows in one transaction, with and without capture; each on a file of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import peewee

from stina_core.config import Synchronous

from .plain import INSERT, connect, values
from .table import Row, insert_quiet, insert_row, make, open_bench

Write: TypeAlias = Callable[[int], None]
"""Writes that many rows in one transaction."""

_MARKER = (
    'INSERT INTO stina_change ("table", op, key, data) '
    """VALUES ('', 'T', ?, '{"origin":"bench:1:x","actor":null,"at":1764252000123}')"""
)


class _PeeweeRow(peewee.Model):
    """The table as a program with nothing but Peewee declares it."""

    title = peewee.TextField()
    status = peewee.TextField()
    rank = peewee.IntegerField()
    note = peewee.TextField(null=True)

    class Meta:
        table_name = "bench_row"


@contextmanager
def _apsw(folder: Path, synchronous: Synchronous, captured: bool) -> Iterator[Write]:
    path = make(folder, f"apsw-{captured}", captured=captured)
    with closing(connect(str(path), synchronous)) as connection:
        cursor = connection.cursor()
        seq = int(cursor.execute("SELECT coalesce(max(seq), 0) FROM stina_change").get)  # nobody else writes

        def write(rows: int) -> None:
            nonlocal seq
            cursor.execute("BEGIN IMMEDIATE")
            if rows == 1:
                cursor.execute(INSERT, values(1))
            else:
                cursor.executemany(INSERT, map(values, range(rows)))
            if captured:
                cursor.execute(_MARKER, (seq + 1,))
                seq += rows + 1
            cursor.execute("COMMIT")

        yield write


@contextmanager
def _peewee(folder: Path, synchronous: Synchronous) -> Iterator[Write]:
    from playhouse.apsw_ext import APSWDatabase

    path = make(folder, "peewee", captured=False)
    database = APSWDatabase(str(path), pragmas={"journal_mode": "wal", "synchronous": synchronous})
    with database.bind_ctx([_PeeweeRow]), closing(database):

        def write(rows: int) -> None:
            with database.atomic("IMMEDIATE"):
                _create(_PeeweeRow, rows)

        yield write


@contextmanager
def _store(
    folder: Path, synchronous: Synchronous, insert: Callable[[str, str, int, str], int]
) -> Iterator[Write]:
    """The way of a repository: a query that is compiled once."""
    with open_bench(make(folder, f"store-{insert is insert_row}"), synchronous) as store:

        def write(rows: int) -> None:
            with store.transaction():
                for number in range(rows):
                    insert(*values(number))

        yield write


@contextmanager
def _store_create(folder: Path, synchronous: Synchronous) -> Iterator[Write]:
    """The ad-hoc way: Peewee makes the SQL each time."""
    with open_bench(make(folder, "store-create"), synchronous) as store:

        def write(rows: int) -> None:
            with store.transaction():
                _create(Row, rows)

        yield write


def _create(model: Any, rows: int) -> None:
    for number in range(rows):
        title, status, rank, note = values(number)
        model.create(title=title, status=status, rank=rank, note=note)


SIDES: dict[str, Callable[[Path, Synchronous], AbstractContextManager[Write]]] = {
    "apsw": partial(_apsw, captured=False),
    "apsw, captured": partial(_apsw, captured=True),
    "peewee": _peewee,
    "store, create": _store_create,
    "store": partial(_store, insert=insert_row),
    "store, untracked": partial(_store, insert=insert_quiet),
}
"""By name: opens its file in a directory with a setting of `synchronous`, and yields how it writes."""
