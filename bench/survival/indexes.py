"""Five kinds of index."""

from __future__ import annotations

import apsw

from .feature import Feature
from .probes import accepts, index_columns, refuses, uses
from .schemas import made

_DROP = "DROP INDEX case_t__note"
_PLAIN = "CREATE INDEX case_t__note ON case_t (note)"
_BY_NOTE = "SELECT id FROM case_t WHERE note = '007'"


def _plain(connection: apsw.Connection) -> bool:
    return index_columns(connection, "case_t__note") == [("note", 0, "BINARY")] and uses(
        connection, _BY_NOTE, "case_t__note"
    )


def _unique(connection: apsw.Connection) -> bool:
    return (
        uses(connection, _BY_NOTE, "case_t__note")
        and accepts(connection, "INSERT INTO case_t (id, note) VALUES (50, 'new')")
        and refuses(connection, "INSERT INTO case_t (id, note) VALUES (51, '007')", "case_t.note")
    )


def _partial(connection: apsw.Connection) -> bool:
    """Unique among the rows that are not done; the others may repeat."""
    return (
        uses(connection, f"{_BY_NOTE} AND done = 0", "case_t__note")
        and not uses(connection, _BY_NOTE, "case_t__note")
        and accepts(connection, "INSERT INTO case_t (id, note, done) VALUES (50, '007', 1)")
        and refuses(connection, "INSERT INTO case_t (id, note, done) VALUES (51, '007', 0)", "case_t.note")
    )


def _expression(connection: apsw.Connection) -> bool:
    return index_columns(connection, "case_t__note") == [(None, 0, "BINARY"), ("id", 0, "BINARY")] and uses(
        connection, "SELECT id FROM case_t WHERE lower(note) = '007'", "case_t__note"
    )


def _descending(connection: apsw.Connection) -> bool:
    return index_columns(connection, "case_t__note") == [
        ("note", 1, "NOCASE"),
        ("extra", 0, "BINARY"),
    ] and uses(connection, "SELECT note FROM case_t ORDER BY note COLLATE NOCASE DESC, extra", "case_t__note")


INDEXES = (
    Feature("plain index", (*made(), _PLAIN), _plain, (_DROP,)),
    Feature(
        "unique index",
        (*made(), "CREATE UNIQUE INDEX case_t__note ON case_t (note)"),
        _unique,
        (_DROP, _PLAIN),
    ),
    Feature(
        "partial index",
        (
            *made("done INTEGER NOT NULL DEFAULT 0"),
            "CREATE UNIQUE INDEX case_t__note ON case_t (note) WHERE done = 0",
        ),
        _partial,
        (_DROP, "CREATE UNIQUE INDEX case_t__note ON case_t (note)"),
    ),
    Feature(
        "expression index",
        (*made(), "CREATE INDEX case_t__note ON case_t (lower(note), id)"),
        _expression,
        (_DROP, "CREATE INDEX case_t__note ON case_t (note, id)"),
    ),
    Feature(
        "DESC/COLLATE index",
        (*made(), "CREATE INDEX case_t__note ON case_t (note COLLATE NOCASE DESC, extra)"),
        _descending,
        (_DROP, "CREATE INDEX case_t__note ON case_t (note, extra)"),
    ),
)
