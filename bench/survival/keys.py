"""Primary keys and what they promise: rowids, order, ids that never come back, strict types."""

from __future__ import annotations

import apsw

from .feature import Feature
from .probes import accepts, column, refuses, value
from .schemas import LAST, made, remade

_AUTO = "id INTEGER PRIMARY KEY AUTOINCREMENT"


def _without_rowid(connection: apsw.Connection) -> bool:
    return value(connection, "SELECT wr FROM pragma_table_list('case_t')") == 1 and refuses(
        connection, "INSERT INTO case_t (note) VALUES ('no id')", "NOT NULL"
    )


def _strict(connection: apsw.Connection) -> bool:
    """ANY keeps '1.0' a text in a STRICT table only."""
    return (
        accepts(connection, "INSERT INTO case_t (id, note, extra, n) VALUES (50, 'x', '007', 1)")
        and refuses(connection, "INSERT INTO case_t (id, note, n) VALUES (51, 'y', 'many')", "INTEGER")
        and column(connection, f"SELECT extra FROM case_t WHERE id IN (50, {LAST}) ORDER BY id")
        == ["007", "1.0"]
    )


def _high_water(connection: apsw.Connection) -> bool:
    """The row with the highest id was deleted; the next one must not get that id again."""
    connection.execute("INSERT INTO case_t (note) VALUES ('new')").fetchall()
    return value(connection, "SELECT id FROM case_t WHERE note = 'new'") == LAST + 1


def _rowids(connection: apsw.Connection) -> bool:
    rowids = column(connection, "SELECT rowid || '=' || id FROM case_t ORDER BY rowid")
    return rowids == ["14=1", "24=2", "34=3", "44=7", f"54={LAST}"]


def _composite(connection: apsw.Connection) -> bool:
    key = column(connection, "SELECT name FROM pragma_table_info('case_t') WHERE pk ORDER BY pk")
    return (
        key == ["room", "id"]
        and accepts(connection, "INSERT INTO case_t (id, note, room) VALUES (1, 'x', 'c')")
        and refuses(connection, "INSERT INTO case_t (id, note, room) VALUES (1, 'y', 'b')", "UNIQUE")
    )


KEYS = (
    Feature("WITHOUT ROWID", made(options="WITHOUT ROWID"), _without_rowid, remade()),
    Feature(
        "STRICT",
        (*made("n INTEGER", extra="extra ANY", options="STRICT"), "UPDATE case_t SET n = id % 10"),
        _strict,
        remade("n INTEGER", extra="extra ANY"),
    ),
    Feature(
        "AUTOINCREMENT high-water mark",
        (*made(key=_AUTO), f"DELETE FROM case_t WHERE id = {LAST}"),
        _high_water,
        remade(key=_AUTO),
    ),
    Feature(
        "rowids kept with a text key",
        (*made(key="id TEXT PRIMARY KEY"), "UPDATE case_t SET rowid = rowid * 10 + 4"),
        _rowids,
        ("UPDATE case_t SET rowid = rowid / 10",),  # 1 to 5, as a copy that lets SQLite number the rows
    ),
    Feature(
        "composite primary key",
        (
            *made("room TEXT NOT NULL DEFAULT 'a'", "PRIMARY KEY (room, id)", key="id INTEGER NOT NULL"),
            "INSERT INTO case_t (id, note, room) VALUES (1, 'same id', 'b')",
        ),
        _composite,
        remade("room TEXT NOT NULL DEFAULT 'a'", key="id INTEGER NOT NULL"),
    ),
)
