"""Mistakes that would show much later, or never: refused at once, with what to do instead."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from stina_core import Changes, ConfigError, InvalidValueError, Store, StoreConfig

from .desk import Desk


async def _receive(changes: object) -> None:
    raise AssertionError("nobody awaits it")


class _Receiver:
    async def __call__(self, changes: object) -> None:
        raise AssertionError("nobody awaits it")

    async def receive(self, changes: object) -> None:
        raise AssertionError("nobody awaits it")


ASYNC: dict[str, Callable[[Changes], object]] = {
    "function": _receive,
    "partial": partial(_receive),
    "partial of a partial": partial(partial(_receive)),
    "object": _Receiver(),
    "partial of an object": partial(_Receiver()),
    "method": _Receiver().receive,
}


@pytest.mark.parametrize("kind", ASYNC)
def test_async_callback_is_refused(desk: Store, kind: str) -> None:
    wrong = ASYNC[kind]
    as_any: Any = wrong
    consumer = desk.consumer("counter")
    consumer.start(desk.cursor())
    desk[Desk].add("a")

    for use in (
        lambda: desk.subscribe(wrong),
        lambda: desk.observe(desk[Desk].count, as_any),
        lambda: desk.observe(partial(as_any, None), lambda value: None),
        lambda: consumer.process(wrong),
    ):
        with pytest.raises(TypeError, match="is async"):
            use()
    assert len(desk._feed._router) == 0
    assert consumer.process(lambda changes: None) == 1


@pytest.mark.parametrize("wrong", ["e:1", "", b"e:1", 1, None, ("e", 1)])
def test_what_is_no_cursor_is_refused(desk: Store, wrong: object) -> None:
    consumer = desk.consumer("counter")
    uses = [consumer.start, consumer.move_to]
    if wrong is not None:  # which means all that is kept
        uses.append(desk.changes)  # type: ignore[arg-type]

    for use in uses:
        with pytest.raises(InvalidValueError, match=r"Cursor\.parse"):
            use(wrong)  # type: ignore[arg-type]
    assert consumer.cursor is None


def test_text_instead_of_a_list_of_tables_is_refused(desk: Store) -> None:
    with pytest.raises(InvalidValueError, match="a list of names, got the text 'desk_note'"):
        desk.subscribe(lambda changes: None, "desk_note")
    assert len(desk._feed._router) == 0


@pytest.mark.parametrize("name", ["search:x", "rebuild:x", "search:", "rebuild:desk_note"])
def test_name_of_the_core_is_refused_for_a_consumer(desk: Store, name: str) -> None:
    with pytest.raises(InvalidValueError, match="the core's own"):
        desk.consumer(name)


@pytest.mark.parametrize("name", ["search", "research:x", "desk/search:x", "Search:x"])
def test_name_that_only_looks_like_one_is_taken(desk: Store, name: str) -> None:
    assert desk.consumer(name).name == name


@pytest.mark.parametrize("origin", ["a\nb", "", "a\x00b", "a\x1b[31m", "x" * 201, "a\u2028b"])
def test_origin_that_cannot_be_seen_is_refused(origin: str) -> None:
    with pytest.raises(ConfigError, match="can be seen"):
        StoreConfig(origin=origin)
