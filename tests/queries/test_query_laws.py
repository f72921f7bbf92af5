"""Laws: whatever the rows and the arguments, a compiled query is the query, and a compiled write the write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import make_dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peewee import ModelSelect, Value

from stina_core import Query, Store, TimestampField, query, returning, write
from stina_core.config import MEMORY

from . import shapes_of_several  # noqa: F401  # adds to SHAPES
from .library import Thing, database_of, open_library
from .rows import KINDS, OPTIONAL, THINGS, books, fill_with
from .shapes import SHAPES

SEVERAL = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
"""The stores are opened once for all examples; each example puts its own rows in."""

COMPILED: dict[str, Query[..., Any]] = {name: query(one.value)(one.state) for name, one in SHAPES.items()}


@pytest.fixture
def stores(store_path: Path) -> Iterator[list[Store]]:
    """Open a store on a file and one in memory."""
    with ExitStack() as stack:
        yield [stack.enter_context(open_library(path)) for path in (store_path, MEMORY)]


@SEVERAL
@given(rows=st.lists(books, max_size=6), data=st.data())
def test_compiled_query_answers_what_peewee_answers(
    stores: list[Store], rows: list[dict[str, Any]], data: st.DataObject
) -> None:
    for store in stores:
        with store.use():
            fill_with(store, rows)
    for name in data.draw(st.lists(st.sampled_from(sorted(SHAPES)), min_size=6, max_size=6, unique=True)):
        shape, compiled = SHAPES[name], COMPILED[name]
        arguments = [data.draw(KINDS[kind], label=f"{name}: {kind}") for kind in shape.kinds]
        answers = []
        for store in stores:
            with store.use():
                expected = shape.ad_hoc(*arguments)
                assert compiled.list(*arguments) == expected
                assert compiled.find(*arguments) == (expected[0] if expected else None)
                answers.append(expected)
        assert answers[0] == answers[1]


@SEVERAL
@given(rows=st.lists(books, max_size=6), data=st.data())
def test_number_and_existence_are_those_of_the_answers(
    stores: list[Store], rows: list[dict[str, Any]], data: st.DataObject
) -> None:
    for store in stores:
        with store.use():
            fill_with(store, rows)
    for name in data.draw(st.lists(st.sampled_from(sorted(SHAPES)), min_size=6, max_size=6, unique=True)):
        compiled = COMPILED[name]
        arguments = [data.draw(KINDS[kind], label=f"{name}: {kind}") for kind in SHAPES[name].kinds]
        for store in stores:
            with store.use():
                number = len(compiled.list(*arguments))
                assert (compiled.count(*arguments), compiled.exists(*arguments)) == (number, number > 0), name


def test_law_fails_where_a_field_is_not_loaded(memory: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: moments as they are stored."""
    name = "equal"
    shape = SHAPES[name]
    with monkeypatch.context() as patched:
        patched.setattr(TimestampField, "loads", lambda field: None)
        control = query(shape.value)(shape.state)
        assert control.list("Kris") != shape.ad_hoc("Kris")
    assert COMPILED[name].list("Kris") == shape.ad_hoc("Kris")


# Writes

COLUMNS = [*THINGS, *(f"maybe_{name}" for name in OPTIONAL)]
Everything = make_dataclass("Everything", [(name, object) for name in COLUMNS], frozen=True)

things = st.fixed_dictionaries({**THINGS, **{f"maybe_{name}": st.none() | THINGS[name] for name in OPTIONAL}})


def _stating(names: list[str], statement: str) -> Any:
    scope: dict[str, Any] = {"Thing": Thing}
    given = ", ".join(f"{name}={name}" for name in names)
    exec(f"def state(id, {', '.join(names)}): return {statement.format(given)}", scope)
    return scope["state"]


put = write(_stating(COLUMNS, "Thing.insert(id=id, {})"))
put_and_tell = returning(Everything)(_stating(COLUMNS, "Thing.insert(id=id, {}).returning(Thing)"))
change = write(_stating(COLUMNS, "Thing.update({}).where(Thing.id == id)"))
change_and_tell = returning(Everything)(
    _stating(COLUMNS, "Thing.update({}).where(Thing.id == id).returning(Thing)")
)


@query(Everything)
def by_id(id: str) -> ModelSelect[Thing]:
    return Thing.select().where(Thing.id == id)


@SEVERAL
@given(first=things, second=things)
def test_compiled_write_stores_and_reads_back_what_peewee_would(
    stores: list[Store], first: dict[str, Any], second: dict[str, Any]
) -> None:
    for store in stores:
        with store.use():
            Thing.delete().execute()
            Thing.create(id="ad hoc 1", **first)
            Thing.create(id="ad hoc 2", **second)

            assert put("put", **first) == 1
            (told,) = put_and_tell("told", **first)
            assert by_id.get("put") == told == by_id.get("ad hoc 1") == read("ad hoc 1")
            assert stored(store, "put") == stored(store, "told") == stored(store, "ad hoc 1")

            assert change("put", **second) == 1
            (changed,) = change_and_tell("told", **second)
            assert by_id.get("put") == changed == by_id.get("ad hoc 2") == read("ad hoc 2")
            assert stored(store, "put") == stored(store, "told") == stored(store, "ad hoc 2")


def read(id: str) -> Any:
    """Return the row as Peewee reads it."""
    thing = Thing.get_by_id(id)
    return Everything(**{name: getattr(thing, name) for name in COLUMNS})


def stored(store: Store, id: str) -> list[tuple[object, ...]]:
    """Return what the columns hold, and as what."""
    columns = ", ".join(f"{name}, typeof({name})" for name in COLUMNS)
    return database_of(store).rows(f"SELECT {columns} FROM library_thing WHERE id = ?", (id,))


@SEVERAL
@given(row=things, data=st.data())
def test_value_of_each_field_finds_the_row_it_was_stored_in(
    stores: list[Store], row: dict[str, Any], data: st.DataObject
) -> None:
    other = data.draw(things)
    for store in stores:
        with store.use():
            Thing.delete().execute()
            put("row", **row)
            put("other", **other)
            for name, value in row.items():
                field, whole = (
                    getattr(Thing, name),
                    Value(value, unpack=False),
                )  # or Peewee takes a list apart
                among = as_ids(Thing.select(Thing.id).where(field.in_([whole])))
                assert AMONG[name].list([value]) == among
                if value is not None:
                    assert (
                        EQUAL[name].list(value)
                        == as_ids(Thing.select(Thing.id).where(field == whole))
                        == among
                    )
                    assert "row" in among


def as_ids(query: Any) -> list[str]:
    return [thing.id for thing in query.order_by(Thing.id)]


def _equal(name: str) -> Query[[object], str]:
    field = getattr(Thing, name)

    def equal(value: object) -> ModelSelect[Thing]:
        return Thing.select(Thing.id).where(field == value).order_by(Thing.id)

    return query(str)(equal)


def _among(name: str) -> Query[[list[object]], str]:
    field = getattr(Thing, name)

    def among(values: list[object]) -> ModelSelect[Thing]:
        return Thing.select(Thing.id).where(field.in_(values)).order_by(Thing.id)

    return query(str)(among)


EQUAL = {name: _equal(name) for name in COLUMNS}
AMONG = {name: _among(name) for name in COLUMNS}
