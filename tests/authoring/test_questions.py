"""What a person is asked, and the answers that are taken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stina_core import (
    BooleanField,
    DefinitionError,
    EnumField,
    FloatField,
    ForeignKeyField,
    IntegerField,
    JsonField,
    Model,
    TextField,
    TimestampField,
    now,
)
from stina_core.authoring.questions import Converted, Empty, Gone
from stina_core.testing import file_rows

from .changes import model, note
from .drafting import drafted, opened


def test_what_is_gone_is_asked_before_what_is_empty() -> None:
    first = drafted(note(old=TextField(), size=IntegerField()), model("Box"))
    new = [note(new=TextField(), other=TextField(), rank=IntegerField()), model("Crate"), model("Tin")]

    made = drafted(*new, made=[first])
    then = drafted(*new, made=[first], renames={"note.old": "note.new", "box": "tin"}, keeps={"note.size"})

    assert made.questions == (
        Gone("note.old", ("note.other", "note.new")),
        Gone("note.size", ("note.rank",)),
        Gone("box", ("crate", "tin")),
    )
    assert then.questions == (Empty("note.other", "text"), Empty("note.rank", "a whole number"))
    assert not made.step
    assert not made.lines


def test_question_says_what_can_be_typed() -> None:
    def owner() -> type[Model]:
        return model("Owner", key=IntegerField(primary_key=True))

    def other() -> type[Model]:
        return model("Other", id=TextField(primary_key=True))

    wanted = {
        "text": (TextField(), "text"),
        "float": (FloatField(), "a number"),
        "boolean": (BooleanField(), "true or false"),
        "enum": (EnumField(["a", "b"]), "one of a, b"),
        "json": (JsonField(), "JSON"),
        "time": (TimestampField(), "a time such as 2026-01-31T12:00:00Z"),
        "now": (TimestampField(default=now), "a time such as 2026-01-31T12:00:00Z"),
        "made": (TextField(default=lambda: "x"), "text"),
    }
    first = drafted(owner(), other(), note(number=IntegerField(null=True)))
    target = owner()
    fields = {name: one for name, (one, _) in wanted.items()}

    made = drafted(
        target, other(), note(number=IntegerField(), owner=ForeignKeyField(target), **fields), made=[first]
    )

    assert set(made.questions) == {
        Empty("note.number", "a whole number"),
        Empty("note.owner_id", "the key of a row of notes_owner"),
        *(Empty(f"note.{name}", words) for name, (_, words) in wanted.items()),
    }


@pytest.mark.parametrize(
    ("field", "text", "stored"),
    [
        (TextField, "a 'b'", "\"a 'b'\""),
        (TextField, '""', '""'),
        (TextField, "5", '"5"'),
        (TextField, '"null"', '"null"'),
        (TextField, '"a" and "b"', '\'"a" and "b"\''),
        (lambda: EnumField(["null", "5"]), "5", '"5"'),
        (JsonField, "null", '"null"'),
        (JsonField, '"text"', "'\"text\"'"),
        (BooleanField, "false", "0"),
        (FloatField, "1e300", "1e300"),
        (TimestampField, "1970-01-01T00:00:01.5+00:00", "1500"),
    ],
)
def test_value_is_filled_in_as_it_is_stored(
    field: Callable[[], Any], text: str, stored: str, store_path: Path
) -> None:
    first = drafted(note())
    old, new = note(), note(value=field())
    with opened(store_path, old, made=[first]) as store, store.use():
        old.insert(id="k").execute()

    made = drafted(new, made=[first], fills={"note.value": text})

    assert made.lines[-1].endswith(f", fill={stored})")
    with opened(store_path, new, made=[first, made], strict=True):
        assert file_rows(store_path, "SELECT value FROM notes_note") == [(eval(stored),)]


@pytest.mark.parametrize(
    ("field", "text"),
    [
        (IntegerField, "1.5"),
        (IntegerField, "many"),
        (IntegerField, "true"),
        (IntegerField, str(2**63)),
        (FloatField, "Infinity"),
        (BooleanField, "1"),
        (lambda: EnumField(["a"]), "b"),
        (lambda: TextField(max_length=2), "abc"),
        (TextField, "null"),
        (JsonField, "{text}"),
        (TimestampField, "2026-01-31T12:00:00"),
        (TimestampField, "1500"),
    ],
)
def test_value_that_the_column_cannot_hold_is_refused_at_once(field: Callable[[], Any], text: str) -> None:
    with pytest.raises(DefinitionError, match=r"note\.value .*; it takes "):
        drafted(note(value=field()), made=[drafted(note())], fills={"note.value": text})


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"renames": {"note.nothing": "note.x"}}, "no step has made note.nothing"),
        ({"renames": {"other": "box"}}, "no step has made other"),
        ({"renames": {"note.a": "note.nothing"}}, "no model has note.nothing"),
        ({"renames": {"note.a": "note.b"}}, "which is there already"),
        ({"renames": {"note.a": "note.x", "note.c": "note.x"}}, "two cannot be renamed to note.x"),
        ({"renames": {"note.b": "note.x"}}, "note.b is in a model"),
        ({"renames": {"note.a": "box"}}, "no model has note.box"),
        ({"renames": {"note": "note.x"}}, "two tables, or two columns of one table"),
        ({"renames": {"note.a": "box.id"}}, "two tables, or two columns of one table"),
        ({"renames": {"index:note__a": "index:note__x"}}, "no step has made index:note__a"),
        ({"drops": {"index:note__a"}}, "no step has made index:note__a"),
        ({"keeps": {"check:note.short"}}, "no step has made check:note.short"),
        ({"drops": {"search:box"}}, "no step has made search:box"),
        ({"renames": {"tin.b": "tin.a", "tin.a": "tin.b"}}, "change names with each other"),
        ({"renames": {"note.a": "note.x"}, "drops": {"note.a"}}, "renamed and also be dropped or kept"),
        ({"renames": {"note.a": "note.x"}, "keeps": {"note.a"}}, "renamed and also be dropped or kept"),
        ({"drops": {"note.a"}, "keeps": {"note.a"}}, "both dropped and kept"),
        ({"drops": {"note.b"}}, "note.b is in a model"),
        ({"drops": {"note"}}, "note is in a model"),
        ({"keeps": {"note.x"}}, "note.x is in a model"),
        ({"drops": {"note.nothing"}}, "no step has made note.nothing"),
        ({"drops": {"nothing"}}, "no step has made nothing"),
        ({"fills": {"note.a": "v"}}, "no model has a column note.a"),
        ({"fills": {"note": "v"}}, "no model has a column note"),
    ],
)
def test_answers_that_name_nothing_or_contradict_each_other_are_refused(
    answers: dict[str, Any], words: str
) -> None:
    def tin() -> type[Model]:
        return model("Tin", a=TextField(), b=TextField())

    first = drafted(note(a=TextField(), b=TextField(), c=TextField()), model("Crate"), tin())

    with pytest.raises(DefinitionError, match=words):
        drafted(note(b=TextField(), x=TextField()), model("Box"), tin(), made=[first], **answers)


@pytest.mark.parametrize("more", [[], ["more"]])
def test_value_that_no_row_needs_is_refused(more: list[str]) -> None:
    first = drafted(note(title=TextField()))
    new = note(title=TextField(), **{name: TextField(null=True) for name in more})

    with pytest.raises(DefinitionError, match=r"no row needs a value for note\.title"):
        drafted(new, made=[first], fills={"note.title": "x"})


def test_likeliest_new_name_comes_first_and_a_reference_is_none_for_a_text() -> None:
    def owner() -> type[Model]:
        return model("Owner")

    old, target = owner(), owner()
    first = drafted(old, note(headline=TextField(), by=ForeignKeyField(old)))

    made = drafted(
        target,
        note(
            zebra=TextField(null=True),
            head_line=TextField(null=True),
            headline_by=ForeignKeyField(target, null=True),
        ),
        made=[first],
    )

    assert made.questions == (
        Gone("note.headline", ("note.head_line", "note.zebra")),
        Gone("note.by_id", ("note.headline_by_id",)),
    )


# Texts that become JSON, or are no more


@pytest.mark.parametrize("null", [False, True])
def test_text_that_becomes_json_is_asked_for(null: bool) -> None:
    options: dict[str, Any] = {"null": null}
    first = drafted(note(x=TextField(**options), y=JsonField(**options), z=IntegerField()))

    made = drafted(note(x=JsonField(**options), y=TextField(**options), z=JsonField()), made=[first])

    quoted = 'CASE WHEN "x" IS NOT NULL THEN json_quote("x") END' if null else 'json_quote("x")'
    assert made.questions == (
        Converted("note.x", "becomes JSON", quoted),
        Converted("note.y", "is no more JSON", '"y"'),
    )


@pytest.mark.parametrize("title", [TextField(), TextField(null=True)])
def test_conversion_that_no_column_needs_is_refused(title: TextField[Any]) -> None:
    old = note() if title.null else note(title=TextField())

    with pytest.raises(DefinitionError, match=r"note\.title is not converted"):
        drafted(note(title=title), made=[drafted(old)], usings={"note.title": "title"})
