from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import peewee
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import stina_kv.plugin
from stina_core import InvalidValueError, open_store
from stina_core.testing import memory_store, plugins_of
from stina_kv import MISSING, KvEntry, KvRepository
from stina_kv.models import Entry

if TYPE_CHECKING:
    from stina_core.testing import StinaCommand

PLUGINS = plugins_of(kv=stina_kv.plugin)


class Colour(str, Enum):  # noqa: UP042  # its str() is "Colour.RED"
    RED = "red"


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


def circular() -> object:
    value: list[object] = []
    value.append(value)
    return value


BAD_KEYS = [
    "",
    "\x00",
    "a\x00b",
    "line\n",
    "tab\t",
    "\x1b[31m",
    "\x7f",
    "\x85",
    "\ud800",
    "a\udfff",
    "k" * 513,
    "å" * 257,
    "k" * 10_000_000,
    b"bytes",
    bytearray(b"key"),
    7,
    1.5,
    True,
    None,
    ["a"],
    ("a", "b"),
    {"a": 1},
    object(),
    Entry.key,
    peewee.SQL("key"),
]

BAD_VALUES = [
    float("nan"),
    float("inf"),
    [float("-inf")],
    1 << 63,
    -(1 << 63) - 1,
    {"deep": [10**5000]},
    "\ud83d",
    {"\udc00": 1},
    {1: "integer key"},
    {None: 1},
    {b"a": 1},
    (1, 2),
    {1, 2},
    b"bytes",
    datetime(2026, 1, 1, tzinfo=UTC),
    date(2026, 1, 1),
    Decimal("1.5"),
    1j,
    object(),
    MISSING,
    KvEntry("a", 1, datetime(2026, 1, 1, tzinfo=UTC)),
    nested(101),
    nested(5000),
    circular(),
    "x" * (1 << 20),
    ["x" * 1024] * 1024,
    "x" * 10_000_000,
    Entry.value,
    peewee.SQL("1"),
    peewee.fn.random(),
]

GOOD_VALUES = [
    "",
    "a\x00b",
    "\u202eright to left",
    "👩‍👩‍👧‍👦",
    "z̷̢a̸͜l̴go",
    "\r\n\t\x1b\x7f",
    "\uffff\U0010ffff",
    "'; DROP TABLE kv_entry; --",
    "\u2028\ufeff",
    -(1 << 63),
    (1 << 63) - 1,
    5e-324,
    1.7976931348623157e308,
    -0.0,
    nested(100),
    {"": {"": []}},
    "x" * ((1 << 20) - 2),
]


def kind(value: object) -> str:
    return type(value).__name__


@pytest.fixture
def before(kv: KvRepository) -> Iterator[list[KvEntry]]:
    """Write some rows, yield them, and check at the end that they are still all there is."""
    kv.set("a", {"n": 1})
    kv.set("counter", 5)
    rows = kv.list()
    yield rows
    assert kv.list() == rows


@pytest.mark.usefixtures("before")
@pytest.mark.parametrize("key", BAD_KEYS, ids=kind)
def test_every_method_refuses_a_key_that_breaks_the_rules(kv: KvRepository, key: Any) -> None:
    calls: list[Callable[[], object]] = [
        lambda: kv.set(key, 1),
        lambda: kv.get(key),
        lambda: kv.get(key, "default"),
        lambda: kv.find(key),
        lambda: kv.entry(key),
        lambda: kv.contains(key),
        lambda: kv.delete(key),
        lambda: kv.increment(key),
        lambda: kv.compare_and_set(key, MISSING, 1),
    ]
    for call in calls:
        with pytest.raises(InvalidValueError) as caught:
            call()
        assert caught.value.field == "kv_entry.key"
        assert len(str(caught.value)) < 200


@pytest.mark.parametrize("prefix", [b"a", 1, None, "\ud800", ["a"], Entry.key], ids=kind)
def test_a_prefix_that_is_no_text_is_refused(kv: KvRepository, prefix: Any) -> None:
    for call in (kv.list, kv.count):
        with pytest.raises(InvalidValueError) as caught:
            call(prefix)
        assert caught.value.field == "kv_entry.key"


@pytest.mark.usefixtures("before")
@pytest.mark.parametrize("value", BAD_VALUES, ids=kind)
def test_a_value_that_would_not_come_back_as_it_was_is_refused(kv: KvRepository, value: Any) -> None:
    calls: list[Callable[[], object]] = [
        lambda: kv.set("a", value),
        lambda: kv.set("new", value),
        lambda: kv.compare_and_set("a", {"n": 1}, value),
        lambda: kv.compare_and_set("new", MISSING, value),
    ]
    for call in calls:
        with pytest.raises(InvalidValueError) as caught:
            call()
        assert caught.value.field == "kv_entry.value"
        assert len(str(caught.value)) < 200


@pytest.mark.parametrize("value", GOOD_VALUES, ids=kind)
def test_an_unusual_value_comes_back_exactly(kv: KvRepository, value: Any) -> None:
    kv.set("a", value)

    assert repr(kv.get("a")) == repr(value)
    assert kv.compare_and_set("a", value, 0)


def test_enum_members_are_stored_as_the_text_or_number_they_are(kv: KvRepository) -> None:
    kv.set(Colour.RED, Colour.RED)

    assert [(entry.key, entry.value) for entry in kv.list()] == [("red", "red")]
    assert type(kv.entry("red").key) is str


any_text = st.text(st.characters(exclude_categories=()), max_size=20)
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(1 << 65), 1 << 65)
    | st.floats()
    | any_text
    | st.binary(max_size=5)
    | st.complex_numbers()
    | st.datetimes()
    | st.decimals(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner)
        | st.frozensets(any_text, max_size=2)
        | st.dictionaries(any_text | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(key=any_text | st.binary() | st.integers(), value=anything)
@example(key="a" * 513, value=1)
@example(key="k", value="\ud83d\ude00")
@settings(deadline=None)
def test_anything_comes_back_exactly_or_is_refused_with_a_typed_error(key: Any, value: Any) -> None:
    with memory_store(PLUGINS) as store:
        kv = store[KvRepository]
        with suppress(InvalidValueError):
            kv.set(key, value)
            assert repr(kv.get(key)) == repr(value)
            assert [entry.key for entry in kv.list()] == [key]
            kv.delete(key)
        assert kv.list() == []


COMMANDS: list[tuple[list[str | bytes], bytes]] = [
    (["set", "", "1"], b""),
    (["set", "k" * 513, "1"], b""),
    (["set", "k" * 100_000, "1"], b""),
    (["set", "a\nb", "1"], b""),
    (["set", b"\xff", "1"], b""),
    (["set", "new", b"\xed\xa0\xbd"], b""),
    (["set", "new", '"\\ud83d"'], b""),
    (["set", "new", "1e999"], b""),
    (["set", "new", str(1 << 63)], b""),
    (["set", "new", "-"], b"9" * 5000),
    (["set", "new", "-"], b"\xff\xfe"),
    (["set", "new", "-"], b"[" * 100_000 + b"]" * 100_000),
    (["set", "new", "-"], json.dumps(nested(101)).encode()),
    (["set", "new", "-"], b'"' + b"x" * (1 << 20) + b'"'),
    (["set", "--text", "new", "-"], b"x" * ((16 << 20) + 1)),
    (["set", "new", "-5"], b""),
    (["set", "new"], b""),
    (["get", "\x1b[2J"], b""),
    (["delete", b"\xc3"], b""),
    (["list", "--prefix", b"\xff"], b""),
    (["increment", "a"], b""),
    (["increment", "counter", "--by", "9" * 5000], b""),
    (["increment", "counter", "--by", str((1 << 63) - 1)], b""),
    (["increment", "counter", "--by", "1.5"], b""),
    (["swap"], b""),
]


@pytest.mark.usefixtures("before")
@pytest.mark.parametrize(("arguments", "stdin"), COMMANDS, ids=kind)
def test_the_command_refuses_bad_input_in_few_words(
    stina: StinaCommand, arguments: list[str | bytes], stdin: bytes
) -> None:
    result = stina(*arguments, stdin=stdin)

    assert result.code in (1, 2)
    assert result.out == ""
    assert result.err
    assert "should not happen" not in result.err


def test_a_value_another_program_wrote_is_printed_without_failing(
    stina: StinaCommand, store_path: Path
) -> None:
    with open_store(store_path) as store, store.use():
        Entry.insert(key="half", value="", updated_at=datetime(2026, 1, 1, tzinfo=UTC)).execute()
        Entry.update(value=peewee.SQL("'\"\\ud83d\"'")).execute()

    for arguments in (["get", "half"], ["get", "half", "--json"], ["list"]):
        result = stina(*arguments)
        assert result.code == 0
        assert "\\ud83d" in result.out
