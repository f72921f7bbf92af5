"""What a column's definition says: defaults, generated values, collation, names, comments."""

from __future__ import annotations

from collections.abc import Callable

import apsw

from .feature import Feature
from .probes import column, refuses, uses, value
from .schemas import made, remade

_INSERT = "INSERT INTO case_t (id, note) VALUES (50, 'new')"

_COMMENTED = """CREATE TABLE case_t ( -- first line, with (one bracket
  id INTEGER PRIMARY KEY,
  note TEXT NOT NULL, /* what was said, 'note BLOB' */
  -- gone INTEGER,
  extra BLOB,
  n INTEGER -- it's how many
    DEFAULT 5
)"""

_BRACKETED = """CREATE TABLE [case_t] (
  [id] INTEGER PRIMARY KEY,
  [note] TEXT NOT NULL,
  [extra] BLOB,
  [n] INTEGER DEFAULT 5
)"""


def _default(wanted: str) -> Callable[[apsw.Connection], bool]:
    """Return a probe: a new row has *wanted*, and the old ones have what they had."""

    def survived(connection: apsw.Connection) -> bool:
        connection.execute(_INSERT).fetchall()
        kinds = column(connection, "SELECT kind FROM case_t ORDER BY id = 50, id")
        return kinds == ["", None, "", "", "", wanted]

    return survived


def _generated(kind: int) -> Callable[[apsw.Connection], bool]:
    """Return a probe: the column is of *kind* (2 virtual, 3 stored) and follows `note`."""

    def survived(connection: apsw.Connection) -> bool:
        hidden = value(connection, "SELECT hidden FROM pragma_table_xinfo('case_t') WHERE name = 'loud'")
        old = column(connection, "SELECT loud FROM case_t ORDER BY id")
        connection.execute(_INSERT).fetchall()
        connection.execute("UPDATE case_t SET note = 'changed' WHERE id = 1").fetchall()
        fresh = column(connection, "SELECT loud FROM case_t WHERE id IN (1, 50) ORDER BY id")
        return hidden == kind and old[:2] == ["007!", "!"] and fresh == ["CHANGED!", "NEW!"]

    return survived


def _collated(connection: apsw.Connection) -> bool:
    return column(connection, "SELECT id FROM case_t WHERE name = 'ANNA'") == [1] and column(
        connection, "SELECT name FROM case_t WHERE id < 7 ORDER BY name"
    ) == ["Anna", "bo", "Cia"]


def _commented(connection: apsw.Connection) -> bool:
    names = column(connection, "SELECT name FROM pragma_table_info('case_t')")
    connection.execute(_INSERT).fetchall()
    return names == ["id", "note", "extra", "n"] and column(
        connection, "SELECT n FROM case_t WHERE id IN (2, 50) ORDER BY id"
    ) == [2, 5]


def _bracketed(connection: apsw.Connection) -> bool:
    return (
        _commented(connection)
        and uses(connection, "SELECT n FROM case_t WHERE note = '007'", "case_t__note")
        and refuses(connection, "INSERT INTO case_t (id, note) VALUES (51, '007')", "UNIQUE")
    )


def _dashed(connection: apsw.Connection) -> bool:
    connection.execute(_INSERT).fetchall()
    return column(connection, 'SELECT "a-b" FROM case_t WHERE id IN (2, 50) ORDER BY id') == [2, 7]


def _with_default(name: str, default: str, wanted: str) -> Feature:
    return Feature(
        name,
        (
            *made(f"kind TEXT DEFAULT {default}"),
            "UPDATE case_t SET kind = CASE id WHEN 2 THEN NULL ELSE '' END",
        ),
        _default(wanted),
        remade("kind TEXT"),
    )


COLUMNS = (
    _with_default("DEFAULT 'a,b'", "'a,b'", "a,b"),
    _with_default("DEFAULT with two spaces", "'two  spaces'", "two  spaces"),
    _with_default("DEFAULT (expression)", "(lower('AB') || abs(-7))", "ab7"),
    Feature(
        "generated VIRTUAL",
        made("loud TEXT GENERATED ALWAYS AS (upper(note) || '!') VIRTUAL"),
        _generated(2),
        remade("loud TEXT"),
    ),
    Feature(
        "generated STORED",
        made("loud TEXT GENERATED ALWAYS AS (upper(note) || '!') STORED"),
        _generated(3),
        remade("loud TEXT"),
    ),
    Feature(
        "COLLATE column",
        (
            *made("name TEXT COLLATE NOCASE"),
            "UPDATE case_t SET name = CASE id WHEN 1 THEN 'Anna' WHEN 2 THEN 'Cia' WHEN 3 THEN 'bo' END",
        ),
        _collated,
        remade("name TEXT"),
    ),
    Feature(
        "comment in the old DDL (does not fail)",
        (_COMMENTED, *made()[1:], "UPDATE case_t SET n = id % 10"),
        _commented,
        remade("n INTEGER"),
    ),
    Feature(
        "[bracketed] table name",
        (
            _BRACKETED,
            *made()[1:],
            "UPDATE case_t SET n = id % 10",
            "CREATE UNIQUE INDEX [case_t__note] ON [case_t] ([note])",
        ),
        _bracketed,
        remade("n INTEGER DEFAULT 5"),
    ),
    Feature(
        "column name with a dash",
        (*made('"a-b" INTEGER DEFAULT 7'), 'UPDATE case_t SET "a-b" = id % 10'),
        _dashed,
        remade('"a-b" INTEGER'),
    ),
)
