from __future__ import annotations

import enum
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from enum import Enum, StrEnum
from typing import Any, assert_type

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stina_core import (
    AutoIdField,
    BlobField,
    BooleanField,
    ConstraintError,
    EnumField,
    FloatField,
    ForeignKeyField,
    IdField,
    IntegerField,
    InvalidValueError,
    JsonField,
    Migrations,
    Model,
    Operations,
    Store,
    TextField,
    TimestampField,
    now,
)
from stina_core.ids import to_ms
from stina_core.testing import memory_store, plugins_of

from .declarations import plugin


class Color(StrEnum):
    RED = "red"
    GREEN = "gr'een"


class Shape(Enum):
    ROUND = "round"
    UNKNOWN = "?"


class OldColor(str, Enum):  # noqa: UP042  # str() of its members is not their text
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Owner(Model):
    id = IdField()


class Sample(Model):
    id = IdField()
    text = TextField(null=True)
    short = TextField(max_length=5, null=True)
    number = IntegerField(null=True)
    ratio = FloatField(null=True)
    flag = BooleanField(null=True)
    data = BlobField(null=True)
    at = TimestampField(null=True)
    document = JsonField(null=True)
    small = JsonField(null=True, max_bytes=20)
    color = EnumField(Color, null=True)
    shape = EnumField(Shape, unknown=Shape.UNKNOWN, null=True)
    word = EnumField(["a", "b"], null=True)
    owner = ForeignKeyField(Owner, null=True, on_delete="CASCADE")


class Counted(Model):
    id = AutoIdField()
    note = TextField(default="")


def migrate(migrations: Migrations) -> None:
    @migrations.step("0001_initial")
    def initial(op: Operations) -> None:
        op.create_table("owner", id=IdField())
        op.create_table(
            "sample",
            id=IdField(),
            text=TextField(null=True),
            short=TextField(max_length=5, null=True),
            number=IntegerField(null=True),
            ratio=FloatField(null=True),
            flag=BooleanField(null=True),
            data=BlobField(null=True),
            at=TimestampField(null=True),
            document=JsonField(null=True),
            small=JsonField(null=True),
            color=EnumField(["red", "gr'een"], null=True),
            shape=EnumField(["round", "?"], null=True),
            word=EnumField(["a", "b"], null=True),
            owner=ForeignKeyField("owner", null=True, on_delete="CASCADE"),
        )
        op.create_table("counted", id=AutoIdField(), note=TextField(default=""))


KINDS = plugin(Owner, Sample, Counted, migrate=migrate)


@pytest.fixture(scope="module")
def kinds() -> Iterator[Store]:
    with memory_store(plugins_of(kinds=KINDS)) as store:
        yield store


def written_and_read(store: Store, field: str, value: object) -> Any:
    with store.use():
        id = Sample.create(**{field: value}).id
        return getattr(Sample.get_by_id(id), field)


def count(store: Store) -> int:
    with store.use():
        return Sample.select().count()


class NoOffset(tzinfo):
    def utcoffset(self, moment: datetime | None) -> timedelta | None:
        return None

    dst = utcoffset

    def tzname(self, moment: datetime | None) -> str | None:
        return None


AMSTERDAM = timezone(timedelta(hours=2))

ANY_TEXT = st.text(st.characters(exclude_categories=()))  # also halves of surrogate pairs
ANY_SCALAR = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**63) - 2, -(2**63) + 2) | st.integers(2**63 - 2, 2**63 + 2),
    st.floats(),
    ANY_TEXT,
    st.binary(),
    st.datetimes(timezones=st.none() | st.just(UTC) | st.just(AMSTERDAM)),
    st.dates(),
    st.sampled_from([*Color, *Shape, *OldColor, Level.HIGH, "red", "round", "a"]),
    st.decimals(),
    st.complex_numbers(),
)
ANYTHING = st.recursive(
    ANY_SCALAR,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(ANY_TEXT | st.integers(), inner, max_size=4),
        st.tuples(inner),
        st.frozensets(st.integers(), max_size=2),
    ),
    max_leaves=6,
)
FIELDS = [field.name for field in Sample._meta.sorted_fields if field.name not in ("id", "owner")]


def same(left: object, right: object) -> bool:
    """Equal as JSON is: True is not 1, and 1 is not 1.0."""
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    kinds = (bool, int, float, str, list, dict, type(None))
    return left == right and [isinstance(left, kind) for kind in kinds] == [
        isinstance(right, kind) for kind in kinds
    ]


@pytest.mark.parametrize("field", FIELDS)
@given(value=ANYTHING)
@example("a\0b\x1b\r\n\u202e👩‍👩‍👧\uffff' OR 1=1 --")
@example("")
@example("\ud800")
@example(float("nan"))
@example(-0.0)
@example(2**53 + 1)
@example(10**5000)
@example(datetime(1, 1, 1, tzinfo=AMSTERDAM))
@example(datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=timezone(-timedelta(hours=2))))
@example(datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC))
@example({"a": [1, True, 1.0, None, "\0", {"": []}]})
@example([OldColor.RED, Level.HIGH])
def test_value_comes_back_exactly_or_is_refused_before_any_sql(
    kinds: Store, field: str, value: object
) -> None:
    before = count(kinds)
    refused: str | None = None
    read: object = None
    try:
        read = written_and_read(kinds, field, value)
    except InvalidValueError as error:
        refused = error.field

    if refused is not None:
        assert (refused, count(kinds)) == (f"kinds_sample.{field}", before)
        return
    if field == "at" and isinstance(value, datetime):
        value = value.replace(microsecond=value.microsecond // 1000 * 1000)
    assert read == value
    if field in ("document", "small"):
        assert same(read, value)


VALID: dict[str, st.SearchStrategy[object]] = {
    "text": st.text(),
    "short": st.text(max_size=5),
    "number": st.integers(-(2**63), 2**63 - 1),
    "ratio": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53),
    "flag": st.booleans(),
    "data": st.binary(),
    "at": st.datetimes(
        timezones=st.just(UTC) | st.just(AMSTERDAM),
        min_value=datetime(1, 1, 2),
        max_value=datetime(9999, 12, 30),
    ),
    "document": st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63 - 1)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    ),
    "color": st.sampled_from(Color),
    "shape": st.sampled_from(Shape),
    "word": st.sampled_from(["a", "b"]),
}


@pytest.mark.parametrize("field", VALID)
@given(data=st.data())
def test_every_value_of_the_fields_kind_is_accepted(kinds: Store, field: str, data: st.DataObject) -> None:
    value = data.draw(VALID[field])

    read = written_and_read(kinds, field, value)

    assert read == value or (isinstance(value, datetime) and to_ms(read) == to_ms(value))


NESTED: list[Any] = []
for _ in range(101):
    NESTED = [NESTED]

LOOP: list[Any] = []
LOOP.append(LOOP)

DOUBLING: list[Any] = [0]
for _ in range(60):
    DOUBLING = [DOUBLING, DOUBLING]

REFUSED = [
    ("text", b"bytes"),
    ("text", 7),
    ("text", 7.5),
    ("text", ["a"]),
    ("text", {"a": 1}),
    ("text", "half \ud83d"),
    ("short", "123456"),
    ("number", True),
    ("number", 1.0),
    ("number", float("nan")),
    ("number", float("inf")),
    ("number", "7"),
    ("number", 2**63),
    ("number", -(2**63) - 1),
    ("number", 10**5000),
    ("ratio", float("nan")),
    ("ratio", float("-inf")),
    ("ratio", False),
    ("ratio", "1.5"),
    ("ratio", 2**53 + 1),
    ("ratio", 10**5000),
    ("flag", 1),
    ("flag", "true"),
    ("data", "text"),
    ("data", [1, 2]),
    ("at", datetime(2026, 1, 1)),
    ("at", datetime(2026, 1, 1, tzinfo=NoOffset())),
    ("at", datetime(1, 1, 1, tzinfo=AMSTERDAM)),
    ("at", date(2026, 1, 1)),
    ("at", 1_700_000_000),
    ("at", "2026-01-01"),
    ("document", float("nan")),
    ("document", [float("inf")]),
    ("document", (1, 2)),
    ("document", {"a": {1, 2}}),
    ("document", {1: "a"}),
    ("document", {"a": datetime.now(UTC)}),
    ("document", b"bytes"),
    ("document", 2**63),
    ("document", ["\ud800"]),
    ("document", {"\udfff": 1}),
    ("document", NESTED),
    ("document", LOOP),
    ("document", DOUBLING),
    ("document", "x" * (1 << 20)),
    ("small", "x" * 19),
    ("color", "blue"),
    ("color", Shape.ROUND),
    ("color", 1),
    ("shape", "round"),
    ("shape", Color.RED),
    ("word", "c"),
    ("word", ["a"]),
]


@pytest.mark.parametrize(("field", "value"), REFUSED, ids=[str(i) for i in range(len(REFUSED))])
def test_wrong_value_is_refused_naming_its_column(kinds: Store, field: str, value: object) -> None:
    before = count(kinds)

    with pytest.raises(InvalidValueError) as caught:
        written_and_read(kinds, field, value)

    assert caught.value.field == f"kinds_sample.{field}"
    assert str(caught.value).startswith(f"kinds_sample.{field}: ")
    assert count(kinds) == before


def test_message_names_the_kind_of_a_wrong_value_and_never_the_value(kinds: Store) -> None:
    with pytest.raises(InvalidValueError) as caught:
        written_and_read(kinds, "number", "secret words")

    assert "secret" not in str(caught.value)
    assert "str" in str(caught.value)


@pytest.mark.parametrize("wrong", [True, 1.0, "7", 2**63, b"1"])
def test_integer_keys_are_as_strict_as_other_integers(kinds: Store, wrong: object) -> None:
    with kinds.use(), pytest.raises(InvalidValueError) as caught:
        Counted.create(id=wrong)

    assert caught.value.field == "kinds_counted.id"


def test_database_hands_out_integer_keys(kinds: Store) -> None:
    with kinds.use():
        first, second = Counted.create().id, Counted.create().id

    assert_type(first, int)
    assert second == first + 1


@pytest.mark.parametrize("wrong", [7, b"x", "half \ud83d"])
def test_foreign_key_names_its_own_column_in_an_error(kinds: Store, wrong: object) -> None:
    with kinds.use(), pytest.raises(InvalidValueError) as caught:
        Sample.create(owner=wrong)

    assert caught.value.field == "kinds_sample.owner_id"
    assert str(caught.value).count("kinds_") == 1


def test_foreign_key_takes_a_row_or_its_key(kinds: Store) -> None:
    with kinds.use():
        owner = Owner.create()
        one, two = Sample.create(owner=owner), Sample.create(owner=owner.id)

        assert Sample.get_by_id(one.id).owner == owner == Sample.get_by_id(two.id).owner


def store_newer_shape(id: str) -> None:
    """Write what a newer program, whose CHECK allows more, may write while this one is open."""
    database = Sample._meta.database
    database.execute_sql("PRAGMA ignore_check_constraints = 1")
    database.execute_sql("UPDATE kinds_sample SET shape = 'square' WHERE id = ?", (id,))
    database.execute_sql("PRAGMA ignore_check_constraints = 0")


def test_row_of_an_enum_text_this_code_does_not_know_reads_as_the_unknown_member(kinds: Store) -> None:
    with kinds.use():
        id = Sample.create(shape=Shape.ROUND).id
        store_newer_shape(id)

        assert Sample.get_by_id(id).shape is Shape.UNKNOWN


def test_unknown_enum_text_without_an_unknown_member_raises(
    kinds: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    field = Sample._meta.fields["shape"]
    monkeypatch.setattr(field, "unknown", None)
    with kinds.use():
        id = Sample.create().id
        store_newer_shape(id)

        with pytest.raises(InvalidValueError) as caught:
            Sample.get_by_id(id)

    assert caught.value.field == "kinds_sample.shape"
    assert "square" not in str(caught.value)


@pytest.mark.parametrize(
    "column",
    [
        "color = 'blue'",
        "flag = 2",
        "short = '123456'",
        "document = '{'",
        "document = 'NaN'",
        "number = 'x'",
        "data = 'x'",
    ],
)
def test_table_itself_refuses_what_the_field_would(kinds: Store, column: str) -> None:
    with kinds.use():
        id = Sample.create().id

        with pytest.raises((ConstraintError, InvalidValueError)):
            Sample._meta.database.execute_sql(f"UPDATE kinds_sample SET {column} WHERE id = ?", (id,))


@pytest.mark.parametrize("values", [[], ["a", "a"], "ab", [1], ["a\0"], Level])
def test_enum_field_needs_different_texts(values: Any) -> None:
    with pytest.raises(TypeError, match="texts"):
        EnumField(values)


def test_unknown_member_must_be_one_of_the_enum() -> None:
    with pytest.raises(TypeError, match="no member"):
        EnumField(Color, unknown=Shape.UNKNOWN)


def test_stored_number_that_is_no_time_raises_on_reading(kinds: Store) -> None:
    with kinds.use():
        id = Sample.create().id
        Sample._meta.database.execute_sql("UPDATE kinds_sample SET at = ? WHERE id = ?", (2**62, id))

        with pytest.raises(InvalidValueError) as caught:
            Sample.get_by_id(id)

    assert caught.value.field == "kinds_sample.at"


def test_json_null_and_no_value_are_both_none(kinds: Store) -> None:
    with kinds.use():
        id = Sample.create(document=None).id
        stored = Sample._meta.database.execute_sql(
            "SELECT document FROM kinds_sample WHERE id = ?", (id,)
        ).fetchone()

        assert Sample.get_by_id(id).document is None

    assert stored == (None,)


def test_queries_compare_with_values_of_the_fields_kind(kinds: Store) -> None:
    moment = now()
    with kinds.use():
        id = Sample.create(at=moment, document={"a": [1]}, color=Color.GREEN, flag=True).id

        def found(condition: Any) -> bool:
            return Sample.select().where((Sample.id == id) & condition).exists()

        assert found(Sample.at == moment)
        assert found(Sample.at < moment + timedelta(milliseconds=1))
        assert found(Sample.document == {"a": [1]})
        assert found(Sample.color.in_([Color.GREEN]))
        assert not found(Sample.color == Color.RED)
        assert found(Sample.flag == True)  # noqa: E712  # this is SQL


def test_stored_json_is_compact_and_keeps_characters_as_they_are(kinds: Store) -> None:
    with kinds.use():
        id = Sample.create(document={"ö": [1, "👩"]}).id
        stored = Sample._meta.database.execute_sql(
            "SELECT document FROM kinds_sample WHERE id = ?", (id,)
        ).fetchone()

    assert stored == ('{"ö":[1,"👩"]}',)


def test_json_text_of_another_program_reads_as_json_or_raises(kinds: Store) -> None:
    with kinds.use():
        id = Sample.create().id
        deep = "[" * 900 + "]" * 900
        Sample._meta.database.execute_sql("UPDATE kinds_sample SET document = ? WHERE id = ?", (deep, id))

        assert json.dumps(Sample.get_by_id(id).document) == deep


def test_types_of_fields_are_exact() -> None:
    sample = Sample()

    assert_type(sample.id, str)
    assert_type(sample.text, str | None)
    assert_type(sample.number, int | None)
    assert_type(sample.ratio, float | None)
    assert_type(sample.flag, bool | None)
    assert_type(sample.data, bytes | None)
    assert_type(sample.at, datetime | None)
    assert_type(sample.color, Color | None)
    assert_type(sample.owner, Owner | None)
