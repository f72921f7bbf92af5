"""Foreign keys: from the table, to the table, and to itself."""

from __future__ import annotations

import apsw

from .feature import Feature
from .probes import accepts, column, reference, refuses
from .schemas import made, remade

_PARENTS = ("CREATE TABLE case_parent (id INTEGER PRIMARY KEY)", "INSERT INTO case_parent VALUES (1), (2)")
_CHILDREN = (
    "CREATE TABLE case_child (id INTEGER PRIMARY KEY, t_id INTEGER REFERENCES case_t (id) ON DELETE CASCADE)",
    "INSERT INTO case_child VALUES (1, 1), (2, 1), (3, 3), (4, NULL)",
)
_TO_PARENT = "parent_id INTEGER REFERENCES case_parent (id)"
_FILL = "UPDATE case_t SET parent_id = CASE id WHEN 1 THEN 1 WHEN 2 THEN 1 WHEN 3 THEN 2 END"


def _cascades(connection: apsw.Connection) -> bool:
    refused = refuses(
        connection, "INSERT INTO case_t (id, note, parent_id) VALUES (50, 'x', 3)", "FOREIGN KEY"
    )
    return (
        refused
        and accepts(connection, "DELETE FROM case_parent WHERE id = 1")
        and column(connection, "SELECT parent_id FROM case_t ORDER BY id") == [2, None, None]
    )


def _deferred(connection: apsw.Connection) -> bool:
    """The parent may come after the child, but not after the commit."""
    insert = "BEGIN; INSERT INTO case_t (id, note, parent_id) VALUES"
    return (
        accepts(connection, f"{insert} (50, 'x', 3); INSERT INTO case_parent VALUES (3); COMMIT")
        and refuses(connection, f"{insert} (51, 'y', 4); COMMIT", "FOREIGN KEY")
        and column(connection, "SELECT parent_id FROM case_t WHERE parent_id > 0 ORDER BY id") == [1, 1, 2, 3]
    )


def _children(connection: apsw.Connection) -> bool:
    there = column(connection, "SELECT t_id FROM case_child ORDER BY id")
    return (
        there == [1, 1, 3, None]
        and reference(connection, "case_child") == [("case_t", "t_id", "CASCADE")]
        and refuses(connection, "INSERT INTO case_child VALUES (5, 50)", "FOREIGN KEY")
        and accepts(connection, "DELETE FROM case_t WHERE id = 1")
        and column(connection, "SELECT id FROM case_child ORDER BY id") == [3, 4]
    )


def _itself(connection: apsw.Connection) -> bool:
    return (
        reference(connection, "case_t") == [("case_t", "up", "SET NULL")]
        and column(connection, "SELECT up FROM case_t ORDER BY id") == [None, 1, 2, 7, None]
        and refuses(connection, "INSERT INTO case_t (id, note, up) VALUES (50, 'x', 51)", "FOREIGN KEY")
        and accepts(connection, "DELETE FROM case_t WHERE id = 1")
        and column(connection, "SELECT up FROM case_t ORDER BY id") == [None, 2, 7, None]
    )


REFERENCES = (
    Feature(
        "FK ON DELETE CASCADE on the child",
        (*_PARENTS, *made(f"{_TO_PARENT} ON DELETE CASCADE"), _FILL),
        _cascades,
        remade(_TO_PARENT),
    ),
    Feature(
        "FK DEFERRABLE inline",
        (*_PARENTS, *made(f"{_TO_PARENT} DEFERRABLE INITIALLY DEFERRED"), _FILL),
        _deferred,
        remade(_TO_PARENT),
    ),
    Feature(
        "child rows of a rebuilt parent (CASCADE)",
        (*made(), *_CHILDREN),
        _children,
        ("DELETE FROM case_child WHERE id = 3",),
    ),
    Feature(
        "self reference",
        (
            *made("up INTEGER REFERENCES case_t (id) ON DELETE SET NULL"),
            "UPDATE case_t SET up = CASE id WHEN 2 THEN 1 WHEN 3 THEN 2 WHEN 7 THEN 7 END",
        ),
        _itself,
        remade("up INTEGER REFERENCES case_copy (id)"),
    ),
)
