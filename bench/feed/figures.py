"""Figures: percentiles, the CPU of another process, goals."""

from __future__ import annotations

import time
from collections.abc import Sequence

_PROCESS_CLOCK = 2  # CPUCLOCK_SCHED of a whole process: clock_getcpuclockid(3), which Python does not offer


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value that *percent* of *values* do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds, to the ns, that all threads of the process *pid* have used. Linux only."""
    return time.clock_gettime((~pid << 3) | _PROCESS_CLOCK)


def verdict(*met: bool) -> str:
    """Return what stands at the end of a line: nothing, or that a goal is missed."""
    return "" if all(met) else "  missed"
