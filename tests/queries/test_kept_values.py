"""Values that a field stores as they are are not handed to it: what tells so must never be wrong."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from peewee import ModelInsert

from stina_core import InvalidValueError, Store, TextField, write
from stina_core.backends.sqlite.database import StoreDatabase
from stina_core.fields import Portable

from .library import DAY, Badge, Book, Kind, Thing


class Word(str):
    def __str__(self) -> str:
        return "another word"


class Fruit(StrEnum):
    PEAR = "pear"


class Whispered(TextField[str]):
    def db_value(self, value: Any) -> str | None:
        text = super().db_value(value)
        return None if text is None else text.lower()


FIELDS: list[Any] = [*Thing._meta.sorted_fields, *Book._meta.sorted_fields, *Badge._meta.sorted_fields]
TOLD = [field for field in FIELDS if field.kept() is not None]

values = (
    st.none()
    | st.booleans()
    | st.integers(-(2**65), 2**65)
    | st.floats()
    | st.text(max_size=70)
    | st.text(st.characters(categories=["Cs"]), max_size=3)
    | st.text(max_size=5).map(Word)
    | st.sampled_from([*Fruit, *Kind])
    | st.binary(max_size=4)
    | st.integers(0, 9).map(lambda hours: DAY + timedelta(hours=hours))
    | st.lists(st.integers(), max_size=2)
)


def is_kept(field: Portable, value: object) -> bool:
    return bool(eval(str(field.kept()).format(value="value"), {"value": value}))


@given(value=values)
@example(value=True)
@example(value=2**63)
@example(value=-(2**63))
@example(value="a" * 61)
@example(value="\ud800")
def test_value_that_is_kept_is_what_its_field_would_have_stored(value: object) -> None:
    for field in TOLD:
        if is_kept(field, value):
            stored = field.db_value(value)
            assert stored == value
            assert stored is value or type(value) is bool  # SQLite has 1 and 0


def test_plain_texts_whole_numbers_and_flags_are_kept() -> None:
    kept = {
        field.name for field in FIELDS for value in ("a", 1, True) if field in TOLD and is_kept(field, value)
    }

    assert {"text", "maybe_text", "number", "flag", "author", "word"} <= kept
    assert not {"document", "kind", "at", "data"} & kept


def test_field_derived_from_another_is_asked_for_each_value() -> None:
    assert Whispered().kept() is None
    assert TextField().kept() is not None


def test_field_that_were_not_asked_would_store_what_it_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control."""
    monkeypatch.setattr(Portable, "kept", lambda field: field._kept())

    assert is_kept(Whispered(), "Aloud")
    assert Whispered().db_value("Aloud") == "aloud"


def test_field_of_no_model_says_what_it_is_called() -> None:
    field: Any = TextField()

    with pytest.raises(InvalidValueError) as caught:
        field.db_value(1)

    assert caught.value.field == "value"


def test_query_is_compiled_anew_for_another_kind_of_database(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Other(StoreDatabase):
        """A database of another kind, such as PostgreSQL would be."""

    @write
    def add(word: str, *, twin: str | None = None) -> ModelInsert:
        return Badge.insert(word=word, twin=twin)

    first = add._statement
    add("one")
    of_store = first.run
    database = store.database()
    monkeypatch.setattr(database, "__class__", Other)
    add("two", twin="one")

    assert first.run is not of_store
    rows: Any = Badge.select().dicts()
    assert [(row["word"], row["twin"]) for row in rows] == [("ONE", None), ("TWO", "ONE")]
