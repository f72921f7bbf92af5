"""Defaults of fields: for every program as DEFAULTs in the file, and for each row of its own in Python."""

from __future__ import annotations

import math
import sys
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import assert_type

import apsw
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stina_core import (
    BlobField,
    BooleanField,
    EnumField,
    FloatField,
    IdField,
    IntegerField,
    InvalidValueError,
    JsonField,
    Migrations,
    Model,
    Operations,
    StoreConfig,
    TextField,
    TimestampField,
    new_id,
    now,
    open_store,
)
from stina_core.backends.sqlite.ddl_text import create_table_sql
from stina_core.definitions import table_of
from stina_core.ids import to_ms
from stina_core.testing import file_rows, plugins_of

from .declarations import plugin


class Color(StrEnum):
    RED = "red"
    GREEN = "gr'een"


class Defaulted(Model):
    id = IdField()
    text = TextField(default="it's")
    nul = TextField(default="a\0b")
    number = IntegerField(default=-(2**63))
    ratio = FloatField(default=0.1)
    flag = BooleanField(default=True)
    data = BlobField(default=b"\0'")
    document = JsonField(default={"a": ["'"]})
    color = EnumField(Color, default=Color.GREEN)
    made_at = TimestampField(default=now)
    python_only = TextField(default=new_id, null=True)


def migrate_defaulted(migrations: Migrations) -> None:
    @migrations.step("0001_initial")
    def initial(op: Operations) -> None:
        op.create_table(
            "defaulted",
            id=IdField(),
            text=TextField(default="it's"),
            nul=TextField(default="a\0b"),
            number=IntegerField(default=-(2**63)),
            ratio=FloatField(default=0.1),
            flag=BooleanField(default=True),
            data=BlobField(default=b"\0'"),
            document=JsonField(default={"a": ["'"]}),
            color=EnumField(["red", "gr'een"], default="gr'een"),
            made_at=TimestampField(default=now),
            python_only=TextField(default=new_id, null=True),
        )


def test_plain_defaults_are_the_columns_defaults_for_every_program(store_path: Path) -> None:
    before = to_ms(now())
    with open_store(
        store_path,
        StoreConfig(strict=True),
        plugins=plugins_of(kinds=plugin(Defaulted, migrate=migrate_defaulted)),
    ) as store:
        file_rows(store_path, "INSERT INTO kinds_defaulted (id) VALUES ('from a shell')")
        after = to_ms(now())
        with store.use():
            shell = Defaulted.get_by_id("from a shell")
            python = Defaulted.get_by_id(Defaulted.create().id)

    for field in ("text", "nul", "number", "ratio", "flag", "data", "document", "color"):
        assert getattr(shell, field) == getattr(python, field) == getattr(Defaulted(), field)
    assert before - 2 <= to_ms(shell.made_at) <= after + 2  # julianday() counts in steps of less than a ms
    assert shell.python_only is None
    assert python.python_only is not None


def test_columns_are_declared_with_their_type_default_and_null(store_path: Path) -> None:
    plugins = plugins_of(kinds=plugin(Defaulted, migrate=migrate_defaulted))
    with open_store(store_path, StoreConfig(strict=True), plugins=plugins):
        rows = file_rows(
            store_path, "SELECT name, type, \"notnull\", dflt_value FROM pragma_table_info('kinds_defaulted')"
        )

    columns = {name: (kind, bool(notnull), default) for name, kind, notnull, default in rows}
    assert columns["text"] == ("TEXT", True, "'it''s'")
    assert columns["number"] == ("INTEGER", True, "-9223372036854775808")
    assert columns["ratio"] == ("REAL", True, "0.1")
    assert columns["flag"] == ("INTEGER", True, "1")
    assert columns["data"] == ("BLOB", True, "x'0027'")
    assert columns["color"] == ("TEXT", True, "'gr''een'")
    assert columns["made_at"][:2] == ("INTEGER", True)
    assert "julianday" in columns["made_at"][2]
    assert columns["python_only"] == ("TEXT", False, None)


@given(
    text=st.text(),
    number=st.integers(-(2**63), 2**63 - 1),
    ratio=st.floats(allow_nan=False, allow_infinity=False),
    data=st.binary(),
)
@example(text="\0", number=-(2**63), ratio=sys.float_info.min, data=b"")
@example(text="'", number=0, ratio=-math.ulp(0.0), data=b"'")
def test_any_plain_default_survives_being_written_as_sql(
    text: str, number: int, ratio: float, data: bytes
) -> None:
    table = table_of(
        "t",
        {
            "id": IdField(),
            "text": TextField(default=text),
            "number": IntegerField(default=number),
            "ratio": FloatField(default=ratio),
            "data": BlobField(default=data),
        },
        key_of=lambda field: ("", ("", "text")),
    )
    connection = apsw.Connection(":memory:")
    connection.execute(create_table_sql(table))
    connection.execute("INSERT INTO t (id) VALUES ('x')")

    assert connection.execute("SELECT text, number, ratio, data FROM t").fetchall() == [
        (text, number, ratio, data)
    ]


def test_default_list_is_not_shared_among_rows() -> None:
    one, two = Defaulted(), Defaulted()

    one.document["a"].append("changed")

    assert two.document == {"a": ["'"]}


def test_wrong_default_is_refused_when_it_is_declared() -> None:
    with pytest.raises(InvalidValueError):
        table_of(
            "t", {"id": IdField(), "n": IntegerField(default="7")}, key_of=lambda field: ("", ("", "text"))
        )


def test_types_of_fields_with_defaults_are_exact() -> None:
    assert_type(Defaulted().text, str)
    assert_type(Defaulted().made_at, datetime)
    assert_type(Defaulted().color, Color)
