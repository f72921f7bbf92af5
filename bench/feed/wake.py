"""How long after a commit another process has read the row.

The clock runs from the commit's return until the listener has read the row with
one select. Ours rings inside the commit, Redis publishes after it; so the whole
way, from the start of the write, is printed beside. The contenders take turns;
the figures are medians of the runs.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import astuple, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from .contenders import CONTENDERS, Contender, missing
from .figures import cpu_seconds, percentile, verdict
from .redis_server import running_redis
from .sightings import load

_SETTLED = 1.0  # seconds until a listener that has started is idle
_IDLE = 2.0  # seconds over which its CPU is then measured


@dataclass(frozen=True)
class _Run:
    """One run: ms, the CPU in percent of a core."""

    p50: float
    p90: float
    p99: float
    commit: float
    whole: float
    idle: float


def wake(events: int, runs: int) -> bool:
    """Measure and print; False if a goal is missed."""
    present = [contender for contender in CONTENDERS if not missing(contender)]
    found: dict[str, list[_Run]] = {contender.name: [] for contender in present}
    print(
        f"wake: {events} events 1 to 5 ms apart, {runs} runs; ms from the commit's return until the row is read"
    )
    with TemporaryDirectory() as folder, running_redis(Path(folder)) as (address, _):
        for turn in range(runs):
            for contender in present[:: -1 if turn % 2 else 1]:
                found[contender.name].append(_run(contender, Path(folder, str(turn)), events, turn, address))
    print(
        f"{'':<26}{'p50':>8}{'p90':>8}{'p99':>8}{'commit p50':>12}{'whole p50':>11}{'idle CPU %':>12}   goal p50, p99"
    )
    medians = {name: _median(results) for name, results in found.items()}
    peers = [medians[contender.name].p50 for contender in present if not contender.is_ours]
    met = True
    for contender in CONTENDERS:
        if contender.name in medians:
            met &= _print(contender, medians[contender.name], min(peers))
        else:
            print(f"{contender.name:<26}not measured: {missing(contender)}")
    return met


def _run(contender: Contender, folder: Path, events: int, seed: int, address: str) -> _Run:
    path = contender.make(folder)
    out = path.with_name("times")
    with contender.listen(path, events, out, address) as listener:
        listener.hear("ready")
        time.sleep(_SETTLED)
        before = cpu_seconds(listener.pid)
        time.sleep(_IDLE)
        idle = (cpu_seconds(listener.pid) - before) / _IDLE * 100
        with contender.write(path, events, seed, out, address) as writer:
            writer.finish()
        listener.finish()
    begun, done, read = (load(Path(f"{out}{end}"))[1:] for end in (".begun", ".done", ""))
    latencies = [(at - since) / 1e6 for at, since in zip(read, done, strict=True)]
    p50, p90, p99 = (percentile(latencies, percent) for percent in (50, 90, 99))
    commit = statistics.median(end - start for end, start in zip(done, begun, strict=True)) / 1e6
    whole = statistics.median(at - start for at, start in zip(read, begun, strict=True)) / 1e6
    return _Run(p50, p90, p99, commit, whole, idle)


def _median(runs: list[_Run]) -> _Run:
    return _Run(*(statistics.median(column) for column in zip(*map(astuple, runs), strict=True)))


def _print(contender: Contender, run: _Run, best_peer: float) -> bool:
    goals = [limit for limit in (contender.p50, contender.p99) if limit is not None]
    reached = [run.p50, run.p99][: len(goals)]
    met = [value <= limit for value, limit in zip(reached, goals, strict=True)]
    if goals:
        met.append(contender.writer.startswith("plain") or run.p50 < best_peer)
    print(
        f"{contender.label:<26}{run.p50:>8.2f}{run.p90:>8.2f}{run.p99:>8.2f}{run.commit:>12.2f}{run.whole:>11.2f}"
        f"{run.idle:>12.2f}   {', '.join(f'{limit:g}' for limit in goals)}{verdict(*met)}"
    )
    return all(met)
