"""What holds for any title, due time and place."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings
from hypothesis import strategies as st

import stina_todos.plugin
from stina_core.testing import memory_store, plugins_of
from stina_todos import (
    Due,
    TodoRepository,
)
from stina_todos.places import between
from stina_todos.testing import dues, titles
from stina_todos.texts import folded

PLUGINS = plugins_of(todos=stina_todos.plugin)


@given(title=titles(), due=dues())
@example(title="skipped", due=datetime(2000, 3, 26, 2, tzinfo=ZoneInfo("Europe/Stockholm")))
@settings(max_examples=60)
def test_every_title_and_due_time_comes_back_as_it_was_written(title: str, due: Due | None) -> None:
    with memory_store(PLUGINS) as store:
        todos = store[TodoRepository]

        written = todos.add(title, due=due)

        # In UTC: Python calls a clock time that was skipped unequal to every moment.
        moment = due.astimezone(UTC) if isinstance(due, datetime) else due
        assert (written.title, written.due) == (title, moment)
        assert todos.list() == [todos.find(title)] == [written]


places = st.text("0123456789abcdefghjkmnpqrstvwxyz", min_size=1, max_size=8).map(
    lambda text: text.rstrip("0") or "1"
)


@given(st.sets(places, min_size=2, max_size=2))
def test_there_is_always_a_place_between_two(two: set[str]) -> None:
    low, high = sorted(two)
    middle = between(low, high)

    assert low < middle < high
    assert low < between(low, middle) < middle < between(middle, high) < high
    assert between("", low) < low
    assert high < between(high, None)


@given(st.text(max_size=12))
def test_folding_is_done_once_for_all_and_sees_no_case(text: str) -> None:
    assert folded(folded(text)) == folded(text)
    assert folded(text.upper().lower()) == folded(text.upper())
