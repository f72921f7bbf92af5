"""A command that goes on until it is ended, in a process of its own."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from tests.cli.conftest import DEADLINE

PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a shell, also where tests run in the background
from stina_core.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


class Follower:
    """The running command; `following()` starts it."""

    def __init__(self, process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
        self._process = process
        self._errors = errors
        self._read = b""

    @property
    def _stdout(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout

    def line(self) -> str:
        """Wait for the next line of its output."""
        line = self.line_within(DEADLINE)
        assert line is not None, self._said()
        return line

    def line_within(self, seconds: float) -> str | None:
        """Return the next line of its output; None if none comes in time."""
        end = time.monotonic() + seconds
        while b"\n" not in self._read:
            ready = select.select([self._stdout], [], [], max(0.0, end - time.monotonic()))[0]
            if not ready:
                return None
            more = os.read(self._stdout.fileno(), 65536)
            assert more, self._said()
            self._read += more
        line, _, self._read = self._read.partition(b"\n")
        return line.decode()

    def document(self) -> Any:
        """Wait for the next line of its output, which is JSON."""
        return json.loads(self.line())

    def interrupt(self) -> tuple[int, str]:
        """Press Ctrl-C; returns its exit code and what it said on stderr."""
        self._process.send_signal(signal.SIGINT)
        return self.ended()

    def look_away(self) -> tuple[int, str]:
        """Read no more of its output; returns how it ended."""
        self._stdout.close()
        return self.ended()

    def ended(self) -> tuple[int, str]:
        """Wait for its end; returns its exit code and what it said on stderr."""
        return self._process.wait(DEADLINE), self._said()

    def _said(self) -> str:
        self._errors.seek(0)
        return self._errors.read().decode()


@contextmanager
def following(*arguments: object) -> Iterator[Follower]:
    """Run `stina` with *arguments* beside the block; killed at its end."""
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *map(str, arguments)], stdout=subprocess.PIPE, stderr=errors
        ) as process,
    ):
        try:
            yield Follower(process, errors)
        finally:
            process.kill()
