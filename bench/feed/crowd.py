"""Four writers and three followers of one file; then the same while they are killed and started again."""

from __future__ import annotations

import random
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from .crowd_processes import Place, crowd_at
from .crowd_results import Results, results
from .figures import percentile, verdict
from .table import make, open_bench

_WRITERS = 4
_FOLLOWERS = 3
_LAG = 250.0  # ms, 99th percentile, on two cores
_REST = (
    0.002  # seconds between a writer's commits while some are killed: starting processes needs the CPU too
)
_LONGEST_LIFE = 0.02  # seconds, at most, from a process's first work to its death
_SEED = 8


def crowd(seconds: float, kills: int) -> bool:
    """Measure and print; False if a goal is missed."""
    print(
        f"crowd: {_WRITERS} writers without a pause and {_FOLLOWERS} followers, {seconds:g} s, synchronous NORMAL"
    )
    met = _print(_calm(seconds), _LAG)
    if not kills:
        return met
    started = time.monotonic()
    found = _killed(kills)
    print(f"crowd: {kills} SIGKILLs to writers and followers, {time.monotonic() - started:.0f} s")
    return _print(found, None) and met


def _calm(seconds: float) -> Results:
    with TemporaryDirectory() as folder:
        place = _place(Path(folder), 0)
        with crowd_at(place, _WRITERS, _FOLLOWERS):
            time.sleep(seconds)
        return results(place, _WRITERS, _FOLLOWERS)


def _killed(kills: int) -> Results:
    choice = random.Random(_SEED)
    with TemporaryDirectory() as folder:
        place = _place(Path(folder), _REST)
        with crowd_at(place, _WRITERS, _FOLLOWERS) as (writers, followers):
            for _ in range(kills):
                victim = choice.choice(writers + followers)
                victim.await_work()
                time.sleep(choice.uniform(0, _LONGEST_LIFE))
                victim.kill()
                victim.start()
            for member in writers + followers:
                member.await_work()
        return results(place, _WRITERS, _FOLLOWERS)


def _place(folder: Path, pause: float) -> Place:
    path = make(folder, "crowd")
    with open_bench(path) as store:
        return Place(path, pause, str(store.cursor()))


def _print(found: Results, lag: float | None) -> bool:
    p50, p99 = percentile(found.lags, 50), percentile(found.lags, 99)
    goal = "" if lag is None else f"   goal {lag:g}{verdict(p99 <= lag)}"
    print(f"  transactions committed    {found.committed:>8}")
    print(f"  lag p50, p99, max, ms     {p50:>8.1f}{p99:>8.1f}{max(found.lags):>8.1f}{goal}")
    counts = {
        "acknowledged, lost": found.lost,
        "not delivered": found.missed,
        "gaps": found.gaps,
        "delivered again": found.repeated,
        "torn": found.torn,
    }
    for name, count in counts.items():
        print(f"  {name:<26}{count:>8}   goal 0{verdict(count == 0)}")
    return not any(counts.values()) and (lag is None or p99 <= lag)
