"""What a model declares is written as code that declares the same, and names nothing that may change."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum, IntEnum, StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import stina_core
from stina_core import (
    AutoIdField,
    BlobField,
    BooleanField,
    Check,
    CompositeKey,
    DefinitionError,
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
    new_id,
    now,
)
from stina_core.authoring.layout import lines, literal
from stina_core.authoring.source import Source
from stina_core.backends.sqlite.ddl import SqliteDdl
from stina_core.catalog import Search as SearchValue
from stina_core.catalog import Table
from stina_core.definitions import Key, check_frozen, column_of, indexes_of
from stina_core.fields import AnyField

from ..declarations import declared, plugin
from .drafting import STRICT, drafted, loaded

TIME = datetime(2026, 1, 31, 12, 30, 15, 250_000, tzinfo=UTC)
TEXTS = ("", "it's", 'a "b"', "'\"", "\\'", "two\nlines\r\n", "tab\tnul\0", "naïve 😀\u2028", "\\N{x} {y} %s")


class Status(StrEnum):
    OPEN = "open"
    DONE = 'it\'s "done"'


class Level(Enum):
    LOW = "low"
    HIGH = "high"


class Number(IntEnum):
    SEVEN = 7


class Title(TextField[str]):
    """A class of the plugin's own."""


FIELDS: Mapping[str, Callable[[], Any]] = {
    "text": TextField,
    "nullable": lambda: TextField(null=True),
    "longest": lambda: TextField(max_length=20),
    "collated": lambda: TextField(collation="NOCASE"),
    "indexed": lambda: TextField(index=True),
    "unique": lambda: TextField(unique=True),
    "unique and indexed": lambda: IntegerField(unique=True, index=True),
    "named": lambda: TextField(column_name="other"),
    "keyword": lambda: TextField(column_name="class", default="x"),
    "option": lambda: TextField(column_name="without_rowid"),
    "member of a text enum": lambda: TextField(default=Status.DONE),
    "everything": lambda: TextField(
        max_length=9, null=True, default="d", unique=True, collation="RTRIM", column_name="from"
    ),
    "integer": lambda: IntegerField(default=-(2**63)),
    "member of a number enum": lambda: IntegerField(default=Number.SEVEN),
    "float": lambda: FloatField(default=1e300),
    "whole float": lambda: FloatField(default=2, null=True),
    "true": lambda: BooleanField(default=True),
    "false": lambda: BooleanField(default=False, null=True),
    "bytes": lambda: BlobField(default=b"'\"\\\0\xff"),
    "other bytes": lambda: BlobField(default=bytearray(b"it's")),
    "now": lambda: TimestampField(default=now),
    "nullable now": lambda: TimestampField(default=now, null=True),
    "time": lambda: TimestampField(default=TIME),
    "time elsewhere": lambda: TimestampField(default=TIME.astimezone(timezone(timedelta(hours=2)))),
    "time in a function": lambda: TimestampField(default=lambda: TIME),
    "json": JsonField,
    "small json": lambda: JsonField(max_bytes=100, null=True),
    "list": lambda: JsonField(default=[1, "it's", {"a": None, "b": [True, 0.5]}]),
    "dictionary": lambda: JsonField(default={"status": Status.OPEN, "": {}}),
    "json text": lambda: JsonField(default="text"),
    "made json": lambda: JsonField(default=dict),
    "enum": lambda: EnumField(Status),
    "enum with default": lambda: EnumField(Status, default=Status.DONE, null=True),
    "enum with a text as default": lambda: EnumField(Status, default="open"),
    "enum that knows of others": lambda: EnumField(Status, unknown=Status.OPEN),
    "enum that is no text": lambda: EnumField(Level, default=Level.HIGH),
    "texts": lambda: EnumField(["a", "b"], default="b"),
    "very many texts": lambda: EnumField([f"text number {number}" for number in range(40)]),
    "own class": lambda: Title(max_length=3),
}


def only(model: type[Model]) -> Table:
    """Return the table of the plugin's only model."""
    (table,) = declared(model).tables
    return table


def evaluated(source: Source, code: object) -> Any:
    """Evaluate *code* with nothing at hand but what it says it needs."""
    names = {name: getattr(stina_core, name) for name in source.names}
    for line in source.modules:
        exec(line, names)
    return eval(str(code), names)


@pytest.mark.parametrize("make", FIELDS.values(), ids=FIELDS)
def test_field_is_declared_with_all_its_options(make: Callable[[], Any]) -> None:
    model: type[Model] = type("Note", (Model,), {"id": IdField(), "value": make()})
    column = only(model).columns[1]
    source = Source("notes")
    one = model._meta.fields["value"]

    again = evaluated(source, source.field("value", one))

    check_frozen({"value": again})
    assert column_of("value", again, no_key) == column
    assert indexes_of({"value": again}) == indexes_of({"value": one})
    assert evaluated(source, "\n".join(lines(source.field("value", one)))).column_name == again.column_name


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (IdField, "IdField()"),
        (lambda: IdField(column_name="class"), 'IdField(column_name="class")'),
        (AutoIdField, "AutoIdField()"),
        (lambda: TextField(primary_key=True), "TextField(primary_key=True)"),
        (lambda: IntegerField(primary_key=True, default=1), "IntegerField(primary_key=True, default=1)"),
        (lambda: TextField(primary_key=True, default=new_id), "TextField(primary_key=True)"),
        (lambda: Title(primary_key=True, unique=True, index=True), "TextField(primary_key=True)"),
    ],
)
def test_primary_key_is_declared_as_one(make: Callable[[], Any], code: str) -> None:
    model: type[Model] = type("Note", (Model,), {"key": make()})
    column = only(model).columns[0]
    source = Source("notes")

    written = source.field("key", model._meta.fields["key"])

    assert str(written) == code
    assert column_of("key", evaluated(source, written), no_key) == column


def no_key(one: ForeignKeyField[object]) -> tuple[str, Key]:
    raise AssertionError(f"{one} is no foreign key")


def test_field_that_no_step_may_declare_is_refused() -> None:
    class Note(Model):
        id = IdField()
        value = AnyField()

    declared(Note)

    with pytest.raises(DefinitionError, match="AnyField; write it by hand"):
        Source("notes").field("value", Note._meta.fields["value"])


class Owner(Model):
    key = TextField(primary_key=True)


class Pet(Model):
    id = AutoIdField()
    owner = ForeignKeyField(Owner, on_delete="CASCADE")
    keeper = ForeignKeyField(Owner, null=True, on_update="SET NULL", deferrable=True, unique=True)
    parent = ForeignKeyField("self", null=True, index=False, backref="children")
    friend = ForeignKeyField("self", column_name="class", default=lambda: None)
    other_id = ForeignKeyField(Owner)
    owner_ = TextField(column_name="owner")

    class Meta:
        search = Search("owner_", tokenizer="unicode61 remove_diacritics 1", prefix=(2, 3))


class Wide(Model):
    part = TextField(column_name="group")
    number = IntegerField()
    owner = ForeignKeyField(Owner)
    status = EnumField(Status, default=Status.OPEN)

    class Meta:
        primary_key = CompositeKey("part", "number", "owner")
        without_rowid = True
        constraints = (
            Check("number <> 3 AND \"group\" <> 'it''s'", name="no_three"),
            Check('length("group") > 0', name="named"),
        )
        indexes = (
            Index("part DESC", "number COLLATE NOCASE"),
            Index("owner", "number", unique=True, where="number > 0"),
            Index('lower("group")', "number", name="low"),
            Index("number", name="another"),
        )


def test_tables_are_made_with_everything_that_belongs_to_them(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Table] = []
    searches: list[tuple[str, SearchValue]] = []
    create_table, create_search = SqliteDdl.create_table, SqliteDdl.create_search

    def note_table(self: SqliteDdl, table: Table) -> None:
        if table.name.startswith("notes_"):
            made.append(table)
        create_table(self, table)

    def note_search(self: SqliteDdl, name: str, search: SearchValue) -> None:
        searches.append((name, search))
        create_search(self, name, search)

    monkeypatch.setattr(SqliteDdl, "create_table", note_table)
    monkeypatch.setattr(SqliteDdl, "create_search", note_search)

    drafted(Owner, Pet, Wide)

    tables = loaded(Owner, Pet, Wide)["notes"].schema
    assert tables is not None
    assert made == [replace(table, search=None) for table in tables.tables]
    assert searches == [("notes_pet_search", tables.tables[1].search)]


def test_foreign_key_to_another_plugin_names_that(monkeypatch: pytest.MonkeyPatch) -> None:
    from stina_core import load_plugins, local_plugin
    from stina_core.authoring.draft import draft
    from stina_core.authoring.questions import Answers

    from .drafting import candidate

    class Message(Model):
        id = AutoIdField()

    class Note(Model):
        id = IdField()
        message = ForeignKeyField(Message, on_delete="CASCADE")

    def migrate(migrations: stina_core.Migrations) -> None:
        @migrations.step("0001_initial")
        def initial(op: stina_core.Operations) -> None:
            op.create_table("message", id=AutoIdField())

    chat = local_plugin("chat", plugin(Message, migrate=migrate))
    notes = replace(candidate(Note), requires=frozenset({"chat"}))
    made = draft(load_plugins([chat, notes], STRICT), "notes", Answers())

    assert 'message=ForeignKeyField("chat.message", on_delete="CASCADE")' in made.code()


def test_code_names_no_class_of_the_plugin() -> None:
    code = drafted(Owner, Pet, Wide).code()

    assert not [name for name in ("Status", "Owner", "Pet", "Wide", "Title") if name in code]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON | st.binary() | st.sampled_from(TEXTS))
def test_value_comes_back_from_its_literal(value: object) -> None:
    again = eval("\n".join(lines(literal(value))))

    assert again == value
    assert repr(again) == repr(value)  # True is not 1


@given(st.text(st.sampled_from("ab'\"\\\n")))
def test_text_is_put_between_the_quotes_that_need_fewer_escapes(text: str) -> None:
    code = str(literal(text))

    single, double = text.count("'"), text.count('"')
    assert code[0] == code[-1] == ("'" if double > single else '"')
    assert code.count(f"\\{code[0]}") >= min(single, double)
    assert json.loads(json.dumps(eval(code))) == text
