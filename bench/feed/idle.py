"""What a listener uses while nobody writes. All are measured at the same time, each on a file of its own."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from .contenders import CONTENDERS, missing
from .figures import cpu_seconds, verdict
from .redis_server import running_redis

_SETTLED = 2.0  # seconds until all that have started are idle
_GOAL = 0.1  # percent of a core


def idle(seconds: float) -> bool:
    """Measure and print; False if the goal is missed."""
    print(f"idle: CPU of a listener over {seconds:g} s, percent of a core")
    kinds = {
        contender.listener: contender for contender in CONTENDERS if contender.listener != "stina, by model"
    }
    met = True
    with TemporaryDirectory() as folder, ExitStack() as stack:
        address, server = stack.enter_context(running_redis(Path(folder)))
        pids = {"redis-server": server} if server else {}
        for kind, contender in kinds.items():
            if not missing(contender):
                path = contender.make(Path(folder))
                out = path.with_name("times")
                listener = stack.enter_context(contender.listen(path, 1, out, address))
                listener.hear("ready")
                pids[kind] = listener.pid
        time.sleep(_SETTLED)
        before = {kind: cpu_seconds(pid) for kind, pid in pids.items()}
        time.sleep(seconds)
        for kind, pid in pids.items():
            used = (cpu_seconds(pid) - before[kind]) / seconds * 100
            if kind == "stina":
                met = used <= _GOAL
                print(f"{kind:<26}{used:>8.3f}   goal {_GOAL}{verdict(met)}")
            else:
                print(f"{kind:<26}{used:>8.3f}")
    for kind, contender in kinds.items():
        if missing(contender):
            print(f"{kind:<26}not measured: {missing(contender)}")
    return met
