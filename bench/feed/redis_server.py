"""A Redis server of our own on a Unix socket, for the peer that needs one."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAM = Path("/usr/bin/redis-server")
"""Where Debian's package of that name puts it."""

_DEADLINE = 10.0  # seconds


@contextmanager
def running_redis(folder: Path) -> Iterator[tuple[str, int]]:
    """Run a server that keeps nothing on disk, inside the block; yield its socket and its process id.

    Yields an empty path and 0 where there is no `PROGRAM`.
    """
    if not PROGRAM.exists():
        yield "", 0
        return
    socket = folder / "redis.sock"
    options = [
        "--port",
        "0",
        "--unixsocket",
        str(socket),
        "--save",
        "",
        "--appendonly",
        "no",
        "--dir",
        str(folder),
    ]
    with subprocess.Popen([str(PROGRAM), *options], stdout=subprocess.DEVNULL) as server:
        try:
            end = time.monotonic() + _DEADLINE
            while not socket.exists():
                if server.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(f"{PROGRAM} did not start (exit code {server.poll()})")
                time.sleep(0.01)
            yield str(socket), server.pid
        finally:
            server.terminate()
