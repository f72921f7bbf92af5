"""Indexes, CHECKs and full-text indexes that no model has: what is asked, and what goes with a column."""

from __future__ import annotations

from typing import Any

import pytest

from stina_core import (
    Check,
    DefinitionError,
    ForeignKeyField,
    IdField,
    Index,
    IntegerField,
    Model,
    Search,
    TextField,
)
from stina_core.authoring.questions import Gone

from .changes import model, note
from .drafting import drafted


def ruled(**fields: Any) -> type[Model]:
    """Return a model with one of each kind, over the columns `title` and `rank`."""
    meta = {
        "indexes": [Index("title", "rank", unique=True), Index("rank", name="mine")],
        "constraints": [Check("rank > 0", name="positive")],
        "search": Search("title"),
    }
    return note(meta, title=TextField(), rank=IntegerField(), **fields)


def test_rules_and_indexes_that_no_model_has_are_asked_for() -> None:
    made = drafted(note(title=TextField(), rank=IntegerField()), made=[drafted(ruled())])

    assert set(made.questions) == {
        Gone("index:note__title_rank"),
        Gone("index:note__mine"),
        Gone("check:note.positive", may_stay=False),
        Gone("search:note"),
    }


def test_what_goes_with_a_column_waits_for_the_answer_to_that() -> None:
    first = drafted(ruled())

    made = drafted(note(title=TextField()), made=[first])
    dropped = drafted(note(title=TextField()), made=[first], drops={"note.rank"})
    kept = drafted(note(title=TextField()), made=[first], keeps={"note.rank"})

    assert set(made.questions) == {Gone("note.rank"), Gone("search:note")}
    assert dropped.questions == (Gone("search:note"),)
    assert set(kept.questions) == {Gone("check:note.positive"), Gone("search:note")}


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"keeps": {"check:note.positive"}}, "check:note.positive cannot be kept: the model must have it"),
        ({"keeps": {"index:note__mine"}, "drops": {"index:note__mine"}}, "both dropped and kept"),
        ({"drops": {"index:note__title"}}, "no step has made index:note__title"),
        ({"drops": {"search:note", "check:note.one"}}, "no step has made check:note.one"),
    ],
)
def test_answer_for_a_rule_that_cannot_be_is_refused(answers: dict[str, Any], words: str) -> None:
    with pytest.raises(DefinitionError, match=words):
        drafted(note(title=TextField(), rank=IntegerField()), made=[drafted(ruled())], **answers)


def test_index_cannot_stay_without_its_column() -> None:
    with pytest.raises(DefinitionError, match="index:note__mine cannot be kept: its column is dropped"):
        drafted(
            note(title=TextField()),
            made=[drafted(ruled())],
            drops={"note.rank"},
            keeps={"index:note__mine"},
        )


def test_rule_that_the_model_has_is_not_dropped() -> None:
    with pytest.raises(DefinitionError, match="index:note__mine is in a model"):
        drafted(ruled(more=TextField(null=True)), made=[drafted(ruled())], drops={"index:note__mine"})


def test_table_cannot_stay_that_points_to_a_key_which_changes() -> None:
    box = model("Box", id=IdField(), title=TextField())
    first = drafted(box, note(box=ForeignKeyField(box, null=True)))
    new = model("Box", title=TextField(primary_key=True))

    with pytest.raises(DefinitionError, match="note cannot be kept: it points to the key of notes_box"):
        drafted(new, made=[first], drops={"box.id"}, keeps={"note"})
