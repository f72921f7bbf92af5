"""What ringing costs a writer after its commit, by the number of listening processes."""

from __future__ import annotations

import statistics
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from stina_core.testing.processes import running_python

_LISTENERS = (0, 1, 4, 16)
_RINGS = 500
_PAUSE = 0.002  # seconds; as long as a listener needs to read the last ring

_WAIT = """
from stina_core.backends.wake import waiter_of
waiter = waiter_of(sys.argv[1])
say("ready")
while True:
    waiter.wait(60)
"""


def doorbell() -> None:
    """Measure and print."""
    from stina_core.backends.wake import bell_of

    print(f"doorbell: one ring(), us; medians of {_RINGS}")
    print(f"  {'listeners':<12}{'CPU':>8}{'wall':>8}")
    for count in _LISTENERS:
        with TemporaryDirectory() as folder, ExitStack() as stack:
            path = Path(folder, "bench.db")
            path.touch()
            listeners = [stack.enter_context(running_python(_WAIT, path)) for _ in range(count)]
            for listener in listeners:
                listener.hear("ready")
            bell = bell_of(str(path))
            stack.callback(bell.close)
            bell.ring()  # finds the listeners
            cpu, wall = [], []
            for _ in range(_RINGS):
                time.sleep(_PAUSE)
                started, used = time.perf_counter_ns(), time.thread_time_ns()
                bell.ring()
                cpu.append(time.thread_time_ns() - used)
                wall.append(time.perf_counter_ns() - started)
            print(f"  {count:<12}{statistics.median(cpu) / 1000:>8.1f}{statistics.median(wall) / 1000:>8.1f}")
