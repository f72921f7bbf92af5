"""What capture costs the writer: CPU of a transaction with it against one without, in one process.

The sides take turns in every round; printed are medians of the CPU per
transaction, and of the ratios of each round. Every side has a file of its own.
"""

from __future__ import annotations

import statistics
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

from stina_core.config import Synchronous

from .doorbell import doorbell
from .figures import verdict
from .sides import SIDES, Write

_ROUNDS = 25
_SYNCHRONOUS: tuple[Synchronous, ...] = ("NORMAL", "FULL")
_SIZES = {1: 200, 1000: 2}
"""Rows of a transaction, and how many such transactions make a round of one side."""


@dataclass(frozen=True)
class _Ratio:
    """A side against another; `limits` are the goals for 1 and for 1000 rows, with NORMAL."""

    side: str
    baseline: str
    limits: tuple[float, float] | None = None


_RATIOS = (
    _Ratio("apsw, captured", "apsw", (2.0, 1.8)),
    _Ratio("store", "peewee", (1.25, 1.15)),
    _Ratio("store, create", "peewee"),
    _Ratio("store", "store, untracked"),
    _Ratio("store", "apsw, captured"),
)

_Costs: TypeAlias = dict[str, list[float]]
"""By side, the CPU of a transaction in each round, in us."""


def writes() -> bool:
    """Measure and print; False if a goal is missed."""
    print(f"writes: CPU of a transaction, us; medians of {_ROUNDS} rounds")
    met = True
    for synchronous in _SYNCHRONOUS:
        for rows, times in _SIZES.items():
            costs = _measure(synchronous, rows, times)
            print(f"synchronous {synchronous}, {rows} row{'s' if rows > 1 else ''} in a transaction")
            for side, values in costs.items():
                print(f"  {side:<20}{statistics.median(values):>10.0f}")
            for ratio in _RATIOS:
                limit = None
                if ratio.limits is not None and synchronous == "NORMAL":
                    limit = ratio.limits[list(_SIZES).index(rows)]
                met &= _print(ratio, costs, limit)
    doorbell()
    return met


def _measure(synchronous: Synchronous, rows: int, times: int) -> _Costs:
    costs: _Costs = {side: [] for side in SIDES}
    with TemporaryDirectory() as folder, ExitStack() as stack:
        sides = {
            side: stack.enter_context(opened(Path(folder), synchronous)) for side, opened in SIDES.items()
        }
        for write in sides.values():
            _spent(write, rows, times)  # fills the caches
        for turn in range(_ROUNDS):
            for side in list(sides)[:: -1 if turn % 2 else 1]:
                costs[side].append(_spent(sides[side], rows, times))
    return costs


def _spent(write: Write, rows: int, times: int) -> float:
    before = time.process_time_ns()
    for _ in range(times):
        write(rows)
    return (time.process_time_ns() - before) / 1000 / times


def _print(ratio: _Ratio, costs: _Costs, limit: float | None) -> bool:
    pairs = zip(costs[ratio.side], costs[ratio.baseline], strict=True)
    found = statistics.median(side / baseline for side, baseline in pairs)
    goal = "" if limit is None else f"   goal {limit}{verdict(found <= limit)}"
    print(f"  {f'{ratio.side} / {ratio.baseline}':<34}{found:>6.2f}{goal}")
    return limit is None or found <= limit
