from __future__ import annotations

import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stina_core import Change, Changes, Cursor, Op

CHANGES = Changes(
    [
        Change(1, "notes_note", Op.INSERT, "a"),
        Change(2, "todos_todo", Op.UPDATE, "b", origin="cli:1", actor="user"),
        Change(3, "notes_note", Op.DELETE, ("a", 1)),
    ]
)


@given(st.text(min_size=1), st.integers(min_value=0, max_value=2**63 - 1))
def test_cursor_reads_back_what_it_printed(epoch: str, seq: int) -> None:
    cursor = Cursor(epoch, seq)

    assert Cursor.parse(str(cursor)) == cursor


@given(st.text())
def test_text_is_a_cursor_or_refused_with_an_example(text: str) -> None:
    try:
        cursor = Cursor.parse(text)
    except ValueError as error:
        message = str(error)
    else:
        message = "k3v9:412"
        assert Cursor.parse(str(cursor)) == cursor

    assert "k3v9:412" in message


@pytest.mark.parametrize(
    "text", ["", ":", "a:", ":1", "a", "a:-1", "a:+1", "a:1.0", "a:1_0", "a: 1", "a:\u0661", "a:\u00b2"]
)
def test_text_that_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no cursor"):
        Cursor.parse(text)


@given(st.lists(st.integers(min_value=0)))
def test_cursors_of_one_epoch_sort_by_seq(seqs: list[int]) -> None:
    assert [cursor.seq for cursor in sorted(Cursor("e", seq) for seq in seqs)] == sorted(seqs)


def test_cursors_of_two_epochs_are_never_ordered() -> None:
    for compare in (operator.lt, operator.le, operator.gt, operator.ge):
        with pytest.raises(ValueError, match="two epochs"):
            compare(Cursor("b", 1), Cursor("a", 9))

    assert Cursor("b", 1) != Cursor("a", 1)


def test_changes_of_a_table_are_those_in_order() -> None:
    assert CHANGES.of("notes_note") == Changes([CHANGES[0], CHANGES[2]])
    assert CHANGES.of("notes_note", "todos_todo") == CHANGES
    assert CHANGES.of() == CHANGES.of("nothing") == Changes([])


def test_changes_are_a_sequence_that_slices_to_changes() -> None:
    assert len(CHANGES) == 3
    assert CHANGES[-1].key == ("a", 1)
    assert CHANGES[1:] == Changes([CHANGES[1], CHANGES[2]])
    assert list(CHANGES) == [CHANGES[0], CHANGES[1], CHANGES[2]]
    assert CHANGES[0] in CHANGES
    assert "seq=1" in repr(CHANGES[:1])


def test_changes_are_compared_by_what_they_hold() -> None:
    assert Changes(list(CHANGES)) == CHANGES
    assert hash(CHANGES) == hash(Changes(list(CHANGES)))
    assert list(CHANGES) != CHANGES
