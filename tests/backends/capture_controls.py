"""Tables and statements that need one trigger each, and are told wrongly without it."""

from __future__ import annotations

from dataclasses import dataclass

from stina_core.catalog import Action, Column, Index, Reference, Table

from .captured_tables import Case

OTHER = Table("t_child", (Column("k0", "text"),), ("k0",))


def table(*indexes: Index, key: Column | None = None, on_delete: Action | None = None) -> Table:
    """Rows of a key, u, v and a parent in the same table: 'd', or 4, where the action needs a default."""
    key = key or Column("k0", "text")
    default = ("'d'" if key.type == "text" else "4") if on_delete == "SET DEFAULT" else None
    parent = Column("parent", key.type, True, default, None, Reference("t_row", "k0", on_delete))
    return Table(
        "t_row",
        (key, Column("u", "integer", null=True), Column("v", "text", null=True), parent),
        ("k0",),
        indexes=indexes,
    )


U = Index("u", unique=True)
V = Index("v", unique=True)
CHILDREN = Index("parent", "u", unique=True)
TWO_ROWS = "INSERT INTO t_row VALUES ('a', 1, 'x', NULL), ('b', 2, 'y', NULL)"


def case(made: Table, *statements: str, recursive: bool = False) -> Case:
    return Case((made, OTHER), statements, recursive, foreign_keys=True)


@dataclass(frozen=True)
class Control:
    """What the law needs the trigger *what* for."""

    what: str
    case: Case


CONTROLS = (
    Control("insert", case(table(), TWO_ROWS)),
    Control("update", case(table(), TWO_ROWS, "UPDATE t_row SET v = 'z'")),
    Control("rekey", case(table(), TWO_ROWS, "UPDATE t_row SET k0 = k0 || 'c'")),
    Control("delete", case(table(), TWO_ROWS, "DELETE FROM t_row WHERE k0 = 'a'")),
    Control("noteinsert", case(table(U), TWO_ROWS, "REPLACE INTO t_row (k0, u) VALUES ('c', 1)")),
    Control("settleinsert", case(table(U), TWO_ROWS, "REPLACE INTO t_row (k0, u) VALUES ('c', 1)")),
    Control("noteupdate", case(table(U), TWO_ROWS, "UPDATE OR REPLACE t_row SET u = 1 WHERE k0 = 'b'")),
    Control("settleupdate", case(table(U), TWO_ROWS, "UPDATE OR REPLACE t_row SET u = 1 WHERE k0 = 'b'")),
    Control("forget", case(table(U), TWO_ROWS, "REPLACE INTO t_row (k0, u) VALUES ('c', 1)", recursive=True)),
)
