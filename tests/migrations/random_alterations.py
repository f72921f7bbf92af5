"""Random tables with rows, and random alterations that are also carried out in Python, on plain values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from stina_core import (
    BlobField,
    BooleanField,
    Check,
    EnumField,
    FloatField,
    IdField,
    Index,
    IntegerField,
    JsonField,
    TextField,
    TimestampField,
    now,
)
from stina_core.migrations.table_changes import TableChanges

Fields = dict[str, Any]
Rows = list[dict[str, Any]]

FIELDS: dict[str, Callable[..., Any]] = {
    "text": TextField,
    "short": lambda **options: TextField(max_length=12, **options),
    "folded": lambda **options: TextField(collation="NOCASE", **options),
    "integer": IntegerField,
    "real": FloatField,
    "blob": BlobField,
    "boolean": BooleanField,
    "time": TimestampField,
    "enum": lambda **options: EnumField(["a", "b"], **options),
    "wider": lambda **options: EnumField(["a", "b", "it's"], **options),
    "json": JsonField,
}
WORDS = ["", "Word", "word", "007", "é\x00"]
VALUES: dict[str, list[Any]] = {
    "text": WORDS,
    "short": WORDS,
    "folded": WORDS,
    "integer": [0, 1, -7, 2**40],
    "real": [0.5, 2.0, -1.25],
    "blob": [b"", b"\x00\xff", b"7"],
    "boolean": [0, 1],
    "time": [0, 1_700_000_000_123],
    "enum": ["a", "b"],
    "wider": ["a", "b", "it's"],
    "json": ["[]", '{"a": 1}', "null"],
}
DEFAULTS: dict[str, tuple[Any, Any]] = {
    **dict.fromkeys(("text", "short", "folded"), ("a,'b'", "a,'b'")),
    "integer": (3, 3),
    "real": (0.5, 0.5),
    "blob": (b"\x01", b"\x01"),
    "boolean": (True, 1),
    "time": (datetime.fromtimestamp(5, UTC), 5000),
    "enum": ("b", "b"),
    "wider": ("it's", "it's"),
    "json": ([1], "[1]"),
}
"""By kind, a default as a field takes it and as it is stored."""


def same(value: Any) -> Any:
    return value


def encoded(value: str) -> bytes:
    return value.encode()


CONVERSIONS: dict[tuple[str, str], Callable[[Any], Any]] = {
    **{(old, new): same for old in ("text", "short", "folded") for new in ("text", "short", "folded")},
    **{(old, "text"): same for old in ("enum", "wider")},
    **{(old, "text"): str for old in ("integer", "real", "boolean", "time")},
    **{(old, "blob"): encoded for old in ("text", "short", "enum")},
    **{(kind, kind): same for kind in FIELDS},
    ("integer", "real"): float,
    ("boolean", "integer"): same,
    ("time", "integer"): same,
    ("integer", "time"): same,
    ("enum", "wider"): same,
}
USING: dict[tuple[str, str], tuple[str, Callable[[Any], Any]]] = {
    ("blob", "text"): ("CASE WHEN {0} IS NOT NULL THEN hex({0}) END", lambda value: value.hex().upper()),
    ("text", "integer"): ("length(CAST({} AS BLOB))", lambda value: len(value.encode())),
    ("real", "boolean"): ("{} > 0", lambda value: int(value > 0)),
    ("json", "text"): ("{}", same),
    ("json", "blob"): ("CAST({} AS BLOB)", encoded),
}


@dataclass(frozen=True)
class Definition:
    """One column: which field it has. `default` is none, a plain one, or the time of now."""

    kind: str
    null: bool
    default: str = ""
    index: bool = False

    def field(self) -> Any:
        options: dict[str, Any] = {"null": self.null, "index": self.index}
        if self.default:
            options["default"] = now if self.default == "now" else DEFAULTS[self.kind][0]
        return FIELDS[self.kind](**options)


@dataclass(frozen=True)
class State:
    """A table and its rows."""

    columns: dict[str, Definition]
    rows: Rows
    checks: dict[str, str] = field(default_factory=dict)
    """By name, the column of which it says `IS NOT 'never'`."""
    indexes: tuple[str, ...] = ()
    """Columns with an index of two, the other one being the id."""
    without_rowid: bool = False

    def fields(self) -> Fields:
        return {"id": IdField(), **{name: one.field() for name, one in self.columns.items()}}

    def parts(self) -> list[Check | Index]:
        checks = [check_of(name, column) for name, column in self.checks.items()]
        return [*checks, *(Index(column, "id") for column in self.indexes)]

    def with_column(self, name: str, one: Definition, value: Callable[[dict[str, Any]], Any]) -> State:
        rows = [{**row, name: value(row)} for row in self.rows]
        return replace(self, columns={**self.columns, name: one}, rows=rows)


def check_of(name: str, column: str) -> Check:
    return Check(f"{column} IS NOT 'never'", name=name)


Change = Callable[[TableChanges], None]
Step = tuple[Change, State]
"""A change of the table, and what it makes of the state."""


def definitions(kinds: list[str] | None = None) -> st.SearchStrategy[Definition]:
    def with_default(kind: str) -> st.SearchStrategy[Definition]:
        defaults = ["", "plain", "now"] if kind == "time" else ["", "plain"]
        return st.builds(
            Definition, st.just(kind), st.booleans(), st.sampled_from(defaults), index=st.booleans()
        )

    return st.sampled_from(kinds or sorted(FIELDS)).flatmap(with_default)


@st.composite
def states(draw: st.DrawFn) -> State:
    """Return a table of one to four columns with up to four rows."""
    columns = {f"c{number}": draw(definitions()) for number in range(draw(st.integers(1, 4)))}
    rows = [
        {"id": f"{number}", **{name: draw(_value(one)) for name, one in columns.items()}}
        for number in range(draw(st.integers(0, 4)))
    ]
    names = st.lists(st.sampled_from(sorted(columns)), max_size=1)
    checks = {f"{column}_some": column for column in draw(names)}
    return State(columns, rows, checks, tuple(draw(names)), draw(st.booleans()))


def _value(one: Definition) -> st.SearchStrategy[Any]:
    values = st.sampled_from(VALUES[one.kind])
    return st.none() | values if one.null else values


@st.composite
def alterations(draw: st.DrawFn, state: State) -> list[Step]:
    """Return one to four changes, each of another column: so their order does not matter."""
    steps: list[Step] = []
    free = draw(st.permutations(sorted(state.columns)))
    for number in range(draw(st.integers(1, 4))):
        kinds = [_add, *([_alter, _alter, _alter, _drop, _rename, _check, _index] if free else [])]
        step = draw(st.sampled_from(kinds))(draw, state, free, number)
        if step is not None:
            steps.append(step)
            state = step[1]
    if draw(st.booleans()):
        steps.append(_stored(state))
    return steps


def _add(draw: st.DrawFn, state: State, free: list[str], number: int) -> Step:
    name, one = f"new{number}", draw(definitions())
    needed = not one.null and one.default != "plain"
    fill = draw(st.sampled_from(VALUES[one.kind])) if needed or draw(st.booleans()) else None
    given = fill if fill is not None else DEFAULTS[one.kind][1] if one.default == "plain" else None
    return lambda table: table.add_column(name, one.field(), fill=fill), state.with_column(
        name, one, lambda row: given
    )


def _alter(draw: st.DrawFn, state: State, free: list[str], number: int) -> Step:
    name = free.pop()
    old = state.columns[name]
    kinds = [after for before, after in {**CONVERSIONS, **USING} if before == old.kind]
    one = draw(definitions(sorted(set(kinds))))
    one = replace(one, index=one.index or old.index)
    fill = draw(st.sampled_from(VALUES[one.kind])) if not one.null else None
    sql, convert = USING.get((old.kind, one.kind), ("", CONVERSIONS.get((old.kind, one.kind), same)))
    using = sql.format(name) or None

    def value(row: dict[str, Any]) -> Any:
        return fill if row[name] is None else convert(row[name])

    def change(table: TableChanges) -> None:
        table.alter_column(name, one.field(), using=using, fill=fill)

    return change, state.with_column(name, one, value)


def _drop(draw: st.DrawFn, state: State, free: list[str], number: int) -> Step:
    name = free.pop()

    def change(table: TableChanges) -> None:
        for check in [check for check, column in state.checks.items() if column == name]:
            table.drop_check(check)
        if name in state.indexes:
            table.drop_index(f"{name}_id")
        if state.columns[name].index:
            table.drop_index(name)
        table.drop_column(name)

    return change, replace(
        state,
        columns={column: one for column, one in state.columns.items() if column != name},
        rows=[{column: value for column, value in row.items() if column != name} for row in state.rows],
        checks={check: column for check, column in state.checks.items() if column != name},
        indexes=tuple(column for column in state.indexes if column != name),
    )


def _rename(draw: st.DrawFn, state: State, free: list[str], number: int) -> Step:
    name, new = free.pop(), f"renamed{number}"

    def renamed(column: str) -> str:
        return new if column == name else column

    return lambda table: table.rename_column(name, new), replace(
        state,
        columns={renamed(column): one for column, one in state.columns.items()},
        rows=[{renamed(column): value for column, value in row.items()} for row in state.rows],
        checks={check: renamed(column) for check, column in state.checks.items()},
        indexes=tuple(map(renamed, state.indexes)),
    )


def _check(draw: st.DrawFn, state: State, free: list[str], number: int) -> Step:
    name = free.pop()
    there = [check for check, column in state.checks.items() if column == name]
    if there:
        left = {check: column for check, column in state.checks.items() if column != name}
        return lambda table: table.drop_check(there[0]), replace(state, checks=left)
    check = check_of(f"rule{number}", name)
    return lambda table: table.add_check(check), replace(state, checks={**state.checks, check.name: name})


def _index(draw: st.DrawFn, state: State, free: list[str], number: int) -> Step:
    name = free.pop()
    if name in state.indexes:
        left = tuple(column for column in state.indexes if column != name)
        return lambda table: table.drop_index(f"{name}_id"), replace(state, indexes=left)
    return lambda table: table.add_index(name, "id"), replace(state, indexes=(*state.indexes, name))


def _stored(state: State) -> Step:
    wanted = not state.without_rowid
    return lambda table: table.set_storage(without_rowid=wanted), replace(state, without_rowid=wanted)
