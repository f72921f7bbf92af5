"""Random models: plans of tables that can be declared any number of times, and values for their rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from stina_core import (
    AutoIdField,
    BlobField,
    BooleanField,
    Check,
    CompositeKey,
    EnumField,
    FloatField,
    ForeignKeyField,
    IdField,
    Index,
    IntegerField,
    JsonField,
    Model,
    Search,
    TextField,
    TimestampField,
    now,
)

TIME = datetime(2026, 1, 31, 12, 30, 15, 250_000, tzinfo=UTC)
TABLES = ("item", "task", "topic")
COLUMNS = ("a", "b", "class", "length", "without_rowid")


@dataclass(frozen=True)
class Kind:
    """A class of fields, with defaults, values, and a value as a person types it."""

    field: Any
    defaults: tuple[Any, ...]
    values: tuple[Any, ...]
    typed: str


KINDS = {
    "text": Kind(TextField, ("x", "it's", 'a "b"\n\\'), ("", "7", "1.5", "abc", "é"), "typed"),
    "integer": Kind(IntegerField, (0, -7), (0, 1, 7, 2**53 + 1), "9"),
    "float": Kind(FloatField, (0.5, 1e20), (0.5, 2.0, 1e300), "2.5"),
    "boolean": Kind(BooleanField, (False,), (True, False), "true"),
    "enum": Kind(EnumField, ("a",), ("a",), "a"),
    "json": Kind(JsonField, ([], {"a": [1, None]}), (None, 5, "a", [1]), "[2]"),
    "blob": Kind(BlobField, (b"\0'",), (b"", b"7", b"\xff"), "00ff"),
    "time": Kind(TimestampField, (now, TIME), (TIME,), "2026-02-28T01:00:00Z"),
}


@dataclass
class ColumnPlan:
    """A column: of one of `KINDS`, or a reference to the table *target*."""

    kind: str
    options: dict[str, Any]
    target: str = ""

    def field(self, models: Mapping[str, type[Model]]) -> Any:
        """Return a new field."""
        if self.kind == "reference":
            return ForeignKeyField(models.get(self.target, "self"), **self.options)
        return KINDS[self.kind].field(**self.options)


@dataclass
class TablePlan:
    """A table, which has the column `tag` beside the planned ones and those of its key."""

    name: str
    key: str
    columns: dict[str, ColumnPlan]
    checks: list[Check] = field(default_factory=list)
    indexes: list[Index] = field(default_factory=list)
    search: Search | None = None
    without_rowid: bool = False

    def model(self, models: Mapping[str, type[Model]]) -> type[Model]:
        """Return a new model; its fields are called as the columns, with an underscore behind."""
        fields: dict[str, Any] = {"tag": TextField(primary_key=self.key == "tag")}
        if self.key in ("id", "auto"):
            fields["id"] = IdField() if self.key == "id" else AutoIdField()
        if self.key == "composite":
            fields["part"] = IntegerField()
        for name, plan in self.columns.items():
            fields[f"{name}_"] = plan.field(models)
            fields[f"{name}_"].column_name = column_of(name, plan)
        meta: dict[str, Any] = {
            "constraints": self.checks,
            "indexes": self.indexes,
            "search": self.search,
            "without_rowid": self.without_rowid,
        }
        if self.key == "composite":
            meta["primary_key"] = CompositeKey("part", "tag")
        return type(self.name.title(), (Model,), {**fields, "Meta": type("Meta", (), meta)})

    def keys(self, number: int) -> dict[str, Any]:
        """Return the values that make row *number* another one than all others."""
        own = {"id": ("id", f"k{number}"), "auto": ("id", number + 1), "composite": ("part", number)}
        return dict([("tag", f"t{number}"), *([own[self.key]] if self.key in own else [])])

    def key_of(self, number: int) -> Any:
        """Return what points to row *number*."""
        return self.keys(number)["tag" if self.key == "tag" else "id"]

    def typed(self, column: str, plans: Mapping[str, TablePlan]) -> str:
        """Return a value for *column* as a person types it."""
        if column not in {column_of(*one) for one in self.columns.items()}:
            return "9" if column == "part" else "typed"
        plan = next(plan for name, plan in self.columns.items() if column_of(name, plan) == column)
        if plan.kind == "reference":
            return str((self if plan.target == "self" else plans[plan.target]).key_of(0))
        return KINDS[plan.kind].typed


def column_of(name: str, plan: ColumnPlan) -> str:
    """Return the column of the plan called *name*."""
    return f"{name}_id" if plan.kind == "reference" else name


@st.composite
def column_plans(draw: st.DrawFn, targets: list[str]) -> ColumnPlan:
    """Plan a column; a reference points to one of *targets*."""
    kind = draw(st.sampled_from([*KINDS, *(["reference"] if targets else [])]))
    options: dict[str, Any] = {"null": draw(st.booleans())}
    if kind == "reference":
        options["on_delete"] = draw(st.sampled_from([None, "CASCADE", "SET NULL"]))
        options["deferrable"] = draw(st.booleans())
        return ColumnPlan(kind, options, draw(st.sampled_from(targets)))
    if draw(st.booleans()):
        options["default"] = draw(st.sampled_from(KINDS[kind].defaults))
    if kind == "enum":
        options["values"] = draw(st.sampled_from([["a"], ["a", "b"], ["it's", "a"]]))
    if kind == "text":
        options["max_length"] = draw(st.sampled_from([None, 50]))
        options["collation"] = draw(st.sampled_from([None, "NOCASE"]))
    if draw(st.integers(0, 3)) == 3:
        options[draw(st.sampled_from(["index", "unique"]))] = True
    return ColumnPlan(kind, options)


@st.composite
def table_plans(draw: st.DrawFn, name: str, targets: list[str], old: TablePlan | None) -> TablePlan:
    """Plan a table that points to itself and *targets*, and may have columns of the *old* one."""
    keys = st.sampled_from(["id", "auto", "tag", "composite"])
    key = old.key if old is not None and draw(st.integers(0, 2)) else draw(keys)
    pointed = targets if key == "composite" else [*targets, "self"]
    there = {} if old is None else old.columns
    columns = {}
    for column in COLUMNS:
        choice = draw(st.sampled_from(["same", "same", "none", "new"]))
        if choice == "new":
            columns[column] = draw(column_plans(pointed))
        elif choice == "same" and column in there and there[column].target in ["", *pointed]:
            columns[column] = there[column]
    made = TablePlan(name, key, columns, without_rowid=key != "auto" and draw(st.booleans()))
    draw(rules(made))
    return made


@st.composite
def rules(draw: st.DrawFn, plan: TablePlan) -> None:
    """Give *plan* CHECKs, indexes and a full-text index."""
    texts = [name for name, one in plan.columns.items() if one.kind == "text"][:1]
    first = draw(st.sampled_from(["tag", *(column_of(*one) for one in plan.columns.items())]))
    checks = [Check("length(tag) > 0", name="sized"), Check("length(tag) < 99", name="sized")]
    indexes = [
        Index(f"{first} DESC", "tag", name="ordered"),
        Index("lower(tag)", name="low", unique=draw(st.booleans())),
        Index(f"{first} COLLATE NOCASE", where="tag <> 'x'", name="partial"),
    ]
    plan.checks += draw(st.sampled_from([[], checks[:1], checks[1:]]))
    plan.checks += [
        Check(f"\"{name}\" <> 'never'", name="not_never") for name in texts if draw(st.booleans())
    ]
    plan.indexes += draw(st.sampled_from([[], indexes[:1], indexes[1:2], indexes]))
    if plan.key != "composite" and draw(st.booleans()):
        prefix = draw(st.sampled_from([(), (2,), (2, 3)]))
        plan.search = Search("tag", *(name for name in texts if draw(st.booleans())), prefix=prefix)


@st.composite
def schemas(draw: st.DrawFn, old: Mapping[str, TablePlan]) -> dict[str, TablePlan]:
    """Plan up to three tables, the *old* ones among them changed or not."""
    found: dict[str, TablePlan] = {}
    for name in TABLES[: draw(st.integers(1, 3))]:
        if found and draw(st.integers(0, 3)) == 0:
            continue
        targets = [one.name for one in found.values() if one.key != "composite"]
        found[name] = draw(table_plans(name, targets, old.get(name)))
    return found


def models_of(schema: Mapping[str, TablePlan]) -> list[type[Model]]:
    """Return new models of all plans."""
    models: dict[str, type[Model]] = {}
    for name, plan in schema.items():
        models[name] = plan.model(models)
    return list(models.values())


@st.composite
def rows(draw: st.DrawFn, schema: Mapping[str, TablePlan]) -> dict[str, list[dict[str, Any]]]:
    """Return rows by table, by the names of the fields; some break a rule."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name, plan in schema.items():
        found[name] = []
        for number in range(draw(st.integers(0, 3))):
            values: dict[str, Any] = {}
            for column, one in plan.columns.items():
                choices = [None] if one.options["null"] else []
                if one.kind == "reference":
                    target = schema[name if one.target == "self" else one.target]
                    choices += [target.key_of(other) for other in range(len(found[target.name]))]
                else:
                    choices += KINDS[one.kind].values
                values[f"{column}_"] = draw(st.sampled_from(choices or [None]))
            found[name].append({**plan.keys(number), **values})
    return found
