"""CPU of several ways to do one thing, which take turns in one process, and what is printed of it.

Times on a busy machine say little; printed are medians of the CPU per call, and of
the ratios within each round.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from bench.feed.figures import verdict

Call: TypeAlias = Callable[[], object]

Costs: TypeAlias = dict[str, list[float]]
"""By side, the CPU of a call in each round, in us."""


def take_turns(sides: Mapping[str, Call], times: int, rounds: int) -> Costs:
    """Measure *sides*, each *times* calls a round, in another order every second round."""
    for call in sides.values():
        _spent(call, times)  # fills the caches
    costs: Costs = {side: [] for side in sides}
    for turn in range(rounds):
        for side in list(sides)[:: -1 if turn % 2 else 1]:
            costs[side].append(_spent(sides[side], times))
    return costs


def _spent(call: Call, times: int) -> float:
    before = time.process_time_ns()
    for _ in range(times):
        call()
    return (time.process_time_ns() - before) / 1000 / times


@dataclass(frozen=True)
class Ratio:
    """A side against another; *most* or *least* is the goal."""

    side: str
    baseline: str
    most: float | None = None
    least: float | None = None

    def found(self, costs: Costs) -> float:
        """Return the median of the ratios of each round."""
        pairs = zip(costs[self.side], costs[self.baseline], strict=True)
        return statistics.median(side / baseline for side, baseline in pairs)

    def show(self, what: str, costs: Costs) -> bool:
        """Print a line; whether the goal is met."""
        found = self.found(costs)
        met = (self.most is None or found <= self.most) and (self.least is None or found >= self.least)
        goal = "" if self.most is None else f"  <= {self.most:g}"
        goal += "" if self.least is None else f"  >= {self.least:g}"
        own, other = (statistics.median(costs[side]) for side in (self.side, self.baseline))
        print(f"  {what:<46}{own:>10.1f}{other:>10.1f}{found:>8.2f}{goal}{verdict(met)}", flush=True)
        return met


def head(title: str, own: str = "ours us", baseline: str = "base us") -> None:
    """Print what stands above the lines."""
    print(f"{title}\n  {'':<46}{own:>10}{baseline:>10}{'ratio':>8}  goal", flush=True)
