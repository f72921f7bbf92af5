"""What the original app did where no other test looks: what is kept, and defects that must not come back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stina_core import InvalidValueError, JsonValue, Store, open_store
from stina_core.testing import StinaCommand, statements
from stina_kv import KvRepository


@pytest.mark.parametrize("by", ["NaN", "abc", "Infinity", "", " ", "1e3", "0x10", "null"])
def test_the_command_adds_nothing_that_is_no_whole_number(
    stina: StinaCommand, kv: KvRepository, by: str
) -> None:
    """`add --by abc` stored NaN in the counter, and a blank text counted as 0 (JavaScript's `Number()`)."""
    before = kv.set("counter", 5)

    result = stina("increment", "counter", "--by", by)

    assert (result.code, result.out) == (2, "")
    assert kv.list() == [before]


@pytest.mark.parametrize("text", ["", " ", "\n", "5", "NaN"])
def test_no_text_counts_as_a_number(kv: KvRepository, text: str) -> None:
    """`getCount()` read a blank text as 0, and one that is no number too."""
    before = kv.set("counter", text)

    with pytest.raises(InvalidValueError, match="text, not a whole number"):
        kv.increment("counter")

    assert kv.entry("counter") == before


def test_an_empty_text_is_a_value_and_not_the_default(kv: KvRepository) -> None:
    """JavaScript's `??` keeps an empty text, 0 and false, and so do we."""
    values: list[JsonValue] = ["", 0, False, [], {}]
    for value in values:
        kv.set("a", value)

        assert repr(kv.get("a", "default")) == repr(value)


def test_an_increment_counts_on_from_what_another_program_wrote(kv: KvRepository, store_path: Path) -> None:
    """`increment()` added to the number it had read at its start or at its last notice."""
    assert kv.increment("counter", 2) == 2
    with open_store(store_path) as other:
        assert other[KvRepository].increment("counter", 3) == 5
        other[KvRepository].set("counter", 100)

    assert kv.increment("counter") == 101


def test_a_start_reads_and_writes_no_key(store_path: Path) -> None:
    """`bootstrap()` read the counter and the conversation, and wrote `conversation_id` at every start."""
    with open_store(store_path) as store:
        assert store[KvRepository].list() == []
        since = store.cursor()

    def reads(show: Callable[[Store], object]) -> list[str]:
        def run() -> None:
            with open_store(store_path) as store:
                show(store)

        return [one.sql for one in statements(run) if '"kv_entry"' in one.sql]

    assert reads(lambda store: None) == []
    assert len(reads(lambda store: store[KvRepository].find("counter"))) == 1  # a control: it is noticed
    with open_store(store_path) as store:
        assert store.cursor() == since
