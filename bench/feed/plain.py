"""The table `bench_row` without Stina: what plain programs and the peers write and read.

Nothing of Stina is imported here, so that a process which has only this is a foreign one.
"""

from __future__ import annotations

import apsw

INSERT = "INSERT INTO bench_row (title, status, rank, note) VALUES (?, ?, ?, ?)"
NEWER = "SELECT id, rank FROM bench_row WHERE id > ? ORDER BY id"
ONE = "SELECT id, rank FROM bench_row WHERE id = ?"


def values(number: int) -> tuple[str, str, int, str]:
    """Return the columns of row *number*, about 70 bytes."""
    return (f"Title of row {number:06d}", "open", number, "a note of about forty letters, as people write")


def connect(path: str, synchronous: str = "NORMAL") -> apsw.Connection:
    """Open *path* as any program would, with a busy timeout of 5 seconds."""
    connection = apsw.Connection(path)
    connection.set_busy_timeout(5000)
    connection.execute(f"PRAGMA synchronous = {synchronous}").fetchall()
    return connection


def write_row(connection: apsw.Connection, number: int) -> None:
    """Commit row *number* in a transaction of its own."""
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(INSERT, values(number))
    connection.execute("COMMIT")
