"""Triggers, a view and a full-text index: what lives beside the table and names it."""

from __future__ import annotations

import apsw

from .feature import Feature
from .probes import column, value
from .schemas import made

_LOG = "CREATE TABLE case_log (what TEXT)"
_ADDED = "CREATE TRIGGER case_t_added AFTER INSERT ON case_t BEGIN INSERT INTO case_log VALUES ('+' || NEW.note); END"
_NOTED = (
    "CREATE TRIGGER case_t_noted AFTER UPDATE OF note ON case_t WHEN NEW.note IS NOT OLD.note\n"
    "BEGIN INSERT INTO case_log VALUES (OLD.note || '>' || NEW.note); END"
)
_WISH = "CREATE TABLE case_wish (id INTEGER PRIMARY KEY, note TEXT)"
_WISHED = (
    "CREATE TRIGGER case_wish_added AFTER INSERT ON case_wish\n"
    "BEGIN UPDATE case_t SET note = NEW.note WHERE id = NEW.id; END"
)
_VIEW = "CREATE VIEW case_view AS SELECT id, upper(note) AS note FROM case_t WHERE note <> ''"

_FTS = "CREATE VIRTUAL TABLE case_fts USING fts5(note, content='case_t', content_rowid='id')"
_FILL = "INSERT INTO case_fts (case_fts) VALUES ('rebuild')"
_FORGET = "INSERT INTO case_fts (case_fts, rowid, note) VALUES ('delete', OLD.id, OLD.note);"
_LEARN = "INSERT INTO case_fts (rowid, note) VALUES (NEW.id, NEW.note);"
_SYNC = (
    f"CREATE TRIGGER case_t_fts_insert AFTER INSERT ON case_t BEGIN {_LEARN} END",
    f"CREATE TRIGGER case_t_fts_delete AFTER DELETE ON case_t BEGIN {_FORGET} END",
    f"CREATE TRIGGER case_t_fts_update AFTER UPDATE ON case_t BEGIN {_FORGET} {_LEARN} END",
)


def _trigger(connection: apsw.Connection) -> bool:
    """The rows that a rebuild copies are not new ones: the log has what is written here and nothing else."""
    connection.execute("INSERT INTO case_t (id, note) VALUES (50, 'new')").fetchall()
    connection.execute("UPDATE case_t SET note = 'newer' WHERE id = 50").fetchall()
    connection.execute("UPDATE case_t SET extra = 'x' WHERE id = 50").fetchall()
    return column(connection, "SELECT what FROM case_log ORDER BY rowid") == ["+new", "new>newer"]


def _elsewhere(connection: apsw.Connection) -> bool:
    connection.execute("INSERT INTO case_wish VALUES (1, 'wished')").fetchall()
    return value(connection, "SELECT note FROM case_t WHERE id = 1") == "wished"


def _view(connection: apsw.Connection) -> bool:
    connection.execute("INSERT INTO case_t (id, note) VALUES (50, 'new')").fetchall()
    seen = column(connection, "SELECT note FROM case_view ORDER BY id")
    return len(seen) == 5 and seen[0] == "007" and "NEW" in seen


def _search(connection: apsw.Connection) -> bool:
    """Finds what was there, follows all three kinds of write, and agrees with the table to the last word."""
    found = _found(connection, "日本") == [3] and _found(connection, "007") == [1]
    connection.execute("INSERT INTO case_t (id, note) VALUES (50, 'fresh words')").fetchall()
    inserted = _found(connection, "fresh") == [50]
    connection.execute("UPDATE case_t SET note = 'other words' WHERE id = 50").fetchall()
    updated = _found(connection, "other") == [50] and not _found(connection, "fresh")
    connection.execute("DELETE FROM case_t WHERE id = 50").fetchall()
    deleted = not _found(connection, "words")
    return found and inserted and updated and deleted and _agrees(connection)


def _found(connection: apsw.Connection, word: str) -> list[apsw.SQLiteValue]:
    return [
        row[0] for row in connection.execute("SELECT rowid FROM case_fts WHERE case_fts MATCH ?", (word,))
    ]


def _agrees(connection: apsw.Connection) -> bool:
    try:
        connection.execute("INSERT INTO case_fts (case_fts, rank) VALUES ('integrity-check', 1)").fetchall()
    except apsw.CorruptError:
        return False
    return True


DEPENDENTS = (
    Feature(
        "trigger on the table",
        (*made(), _LOG, _ADDED, _NOTED),
        _trigger,
        ("DROP TRIGGER case_t_noted",),
    ),
    Feature(
        "trigger elsewhere that names it",
        (*made(), _WISH, _WISHED),
        _elsewhere,
        ("DROP TRIGGER case_wish_added",),
    ),
    Feature(
        "view on it",
        (*made(), _VIEW),
        _view,
        (
            "CREATE TABLE case_old AS SELECT * FROM case_t",
            "DROP VIEW case_view",
            _VIEW.replace("case_t", "case_old"),
        ),
    ),
    Feature(
        "sync triggers of an external FTS table",
        (*made(), _FTS, _FILL, *_SYNC),
        _search,
        ("DROP TRIGGER case_t_fts_update",),
    ),
)
