"""What reading a value and counting one up cost among 1,000 keys."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

from stina_core.backends.following import mark_data
from stina_core.ids import now_ms
from stina_kv import KvRepository

from .chat_sides import bare
from .files import Files, open_modules
from .statements import check_kinds, statements_of, values_like
from .turns import Call, Ratio, head, take_turns

_ROUNDS = 41
_GETS, _INCREMENTS = 500, 100  # calls of a round

_KEYS = [f"settings.window.{number:04d}" for number in range(1000)]
_COUNTERS = [f"counters.{number:02d}" for number in range(50)]

_RATIOS = {
    "get / the statement by hand": Ratio("get", "get by hand", most=1.35),
    "increment / the statements by hand, captured": Ratio("increment", "increment by hand", most=1.35),
}


def kv(files: Files) -> bool:
    """Measure and print; False if a goal is missed."""
    original = files.folder / "kv" / "bench.db"
    original.parent.mkdir()
    with open_modules(original) as store:
        values = store[KvRepository]
        with store.transaction():
            for number, key in enumerate(_KEYS):
                values.set(key, {"width": 800 + number, "height": 600, "screen": "left"})
            for key in _COUNTERS:
                values.increment(key)
    met = True
    head(f"kv: CPU, us; medians of {_ROUNDS} rounds of {_GETS} and {_INCREMENTS}")
    for (what, ratio), times in zip(_RATIOS.items(), (_GETS, _INCREMENTS), strict=True):
        with ExitStack() as stack:
            sides = {
                name: stack.enter_context(_SIDES[name](files.copy(original, f"kv-{name}")))
                for name in (ratio.side, ratio.baseline)
            }
            met &= ratio.show(what, take_turns(sides, times, _ROUNDS))
    return met


@contextmanager
def _get(path: Path) -> Iterator[Call]:
    with open_modules(path) as store:
        values, keys = store[KvRepository], itertools.cycle(_KEYS)
        yield lambda: values.get(next(keys))


@contextmanager
def _get_by_hand(path: Path) -> Iterator[Call]:
    with open_modules(path) as store:
        (ran,) = statements_of(store, lambda: store[KvRepository].get(_KEYS[0]))
    values, keys = values_like(ran.values, {"key": _KEYS[0]}), itertools.cycle(_KEYS)
    with bare(path, "NORMAL") as connection:
        cursor = connection.cursor()

        def get() -> object:
            rows: Any = cursor.execute(ran.sql, values(next(keys))).fetchall()
            return json.loads(rows[0][0])

        yield get


@contextmanager
def _increment(path: Path) -> Iterator[Call]:
    with open_modules(path) as store:
        values, keys = store[KvRepository], itertools.cycle(_COUNTERS)
        yield lambda: values.increment(next(keys))


@contextmanager
def _increment_by_hand(path: Path) -> Iterator[Call]:
    with open_modules(path) as store:
        ran = statements_of(store, lambda: store[KvRepository].increment(_COUNTERS[0]))
    check_kinds(ran, "BEGIN SELECT SELECT INSERT SELECT INSERT COMMIT")
    begin, state, read, put, newest, mark, commit = ran
    at = next(value for value in put.values if isinstance(value, int))
    asked = values_like(read.values, {"key": _COUNTERS[0]})
    written = values_like(put.values, {"key": _COUNTERS[0], "value": "2", "at": at})
    marked = values_like(mark.values, dict(zip(("seq", "first", "data"), mark.values, strict=True)))
    keys = itertools.cycle(_COUNTERS)
    with bare(path, "NORMAL") as connection:
        cursor = connection.cursor()

        def increment() -> int:
            key = next(keys)
            cursor.execute(begin.sql)
            last: Any = cursor.execute(state.sql).fetchall()[0][3]
            held: Any = cursor.execute(read.sql, asked(key)).fetchall()[0][0]
            total: int = json.loads(held) + 1
            cursor.execute(put.sql, written(key, json.dumps(total), now_ms()))
            seq: Any = cursor.execute(newest.sql).fetchall()[0][0]
            cursor.execute(mark.sql, marked(seq + 1, last + 1, mark_data("bench:1:x", None, now_ms())))
            cursor.execute(commit.sql)
            return total

        yield increment


_SIDES: dict[str, Callable[[Path], AbstractContextManager[Call]]] = {
    "get": _get,
    "get by hand": _get_by_hand,
    "increment": _increment,
    "increment by hand": _increment_by_hand,
}
