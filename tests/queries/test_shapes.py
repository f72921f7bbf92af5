"""Every shape of query: compiled, it answers as it does through Peewee."""

from __future__ import annotations

import pytest

from stina_core import Store, query

from . import shapes_of_several  # noqa: F401  # adds to SHAPES
from .shapes import SHAPES

COUNTED = [name for name in SHAPES if SHAPES[name].peewee_counts]


@pytest.mark.parametrize("name", SHAPES)
def test_answers_are_those_of_peewee(shelf: Store, name: str) -> None:
    shape = SHAPES[name]
    compiled = query(shape.value)(shape.state)

    for arguments in shape.examples:
        expected = shape.ad_hoc(*arguments)
        assert compiled.list(*arguments) == expected, arguments
        assert compiled.find(*arguments) == (expected[0] if expected else None), arguments


@pytest.mark.parametrize("name", SHAPES)
def test_number_and_existence_are_those_of_the_answers(shelf: Store, name: str) -> None:
    shape = SHAPES[name]
    compiled = query(shape.value)(shape.state)

    for arguments in shape.examples:
        expected = shape.ad_hoc(*arguments)
        assert (compiled.count(*arguments), compiled.exists(*arguments)) == (len(expected), bool(expected)), (
            arguments
        )


@pytest.mark.parametrize("name", COUNTED)
def test_number_and_existence_are_what_peewee_says(shelf: Store, name: str) -> None:
    shape = SHAPES[name]
    compiled = query(shape.value)(shape.state)

    for arguments in shape.examples:
        assert compiled.count(*arguments) == shape.state(*arguments).count(), arguments
        assert compiled.exists(*arguments) == shape.state(*arguments).exists(), arguments


def test_examples_tell_something_about_every_shape(shelf: Store) -> None:
    """The control: a shape whose examples all have one answer would show nothing of its arguments."""
    for name, shape in SHAPES.items():
        answers = [shape.ad_hoc(*arguments) for arguments in shape.examples]
        assert len(answers) == 1 or any(answer != answers[0] for answer in answers), name
        assert any(answers), name
