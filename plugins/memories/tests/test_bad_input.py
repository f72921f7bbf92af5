from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import peewee
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stina_core import ConstraintError, InvalidValueError, Store
from stina_core.testing import memory_store
from stina_memories import KEEP, MemoryPlace, MemoryRepository
from stina_memories.models import Memory

from .conftest import PLUGINS, nested

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NAIVE = datetime(2026, 3, 1, 12)

NO_TEXTS: list[Any] = [
    b"bytes",
    7,
    1.5,
    True,
    ["a"],
    ("a",),
    {"a": 1},
    object(),
    "\ud800",
    "a\udfff",
    Memory.title,
    peewee.SQL("id"),
]
NO_TIMES: list[Any] = [NAIVE, date(2026, 1, 1), "2026-01-01", 0, True, object(), peewee.fn.random()]


BAD: dict[str, list[Any]] = {
    "title": [*NO_TEXTS, None, "", " ", "\n\u2003", "t" * 501, "x" * 10_000_000],
    "content": [*NO_TEXTS, None, "", " \t\n", "\u00a0"],
    "metadata": [
        float("nan"),
        [float("inf")],
        1 << 63,
        "\ud83d",
        {1: "a"},
        (1,),
        {1},
        b"x",
        NOON,
        Decimal(1),
        object(),
        nested(101),
        "x" * (1 << 20),
        Memory.title,
        peewee.SQL("1"),
    ],
    "source": NO_TEXTS,
    "tags": [
        7,
        "text",
        b"bytes",
        {"a": 1},
        [7],
        [None],
        [""],
        [" "],
        ["\ud800"],
        ["t" * 101],
        ["a", b"b"],
        object(),
        ["x" * 99 + str(number) for number in range(10)] * 2000 + [None],
        Memory.tags,
    ],
    "expires_at": NO_TIMES,
    "actor": [7, True, "", "nobody", "User", "\ud800", ["user"], object()],
    "conversation_id": NO_TEXTS,
    "updated_at": NO_TIMES,
}
CASES = [(name, value) for name, values in BAD.items() for value in values]


@pytest.fixture
def store() -> Iterator[Store]:
    """Open a store in memory: what is refused never gets as far as a file, and these are many tests."""
    with memory_store(PLUGINS) as opened:
        yield opened


def kind(value: object) -> str:
    return value if isinstance(value, str) and value in BAD else type(value).__name__


@pytest.mark.usefixtures("before")
@pytest.mark.parametrize(("name", "value"), CASES, ids=kind)
def test_what_cannot_be_stored_is_refused_by_its_name(
    memories: MemoryRepository, name: str, value: Any
) -> None:
    wanted: dict[str, Any] = {"title": "t", "content": "c", name: value}
    calls: list[Callable[[], object]] = [
        lambda: memories.add(**wanted),
        lambda: memories.add(**wanted, hint=False),
        lambda: memories.update("a", **{name: value}),
    ]
    for call in calls:
        with pytest.raises(InvalidValueError) as caught:
            call()
        assert caught.value.field == f"memories_memory.{name}"
        assert len(str(caught.value)) < 200


@pytest.mark.usefixtures("before")
@pytest.mark.parametrize("id", [*NO_TEXTS], ids=kind)
def test_every_method_refuses_an_id_that_is_no_text(memories: MemoryRepository, id: Any) -> None:
    calls: list[Callable[[], object]] = [
        lambda: memories.get(id),
        lambda: memories.find(id),
        lambda: memories.update(id, title="t"),
        lambda: memories.delete(id),
        lambda: memories.add("t", "c", id=id),
    ]
    for call in calls:
        with pytest.raises(InvalidValueError) as caught:
            call()
        assert caught.value.field == "memories_memory.id"


@pytest.mark.usefixtures("before")
def test_no_id_is_no_id(memories: MemoryRepository) -> None:
    for call in (memories.get, memories.find, memories.delete):
        with pytest.raises(InvalidValueError):
            call(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("created_at", NO_TIMES, ids=kind)
def test_a_time_of_making_that_is_none_is_refused(memories: MemoryRepository, created_at: Any) -> None:
    with pytest.raises(InvalidValueError) as caught:
        memories.add("t", "c", created_at=created_at)

    assert caught.value.field == "memories_memory.created_at"
    assert memories.count() == 0


ARGUMENTS: list[tuple[str, Any]] = [
    *(("limit", value) for value in (0, -1, 1.0, True, "1", 1 << 70, object())),
    *(("at", value) for value in NO_TIMES),
    *(("include_expired", value) for value in (1, None, "yes")),
]


@pytest.mark.parametrize(("name", "value"), ARGUMENTS, ids=kind)
def test_an_argument_of_a_list_or_search_that_is_none_is_refused(
    memories: MemoryRepository, name: str, value: Any
) -> None:
    calls: list[Callable[..., object]] = [
        memories.list,
        partial(memories.search, "text"),
        partial(memories.search_ranked, "text"),
    ]
    if name != "limit":
        calls.append(memories.count)
    for call in calls:
        with pytest.raises(InvalidValueError) as caught:
            call(**{name: value})
        assert caught.value.field == name


@pytest.mark.parametrize("at", NO_TIMES, ids=kind)
def test_a_moment_that_is_none_is_refused(memories: MemoryRepository, at: Any) -> None:
    for call in (memories.expired, memories.delete_expired, memories.next_expiry):
        with pytest.raises(InvalidValueError) as caught:
            call(at)
        assert caught.value.field == "at"


@pytest.mark.parametrize(
    "place",
    [
        7,
        "a",
        ("a",),
        MemoryPlace(NAIVE, "a"),
        MemoryPlace(BAD["title"][0], "a"),
        MemoryPlace(NO_TIMES[2], "a"),
        MemoryPlace(NOON, NO_TEXTS[1]),
        MemoryPlace(NOON, "\ud800"),
    ],
    ids=kind,
)
def test_a_place_that_is_none_is_refused(memories: MemoryRepository, place: Any) -> None:
    with pytest.raises(InvalidValueError) as caught:
        memories.list(before=place)

    assert caught.value.field == "before"


@pytest.mark.parametrize("text", [None, *NO_TEXTS], ids=kind)
def test_a_text_to_look_for_that_is_none_is_refused(memories: MemoryRepository, text: Any) -> None:
    for call in (memories.find_by_content, memories.search, memories.search_ranked):
        with pytest.raises(InvalidValueError) as caught:
            call(text)
        assert caught.value.field == "text"
    with pytest.raises(InvalidValueError):
        memories.similar(text)
    for before in (1.5, "1", True):
        with pytest.raises(InvalidValueError):
            memories.search("a", before=before)  # type: ignore[arg-type]


def test_places_of_hits_that_cannot_be_are_before_or_after_all(memories: MemoryRepository) -> None:
    memories.add("t", "tea")

    assert len(memories.search("tea", before=1 << 70)) == 1
    assert memories.search("tea", before=-(1 << 70)) == []


def test_the_table_holds_other_programs_to_the_rules(store: Store, memories: MemoryRepository) -> None:
    memories.add("t", "c", id="a")
    for name, value in (("title", ""), ("content", ""), ("title", "t" * 501)):
        stored = peewee.Value(value, converter=False)
        with pytest.raises(ConstraintError), store.use():
            Memory.update({getattr(Memory, name): stored}).execute()

    assert memories.get("a").title == "t"


GOOD = [
    "a\x00b",
    "\u202eright",
    "👩\u200d👩\u200d👧",
    "z̷̢a̸͜l̴go",
    "\x1b\x7f",
    "\uffff\U0010ffff",
    "'; DROP TABLE memories_memory; --",
    "%",
    "\x00",
]


@pytest.mark.parametrize("text", GOOD, ids=ascii)
def test_an_unusual_text_comes_back_exactly(memories: MemoryRepository, text: str) -> None:
    memory = memories.add(
        text, text, metadata={text: text}, source=text, tags=[text], conversation_id=text, id=text
    ).memory

    assert memories.list() == [memory]
    assert [memory.title, memory.content, memory.source, memory.conversation_id, memory.id] == [text] * 5
    assert (memory.metadata, memory.tags) == ({text: text}, (text,))
    assert memories.find_by_content(text) == memory


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()), max_size=8)
    | st.binary(max_size=3)
    | st.datetimes()
    | st.sampled_from([KEEP, "user", "t", NOON]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner)
        | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)
required = dict.fromkeys(("title", "content"), anything)
optional = {name: anything for name in BAD if name not in required}


@given(parts=st.fixed_dictionaries(required, optional=optional))
@settings(max_examples=60, deadline=None)
def test_anything_is_stored_or_refused_with_a_typed_error(parts: dict[str, Any]) -> None:
    with memory_store(PLUGINS) as store:
        memories = store[MemoryRepository]
        with suppress(InvalidValueError):
            memory = memories.add(**parts).memory
            assert memories.list(include_expired=True) == [memory]
            memories.delete(memory.id)
        assert memories.list(include_expired=True) == []
