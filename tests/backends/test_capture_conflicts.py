"""Rows that REPLACE removes silently: each trigger that is there for them, and what happens without it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from stina_core.backends.sqlite import capture_conflicts
from stina_core.backends.sqlite.capture_sql import triggers_of
from stina_core.catalog import Column, Index, Table

from .capture_controls import CHILDREN, CONTROLS, TWO_ROWS, Control, U, V, case, table
from .captured_tables import Case
from .replica import check, database, log, schema


@pytest.mark.parametrize("control", CONTROLS, ids=lambda one: one.what)
def test_every_trigger_is_needed(control: Control) -> None:
    check(control.case)

    with pytest.raises(AssertionError):
        check(control.case, without={control.what})


def test_a_table_without_another_unique_rule_has_four_triggers() -> None:
    for made in (table(), table(Index("u")), table(Index("lower(v)", name="lowered"))):
        assert [name.rpartition("_")[2] for name in triggers_of(made)] == [
            "insert",
            "update",
            "rekey",
            "delete",
        ]


@pytest.mark.parametrize("recursive", [False, True], ids=["silent", "recursive"])
@pytest.mark.parametrize(
    ("index", "statement"),
    [
        (U, "REPLACE INTO t_row (k0, u) VALUES ('c', 1)"),
        (Index("u", "v", unique=True), "REPLACE INTO t_row (k0, u, v) VALUES ('c', 1, 'x')"),
        (Index("v COLLATE NOCASE", unique=True), "REPLACE INTO t_row (k0, v) VALUES ('c', 'X')"),
        (Index("u DESC", unique=True, where="v = 'x'"), "REPLACE INTO t_row (k0, u, v) VALUES ('c', 1, 'x')"),
        (Index("lower(v) DESC", unique=True, name="low"), "REPLACE INTO t_row (k0, v) VALUES ('c', 'X')"),
        (Index("(v = 1)", unique=True, name="one"), "REPLACE INTO t_row (k0, v) VALUES ('c', '1')"),
    ],
    ids=["plain", "composite", "collation", "partial", "expression", "affinity"],
)
def test_what_a_replace_removed_goes_once_and_before_the_new_row(
    index: Index, statement: str, recursive: bool
) -> None:
    with database() as connection:
        connection.execute(f"PRAGMA recursive_triggers = {recursive}")
        for sql in schema([table(index)]):
            connection.execute(sql)
        connection.execute("INSERT INTO t_row VALUES ('a', 1, 'x', NULL)")
        if index.name == "one":
            connection.execute("UPDATE t_row SET v = '1'")
        last = len(log(connection))

        connection.execute(statement)

        assert log(connection)[last:] == [("t_row", "D", "a"), ("t_row", "I", "c")]
        assert connection.execute("SELECT count(*) FROM stina_conflict").fetchone() == (0,)


def test_a_key_in_other_letters_is_another_key() -> None:
    made = table(key=Column("k0", "text", collation="NOCASE"))
    with database() as connection:
        for sql in schema([made]):
            connection.execute(sql)
        connection.execute("INSERT INTO t_row (k0) VALUES ('a')")

        connection.execute("REPLACE INTO t_row (k0) VALUES ('A')")
        connection.execute("UPDATE t_row SET k0 = 'a'")

        assert [(op, key) for _, op, key in log(connection)] == [
            ("I", "a"),
            ("D", "a"),
            ("I", "A"),
            ("D", "A"),
            ("I", "a"),
        ]


# Foreign key actions run in the middle of a REPLACE

PARENTS = "INSERT INTO t_row VALUES ('a', 1, 'x', NULL), ('b', 2, 'y', NULL), ('c', 3, 'z', 'a'), ('d', 4, 'w', 'b')"


def test_an_action_in_the_middle_does_not_settle_what_is_still_to_be_removed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both_in_the_way = "REPLACE INTO t_row VALUES ('n', 1, 'y', NULL)"
    made = case(table(U, V, CHILDREN, on_delete="SET NULL"), PARENTS, both_in_the_way)

    check(made)

    monkeypatch.setattr(capture_conflicts, "_moves", lambda column: False)
    with pytest.raises(AssertionError):
        check(made)


@pytest.mark.parametrize("key", ["text", "row id"])
def test_a_row_that_an_action_puts_in_the_way_is_not_lost(key: str) -> None:
    """'c' gets the default parent when 'a' goes, and then it is in the way of the row that replaced 'a'."""
    made = table(CHILDREN, V, on_delete="SET DEFAULT")
    statements: Sequence[str] = (
        "INSERT INTO t_row VALUES ('d', 9, 'w', NULL), ('a', 1, 'x', NULL), ('c', 5, 'z', 'a')",
        "REPLACE INTO t_row VALUES ('e', 5, 'x', 'd')",
    )
    if key == "row id":
        made = table(CHILDREN, key=Column("k0", "integer"), on_delete="SET DEFAULT")
        statements = (
            "INSERT INTO t_row VALUES (4, 9, 'w', NULL), (1, 1, 'x', NULL), (3, 5, 'z', 1)",
            "REPLACE INTO t_row VALUES (1, 5, 'x', 4)",
        )
    check(case(made, *statements))

    with database() as connection:
        for sql in (*schema([made]), "PRAGMA foreign_keys = 1", *statements):
            connection.execute(sql)
        assert connection.execute("SELECT count(*) FROM t_row").fetchone() == (2,)


@pytest.mark.parametrize("indexes", [(), (U,)], ids=["plain", "ruled"])
def test_a_replace_that_takes_the_updated_row_along_is_told(indexes: tuple[Index, ...]) -> None:
    """'c' gets the key of its parent, which is removed for that, and with it go its children: 'c' itself."""
    made = case(
        table(*indexes, on_delete="CASCADE"), PARENTS, "UPDATE OR REPLACE t_row SET k0 = 'a' WHERE k0 = 'c'"
    )
    check(made)

    with pytest.raises(AssertionError):
        check(made, without={"settledelete"})


# Notes that were not needed


@pytest.mark.parametrize(
    "made",
    [
        table(U),
        table(U, key=Column("k0", "text", collation="NOCASE")),
        table(U, CHILDREN, on_delete="SET NULL"),
        table(U, CHILDREN, on_delete="CASCADE"),
    ],
    ids=["plain", "letters", "moving", "cascading"],
)
def test_rows_that_were_ignored_leave_no_heap_of_notes(made: Table) -> None:
    with database() as connection:
        for sql in schema([made]):
            connection.execute(sql)
        connection.executemany(
            "INSERT INTO t_row (k0, u) VALUES (?, ?)", [(str(one), one) for one in range(500)]
        )
        for again in (
            "INSERT OR IGNORE INTO t_row (k0, u) SELECT k0, u FROM t_row",
            "INSERT INTO t_row (k0, u) SELECT 'n' || k0, u FROM t_row WHERE true ON CONFLICT DO NOTHING",
            "INSERT INTO t_row (k0, u) SELECT 'n' || k0, u FROM t_row WHERE true ON CONFLICT (u) DO UPDATE SET v = 1",
            "UPDATE OR IGNORE t_row SET u = u + 1",
            "UPDATE OR IGNORE t_row SET k0 = k0 + 1",
            "UPDATE t_row SET u = -u, parent = NULL",
        ):
            connection.execute(again).fetchall()
            left = connection.execute("SELECT count(*) FROM stina_conflict").fetchone()
            assert left is not None
            assert left[0] <= 4


def test_notes_of_one_table_mean_nothing_for_another() -> None:
    made, other = table(U), replace(table(U), name="t_child")
    statements = [TWO_ROWS, "INSERT OR IGNORE INTO t_row (k0, u) VALUES ('c', 1)"]
    statements += [
        one.replace("t_row", "t_child") for one in (TWO_ROWS, "REPLACE INTO t_row (k0, u) VALUES ('d', 2)")
    ]
    check(Case((made, other), tuple(statements), recursive=False, foreign_keys=True))
