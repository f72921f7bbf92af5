"""A feature in a file: made there, and looked at in a copy, which leaves the file as it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import apsw

from .feature import Feature


def make(feature: Feature, path: Path) -> None:
    """Write the schema of *feature* into a new file at *path*."""
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute("PRAGMA foreign_keys = ON").fetchall()
        for statement in feature.schema:
            connection.execute(statement).fetchall()


@contextmanager
def copied(path: Path) -> Iterator[apsw.Connection]:
    """Copy the database at *path* into memory, page by page, and enforce its foreign keys there."""
    with closing(apsw.Connection(":memory:")) as copy:
        with (
            closing(apsw.Connection(str(path))) as connection,
            copy.backup("main", connection, "main") as pages,
        ):
            pages.step()
        copy.execute("PRAGMA foreign_keys = ON").fetchall()
        yield copy


def survived(feature: Feature, path: Path) -> bool:
    """Whether *feature* works in the file at *path*.

    Raises:
        apsw.Error: not even the table can be used.
    """
    with copied(path) as connection:
        return feature.survived(connection)


def rows(path: Path) -> list[str]:
    """Return the rows of `case_t`, each as text that tells 1 from '1', in no order that a rebuild may change."""
    with copied(path) as connection:
        return sorted(map(repr, connection.execute("SELECT * FROM case_t")))


def note(path: Path) -> tuple[apsw.SQLiteValue, ...]:
    """Return what the file says about the column `note`: type, whether NOT NULL, default."""
    with copied(path) as connection:
        found = connection.execute(
            """SELECT type, "notnull", dflt_value FROM pragma_table_info('case_t') WHERE name = 'note'"""
        ).fetchone()
    return () if found is None else found
