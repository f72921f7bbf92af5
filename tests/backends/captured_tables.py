"""Tables and statements for the laws of capture: every shape of key and unique rule, every way to write a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import get_args

from hypothesis import strategies as st

from stina_core.catalog import Action, Column, Index, Reference, Table, Type

LITERALS: dict[Type, tuple[str, ...]] = {
    "integer": ("-1", "0", "1", "2", "3"),
    "text": (
        "'a'",
        "'A'",
        "'b'",
        "'é'",
        "'[1]'",
        "json('[1]')",
        "CAST(x'780079' AS TEXT)",
        "CAST(x'ff' AS TEXT)",
    ),
    "blob": ("x''", "x'61'", "x'ff00'"),
    "real": ("0.1", "0.5", "1.0", "-1.1545580616824966e+232", "9e999"),
}
"""SQL of each type's values; few, so that rows get in each other's way. A text may be of JSON's subtype, or broken."""

ACTIONS: tuple[Action | None, ...] = (None, *get_args(Action))

_KEY_PARTS = (
    Column("k", "integer"),
    Column("k", "text"),
    Column("k", "text", collation="NOCASE"),
    Column("k", "blob"),
    Column("k", "real"),
)

_UNIQUE = (
    Index("u", unique=True),
    Index("v", unique=True),
    Index("u DESC", "v COLLATE NOCASE", unique=True),
    Index("v COLLATE NOCASE", unique=True, name="folded"),
    Index("v COLLATE BINARY", unique=True, name="exact"),
    Index("u", unique=True, where="v IS NOT NULL", name="partial"),
    Index("lower(v) DESC", unique=True, name="lowered"),
    Index("coalesce(u, 0) + 1", "v", unique=True, where="u < 3", name="computed"),
    Index("parent", "u", unique=True),
    Index("parent", unique=True, name="only_child"),
)


@dataclass(frozen=True)
class Case:
    """Two tables, what is done to them one statement after the other, and the settings under which."""

    tables: tuple[Table, Table]
    statements: tuple[str, ...]
    recursive: bool
    foreign_keys: bool


@st.composite
def tables(draw: st.DrawFn) -> tuple[Table, Table]:
    """A table that may point to itself, and a child of it where its key is a single column."""
    parts = draw(st.lists(st.sampled_from(_KEY_PARTS), min_size=1, max_size=3))
    key = [replace(part, name=f"k{place}") for place, part in enumerate(parts)]
    parent = draw(_table("t_row", key, key[0] if len(key) == 1 else None))
    child_key = draw(st.sampled_from(("k", "parent", "both")))
    columns = [] if child_key == "parent" else [replace(draw(st.sampled_from(_KEY_PARTS)), name="k0")]
    child = draw(_table("t_child", columns, key[0] if len(key) == 1 else None))
    if child_key != "k":
        names = ("parent",) if child_key == "parent" else ("k0", "parent")
        made = tuple(replace(one, null=one.null and one.name != "parent") for one in child.columns)
        child = replace(child, columns=made, primary_key=names)
    return parent, child


@st.composite
def _table(draw: st.DrawFn, name: str, key: Sequence[Column], target: Column | None) -> Table:
    pointing = target or Column("", "integer")
    actions = st.sampled_from(ACTIONS)
    reference = (
        Reference("t_row", target.name, draw(actions), draw(actions), draw(st.booleans())) if target else None
    )
    default = draw(st.sampled_from(("NULL", *LITERALS[pointing.type][:4])))
    columns = (
        *key,
        Column("u", "integer", null=True, default=draw(st.sampled_from((None, "1")))),
        Column("v", "text", null=True, collation=draw(st.sampled_from((None, "NOCASE")))),
        Column("parent", pointing.type, True, f"({default})", pointing.collation, reference),
    )
    indexes = draw(st.lists(st.sampled_from(_UNIQUE), max_size=3, unique_by=lambda one: one.name))
    plain = draw(st.sampled_from(((), (Index("u", name="plain"),))))
    return Table(
        name,
        columns,
        tuple(column.name for column in key),
        indexes=(*indexes, *plain),
        without_rowid=draw(st.booleans()),
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Any of it."""
    both = draw(tables())
    statements = draw(st.lists(st.one_of(*map(statement, both), _frames()), min_size=6, max_size=20))
    return Case(both, tuple(statements), draw(st.booleans()), draw(st.booleans()))


def _frames() -> st.SearchStrategy[str]:
    return st.sampled_from(
        (
            "BEGIN",
            "COMMIT",
            "ROLLBACK",
            "SAVEPOINT one",
            "ROLLBACK TO one",
            "RELEASE one",
            "DELETE FROM t_row",
        )
    )


def statement(table: Table) -> st.SearchStrategy[str]:
    """One statement that writes to *table*."""
    return st.one_of(_insert(table), _insert(table), _update(table), _delete(table))


_OR = ("", "", "", " OR REPLACE", " OR REPLACE", " OR IGNORE", " OR ABORT", " OR FAIL", " OR ROLLBACK")


@st.composite
def _insert(draw: st.DrawFn, table: Table) -> str:
    columns = [one for one in table.columns if one.name in table.primary_key or draw(st.booleans())]
    if table.primary_key == ("k0",) and columns[0].type == "integer" and draw(st.booleans()):
        columns = columns[1:] or list(table.columns[1:])  # SQLite gives the row its id
    rows = [
        f"({', '.join(draw(_value(column)) for column in columns)})" for _ in range(draw(st.integers(1, 3)))
    ]
    names = ", ".join(column.name for column in columns)
    how = draw(st.sampled_from(_OR))
    return f"INSERT{how} INTO {table.name} ({names}) VALUES {', '.join(rows)}{draw(_upsert(table))}"


@st.composite
def _upsert(draw: st.DrawFn, table: Table) -> str:
    kind = draw(st.sampled_from(("", "", "NOTHING", "UPDATE")))
    if not kind:
        return ""
    unique = [", ".join(table.primary_key)]
    unique += [", ".join(one.columns) for one in table.indexes if one.unique and not one.where]
    target = draw(st.sampled_from(("", *(f" ({names.replace(' DESC', '')})" for names in unique))))
    doing = "NOTHING" if kind == "NOTHING" else f"UPDATE SET {draw(_assignments(table))}"
    return f" ON CONFLICT{target} DO {doing}"


@st.composite
def _update(draw: st.DrawFn, table: Table) -> str:
    how = draw(st.sampled_from(_OR))
    return f"UPDATE{how} {table.name} SET {draw(_assignments(table))}{draw(_where(table))}"


@st.composite
def _delete(draw: st.DrawFn, table: Table) -> str:
    return f"DELETE FROM {table.name}{draw(_where(table))}"


@st.composite
def _assignments(draw: st.DrawFn, table: Table) -> str:
    columns = draw(st.lists(st.sampled_from(table.columns), min_size=1, max_size=2, unique=True))
    values = []
    for column in columns:
        own: tuple[str, ...] = {"integer": (f"{column.name} + 1",), "text": (f"upper({column.name})",)}.get(
            column.type, ()
        )
        values.append(
            f"{column.name} = {draw(st.one_of(_value(column), st.sampled_from((column.name, *own))))}"
        )
    return ", ".join(values)


@st.composite
def _where(draw: st.DrawFn, table: Table) -> str:
    column = draw(st.sampled_from(table.columns))
    condition = f" WHERE {column.name} {draw(st.sampled_from(('=', '<>')))} {draw(_value(column))}"
    return draw(st.sampled_from(("", condition, condition)))


def _value(column: Column) -> st.SearchStrategy[str]:
    nothing: tuple[str, ...] = ("NULL",) if column.null else ()
    return st.sampled_from((*LITERALS[column.type], *nothing))
